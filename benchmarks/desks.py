"""Projects of texts and pictures to measure the labelling page on, and people who are signed in."""

from __future__ import annotations

import argparse
import io
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

LABELS = 8
FIRST = ["ba", "be", "bi", "bo", "bu", "by", "bra", "bre", "bri", "bro", "bru", "bla", "ble", "bli", "blo"]
SECOND = ["den", "fer", "gan", "kel", "lor", "mis", "nat", "rup", "sim", "tov"]


@dataclass(frozen=True)
class Desk:
    """A project, and a session for each person who will label in it."""

    project: int
    sessions: list[str]


def prepare(options: argparse.Namespace) -> dict[str, Desk]:
    """Make projects of texts, of very long texts, of pictures, and one large enough for rounds to last."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's loop runs beside our queries.
    from benchmarks.rounds import make_project as make_large
    from projects.models import Item
    from tests.factories import make_items, make_project

    rng = random.Random(5)
    texts = make_project(
        "Texts", labels=LABELS, items=[text(rng, 30 if n % 10 else 500) for n in range(options.items)]
    )
    long = make_project("Long", labels=LABELS, items=[text(rng, 8000)[:50_000] for _ in range(200)])
    # Names without digits, so that a digit picks one of what a letter found.
    names = [a + b for a in FIRST for b in SECOND]
    many = make_project("Many", labels=names[:150], items=[text(rng, 30) for _ in range(400)])
    pictures = make_project("Pictures", labels=LABELS, media="image")
    rows = make_items(pictures, [""] * (5 * options.presses + 120))
    for row, place in zip(rows, stored_pictures(len(rows)), strict=True):
        row.image, row.width, row.height = place, 1600, 1200
    Item.objects.bulk_update(rows, ["image", "width", "height"], batch_size=200)
    large = make_large(options.round_items, 384, 500, 10, LABELS)
    made = {"text": texts, "long": long, "many": many, "picture": pictures, "round": large}
    return {name: Desk(project.pk, [session(project) for _ in range(8)]) for name, project in made.items()}


def text(rng: random.Random, words: int) -> str:
    """So many words of ordinary length; no two texts are the same."""
    letters = "etaoinshrdlucmfw"
    return " ".join("".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(words)) + "."


def stored_pictures(count: int) -> Iterator[str]:
    """Put pictures of 1600 × 1200 pixels into the storage; return their paths: twelve, under many names."""
    from django.core.files.base import ContentFile
    from django.core.files.storage import default_storage
    from PIL import Image

    bodies = []
    for number in range(12):
        image = Image.effect_noise((400, 300), 60 + 5 * number).resize((1600, 1200)).convert("RGB")
        into = io.BytesIO()
        image.save(into, "JPEG", quality=88)
        bodies.append(into.getvalue())
    for number in range(count):
        yield default_storage.save(f"screen/{number}.jpg", ContentFile(bodies[number % len(bodies)]))


def session(project: Any) -> str:
    """A new annotator of the project who is signed in."""
    from tests.factories import make_member, session_of

    return session_of(make_member(project).user)
