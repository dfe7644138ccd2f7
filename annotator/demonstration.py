"""The content of `make demo`: two projects, four people, and some labels that these people have given."""

from __future__ import annotations

import gzip
import io
import json
import random
import time
import tomllib
import zipfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import transaction
from django.utils.timezone import now

from annotator.models import User
from projects import (
    actions,
    audit,
    draws,
    examples,
    files,
    guidelines,
    labelset,
    people,
    policies,
    queue,
    settle,
    setup,
)
from projects.errors import Refused
from projects.files import thumbnails
from projects.models import (
    Annotation,
    Assignment,
    Event,
    Item,
    Label,
    Membership,
    Policy,
    Project,
    QueueEntry,
    Upload,
)
from projects.saying import gettext
from projects.trust import known

FOLDER = Path(settings.BASE_DIR) / "demo"
SEED = 20_260_801
ADA, LEA, BEN, CLEO = "ada", "lea", "ben", "cleo"
PEOPLE = {
    ADA: ("Ada", Membership.Role.ADMIN),
    LEA: ("Lea", Membership.Role.LEAD),
    BEN: ("Ben", Membership.Role.ANNOTATOR),
    CLEO: ("Cleo", Membership.Role.ANNOTATOR),
}
# Small batches, so that a visitor sees a new round after a few answers.
AFTER_FIRST_MODEL = {"batch_size": 6}
PROJECTS = ("bank", "clothes")
# Where each person's link leads: what for, the project, and its page.
TOURS = {
    BEN: ("labels messages by key (begin here)", "bank", "label"),
    CLEO: ("labels pictures", "clothes", "label"),
    LEA: ("watches the loop, and two disputes wait for her", "bank", "progress"),
    ADA: ("sets up projects, invites people, takes labels out", "bank", "settings"),
}
PACE = timedelta(seconds=28)  # between two answers
FLAGGED = 9  # which judgement is a flag
KNOWN_ITEMS = 12


@dataclass(frozen=True)
class Content:
    """One project as its file in demo/ describes it."""

    name: str
    question: str
    media: str
    file: str
    guidelines: str
    answers: int
    policy: dict[str, Any]
    labels: list[dict[str, Any]]

    @classmethod
    def read(cls, name: str) -> Content:
        return cls(**tomllib.loads((FOLDER / f"{name}.toml").read_text()))


def address(key: str) -> str:
    """The e-mail address of one of the people."""
    return f"{key}@demo.example"


def make_people() -> dict[str, User]:
    """Make the four people, who sign in by one-time link only."""
    return {
        key: User.objects.create_user(email=address(key), name=name, is_staff=key == ADA, email_proven=True)
        for key, (name, _role) in PEOPLE.items()
    }


def make_project(name: str, crew: dict[str, User]) -> Project:
    """Set a project up as its admin would, and let its annotators give some answers."""
    content = Content.read(name)
    admin = crew[ADA]
    project = setup.create_project(admin, content.name, content.media, Project.Task.SINGLE)
    # The same hold-out, the same first batch in every demonstration.
    Project.objects.filter(pk=project.pk).update(seed=SEED, question=content.question)
    project.refresh_from_db()
    labelset.add(
        project, admin, [labelset.Draft(label["name"], label["description"]) for label in content.labels]
    )
    _explain(project, admin, content)
    guidelines.change(project, admin, content.guidelines, project.guideline_version)
    policies.change(project, admin, content.policy)
    for key in (LEA, BEN, CLEO):
        people.add(project, admin, crew[key], PEOPLE[key][1])
    truth = _import(project, admin, content)
    _decide_known(project, truth, crew[LEA])
    # The data came before the answers, which are spread over the last minutes.
    before = now() - PACE * (content.answers + 5)
    project.items.filter(settled_at__isnull=False).update(settled_at=before)
    while thumbnails.make(100):
        pass
    _Session(project, truth, crew).play(content.answers)
    return project


def _explain(project: Project, admin: User, content: Content) -> None:
    """Give labels the examples of their file."""
    labels = {label.name: label for label in labelset.shown(project)}
    for row in content.labels:
        for kind in ("fits", "others"):
            for text in row.get(kind, ()):
                examples.add(labels[row["name"]], admin, examples.Example(kind == "fits", text))


def _import(project: Project, admin: User, content: Content) -> dict[str, str]:
    """Bring the data in, labelled where it is held out and in a few other rows; return every label by id."""
    seeds = {label["name"]: label.get("seeds", 0) for label in content.labels}
    known = _Known(project.seed, project.policy, seeds)
    read, column = (_texts, "text") if content.media == Project.Media.TEXT else (_pictures, "file")
    data, truth = read(FOLDER / content.file, known)
    upload = files.receive(project, data, admin)
    columns = files.Columns(content=column, id="id", label="label", known="seed")
    upload = _awaited(files.check(files.choose(upload, columns)))
    setup.start(project, admin)
    upload.refresh_from_db()
    upload = _awaited(files.import_upload(upload))
    if upload.state != Upload.State.DONE:
        raise Refused(f"{content.file}: {upload.message} {upload.problems[:1]}")
    project.refresh_from_db()
    _settle_holdout(project, truth)
    return truth


def _awaited(upload: Upload) -> Upload:
    """Wait for the worker where one runs already and was quicker to take the file."""
    while upload.state in (Upload.State.WAITING, Upload.State.CHECKING, Upload.State.IMPORTING):
        time.sleep(0.2)
        upload.refresh_from_db()
    return upload


