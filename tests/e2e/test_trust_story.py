"""How labels come to be trusted, in browsers: from a missed known item to guidelines that everybody read."""

import re
import time
from collections.abc import Callable
from functools import partial

import pytest
from playwright.sync_api import Page, expect

from projects import audit, settle
from projects.models import Dispute, Item, Membership, Project
from tests.e2e.hands import at_desk
from tests.factories import make_admin, make_lead, make_member, make_project

KNOWN, OTHERS = 9, 3
LINE = "A fee after a refund is billing."
POLICY = {
    "holdout_share": 0.0,
    "agreement_share": 0.0,
    "overlap": 2,
    "agreement_overlap": 2,
    "max_overlap": 2,
    "gold_share": 0.5,  # three times that at first: known items come before everything else
    "batch_size": 500,
}


def wait_for(look: Callable[[], object], seconds: int = 60) -> None:
    """Look until there is something to see."""
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)


@pytest.fixture
def project(site: str) -> Project:
    """A project whose first items a lead has decided: they are refunds."""
    project = make_project("Story", labels=["refund", "billing", "card"], items=KNOWN + OTHERS, policy=POLICY)
    act = audit.Act(project, policy_version=1)
    refund = project.labels.get(name="refund")
    for item in project.items.filter(number__lte=KNOWN):
        decided = {"settled_labels": [refund.pk], "settled_source": Item.Source.ADJUDICATED}
        settle.become(
            item, act, project.created_at, state=Item.State.SETTLED, method="adjudicated", **decided
        )
    return project


def member_of(page: Page, project: Project) -> Membership:
    """The membership of whoever sits before a page."""
    return Membership.objects.get(project=project, user__name=page.name)  # type: ignore[attr-defined]


def said(page: Page, project: Project) -> int:
    """How often that person has said something."""
    return project.annotations.filter(annotator__name=page.name).count()  # type: ignore[attr-defined]


def has_said_more(page: Page, project: Project, than: int) -> bool:
    return said(page, project) > than


def answer(page: Page, project: Project, key_for: Callable[[int], str], until: Callable[[], object]) -> None:
    """Answer by key what the labelling page shows, by the item's number, until something is so."""
    for _ in range(KNOWN + OTHERS):
        before = said(page, project)
        text = page.locator("#item").inner_text()
        page.keyboard.press(key_for(int(text.split("text number ")[1].split()[0])))
        wait_for(partial(has_said_more, page, project, before))
        wait_for(partial(has_moved_on, page, text))
        if until():
            return
    raise AssertionError("answered everything in vain")


def has_moved_on(page: Page, text: str) -> bool:
    """Whether the page shows another item, or that there is none."""
    stage = page.locator("#stage")
    return nothing_left(page) or (stage.is_visible() and page.locator("#item").inner_text() != text)


def nothing_left(page: Page) -> bool:
    """Whether the server said that there is nothing; until then items are on their way."""
    told = page.locator("#nothing")
    return told.is_visible() and "on their way" not in told.inner_text()


def open_as(sign_in: Callable[..., Page], member: Membership) -> Page:
    page = sign_in(member.user)
    page.name = str(member.user)  # type: ignore[attr-defined]
    return page


def make_known(lea: Page, project: Project) -> None:
    """Confirm every decided item as a known one."""
    lea.goto(f"/projects/{project.pk}/known/")
    for box in lea.locator("#candidates input[type=checkbox]").all():
        box.check()
    lea.get_by_role("button", name="Make them known items").click()
    expect(lea.get_by_text(f"{KNOWN} items are known items now.")).to_be_visible()


def miss_known_items_until_paused(ben: Page, project: Project) -> None:
    at_desk(ben, project.pk)
    answer(ben, project, lambda _number: "2", lambda: member_of(ben, project).warned_at)
    assert not member_of(ben, project).paused_at
    ben.goto("/notices/")
    expect(ben.get_by_text("often wrong")).to_be_visible()
    at_desk(ben, project.pk)
    answer(ben, project, lambda _number: "2", lambda: member_of(ben, project).paused_at)
    expect(ben.locator("#nothing")).to_be_visible()
    expect(ben.locator("#nothing")).to_contain_text(re.compile("pause", re.I))


def lift(lea: Page, project: Project) -> None:
    """Let Ben go on, with a reason."""
    lea.goto(f"/projects/{project.pk}/records/")
    expect(lea.get_by_text("Paused").first).to_be_visible()
    lea.get_by_role("link", name="Ben").click()
    lea.locator("#lift-reason").fill("We spoke about refunds.")
    lea.get_by_role("button", name="Lift the pause").click()
    wait_for(lambda: not project.memberships.exclude(paused_at=None).exists())


