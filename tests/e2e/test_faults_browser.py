"""Nothing is lost, nothing counts twice: 500 labels of three people, with everything going wrong on the way.

Three annotators label 500 items in real browsers with a folder of their own on disk, in bursts of keys that
wait for nothing. Meanwhile, at random moments that the seed names, the network of one of them is cut and
comes back; the web server is killed with SIGKILL after it committed answers and before it said so; a browser
is closed, with answers under way or with the network cut, and opened again; a browser's processes are killed
and it is opened again; a page's clock is set years back or forward; a second tab is opened, used in turn
with the first, and closed. At the end there are exactly 500 annotations: every item once, by who pressed the
key, with the label of that key, every submission once, and no outbox holds anything.

What is not promised: a browser that is killed within milliseconds of a key may forget that key, since no
browser waits for its disk. So it is killed here a moment after the last key, with answers waiting.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Error, Page, Playwright

from annotator.models import User
from projects.models import Annotation, Project
from tests.e2e import mortal
from tests.e2e.conftest import FLAGS, _chromium, follow_link
from tests.factories import make_member, make_project

LABELS = 500
SEED = 20261122
FAULTS = {"kill": 5, "cut": 10, "close": 5, "crash": 3, "tab": 8, "clock": 6}
# Notes for each key that is pressed which item stood on the stage, as the person sees it.
LEDGER = """(() => {
  window.pressed = [];
  addEventListener("keydown", ({ key }) => {
    if (document.getElementById("stage")?.hidden !== false) return;
    window.pressed.push([Number(document.querySelector("#answer [name=item]").value), Number(key)]);
  }, true);
})()"""
PRESSED = "() => window.pressed.splice(0)"
KNOWS = "([key, item]) => (JSON.parse(localStorage.getItem(key)) ?? []).includes(item)"
LEFT = "() => Object.keys(localStorage).filter((key) => /^annotator(-refused|-aside)?:/.test(key))"
JUMP = """(ms) => {
  const Real = Date;
  window.Date = class extends Real {
    constructor(...parts) { if (parts.length) super(...parts); else super(Real.now() + ms); }
    static now() { return Real.now() + ms; }
  };
}"""
# Milliseconds, until a key press is on the disk of a machine that is busy.
MOMENT = 500
# Seconds: for a machine that has other things to do.
PATIENCE = 120
YEAR = 365 * 86_400_000


class Annotator:
    """One person with a browser of their own, whose folder outlives it."""

    def __init__(self, playwright: Playwright, folder: Path, address: str, project: Project, user: User):
        self.playwright, self.folder, self.address, self.user = playwright, folder, address, user
        self.desk = f"/projects/{project.pk}/label/"
        self.done = f"annotator-done:{user.pk}:{project.pk}"
        self.said: dict[int, int] = {}  # item → digit
        self.last: int | None = None  # the newest item that this browser remembers
        self.cut = False
        self.context = self._open()

    def _open(self) -> BrowserContext:
        context = self.playwright.chromium.launch_persistent_context(
            self.folder, executable_path=_chromium(), args=FLAGS, base_url=self.address
        )
        context.set_default_timeout(30_000)
        context.add_init_script(LEDGER)
        return context

    @property
    def page(self) -> Page:
        return self.context.pages[-1]

    def arrive(self) -> None:
        """Go to the labelling page, as often as the server is away; sign in where nobody is."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            with suppress(Error):
                reply = self.page.goto(self.desk)
                if reply and reply.ok and self.page.locator("#state").count():
                    return
                if reply and reply.ok:
                    follow_link(self.page, self.user)
            self.page.wait_for_timeout(100)
        raise AssertionError("the page did not come")

    def label(self, digits: list[int]) -> int:
        """Press keys without a pause; return how many found an item, none of them seen before."""
        for digit in digits:
            self.page.keyboard.press(str(digit))
        pressed = self.page.evaluate(PRESSED)
        for item, digit in pressed:
            assert item not in self.said, "an item came twice"
            self.said[item] = digit
            self.last = item
        return len(pressed)

    def wait(self, so: Callable[[], bool]) -> None:
        """Wait until something is so. (Playwright's own way needs eval, which the site's policy forbids.)"""
        until = time.monotonic() + PATIENCE
        while not so():
            assert time.monotonic() < until, "it did not come about"
            self.page.wait_for_timeout(20)

    def use_another_tab(self) -> None:
        """Go on in a second tab, or close it and go on in the first."""
        if len(self.context.pages) > 1:
            self.page.close()
        else:
            self.set_network(cut=False)
            self.context.new_page()
            self.arrive()
        if last := self.last:
            self.wait(lambda: self.page.evaluate(KNOWS, [self.done, last]))

    def set_network(self, cut: bool) -> None:
        self.cut = cut
        self.context.set_offline(cut)

    def close_and_open(self) -> None:
        self.context.close()
        self._come_back()

    def crash_and_open(self) -> None:
        """Kill the browser's main process, which the others follow, while answers wait for a network."""
        self.set_network(cut=True)
        self.label([1, 2, 3])
        self.page.wait_for_timeout(MOMENT)
        self.last = None
        os.kill(self._process(), signal.SIGKILL)
        with suppress(Error):
            self.context.close()
        self._come_back()

    def _process(self) -> int:
        mine = f"--user-data-dir={self.folder}".encode()
        for told in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                words = told.read_bytes().split(b"\0")
                if mine in words and not any(word.startswith(b"--type=") for word in words):
                    return int(told.parent.name)
        raise AssertionError("the browser's process was not found")

    def _come_back(self) -> None:
        self.cut = False
        self.context = self._open()
        self.arrive()

    def wait_until_saved(self) -> None:
        for page in self.context.pages:
            page.wait_for_selector("#state[data-state=saved]", timeout=1000 * PATIENCE)

    def left(self) -> list[str]:
        keys: list[str] = self.page.evaluate(LEFT)
        return keys


