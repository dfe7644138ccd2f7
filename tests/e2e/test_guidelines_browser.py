"""Writing guidelines: what is swapped in leaves no message on the console, also where a box was resized."""

from __future__ import annotations

from playwright.sync_api import Route, expect

from projects.models import GuidelineNote
from tests.factories import make_admin, make_project


def test_a_resized_box_stays_quiet_whatever_is_swapped_in(sign_in, watch):
    project = make_project(items=3)
    GuidelineNote.objects.create(project=project, text="Fees are billing")
    page = sign_in(make_admin(project).user)
    page.goto(f"/projects/{project.pk}/settings/guidelines/")
    # As the mouse does at the corner of the box.
    page.locator("#id_text").evaluate("box => { box.style.height = '400px'; }")
    page.get_by_role("button", name="Take").click()
    expect(page.locator("[name=notes]")).to_have_count(1)
    page.locator("#id_text").evaluate("box => { box.style.height = '400px'; }")
    page.locator("[name=kind][value=breaking]").check()
    expect(page.locator("#effect")).to_contain_text("begin anew")
    page.locator("[name=summary]").fill("New")
    expect(page.locator(".optional")).to_be_hidden()
    page.get_by_role("button", name="Save the guidelines").click()
    expect(page.locator(".errorlist")).to_contain_text("Choose the labels")
    # The browser itself says of a refusal that it was one.
    watch.complaints = [one for one in watch.complaints if "409" not in one]


def test_what_is_typed_while_the_effect_is_looked_up_stays(sign_in):
    project = make_project(items=3)
    page = sign_in(make_admin(project).user)
    page.goto(f"/projects/{project.pk}/settings/guidelines/")
    page.locator("[name=kind][value=clarifying]").check()
    expect(page.locator("#effect")).to_contain_text("nothing is asked again")
    page.get_by_text("label 1").click()
    expect(page.locator("#effect")).to_contain_text("nothing becomes stale")
    waiting: list[Route] = []
    page.route("**/effect/", lambda route, _request: waiting.append(route))
    with page.expect_request("**/effect/"):
        page.get_by_role("button", name="See what this does").click()
    page.locator("#id_text").fill("Fees are billing.")
    page.locator("[name=summary]").fill("Fees")
    page.locator("#effect").evaluate("node => { node.textContent = ''; }")
    for route in waiting:
        route.continue_()
    expect(page.locator("#effect")).to_contain_text("nothing becomes stale")
    expect(page.locator("#id_text")).to_have_value("Fees are billing.")
    expect(page.locator("[name=summary]")).to_have_value("Fees")
