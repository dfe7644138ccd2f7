"""When a round is due, and which ones wait for a worker. Loads nothing of the learner, so pages may ask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from django.db.models import Exists, OuterRef, Q

from projects import queries
from projects.models import Project, QueueEntry
from projects.trust import calibration
from sampling import claims, generations
from sampling.models import FeatureShard, Round

# A model is worth training as soon as two labels have so many examples each.
EXAMPLES = 5
# A project that is being set up gets its features already; one that is active gets rounds.
FEATURED = (Project.State.DRAFT, Project.State.ACTIVE)


def is_due(project: Project) -> bool:
    """Whether enough has been said since the last round for another one to pay."""
    if generations.usable(project) is None:
        return False
    if not calibration.done(project):
        # No training before leads are through with the first items. The very first batch needs no model.
        return not project.rounds.exists() and not two_labels_known(project)
    batch = project.policy.batch_size
    new = queries.answers_since_round(project)
    if not project.model_versions.exists():
        # The very first batch needs no answer; then wait for the first model, or for a batch without one.
        return not project.rounds.exists() or new >= batch or two_labels_known(project)
    return new >= batch or (2 * new >= batch and _runs_low(project, batch))


def two_labels_known(project: Project) -> bool:
    """Whether two labels have examples enough to learn from. One without features teaches nothing yet."""
    shards = FeatureShard.objects.filter(feature_set=generations.usable(project)).exclude(path="")
    featured = Exists(shards.filter(first__lte=OuterRef("number"), last__gte=OuterRef("number")))
    seen: Counter[int] = Counter()
    for known in queries.training(project, featured):
        seen.update(known.positions)
        if teach(seen.values()):
            return True
    return False


def teach(examples: Iterable[int]) -> bool:
    """Whether a model can learn from so many examples of each label."""
    return sum(count >= EXAMPLES for count in examples) >= 2


def _runs_low(project: Project, batch: int) -> bool:
    """Whether annotators are about to finish what the last round picked."""
    left = QueueEntry.objects.filter(project=project, state=QueueEntry.State.LIVE, free__gt=0)
    # Settled items that are asked about again may wait for one person alone; known ones are always there.
    stream = QueueEntry.Stream
    others = (stream.RESERVE, stream.CHECK, stream.CARD, stream.CARD_CHECK, stream.GOLD)
    return left.exclude(stream__in=others).count() < max(1, batch // 5)


def free(at: datetime) -> Q:
    """Rounds that somebody should run now: due, or left by a dead worker, or failed a while ago."""
    waiting = Q(state=Round.State.QUEUED)
    dead = Q(state=Round.State.RUNNING, heartbeat_at__lt=claims.stale_before(at))
    # A failed round keeps the moment of its next try in heartbeat_at.
    rested = Q(state=Round.State.FAILED, heartbeat_at__lt=at)
    return waiting | dead | rested
