"""Nothing is lost, nothing counts twice: 500 labels of three people, with everything going wrong on the way.

Three annotators label 500 items in real browsers with a folder of their own on disk. Meanwhile, at random
moments that the seed names, the network of one of them is cut and comes back; the web server is killed with
SIGKILL after it committed answers and before it said so; a browser is closed, with answers under way or with
the network cut, and opened again; a page's clock is set years back or forward; a second tab is opened, used
in turn with the first, and closed. At the end there are exactly 500 annotations: every item once, by who
pressed the key, with the label of that key, every submission once, and no outbox holds anything.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Error, Page, Playwright, sync_playwright

from annotator.models import User
from projects.models import Annotation, Project
from tests.e2e import mortal
from tests.e2e.conftest import FLAGS, _chromium, follow_link
from tests.factories import make_member, make_project

LABELS = 500
SEED = 20261122
FAULTS = {"kill": 6, "cut": 12, "close": 8, "tab": 8, "clock": 8}
AT = """() => document.getElementById('stage').hidden ? null
  : Number(document.querySelector('#answer [name=item]').value)"""
KNOWS = "([key, item]) => (JSON.parse(localStorage.getItem(key)) ?? []).includes(item)"
LEFT = "() => Object.keys(localStorage).filter((key) => /^annotator(-refused|-aside)?:/.test(key))"
JUMP = """(ms) => {
  const Real = Date;
  window.Date = class extends Real {
    constructor(...parts) { if (parts.length) super(...parts); else super(Real.now() + ms); }
    static now() { return Real.now() + ms; }
  };
}"""
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
        self.cut = False
        self.context = self._open()

    def _open(self) -> BrowserContext:
        context = self.playwright.chromium.launch_persistent_context(
            self.folder, executable_path=_chromium(), args=FLAGS, base_url=self.address
        )
        context.set_default_timeout(30_000)
        return context

    @property
    def page(self) -> Page:
        return self.context.pages[-1]

    def come_in(self) -> None:
        """Sign in once; the browser's folder remembers it."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                follow_link(self.page, self.user)
                return self.arrive()
            except Error:
                self.page.wait_for_timeout(200)
        raise AssertionError("the site did not start")

    def arrive(self, page: Page | None = None) -> None:
        """Go to the labelling page, as often as the server is away."""
        page = page or self.page
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                reply = page.goto(self.desk)
            except Error:
                reply = None
            if reply and reply.ok:
                return page.wait_for_selector("#state", state="attached") and None
            page.wait_for_timeout(200)
        raise AssertionError("the page did not come")

    def label(self, digit: int) -> bool:
        """Press a key, if there is an item; insist that it was not asked before, and goes away."""
        item = self.page.evaluate(AT)
        if item is None:
            return False
        assert item not in self.said, "an item came twice"
        self.page.keyboard.press(str(digit))
        self.wait(lambda: self.page.evaluate(AT) != item)
        self.said[item] = digit
        return True

    def wait(self, so: Callable[[], bool]) -> None:
        """Wait until something is so. (Playwright's own way needs eval, which the site's policy forbids.)"""
        until = time.monotonic() + PATIENCE
        while not so():
            assert time.monotonic() < until, "it did not come about"
            self.page.wait_for_timeout(5)

    def use_another_tab(self) -> None:
        """Go on in a second tab, or close it and go on in the first."""
        known = list(self.said)[-1:]
        if len(self.context.pages) > 1:
            self.page.close()
        else:
            self.context.new_page()
            self.arrive()
        if known and not self.cut:
            self.wait(lambda: self.page.evaluate(KNOWS, [self.done, known[0]]))

    def set_network(self, cut: bool) -> None:
        self.cut = cut
        self.context.set_offline(cut)

    def close_and_open(self) -> None:
        self.context.close()
        self.cut = False
        self.context = self._open()
        self.arrive()

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
        """Label in turn, a few at a time, until so many labels are given."""
        while self.given < upto:
            person = self.rng.choice(self.people)
            for _ in range(min(self.rng.randint(2, 9), upto - self.given)):
                if not person.label(self.rng.randint(1, 3)):
                    person.page.wait_for_timeout(20)
                    break
            if person.cut and self.rng.random() < 0.3:
                person.set_network(cut=False)

    def go_wrong(self, fault: str) -> None:
        person = self.rng.choice(self.people)
        if fault == "kill":
            self.server.armed.set()
        elif fault == "cut":
            person.set_network(cut=True)
        elif fault == "close":
            person.close_and_open()
        elif fault == "tab" and not person.cut:
            person.use_another_tab()
        elif fault == "clock":
            person.page.evaluate(JUMP, self.rng.choice([-3, -1, 1, 9]) * YEAR)
        self.happened[fault] += 1

    def end(self) -> None:
        """Give everybody a network and a server, and wait until everything is delivered."""
        self.server.armed.clear()
        for person in self.people:
            person.set_network(cut=False)
        for person in self.people:
            for page in person.context.pages:
                page.wait_for_selector("#state[data-state=saved]", timeout=1000 * PATIENCE)


@pytest.fixture
def story(site: str, tmp_path: Path):
    """Three people before a server that can die; ``site`` collected static files, and its worker learns."""
    rng = random.Random(SEED)
    project = make_project("Faults", labels=["card", "cash", "other"], items=LABELS)
    with mortal.running() as server, sync_playwright() as playwright:
        people = []
        for name in ("Ann", "Ben", "Cay"):
            user = make_member(project, name).user
            people.append(Annotator(playwright, tmp_path / name, server.address, project, user))
        for person in people:
            person.come_in()
        yield project, Story(people, server, rng)
        for person in people:
            person.context.close()


def test_500_labels_of_three_people_survive_everything_each_once(story):
    project, told = story
    faults = [fault for fault, times in FAULTS.items() for _ in range(times)]
    told.rng.shuffle(faults)
    moments = sorted(told.rng.sample(range(10, LABELS - 20), len(faults)))
    for moment, fault in zip(moments, faults, strict=True):
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
    assert len(told.server.deaths) >= FAULTS["kill"] - 1
