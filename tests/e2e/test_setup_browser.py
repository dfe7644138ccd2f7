"""Set up a project as a newcomer does: a file with faults, labels, a preview, and the start."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from projects.models import Project
from tests.factories import make_user

SignIn = Callable[..., Page]


def begin(page: Page, name: str, file: Path, *, image: bool = False) -> None:
    page.goto("/projects/new/")
    page.get_by_label("Name of the project").fill(name)
    if image:
        page.get_by_role("radio", name=re.compile("Pictures")).check()
    page.locator("input[type=file]").set_input_files(file)
    expect(page.locator("[data-words]")).to_contain_text(file.name)
    page.get_by_role("button", name="Continue to the columns").click()
    page.wait_for_url("**/setup/columns/")


def project_of(page: Page) -> Project:
    found = re.search(r"/projects/(\d+)/", page.url)
    assert found
    return Project.objects.get(pk=found[1])


def wait_for_items(page: Page, project: Project, count: int) -> None:
    page.goto(f"/projects/{project.pk}/settings/data/")
    for _ in range(120):
        if page.get_by_text("Imported", exact=True).count():
            break
        page.wait_for_timeout(500)
        page.reload()
    project.refresh_from_db()
    assert project.item_count == count


def test_a_newcomer_sets_up_texts_with_faults_and_labels_of_their_own(sign_in: SignIn, tmp_path: Path, watch):
    page = sign_in(make_user("Ada", is_staff=True))
    file = tmp_path / "tickets.csv"
    file.write_text("id;body;team\n1;Where is my card?;cards\n2;;cards\n3;Money back <b>now</b>;refunds\n")
    begin(page, "Support tickets", file)
    expect(page.get_by_text("1 row has a problem")).to_be_visible()
    expect(page.get_by_role("cell", name="The text is empty.")).to_be_visible()
    expect(page.locator("#preview")).to_contain_text("Where is my card?")
    page.get_by_label("A known label").select_option("team")
    page.get_by_role("radio", name=re.compile("^Seed")).check()
    expect(page.get_by_text("Labels found")).to_be_visible()
    page.get_by_role("radio", name=re.compile("Import the 2 good rows")).check()
    page.get_by_role("button", name="Continue to the labels").click()
    labels_by_mouse_and_key(page)
    page.get_by_role("button", name="Continue to the loop").click()
    page.wait_for_url("**/setup/loop/")
    page.get_by_label("E-mail addresses").fill("ben@example.org")
    page.get_by_role("button", name="Make the links").click()
    expect(page.get_by_label("ben@example.org")).to_have_value(re.compile("/invitation/"))
    page.get_by_role("button", name="Start labelling").click()
    expect(page.get_by_text("Labelling is open")).to_be_visible()
    wait_for_items(page, project_of(page), 2)
    # The taken key was meant; a page that asks for news and is left gives its last request up.
    meant = ("409", "htmx:afterRequest", "htmx:sendAbort")
    watch.complaints = [line for line in watch.complaints if not any(word in line for word in meant)]


def labels_by_mouse_and_key(page: Page) -> None:
    page.get_by_label("Add labels, one a line").fill("complaint\tAngry people\n")
    page.get_by_role("button", name="Add labels").click()
    expect(page.get_by_role("heading", name="3 labels")).to_be_visible()
    key = page.get_by_label("Key of complaint")
    key.fill("1")
    key.press("Tab")
    expect(page.locator(".label-problem", has_text="The key 1 belongs to")).to_be_visible()
    key.fill("c")
    key.press("Tab")
    expect(page.locator(".label-problem", has_text="The key 1 belongs to")).to_have_count(0)
    expect(page.locator("#preview .choice", has_text="complaint")).to_contain_text("c")
    page.get_by_label("Move complaint up").click()
    expect(page.locator("#preview .choice").nth(1)).to_contain_text("complaint")
    page.locator("#id_text").fill("Take the **first** that fits.\n\n<script>document.title='broken'</script>")
    expect(page.locator("#rendered strong")).to_have_text("first")
    assert page.title() != "broken"


def test_what_was_set_up_is_there_after_leaving_and_going_back(sign_in: SignIn, tmp_path: Path):
    page = sign_in(make_user("Ada", is_staff=True))
    file = tmp_path / "mail.jsonl"
    file.write_text("".join(json.dumps({"text": f"mail {n}"}) + "\n" for n in range(30)))
    begin(page, "Mail", file)
    expect(page.get_by_text("Every row is fine")).to_be_visible()
    page.get_by_role("button", name="Continue to the labels").click()
    page.get_by_label("Add labels, one a line").fill("\n".join(f"class {n}" for n in range(150)))
    page.get_by_role("button", name="Add labels").click()
    expect(page.get_by_role("heading", name="150 labels")).to_be_visible()
    page.locator("#id_text").fill("Kept when one goes back.")
    page.locator("#id_text").press("Tab")
    expect(page.locator("#status")).to_contain_text("Guidelines saved")
    page.get_by_role("link", name="Data").click()
    expect(page.get_by_label("Name of the project")).to_have_value("Mail")
    expect(page.get_by_text("mail.jsonl")).to_be_visible()
    page.goto(f"/projects/{project_of(page).pk}/")
    page.wait_for_url("**/setup/loop/")
    page.get_by_role("link", name="Labels", exact=True).click()
    expect(page.locator("#id_text")).to_have_value("Kept when one goes back.")
    assert page.locator(".label-row").count() == 150


def test_pictures_show_in_the_preview_before_they_are_imported(sign_in: SignIn, tmp_path: Path):
    page = sign_in(
        make_user("Ada", is_staff=True), viewport={"width": 390, "height": 844}, color_scheme="dark"
    )
    file = tmp_path / "flowers.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for n, folder in enumerate(["daisy", "tulip", "daisy"]):
            picture = io.BytesIO()
            Image.new("RGB", (40 + n, 30), (80 * n, 120, 60)).save(picture, "PNG")
            archive.writestr(f"{folder}/{n}.png", picture.getvalue())
    begin(page, "Flowers", file, image=True)
    expect(page.get_by_text("Every row is fine")).to_be_visible()
    page.get_by_role("radio", name=re.compile("^Seed")).check()
    expect(page.get_by_text("Labels found")).to_be_visible()
    page.get_by_role("button", name="Continue to the labels").click()
    shown = page.locator("#preview img")
    expect(shown).to_be_visible()
    assert shown.evaluate("image => image.decode().then(() => image.naturalWidth)") == 40
    page.get_by_role("button", name="Continue to the loop").click()
    page.wait_for_url("**/setup/loop/")
    expect(page.get_by_role("heading", name="Members")).to_be_visible()
    # Nothing sticks out of a telephone.
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.get_by_role("button", name="Start labelling").click()
    wait_for_items(page, project_of(page), 3)
