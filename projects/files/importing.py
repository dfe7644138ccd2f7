"""Check a file without a trace, and import it: whole, or its good rows only, or not at all."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import IO, Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from projects import draws
from projects.errors import Refused
from projects.files import claims, publishing
from projects.files.candidates import Candidate, Recipe
from projects.files.claims import Heart, Lost
from projects.files.columns import Columns, guess_columns
from projects.files.records import Reader, preview
from projects.files.sifting import Sieve, notes, picture_stem
from projects.files.sources import open_upload
from projects.models import Policy, Project, Upload
from projects.saying import Said, kept, ngettext, plain
from projects.saying import gettext as _

logger = logging.getLogger(__name__)
State = Upload.State
_ENCODE = json.JSONEncoder(ensure_ascii=False).encode


def check(upload: Upload) -> Upload:
    """Read the whole file and write down what is in it; the project stays as it is.

    Ends CHECKED, or REFUSED with a message. Does nothing where the upload does not wait to be checked.
    """
    if claims.claim(upload, [State.WAITING], State.CHECKING):
        with _refusals(upload):
            claims.finish(upload, State.CHECKED, **_found(upload))
    upload.refresh_from_db()
    return upload


def import_upload(upload: Upload) -> Upload:
    """Import a checked file. Nothing of it is visible before all of it is.

    Ends DONE, or REFUSED with a message: also where rows are bad and nobody asked for the good ones only.
    """
    if claims.claim(upload, [State.CHECKED, State.READY], State.IMPORTING):
        publishing.purge(upload, before=upload.attempt)
        with _refusals(upload):
            _import(upload)
    upload.refresh_from_db()
    return upload


@contextmanager
def _refusals(upload: Upload) -> Iterator[None]:
    """Turn what goes wrong into a refusal of the upload; pictures written so far go again."""
    held = claims.ours(upload)
    try:
        yield
        return
    except Lost:
        logger.info("upload %s: another attempt has taken over", upload.pk)
        return
    except Refused as refused:
        said = refused.said
    except Exception as error:  # The upload must not wait for ever; the log has the whole story.
        logger.exception("upload %s failed", upload.pk)
        said = _(
            "Something went wrong on this site, not with your file (%(fault)s). "
            "Nothing was imported; try again.",
            fault=type(error).__name__,
        )
    publishing.purge(upload, before=upload.attempt + 1)
    report = Upload.objects.values_list("report", flat=True).get(pk=upload.pk)
    held.update(state=State.REFUSED, message=plain(said), report={**report, "message": kept(said)})


def _found(upload: Upload) -> dict[str, Any]:
    """Return what a check writes down."""
    project, heart = upload.project, Heart(upload)
    with open_upload(upload) as reader:
        columns = _chosen(upload, reader, project)
        claims.ours(upload).update(report=_head(reader), columns=columns.to_json())
        # A draft's label set is still to be made: what the file has is proposed for it.
        draft = project.state == Project.State.DRAFT
        sieve = Sieve(project, Recipe(columns, project.task), any_label=draft)
        for _candidate in sieve.run(reader, heart.beat):
            pass
        report = _head(reader) | sieve.report() | noted(notes(reader, sieve.tally, columns))
    problems = sieve.tally.problems.to_json()
    return {
        "report": report,
        "problems": problems,
        "rows_done": sieve.tally.rows,
        "columns": columns.to_json(),
    }


def noted(sentences: list[Said | str]) -> dict[str, Any]:
    """Return notes as they are kept with the upload: in English, and as what they are made of."""
    return {"notes": [plain(one) for one in sentences], "noted": [kept(one) for one in sentences]}


def _chosen(upload: Upload, reader: Reader, project: Project) -> Columns:
    """Return the person's choice of columns, or a guess where there is none yet. Raises Refused."""
    if reader.media != project.media:
        raise Refused(
            _("The file holds texts, but the project is about pictures.")
            if reader.media == "text"
            else _("The file holds pictures, but the project is about texts.")
        )
    columns = Columns.from_json(upload.columns)
    if not columns.content:
        guess = guess_columns(reader)
        columns = replace(guess, encoding=columns.encoding, delimiter=columns.delimiter)
    columns.validate(reader)
    return columns


def _head(reader: Reader) -> dict[str, Any]:
    """Return what is known of a file before its rows are read."""
    about = {"kind": reader.kind, "media": reader.media, "encoding": reader.encoding, "sure": reader.sure}
    return about | {"delimiter": reader.delimiter, "columns": reader.columns, "preview": preview(reader)}


def _import(upload: Upload) -> None:
    """Stage what is new in a file of no name, which dies with this process, then publish it in one go."""
    project = Project.objects.get(pk=upload.project_id)
    for _attempt in range(5):
        # Should other items come in meanwhile, their numbers or keys may be ours: sift again then.
        before = Project.objects.values_list("item_count", flat=True).get(pk=project.pk)
        with tempfile.TemporaryFile("w+", encoding="utf-8") as staged:
            sieve = _stage(upload, project, staged)
            staged.seek(0)
            outcome = {"report": upload.report | sieve.report(), "problems": sieve.tally.problems.to_json()}
            batch = publishing.Batch(upload, project, before, list(sieve.tally.labels))
            if publishing.publish(batch, map(json.loads, staged), outcome):
                return
        publishing.purge(upload, before=upload.attempt + 1)
    raise Refused(_("Other imports into this project were faster, five times over. Import the file again."))


def _stage(upload: Upload, project: Project, staged: IO[str]) -> Sieve:
    heart = Heart(upload)
    with open_upload(upload) as reader:
        columns = _chosen(upload, reader, project)
        sieve = Sieve(project, Recipe(columns, project.task, write=True))
        policy = project.policy
        for candidate in sieve.run(reader, heart.beat):
            row = _row(candidate, upload, policy, bool(columns.known))
            staged.write(f"{_ENCODE(row)}\n")
    problems = sieve.tally.problems
    if problems.count and not upload.good_rows_only:
        claims.ours(upload).update(problems=problems.to_json(), report=upload.report | sieve.report())
        raise Refused(
            ngettext(
                "%(rows)s row cannot be imported, so nothing was. "
                "Correct the file, or import the good rows only.",
                "%(rows)s rows cannot be imported, so nothing was. "
                "Correct the file, or import the good rows only.",
                problems.count,
                rows=f"{problems.count:,}",
            )
        )
    return sieve


def _row(candidate: Candidate, upload: Upload, policy: Policy, labelled: bool) -> list[Any]:
    """Return what is staged of a candidate: see ``publishing.STAGED``."""
    seed, key = upload.project.seed, candidate.key
    image = ""
    size: list[int | None] = [None, None]
    if picture := candidate.picture:
        stem = picture_stem(upload.project, candidate.content)
        path = f"{publishing.folder(upload)}/{stem}{picture.suffix}"
        image = default_storage.save(path, ContentFile(picture.data))
        size = [picture.width, picture.height]
    return [
        key,
        candidate.external_id,
        candidate.text,
        image,
        *size,
        candidate.metadata,
        draws.shuffle(seed, key),
        draws.holdout(seed, key, policy.holdout_share),
        draws.agreement(seed, key, policy.agreement_share),
        candidate.labels if labelled else None,
    ]