def talk(lea: Page, ben: Page, dispute: Dispute) -> None:
    """Lea asks, Ben answers; neither learns a name."""
    number, project = dispute.item.number, dispute.project_id
    lea.goto(f"/projects/{project}/disputes/{dispute.pk}/")
    lea.locator("#remark").fill("What made you choose this?")
    lea.locator("#talk [name=open]").check()
    lea.get_by_role("button", name="Say it").click()
    ben.goto("/notices/")
    ben.get_by_role("link", name=f"Somebody wrote about item {number}").click()
    expect(ben.get_by_text("What made you choose this?")).to_be_visible()
    assert "Lea" not in ben.locator("main").inner_text()
    ben.locator("#remark").fill("It is a fee.")
    ben.get_by_role("button", name="Say it").click()
    lea.reload()
    expect(lea.get_by_text("It is a fee.")).to_be_visible()


def decide(lea: Page, project: Project, label: str) -> None:
    """Take the side of a label, by key, and suggest a line for the guidelines."""
    letter = lea.locator(".vote", has_text=label).locator("kbd").inner_text().lower()
    lea.locator("#heading").focus()
    lea.keyboard.press("y")
    lea.locator("#line").fill(LINE)
    lea.locator("#line").blur()
    lea.keyboard.press(letter)
    lea.get_by_role("button", name="Guideline gap").click()
    expect(lea.locator("#last")).to_be_visible()
    assert project.guideline_notes.get().text == LINE


def publish_line(ada: Page, project: Project) -> None:
    """Take the suggested line into the guidelines, as a change that makes a label clearer."""
    ada.goto(f"/projects/{project.pk}/settings/guidelines/")
    ada.get_by_role("button", name="Take").click()
    expect(ada.locator("#id_text")).to_have_value(re.compile(re.escape(LINE)))
    expect(ada.locator("[name=kind][value=clarifying]")).to_be_checked()
    ada.locator("[name=summary]").fill("Fees after a refund")
    ada.get_by_role("button", name="Save the guidelines").click()
    expect(ada.get_by_text("Guidelines saved").first).to_be_visible()


def read_and_recheck(page: Page, project: Project) -> None:
    """Read what is new before anything else, then answer what is asked again."""
    page.goto(f"/projects/{project.pk}/label/")
    expect(page.locator("main")).to_contain_text("Fees after a refund")
    page.get_by_role("button", name="I have read it").click()
    expect(page.locator("#item")).to_be_focused()


def test_from_missed_known_items_to_guidelines_that_everybody_read(sign_in, project, screenshots):
    ada = open_as(sign_in, make_admin(project))
    lea = open_as(sign_in, make_lead(project))
    ben = open_as(sign_in, make_member(project, "Ben"))
    mira = open_as(sign_in, make_member(project, "Mira"))

    make_known(lea, project)
    miss_known_items_until_paused(ben, project)
    lift(lea, project)

    at_desk(ben, project.pk)
    answer(ben, project, lambda number: "1" if number <= KNOWN else "2", partial(nothing_left, ben))
    at_desk(mira, project.pk)
    answer(mira, project, lambda number: "1" if number <= KNOWN + 1 else "2", partial(nothing_left, mira))
    dispute = Dispute.objects.get(project=project, state=Dispute.State.OPEN)
    assert project.items.filter(number__gt=KNOWN, state=Item.State.SETTLED).count() == OTHERS - 1

    talk(lea, ben, dispute)
    decide(lea, project, "billing")
    publish_line(ada, project)
    wait_for(lambda: project.items.filter(state=Item.State.STALE).count() >= OTHERS - 1)
    for page in (ben, mira):
        read_and_recheck(page, project)
        answer(page, project, lambda _number: "2", partial(nothing_left, page))
    wait_for(lambda: not project.items.filter(state=Item.State.STALE).exists())
    story_is_told(lea, project)


def story_is_told(lea: Page, project: Project) -> None:
    """The history holds every step, in this order."""
    told = list(
        project.events.exclude(action__startswith="item.").order_by("pk").values_list("action", flat=True)
    )
    steps = [
        "person.warned",
        "person.paused",
        "person.lifted",
        "dispute.resolved",
        "guidelines.changed",
        "guidelines.acknowledged",
    ]
    assert [action for action in dict.fromkeys(told) if action in steps] == steps
    lea.goto(f"/projects/{project.pk}/history/")
    for words in ("Warned", "Paused", "We spoke about refunds.", "Dispute resolved", "Guidelines changed"):
        expect(lea.get_by_text(words).first).to_be_visible()
    lea.goto(f"/projects/{project.pk}/history/?item={KNOWN + 1}")
    expect(lea.locator("main")).to_contain_text(re.compile("settled", re.I))
