"""The whole job in browsers: set up from a file, label in rounds, disagree, decide, take the labels out."""

import csv
import gzip
import io
import json
import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from projects.models import Dispute, Project
from sampling.models import Round
from tests.e2e.hands import at_desk
from tests.factories import make_user
from tests.services import ROOT

# A real file of thousands of questions in six kinds; where it is missing, the messages of the demonstration.
QUESTIONS = ROOT.parent / "shared/data/trec-questions/items.jsonl.gz"
MESSAGES = ROOT / "demo/bank-messages.jsonl.gz"
PASSWORD = "correct horse battery"


def read(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def wait_for(look: Callable[[], bool], seconds: int = 90) -> None:
    """Look until there is something to see."""
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)


def set_up(page: Page, file: Path, labels: list[str]) -> Project:
    """Go through the four steps of the wizard and start."""
    page.goto("/")
    page.get_by_role("link", name="New project").first.click()
    page.get_by_label("Name of the project").fill("Questions")
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Continue to the columns").click()
    expect(page.get_by_role("heading", name="Which column is what?")).to_be_visible()
    page.get_by_role("button", name="Continue to the labels").click()
    page.get_by_label("Add labels, one a line").fill("\n".join(labels))
    page.get_by_role("button", name="Add labels").click()
    expect(page.get_by_role("heading", name=f"{len(labels)} labels")).to_be_visible()
    page.get_by_label("Markdown").fill("Choose what the answer would be.\n\n- **When two fit:** the first.")
    page.get_by_role("button", name="Continue to the loop").click(delay=300)  # as slow as a finger
    page.locator("[name=batch_size]").fill("10")
    page.locator("[name=agreement_share]").fill("40")
    page.get_by_role("button", name="Start labelling").click()
    page.wait_for_url(re.compile(r"/projects/\d+/(?!setup)"))
    return Project.objects.get(pk=int(page.url.split("/projects/")[1].split("/")[0]))


def invite(page: Page, project: Project, role: str, *emails: str) -> list[str]:
    """Make invitation links on the people's page."""
    page.goto(f"/projects/{project.pk}/people/")
    page.get_by_label("E-mail addresses").fill("\n".join(emails))
    page.locator("#people form [name=role]").first.select_option(role)
    page.get_by_role("button", name="Make the links").click()
    links = page.locator(".invited input")
    expect(links).to_have_count(len(emails))
    return [field.input_value() for field in links.all()]


def join(page: Page, link: str, name: str) -> Page:
    """Accept an invitation with a new account."""
    page.goto(re.sub(r"^https?://[^/]+", "", link))
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create my account and join").click()
    expect(page.get_by_text("Welcome to Questions")).to_be_visible()
    return page


def label(page: Page, count: int, key_for: Callable[[str], str]) -> None:
    """Answer so many items by key; each next item is there without waiting."""
    for _ in range(count):
        text = page.locator("#item .item-text, #item").first.inner_text().strip()
        page.keyboard.press(key_for(text))
        expect(page.locator("#item")).not_to_have_text(text)
    expect(page.locator("#state")).to_have_attribute("data-state", "saved")


def rounds_done(project: Project) -> int:
    return Round.objects.filter(project=project, state=Round.State.DONE).count()


def has_more_rounds(project: Project, than: int) -> bool:
    return rounds_done(project) > than


def rounds_with_model(project: Project) -> int:
    done = Round.objects.filter(project=project, state=Round.State.DONE, model_version__isnull=False)
    return done.count()


def exported(page: Page, project: Project, name: str) -> str:
    answer = page.request.get(f"/projects/{project.pk}/export/{name}")
    assert answer.ok
    return answer.text()


def settled(page: Page, project: Project) -> dict[int, dict[str, Any]]:
    """The settled labels of the export, by the item's number."""
    rows = map(json.loads, exported(page, project, "settled.jsonl").splitlines())
    return {row["item"]: row for row in rows}


def decide_oldest(page: Page, project: Project) -> Dispute:
    """Take the first side of the oldest dispute, by key."""
    page.goto(f"/projects/{project.pk}/disputes/")
    page.keyboard.press("n")
    expect(page.locator("#decision")).to_be_visible()
    dispute = Dispute.objects.get(pk=int(page.url.rstrip("/").split("/")[-1]))
    page.wait_for_load_state()  # it hears keys only now
    page.locator("#decision .votes input").first.check()
    page.keyboard.press("1")
    expect(page.locator("#last")).to_be_visible()
    return dispute


def test_from_a_file_through_rounds_and_a_dispute_to_the_export(sign_in):
    file = QUESTIONS if QUESTIONS.exists() else MESSAGES
    rows = read(file)
    names = sorted({row["label"] for row in rows})
    truth = {" ".join(row["text"].split()): names.index(row["label"]) for row in rows}

    ada = sign_in(make_user("Ada", is_staff=True))
    project = set_up(ada, file, names)
    links = invite(ada, project, "annotator", "ben@e2e.example", "cleo@e2e.example", "dan@e2e.example")
    people = [join(sign_in(), link, name) for link, name in zip(links, ["Ben", "Cleo", "Dan"], strict=True)]
    lea = join(sign_in(), invite(ada, project, "lead", "lea@e2e.example")[0], "Lea")

    def right(text: str) -> str:
        return str((truth[" ".join(text.split())] + 1) % 10)

    def wrong(text: str) -> str:
        return str(((truth[" ".join(text.split())] + 1) % len(names) + 1) % 10)

    wait_for(partial(has_more_rounds, project, 0))
    for page in people:
        at_desk(page, project.pk)
    while rounds_with_model(project) < 3:
        seen = rounds_done(project)
        for page, key_for in zip(people, [right, right, wrong], strict=True):
            label(page, 4, key_for)
        wait_for(partial(has_more_rounds, project, seen))

    wait_for(lambda: project.disputes.filter(state=Dispute.State.OPEN).exists())
    dispute = decide_oldest(lea, project)

    decided = settled(lea, project)[dispute.item.number]
    assert (decided["source"], decided["resolution"]["lead"]) == ("adjudicated", "lea@e2e.example")
    assert decided["label"] in {label for vote in decided["votes"] for label in vote["labels"]}
    assert len({vote["annotator"] for vote in decided["votes"]}) == 2
    table = list(csv.DictReader(io.StringIO(exported(lea, project, "annotations.csv"))))
    assert len(table) == project.annotations.count() >= 36
    lea.goto(f"/projects/{project.pk}/progress/")
    expect(lea.locator("h1")).to_be_visible()