class Story:
    """Who labels, and what goes wrong when."""

    def __init__(self, people: list[Annotator], server: mortal.Mortal, rng: random.Random):
        self.people, self.server, self.rng = people, server, rng
        self.happened: Counter[str] = Counter()

    @property
    def given(self) -> int:
        return sum(len(person.said) for person in self.people)

    def go_on(self, upto: int) -> None:
        """Label in turn, a burst at a time, until so many labels are given."""
        until = time.monotonic() + PATIENCE
        while (missing := upto - self.given) > 0:
            person = self.rng.choice(self.people)
            burst = min(self.rng.randint(2, 9), missing)
            if person.label(self.rng.choices([1, 2, 3], k=burst)):
                until = time.monotonic() + PATIENCE
            assert time.monotonic() < until, "nobody got an item any more"
            person.page.wait_for_timeout(20)
            if person.cut and self.rng.random() < 0.3:
                person.set_network(cut=False)

    def go_wrong(self, fault: str) -> None:
        person = self.rng.choice(self.people)
        if fault == "kill":
            self.server.order_death()
        elif fault == "cut":
            person.set_network(cut=True)
        elif fault == "close":
            person.close_and_open()
        elif fault == "crash":
            person.crash_and_open()
        elif fault == "tab":
            person.use_another_tab()
        elif fault == "clock":
            person.page.evaluate(JUMP, self.rng.choice([-3, -1, 1, 9]) * YEAR)
        self.happened[fault] += 1

    def end(self) -> None:
        """Give everybody a network, and wait until everything is delivered."""
        for person in self.people:
            person.set_network(cut=False)
        for person in self.people:
            person.wait_until_saved()


@pytest.fixture
def story(site: str, playwright: Playwright, tmp_path: Path):
    """Three people before a server that can die; ``site`` collected static files, and its worker learns."""
    rng = random.Random(SEED)
    project = make_project("Faults", labels=["card", "cash", "other"], items=LABELS)
    with mortal.running() as server:
        people = []
        for name in ("Ann", "Ben", "Cay"):
            user = make_member(project, name).user
            people.append(Annotator(playwright, tmp_path / name, server.address, project, user))
        for person in people:
            person.arrive()
        yield project, Story(people, server, rng)
        for person in people:
            person.context.close()


def moments(rng: random.Random) -> list[tuple[int, str]]:
    """After how many labels what goes wrong: each fault as often as FAULTS says."""
    faults = [fault for fault, times in FAULTS.items() for _ in range(times)]
    rng.shuffle(faults)
    return list(zip(sorted(rng.sample(range(10, LABELS - 20), len(faults))), faults, strict=True))


def test_500_labels_of_three_people_survive_everything_each_once(story):
    project, told = story
    for moment, fault in moments(told.rng):
        told.go_on(moment)
        told.go_wrong(fault)
    told.go_on(LABELS)
    told.end()

    position = dict(project.labels.values_list("pk", "position"))
    rows = Annotation.objects.filter(project=project)
    stored = {(row.annotator_id, row.item_id): position[row.labels[0]] + 1 for row in rows}
    said = {(person.user.pk, item): digit for person in told.people for item, digit in person.said.items()}
    assert len(rows) == LABELS
    assert stored == said
    assert len({item for _person, item in stored}) == LABELS
    assert [person.left() for person in told.people] == [[], [], []]
    assert told.happened == FAULTS
    assert len(told.server.deaths) == FAULTS["kill"]
