"""Which words of a picked text a model went by: each is left out in turn, and the margin is looked at again.

Occlusion: Zeiler & Fergus 2014, for texts Li, Monroe & Jurafsky 2016. It asks the model in use through the
project's own featurizer, whatever these are, and is worked out after a round is published: nothing waits for
it, and no batch depends on it. What it finds stands in the reason of the queue entry.
"""

from __future__ import annotations

import logging
import re
import time
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
from django.conf import settings
from django.db import transaction
from threadpoolctl import threadpool_limits

from projects import reasons
from projects.errors import Refused
from projects.models import Project, QueueEntry
from projects.suggesting import STREAMS
from sampling.core.arrays import FloatArray, IntArray
from sampling.core.ngrams import LONGEST
from sampling.models import Round
from sampling.predicting import Predictor

log = logging.getLogger(__name__)
# A longer text is not looked at, and past so many seconds no further one.
LONGEST_WORDS: Final = 200
SECONDS: Final = 5.0
# So many words are marked at most, each of which lowers the margin by so much.
MOST: Final = 5
LEAST: Final = 0.02
# Texts with so many words are asked about together.
TOGETHER: Final = 400
# What opening kept features or a kept model may end in where files are gone, cut short or of another make.
UNREADABLE: Final = (ValueError, OSError, KeyError, EOFError, BadZipFile, zlib.error)
# Scripts that write words without spaces between them: each sign counts as one.
_CLOSE: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"
)

Span = tuple[int, int]


def spans(text: str) -> list[Span]:
    """Return the words of a text as [start, end) in code points, without punctuation around them."""
    found: list[Span] = []
    for run in re.finditer(r"\S+", text):
        start, end = run.span()
        while start < end and unicodedata.category(text[start])[0] == "P":
            start += 1
        while end > start and unicodedata.category(text[end - 1])[0] == "P":
            end -= 1
        found += _signs(text, start, end)
    return found


def _signs(text: str, start: int, end: int) -> Iterator[Span]:
    """Cut where a script without spaces stands; marks stay with the sign that they belong to."""
    begun = start
    for at in range(start, end):
        close = _CLOSE.match(text, at)
        if unicodedata.category(text[at])[0] == "M" or not (
            close or (at > start and _CLOSE.match(text, at - 1))
        ):
            continue
        if at > begun:
            yield begun, at
        begun = at
    if end > begun:
        yield begun, end


def without(text: str, span: Span) -> str:
    """The text with a word left out, and one of the spaces around it."""
    start, end = span
    doubled = text[start - 1 : start].isspace() and text[end : end + 1].isspace()
    return text[:start] + text[end + doubled :]


def weighty(margins: FloatArray) -> IntArray:
    """Return the places of the words that matter, at most ``MOST``, in the order of the text.

    ``margins`` (1 + words,): how far the label is ahead in the whole text, then with each word left out.
    """
    fall = margins[0] - margins[1:]
    best = np.argsort(-fall, kind="stable")[:MOST]
    return np.sort(best[fall[best] >= LEAST])


def margins(proba: FloatArray, position: int, *, multi: bool) -> FloatArray:
    """How far a label is ahead in each row (n,): of the next likeliest, or of even odds where many apply."""
    if multi:
        return np.asarray(proba[:, position] - 0.5)
    others = np.delete(proba, position, axis=1)
    return np.asarray(proba[:, position] - others.max(axis=1, initial=0.0))


def after(round_: Round) -> int:
    """Mark the words of what a round picked, where the policy asks for it; return in how many texts.

    What cannot be worked out is left unmarked; so are texts past the time that this may take.
    """
    project = round_.project
    published = Round.objects.filter(pk=round_.pk, state=Round.State.DONE).exists()
    if not published or project.media != Project.Media.TEXT or not project.policy.highlight:
        return 0
    try:
        with threadpool_limits(settings.WORKER_THREADS):
            return _mark(Predictor.of(project), round_.number, time.monotonic() + SECONDS)
    except (Refused, *UNREADABLE) as error:
        log.warning("Words of round %s of project %s stay unmarked: %s", round_.number, project.pk, error)
        return 0


def _mark(predictor: Predictor, number: int, until: float) -> int:
    marked = 0
    for piece in _pieces(predictor.project, number):
        if time.monotonic() >= until:
            break
        found = zip(piece, _found(predictor, piece), strict=True)
        marked += sum(_keep(entry, words) for (entry, _words), words in found if words)
    return marked


Piece = list[tuple[QueueEntry, list[Span]]]


def _pieces(project: Project, number: int) -> Iterator[Piece]:
    """The picks of a round with their words, best first, cut into pieces that are asked about together."""
    live = QueueEntry.objects.filter(project=project, round_number=number, state=QueueEntry.State.LIVE)
    entries = live.filter(stream__in=STREAMS, reason__has_key="top").order_by("rank")
    piece: Piece = []
    for entry in entries.select_related("item"):
        words = spans(entry.item.text) if len(entry.item.text) <= LONGEST else []
        if 1 < len(words) <= LONGEST_WORDS and reasons.top(entry.reason):
            piece.append((entry, words))
        if sum(len(theirs) for _entry, theirs in piece) >= TOGETHER:
            yield piece
            piece = []
    if piece:
        yield piece


def _found(predictor: Predictor, piece: Piece) -> list[list[Span]]:
    """The words that matter in each text of a piece."""
    texts: list[str] = []
    metadata: list[dict[str, Any]] = []
    for entry, words in piece:
        texts += [entry.item.text, *(without(entry.item.text, word) for word in words)]
        metadata += [entry.item.metadata] * (1 + len(words))
    proba, multi = predictor.proba(texts, metadata), predictor.project.task == Project.Task.MULTI
    rows = np.split(proba, np.cumsum([1 + len(words) for _entry, words in piece])[:-1])
    return [
        _of_one(its, reasons.top(entry.reason)[0][0], words, multi=multi)
        for its, (entry, words) in zip(rows, piece, strict=True)
    ]


def _of_one(proba: FloatArray, position: int, words: Sequence[Span], *, multi: bool) -> list[Span]:
    if position >= proba.shape[1]:
        return []
    ahead = margins(proba, position, multi=multi)
    # Where the model in use is of another opinion by now, its words would explain something else.
    return [words[place] for place in weighty(ahead).tolist()] if ahead[0] > 0 else []


@transaction.atomic
def _keep(entry: QueueEntry, words: list[Span]) -> int:
    """Write them down, unless the item is asked for another reason by now."""
    held = QueueEntry.objects.select_for_update(no_key=True).filter(pk=entry.pk, stream=entry.stream).first()
    if held is None or held.reason != entry.reason:
        return 0
    held.reason["words"] = [list(word) for word in words]
    held.save(update_fields=["reason"])
    return 1