def _settle_holdout(project: Project, truth: dict[str, str]) -> None:
    """Let the whole hold-out know its labels, as if people had given them: the curve needs them all."""
    ids = dict(project.labels.values_list("name", "pk"))
    act = audit.Act(project, kind=Event.Kind.IMPORT, policy_version=project.policy.version, bulk=uuid4())
    with transaction.atomic():
        for item in project.items.filter(holdout=True):
            known = {"settled_labels": [ids[truth[item.external_id]]], "settled_source": Item.Source.GOLD}
            settle.become(
                item,
                act,
                now(),
                state=Item.State.SETTLED,
                settled_at=now(),
                posterior=1.0,
                method="import",
                **known,
            )


def _decide_known(project: Project, truth: dict[str, str], lead: User) -> None:
    """Let the lead have decided a few items and made them known ones, which check the annotators."""
    ids = dict(project.labels.values_list("name", "pk"))
    act = audit.by(project, lead, gettext("Decided before labelling began"))
    plain = project.items.filter(state=Item.State.OPEN, holdout=False, agreement=False).order_by("shuffle")
    with transaction.atomic():
        # From the end of the random order: nothing else asks for these soon.
        chosen = list(plain.reverse()[:KNOWN_ITEMS])
        for item in chosen:
            settle.become(
                item,
                act,
                now(),
                state=Item.State.SETTLED,
                settled_labels=[ids[truth[item.external_id]]],
                settled_source=Item.Source.ADJUDICATED,
                settled_at=now(),
                method="adjudicated",
            )
    known.confirm(
        project.memberships.select_related("project", "user").get(user=lead), [item.number for item in chosen]
    )


@dataclass
class _Known:
    """Which labels come with the data: so many seeds of each label, none of them from a random draw."""

    seed: int
    policy: Policy
    seeds: dict[str, int]

    def __call__(self, external_id: str, label: str) -> bool:
        key = f"id:{external_id}"
        if draws.holdout(self.seed, key, self.policy.holdout_share) or not self.seeds[label]:
            return False
        if draws.agreement(self.seed, key, self.policy.agreement_share):
            return False
        self.seeds[label] -= 1
        return True


def _texts(source: Path, known: _Known) -> tuple[ContentFile[bytes], dict[str, str]]:
    with gzip.open(source, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    written = [
        row if known(row["id"], row["label"]) else {"id": row["id"], "text": row["text"]} for row in rows
    ]
    data = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in written).encode()
    return ContentFile(data, source.name.removesuffix(".gz")), {row["id"]: row["label"] for row in rows}


def _pictures(source: Path, known: _Known) -> tuple[ContentFile[bytes], dict[str, str]]:
    packed = io.BytesIO()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(packed, "w") as new:
        table = [line.split(",") for line in old.read("labels.csv").decode().splitlines()]
        for file, _external_id, _label in table[1:]:
            new.writestr(file, old.read(file))
        lines = [[file, key, label if known(key, label) else ""] for file, key, label in table[1:]]
        new.writestr("labels.csv", "".join(",".join(line) + "\n" for line in [table[0], *lines]))
    return ContentFile(packed.getvalue(), source.name), {key: label for _file, key, label in table[1:]}


class _Session:
    """Two annotators at work: they lease and submit like anybody else, and the loop turns behind them."""

    def __init__(self, project: Project, truth: dict[str, str], crew: dict[str, User]) -> None:
        self.project, self.truth = project, truth
        self.labels = list(labelset.shown(project))
        self.random = random.Random(project.seed)
        members = {member.user_id: member for member in project.memberships.select_related("project", "user")}
        self.annotators = [members[crew[BEN].pk], members[crew[CLEO].pk]]
        self.disagreed = self.slipped = False
        self.judged = 0

    def play(self, answers: int) -> None:
        """Give so many answers, a few at a time in turns, the last of them just now."""
        self._turn_loop()
        given = 0
        while given < answers:
            member = self.annotators[0 if self.random.random() < 0.6 else 1]
            held = queue.lease(member, 2, now())
            if not held:
                raise Refused("The demonstration's queue is empty.")
            for assignment in held:
                at = now() - PACE * (answers - given)
                (verdict,) = actions.submit(member, [self._judge(member, assignment)], at)
                if verdict.status != "stored":
                    raise Refused(verdict.message)
                given += 1
            self._turn_loop()
            if self.project.model_versions.exists():
                policies.change(self.project, None, AFTER_FIRST_MODEL)

    def _turn_loop(self) -> None:
        # The learner takes a second to load, and later starts do without it.
        from sampling import rounds

        while rounds.advance(self.project.pk):
            pass

    def _judge(self, member: Membership, assignment: Assignment) -> actions.Submission:
        """Answer rightly, but let one item be disputed and one be flagged, for the lead to decide."""
        item = assignment.item
        right = self._label(self.truth[item.external_id])
        fields: dict[str, Any] = {
            "id": uuid4(),
            "item_id": item.pk,
            "active_ms": self.random.randrange(1_800, 7_500),
        }
        self.judged += 1
        if self.judged == FLAGGED:
            return actions.Submission(
                kind=Annotation.Kind.FLAG, note="Two labels fit. Which one wins?", **fields
            )
        known_item = assignment.entry.stream == QueueEntry.Stream.GOLD
        second = not known_item and item.annotations.exclude(annotator_id=member.user_id).exists()
        slip = known_item and member == self.annotators[1] and not self.slipped
        self.slipped |= slip
        chosen = self._other(right) if slip or (second and not self.disagreed) else right
        self.disagreed |= second
        return actions.Submission(kind=Annotation.Kind.ANSWER, labels=(chosen.pk,), **fields)

    def _label(self, name: str) -> Label:
        return next(label for label in self.labels if label.name == name)

    def _other(self, right: Label) -> Label:
        """The neighbour in the list: the demonstration's labels stand beside those they are confused with."""
        at = self.labels.index(right)
        return self.labels[at - 1 if at else 1]
