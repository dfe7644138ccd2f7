"""A model over a file: every row in, one row out, in the same order and in bounded memory."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import numpy as np

from projects.errors import Refused
from projects.files.candidates import Candidate, Recipe, id_of
from projects.files.columns import FILE, Columns, guess_columns
from projects.files.images import SUFFIXES
from projects.files.problems import Bad, Problem
from projects.files.records import Reader, Row
from projects.files.sources import open_file
from projects.models import Project
from projects.saying import Said
from sampling import versions
from sampling.contents import decoded
from sampling.core.arrays import FloatArray
from sampling.core.evaluation import predicted
from sampling.core.learners import Model, model_from_state
from sampling.core.ngrams import LONGEST
from sampling.features import rows_for
from sampling.models import FeatureSet, ModelVersion

# Rows that are in memory together; less where texts are long, few where they are pictures.
ROWS, CHARACTERS, PICTURES = 1_024, 2_000_000, 32
Prediction = dict[str, Any]


@dataclass(frozen=True)
class Predictor:
    """A version ready to be asked."""

    project: Project
    version: ModelVersion
    model: Model
    features: FeatureSet
    # Labels in use that the model has a column for: position and name.
    labels: Sequence[tuple[int, str]]

    @classmethod
    def of(cls, project: Project, number: int | None = None) -> Predictor:
        """Load the version of this number, or the one in use. Refuses where there is none."""
        wanted = versions.listed(project)
        found = versions.champion(project) if number is None else wanted.filter(round__number=number).first()
        if found is None:
            raise Refused(_missing(project, number))
        if found.round.feature_set is None:
            raise Refused(f"Nobody knows any more which features model {found.round.number} was trained on.")
        model = model_from_state(versions.state_of(found))
        rows = project.labels.filter(retired_at=None, position__lt=model.labels).order_by("position")
        if not rows:
            raise Refused(f"Model {found.round.number} knows none of the labels that are in use.")
        return cls(project, found, model, found.round.feature_set, list(rows.values_list("position", "name")))

    def proba(self, contents: Sequence[Any], metadata: Sequence[dict[str, Any]]) -> FloatArray:
        """Probabilities (n, k) of texts, or of pictures, with what else is known of each."""
        try:
            x = rows_for(self.features, contents, metadata)
        except ValueError as error:  # Its file is gone, or another one.
            raise Refused(f"The features cannot be computed: {error}.") from None
        return self.model.proba(x)


def _missing(project: Project, number: int | None) -> str:
    known = list(versions.listed(project).values_list("round__number", flat=True)[:10])
    if not known:
        return f"“{project.name}” has no model yet: two labels need five answers each."
    listing = ", ".join(map(str, known))
    what = f"model {number}" if number is not None else "model in use"
    return f"“{project.name}” has no {what}. It has: {listing}."


# --- what comes in -----------------------------------------------------------------------------------------


@contextmanager
def opened(path: Path, columns: Columns) -> Iterator[Reader]:
    """Open a table, a zip of pictures, or a folder of them. Refuses what is none of these."""
    if path.is_dir():
        yield Folder(path)
    elif not path.is_file():
        raise Refused(f"There is no file {path}.")
    else:
        with path.open("rb") as file, open_file(cast(BinaryIO, file), columns) as reader:
            yield reader


class Folder:
    """Pictures of a folder and those below it, by path; a row's number is its place there."""

    kind = media = "image"
    encoding = delimiter = ""
    note: Said | str = ""
    sure = True

    def __init__(self, path: Path) -> None:
        self._root = path
        self.columns = [FILE]
        found = (one.relative_to(path) for one in path.rglob("*") if one.suffix.lower() in SUFFIXES)
        self._names = sorted(str(one) for one in found if not one.name.startswith("."))
        if not self._names:
            raise Refused(f"The folder {path} holds no PNG, JPEG, WebP or GIF.")

    def rows(self) -> Iterator[Row | Problem]:
        """Yield every picture, unopened."""
        for number, name in enumerate(self._names, 1):
            yield Row(number, {FILE: name}, (self._root / name).read_bytes)


def chosen(reader: Reader, wanted: Columns, predictor: Predictor) -> Columns:
    """The columns that were named, the others as the importer would guess them. Refuses what cannot be."""
    media = predictor.project.media
    if reader.media != media:
        kinds = {"text": "texts", "image": "pictures"}
        raise Refused(f"The file holds {kinds[reader.media]}, but the project is about {kinds[media]}.")
    guess = guess_columns(reader)
    content, names = wanted.content or guess.content, wanted.id or guess.id
    # Of the rest only what stands beside the features is read.
    keep = tuple(name for name in predictor.features.columns if name in reader.columns)
    columns = replace(wanted, content=content, id=names, keep=keep)
    columns.validate(reader)
    return columns


