"""Tell what in a file is new: what is bad, what stands in it twice, and what the project has already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import PurePosixPath
from typing import Any, Final

from projects.errors import Refused
from projects.files import limits
from projects.files.candidates import Candidate, Recipe, digest
from projects.files.columns import Columns
from projects.files.problems import Bad, Problem, Problems, listing
from projects.files.records import Reader, Row
from projects.models import Item, Label, Project
from projects.saying import Said, both
from projects.saying import gettext as _

_CHUNK: Final = 500
Beat = Callable[[int], None]


@dataclass
class Tally:
    """What was found in a file so far."""

    rows: int = 0
    good: int = 0
    known: int = 0
    repeated: int = 0
    problems: Problems = field(default_factory=Problems)
    labels: Counter[str] = field(default_factory=Counter)


def picture_stem(project: Project, content: str) -> str:
    """Return the name of a picture's file: the same for the same picture, and not to be guessed from it."""
    return digest(f"{project.seed}:{content}".encode())


class Sieve:
    """Lets new candidates through, each content or id once, and keeps the tally."""

    def __init__(self, project: Project, recipe: Recipe, any_label: bool = False) -> None:
        """``any_label``: labels that the project does not have are no fault."""
        self.project, self.recipe, self.tally = project, recipe, Tally()
        labels = list(Label.objects.filter(project=project).values_list("name", "retired_at"))
        # Labels are told apart as the label set does: capitals do not count.
        self._names = {name.casefold() for name, retired in labels if not retired}
        self._retired = {name.casefold() for name, retired in labels if retired}
        self._any_label = any_label or recipe.columns.new_labels or not recipe.columns.known
        self._seen: dict[bytes, tuple[int, int]] = {}
        self._has_items = Item.objects.filter(project=project).exists()

    def run(self, reader: Reader, beat: Beat) -> Iterator[Candidate]:
        """Yield what is new, in the order of the file; ``beat`` hears of every few hundred rows."""
        rows = reader.rows()
        while chunk := list(islice(rows, _CHUNK if reader.media == "text" else 10)):
            yield from self._new([found for row in chunk if (found := self._candidate(row))])
            beat(self.tally.rows)

    def report(self) -> dict[str, Any]:
        """Return the counts as they are kept with the upload."""
        tally = self.tally
        labels = [
            {"name": name, "count": count, "exists": name.casefold() in self._names}
            for name, count in tally.labels.most_common(limits.LABELS)
        ]
        counts = {"rows": tally.rows, "good": tally.good, "bad": tally.problems.count, "known": tally.known}
        return counts | {"repeated": tally.repeated, "labels": labels}

    def _candidate(self, row: Row | Problem) -> Candidate | None:
        self.tally.rows += 1
        if self.tally.rows > limits.ROWS:
            raise Refused(
                _(
                    "The file has more than %(limit)s rows. Split it into several files and upload them.",
                    limit=f"{limits.ROWS:,}",
                )
            )
        if isinstance(row, Problem):
            self.tally.problems.add(row)
            return None
        try:
            candidate = self.recipe.candidate(row)
            self._check_labels(candidate)
            return candidate if self._first(candidate) else None
        except Bad as bad:
            self.tally.problems.add(bad.at(row.number))
            return None

    def _check_labels(self, candidate: Candidate) -> None:
        column = self.recipe.columns.label
        for name in candidate.labels or ():
            if name.casefold() in self._retired and self.recipe.columns.known:
                raise Bad(
                    name,
                    _("The label is retired."),
                    _("Use a label of the project, or leave it empty."),
                    column,
                )
            if name.casefold() not in self._names and not self._any_label:
                remedy = _("Add it to the label set, allow new labels, or correct the value.")
                self.tally.labels[name] += 1
                raise Bad(name, _("The project has no such label."), remedy, column)
        if len(self.tally.labels) <= limits.LABELS:
            self.tally.labels.update(candidate.labels or ())
        elif self.recipe.columns.known:
            reason = _(
                "The column “%(column)s” has more than %(limit)s different values.",
                column=column,
                limit=limits.LABELS,
            )
            raise Refused(both(reason, _("Choose another column for the label, or none.")))

    def _first(self, candidate: Candidate) -> bool:
        """Whether this is the first row of its key. Raises Bad where an earlier one says something else."""
        key = digest(candidate.key.encode())
        said = hash((candidate.content, candidate.labels if self.recipe.columns.known else None))
        before = self._seen.setdefault(bytes.fromhex(key), (candidate.row, said))
        if before[0] == candidate.row:
            return True
        if before[1] != said:
            shown = candidate.external_id or candidate.text or candidate.key
            reason = (
                _("Row %(row)s has the same id, but differs.", row=before[0])
                if candidate.external_id
                else _("Row %(row)s has the same content, but differs.", row=before[0])
            )
            raise Bad(
                shown,
                reason,
                _("Keep one of the two."),
                self.recipe.columns.id or self.recipe.columns.content,
            )
        self.tally.repeated += 1
        return False

    def _new(self, candidates: list[Candidate]) -> Iterator[Candidate]:
        there = self._there(candidates) if self._has_items else {}
        for candidate in candidates:
            if candidate.key not in there:
                self.tally.good += 1
                yield candidate
                continue
            number, same = there[candidate.key]
            if same:
                self.tally.known += 1
            else:
                reason = _(
                    "Item %(number)s of the project has this id and another content; items never change.",
                    number=number,
                )
                bad = Bad(
                    candidate.external_id, reason, _("Give the row another id."), self.recipe.columns.id
                )
                self.tally.problems.add(bad.at(candidate.row))

    def _there(self, candidates: list[Candidate]) -> dict[str, tuple[int, bool]]:
        """Return number, and whether the content is the same, of items that have these keys."""
        by_key = {candidate.key: candidate for candidate in candidates}
        items = Item.objects.filter(project=self.project, key__in=by_key)
        return {
            key: (number, self._same(by_key[key], text, image))
            for key, number, text, image in items.values_list("key", "number", "text", "image")
        }

    def _same(self, candidate: Candidate, text: str, image: str) -> bool:
        if image:
            return PurePosixPath(image).stem.split("_")[0] == picture_stem(self.project, candidate.content)
        return text == candidate.text


def notes(reader: Reader, tally: Tally, columns: Columns) -> list[Said | str]:
    """Return sentences for the person about what is not wrong, but worth knowing."""
    found: list[Said | str] = [reader.note] if reader.note else []
    late = [name for name in columns.used() if name not in reader.columns]
    if late:
        found.append(_("The first rows have no %(names)s.", names=listing(late)))
    if columns.label and not columns.known and tally.labels:
        found.append(
            _(
                "“%(label)s” looks like labels. They are not used unless you say what for.",
                label=columns.label,
            )
        )
    return found
