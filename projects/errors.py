"""The one error that actions raise for people."""


class Refused(Exception):
    """What was asked cannot be done; the message is a sentence for the user: what happened and what to do."""