# --- what goes out -----------------------------------------------------------------------------------------


@dataclass
class Tally:
    """How many rows got a prediction, and how many did not."""

    predicted: int = 0
    problems: int = 0


def predictions(
    predictor: Predictor, reader: Reader, recipe: Recipe, tally: Tally, told: Callable[[], None]
) -> Iterator[Prediction]:
    """Yield one row a row of the file: «id», «label», «confidence», «probabilities», and «problem».

    ``told`` is called after each piece.
    """
    for piece in _pieces(reader, recipe):
        yield from _answered(predictor, piece, tally)
        told()


@dataclass(frozen=True)
class _Row:
    number: int
    candidate: Candidate | None
    name: str | None
    problem: str = ""


def _pieces(reader: Reader, recipe: Recipe) -> Iterator[list[_Row]]:
    """Cut the rows into lists that are small enough to be in memory."""
    piece: list[_Row] = []
    characters, most = 0, ROWS if reader.media == "text" else PICTURES
    for row in reader.rows():
        piece.append(_read(row, recipe))
        characters += len(piece[-1].candidate.text) if piece[-1].candidate else 0
        if len(piece) >= most or characters > CHARACTERS:
            yield piece
            piece, characters = [], 0
    if piece:
        yield piece


def _read(row: Row | Problem, recipe: Recipe) -> _Row:
    if isinstance(row, Problem):
        # Where rows have ids, its number could be the id of another one.
        return _Row(row.row, None, None if recipe.columns.id else str(row.row), _words(row))
    name = _name(row, recipe.columns.id)
    try:
        found = recipe.candidate(row)
    except Bad as bad:
        return _Row(row.number, None, name, _words(bad.at(row.number)))
    except OSError as error:
        return _Row(row.number, None, name, f"The file cannot be read: {error.strerror}.")
    return _Row(row.number, found, name)


def _name(row: Row, column: str) -> str | None:
    """The id of a row, its file, or its number; None where it should have an id and has none."""
    if not column:
        return str(row.fields.get(FILE, "")) if row.read else str(row.number)
    try:
        return id_of(row, column)
    except Bad:
        return None


def _words(problem: Problem) -> str:
    where = f"{problem.column}: " if problem.column else ""
    return f"{where}{problem.reason} {problem.remedy}"


def _answered(predictor: Predictor, piece: list[_Row], tally: Tally) -> Iterator[Prediction]:
    good = [one.candidate for one in piece if one.candidate is not None]
    proba = predictor.proba([_content(one) for one in good], [json.loads(one.metadata) for one in good])
    columns = [position for position, _ in predictor.labels]
    shown = proba[:, columns]
    chosen_labels = predicted(shown, "multi" if predictor.project.task == Project.Task.MULTI else "single")
    answers = iter(zip(shown, chosen_labels, strict=True))
    for one in piece:
        answer = _head(one)
        if one.candidate is None:
            tally.problems += 1
        else:
            tally.predicted += 1
            row, given = next(answers)
            answer |= _said(predictor, row, np.flatnonzero(given).tolist())
        yield answer


def _head(one: _Row) -> Prediction:
    text = one.candidate.text if one.candidate else ""
    return {
        "id": one.name,
        "row": one.number,
        "text": text,
        "label": None,
        "confidence": None,
        "probabilities": None,
        "problem": one.problem or None,
    }


def _said(predictor: Predictor, row: FloatArray, given: list[int]) -> Prediction:
    """The label, or the labels as a list; how likely it is, or the least likely of them."""
    names = [name for _, name in predictor.labels]
    multi = predictor.project.task == Project.Task.MULTI
    label = [names[at] for at in given] if multi else names[given[0]]
    sure = np.where(np.isin(np.arange(len(row)), given), row, 1 - row).min() if multi else row[given[0]]
    shares = {name: _rounded(share) for name, share in zip(names, row.tolist(), strict=True)}
    return {"label": label, "confidence": _rounded(float(sure)), "probabilities": shares}


def _rounded(share: float) -> float:
    return round(share, 6)


def _content(one: Candidate) -> Any:
    """What the featurizer reads: the same as it would of the item that the importer made."""
    if one.picture is None:
        return one.text[:LONGEST]
    return decoded(io.BytesIO(one.picture.data))


FLAT: Final = "p: "


def flat(rows: Iterator[Prediction], labels: Sequence[tuple[int, str]]) -> Iterator[Prediction]:
    """For CSV: a column a probability, and several labels in one cell."""
    for row in rows:
        shares = row.pop("probabilities") or {}
        problem = row.pop("problem")
        if isinstance(row["label"], list):
            row["label"] = " | ".join(row["label"])
        yield row | {f"{FLAT}{name}": shares.get(name) for _, name in labels} | {"problem": problem}
