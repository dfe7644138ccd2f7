"""Nothing is half-imported: not when a process dies, not when two import at once, not when a disk is full."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread

import pytest
from celery import current_app
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone

from projects import files, tasks
from projects.files import claims, publishing, thumbnails
from projects.models import Item, Project, Upload
from sampling import tasks as loop
from tests.factories import make_project
from tests.uploading import bring, picture, take, zipped

ROWS = "id,text\n" + "".join(f"{n},text {n}\n" for n in range(3000))
transactional = pytest.mark.django_db(transaction=True)
State = Upload.State


def died(upload, state):
    """Leave the upload as a process leaves it that was killed a minute ago."""
    then = timezone.now() - timedelta(seconds=60)
    Upload.objects.filter(pk=upload.pk).update(state=state, attempt=upload.attempt + 1, heartbeat_at=then)


@transactional
def test_a_killed_import_leaves_nothing_and_is_taken_over():
    project = make_project()
    upload = files.start(bring(project, ROWS))
    died(upload, State.IMPORTING)
    assert project.items.count() == 0
    tasks.advance_upload(upload.pk)
    upload.refresh_from_db()
    assert (upload.state, project.items.count()) == (State.DONE, 3000)


@transactional
def test_a_killed_check_is_taken_over():
    upload = bring(make_project(), ROWS)
    died(upload, State.CHECKING)
    tasks.advance_upload(upload.pk)
    upload.refresh_from_db()
    assert (upload.state, upload.report["good"]) == (State.CHECKED, 3000)


@transactional
def test_an_import_that_beats_is_left_alone():
    upload = files.start(bring(make_project(), ROWS))
    Upload.objects.filter(pk=upload.pk).update(state=State.IMPORTING, heartbeat_at=timezone.now())
    tasks.advance_upload(upload.pk)
    upload.refresh_from_db()
    assert upload.state == State.IMPORTING


@transactional
def test_a_file_that_kills_every_worker_is_given_up():
    upload = files.start(bring(make_project(), ROWS))
    for _ in range(claims.MOST_TAKEOVERS + 1):
        upload.refresh_from_db()
        claims.claim(upload, [State.READY], State.IMPORTING)
        upload.refresh_from_db()
        died(upload, State.IMPORTING)
    tasks.advance_upload(upload.pk)
    upload.refresh_from_db()
    assert (str(upload.state), upload.message) == (State.REFUSED, str(claims.GAVE_UP))


@transactional
def test_a_process_killed_in_the_middle_of_publishing_leaves_nothing(tmp_path):
    """A real process, a real kill: between the first inserted row and the commit."""
    project = make_project()
    upload = files.start(bring(project, ROWS))
    code = (
        "import os, signal, django; django.setup()\n"
        "from django.conf import settings\n"
        f"settings.DATABASES['default']['NAME'] = {str(connection.settings_dict['NAME'])!r}\n"
        "from projects import files\n"
        "from projects.files import publishing\n"
        "from projects.models import Upload\n"
        "publishing._record = lambda *given: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"files.import_upload(Upload.objects.get(pk={upload.pk}))\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, timeout=120, check=False)
    assert done.returncode == -9
    upload.refresh_from_db()
    assert (upload.state, Item.objects.count()) == (State.IMPORTING, 0)
    Upload.objects.filter(pk=upload.pk).update(heartbeat_at=timezone.now() - timedelta(minutes=1))
    tasks.advance_upload(upload.pk)
    assert sorted(project.items.values_list("number", flat=True)) == list(range(1, 3001))


@transactional
def test_whoever_lost_the_upload_publishes_nothing(monkeypatch):
    project = make_project()
    upload = files.start(bring(project, ROWS))
    publish = publishing.publish

    def late(batch, staged, outcome):
        Upload.objects.filter(pk=upload.pk).update(attempt=99)
        return publish(batch, staged, outcome)

    monkeypatch.setattr(publishing, "publish", late)
    files.import_upload(upload)
    upload.refresh_from_db()
    assert (upload.state, upload.attempt, project.items.count()) == (State.IMPORTING, 99, 0)


@transactional
def test_a_failure_on_our_side_is_said_and_leaves_nothing(monkeypatch):
    project = make_project()
    upload = bring(project, ROWS)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(publishing, "_record", full)
    upload = files.import_upload(upload)
    assert (upload.state, project.items.count()) == (State.REFUSED, 0)
    assert "Nothing was imported" in upload.message


@transactional
def test_choosing_other_columns_ends_a_check_that_runs():
    upload = bring(make_project(), ROWS)
    Upload.objects.filter(pk=upload.pk).update(state=State.CHECKING, heartbeat_at=timezone.now())
    checking = Upload.objects.get(pk=upload.pk)
    files.choose(upload, files.Columns(content="id"), here=True)
    with pytest.raises(claims.Lost):
        claims.finish(checking, State.CHECKED)
    upload.refresh_from_db()
    assert (upload.state, upload.columns["content"]) == (State.CHECKED, "id")


def together(*works):
    """Run each of the works in a thread of its own, all at once."""
    start, raised = Barrier(len(works)), []

    def run(work):
        start.wait()
        try:
            work()
        except BaseException as error:
            raised.append(error)
        finally:
            connection.close()

    threads = [Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert raised == []


@transactional
def test_two_workers_import_one_upload_once():
    project = make_project()
    upload = files.start(bring(project, ROWS))
    copies = [Upload.objects.get(pk=upload.pk) for _ in range(4)]
    together(*(lambda copy=copy: files.import_upload(copy) for copy in copies))
    upload.refresh_from_db()
    assert (upload.state, project.items.count()) == (State.DONE, 3000)


@transactional
def test_overlapping_files_at_once_give_every_item_once_and_no_gap():
    project = make_project()
    bodies = [
        "id,text\n" + "".join(f"{n},text {n}\n" for n in range(at, at + 1000)) for at in (0, 500, 1000, 1500)
    ]
    uploads = [bring(project, body) for body in bodies]
    together(*(lambda upload=upload: files.import_upload(upload) for upload in uploads))
    states = set(Upload.objects.values_list("state", flat=True))
    assert states == {State.DONE}
    assert sorted(project.items.values_list("number", flat=True)) == list(range(1, 2501))
    assert Project.objects.get(pk=project.pk).item_count == 2500


@pytest.fixture
def pictures(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return make_project(media=Project.Media.IMAGE)


def stored(project):
    try:
        folders = default_storage.listdir(f"images/{project.pk}")[0]
    except FileNotFoundError:
        return []
    return [
        name for folder in folders for name in default_storage.listdir(f"images/{project.pk}/{folder}")[1]
    ]


@transactional
def test_pictures_of_a_refused_import_are_removed(pictures):
    body = zipped(*((f"{n}.png", picture(size=(n, 5))) for n in range(1, 5)), ("bad.png", b"x"))
    upload = take(pictures, body, "p.zip")
    assert (upload.state, stored(pictures)) == (State.REFUSED, [])


@transactional
def test_pictures_of_a_killed_import_are_removed_by_the_next(pictures):
    upload = files.start(bring(pictures, zipped(("a.png", picture())), "p.zip"))
    died(upload, State.IMPORTING)
    upload.refresh_from_db()
    default_storage.save(f"{publishing.folder(upload)}/left-over.png", ContentFile(b"x"))
    tasks.advance_upload(upload.pk)
    assert [f"{name}" for name in stored(pictures)] == [pictures.items.get().image.rpartition("/")[2]]


@transactional
def test_thumbnails_are_made_once_and_a_lost_picture_stops_nothing(pictures):
    take(pictures, zipped(("a.png", picture()), ("b.png", picture(size=(900, 300)))), "p.zip")
    lost, there = pictures.items.order_by("number")
    default_storage.delete(lost.image)
    tasks.make_thumbnails()
    assert thumbnails.make(10) == 0
    lost.refresh_from_db()
    there.refresh_from_db()
    assert lost.thumbnail == lost.image
    assert there.thumbnail.endswith(".webp")
    assert default_storage.exists(there.thumbnail)


@transactional
def test_the_tick_rings_for_everything_that_waits(pictures, monkeypatch):
    take(pictures, zipped(("a.png", picture())), "p.zip")
    waiting = files.start(bring(make_project(), ROWS))
    dead = bring(make_project(), ROWS)
    died(dead, State.CHECKING)
    rung: list[object] = []
    monkeypatch.setattr(tasks.advance_upload, "apply_async", lambda given, **_: rung.extend(given))
    monkeypatch.setattr(tasks.make_thumbnails, "apply_async", lambda **_: rung.append("thumbnails"))
    tasks.tick()
    assert rung == [waiting.pk, dead.pk, "thumbnails"]


@transactional
def test_the_loops_tick_rings_for_files_too(monkeypatch):
    rung: list[str] = []
    monkeypatch.setattr(tasks, "tick", lambda: rung.append("files"))
    loop.tick()
    assert rung == ["files"]


@transactional
def test_without_a_broker_an_upload_waits_for_the_tick(monkeypatch):
    def nobody(*_, **__):
        raise ConnectionRefusedError

    monkeypatch.setattr(current_app, "send_task", nobody)
    assert files.start(bring(make_project(), ROWS)).state == State.READY
