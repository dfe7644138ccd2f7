"""How the page looks in every state of its outbox: on both sizes of screen, light, dark and in Arabic."""

from functools import partial

import pytest
from django.utils.timezone import now
from playwright.sync_api import Page, Route, expect

from tests.e2e.test_outbox_browser import NO_DISK, fail, go, press, state
from tests.factories import make_member, make_project, make_user


@pytest.fixture(params=[1280, 390])
def width(request) -> int:
    return request.param


@pytest.fixture(params=["light", "dark", "arabic"])
def shown(request, sign_in, watch, width, screenshots):
    """A labelling page, its project, and what looks at it: nothing may stick out of the window."""
    arabic = request.param == "arabic"
    labels = ["بطاقة", "نقد", "غير ذلك"] if arabic else ["card", "cash", "other"]
    texts = [f"أين بطاقتي رقم {n}؟" if arabic else f"Where is my card, number {n}?" for n in range(30)]
    project = make_project("بريد" if arabic else "Post", labels=labels, items=texts)
    user = make_user(language="ar" if arabic else "en")
    make_member(project, user)
    scheme = "light" if arabic else request.param
    page = sign_in(user, viewport={"width": width, "height": 800}, color_scheme=scheme)
    yield go(page, project), project, partial(_look, page, screenshots, f"{width}-{request.param}")
    page.close()  # it would go on trying
    watch.complaints.clear()


def _look(page: Page, folder, name: str, what: str) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    dot, words = (page.locator(part).bounding_box() for part in (".state-dot", "#state-words"))
    assert words["y"] <= dot["y"] <= words["y"] + words["height"]
    if folder:
        page.screenshot(path=folder / f"outbox-{what}-{name}.png", full_page=what != "signedout")


def test_what_was_refused_and_what_others_wait_for_fit_every_screen(shown):
    page, project, look = shown
    look("saved")
    project.labels.filter(position=1).update(retired_at=now())
    press(page, "2", "2")
    expect(page.locator("#refused-list li")).to_have_count(2)
    look("refused")
    fail(page)
    press(page, "1")
    state(page, "trouble")
    other = make_project("Parcels", items=9)
    make_member(other, project.memberships.get().user)
    go(page, other)
    expect(page.locator("#others li")).to_have_count(2)
    look("others")


def test_every_state_fits_every_screen(shown):
    page, _project, look = shown
    held: list[Route] = []
    page.context.route("**/answers/", lambda route: held.append(route))
    press(page, "1")
    state(page, "sending")
    look("sending")
    page.context.route("**/answers/", lambda route: route.abort())
    press(page, "1", "2")
    held[0].abort()
    state(page, "offline", "3")
    look("offline")
    fail(page)
    page.evaluate("dispatchEvent(new Event('focus'))")
    state(page, "trouble", "3")
    look("trouble")
    page.evaluate(f"() => {{ {NO_DISK} }}")
    press(page, "1")
    state(page, "unkept", "4")
    look("unkept")
    page.context.unroute("**/answers/")
    page.context.clear_cookies()
    page.evaluate("dispatchEvent(new Event('focus'))")
    expect(page.locator("#signin [data-for=signedout] .primary")).to_be_focused()
    look("signedout")
