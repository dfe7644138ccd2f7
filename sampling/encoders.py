"""What a project's features can be made from, in words; and the change from one to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from projects import audit
from projects.errors import Refused
from projects.models import Project
from sampling import bell, generations
from sampling.core.defaults import default_for
from sampling.core.modelfiles import PREFIX, offered
from sampling.models import FeatureSet

MOST_COLUMNS: Final = 10
# The registry of the core in words, by media.
BUILT_IN: Final = {
    "text": {
        "lsa-wordllama": gettext_lazy("Words, characters and English word vectors"),
        "lsa": gettext_lazy("Words and characters alone, for any language"),
    },
    "image": {
        "efficientnet-lite0": gettext_lazy("A small network trained on photographs"),
        "hog-colour": gettext_lazy("Shapes and colours alone, without a network"),
    },
}


def choices(project: Project) -> list[tuple[str, str]]:
    """Featurizers that the project may use: those built in, and the models in the site's folder."""
    best = default_for(project.media)
    built_in = [
        (name, _("%(name)s (recommended)") % {"name": words} if name == best else str(words))
        for name, words in BUILT_IN[project.media].items()
    ]
    found = [(name, told(name)) for name in offered(settings.MODELS_DIR, project.media)]
    chosen = generations.wanted(project)
    if chosen not in dict([*built_in, *found]):
        found.append((chosen, _("%(name)s (no longer in the models folder)") % {"name": told(chosen)}))
    return [*built_in, *found]


def told(name: str) -> str:
    """A featurizer as people call it."""
    if name.startswith(PREFIX):
        return _("Model file %(name)s") % {"name": name.removeprefix(PREFIX).partition("#")[0]}
    return next((str(known[name]) for known in BUILT_IN.values() if name in known), name)


@transaction.atomic
def change(project: Project, actor: AbstractBaseUser, featurizer: str, columns: list[str]) -> bool:
    """Ask for other features; return whether they are others. What serves goes on until those are there."""
    held = audit.hold(project)
    if held.state == Project.State.ARCHIVED:
        raise Refused(_("An archived project is not changed any more."))
    if len(columns) > MOST_COLUMNS:
        raise Refused(_("Choose %(most)s fields at most.") % {"most": MOST_COLUMNS})
    before = {"featurizer": generations.wanted(held), "columns": held.feature_columns}
    # The default is kept as such: a better one of a later version is taken by itself.
    held.featurizer = "" if featurizer == default_for(held.media) else featurizer
    held.feature_columns = columns
    after = {"featurizer": generations.wanted(held), "columns": columns}
    if before == after:
        return False
    held.save(update_fields=["featurizer", "feature_columns"])
    generations.asked(held)
    changed = audit.differences(before, after)
    audit.record(held, actor, "features.changed", before=changed[0], after=changed[1])
    transaction.on_commit(lambda: bell.ring(held.pk))
    return True


@dataclass(frozen=True)
class Progress:
    """How far the features are: those in use, and those on their way."""

    serving: FeatureSet | None
    coming: FeatureSet | None
    done: int
    total: int

    @property
    def percent(self) -> int:
        return 100 * self.done // self.total if self.total else 0

    @property
    def error(self) -> str:
        """What went wrong last, of what matters now."""
        return (self.coming or self.serving or FeatureSet()).error


def progress(project: Project) -> Progress:
    """Read how far the features are."""
    serving = generations.usable(project)
    sets = project.feature_sets.filter(state=FeatureSet.State.BUILDING).order_by("-generation")
    coming = sets.first()
    total = project.item_count
    shown = coming or serving
    done = min(generations.ready_rows(shown), total) if shown else 0
    return Progress(serving, coming, done, total)
