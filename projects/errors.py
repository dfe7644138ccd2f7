"""The one error that actions raise for people."""

from projects.saying import Said


class Refused(Exception):
    """What was asked cannot be done; the message is a sentence for the user: what happened and what to do."""

    @property
    def said(self) -> Said | str:
        """The sentence as it was raised: a ``Said`` can be kept, and told in another language."""
        words = self.args[0] if self.args else ""
        return words if isinstance(words, Said) else str(words)
