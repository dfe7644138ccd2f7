"""The site starts with nothing but its own command, and the worker behind it is alive."""

from playwright.sync_api import expect

from tests.e2e.conftest import follow_link
from tests.factories import make_user


def test_a_person_signs_in_by_link_and_sees_the_home_page(sign_in):
    page = sign_in()
    follow_link(page, make_user("Ada", is_staff=True))
    expect(page.locator("h1")).to_be_visible()


def test_the_worker_reports_within_seconds(sign_in):
    page = sign_in()
    for _ in range(60):
        if page.request.get("/healthz").json()["worker"]:
            return
        page.wait_for_timeout(500)
    raise AssertionError("no worker was seen")
