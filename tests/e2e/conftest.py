"""Browser tests: a real site, a real worker, Debian's Chromium, and no mercy for messages on the console."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.utils.timezone import now
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from pytest_django import DjangoDbBlocker

from annotator.models import SignInLink, User, digest, new_token
from tests.e2e import site as sites

NO_CHROMIUM = (
    "Browser tests skipped: no Chromium found. Install it (Debian: apt-get install chromium) "
    "or set CHROMIUM to its path."
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
]
SignIn = Callable[..., Page]


def _chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not _chromium():
        for item in items:
            item.add_marker(pytest.mark.skip(reason=NO_CHROMIUM))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _chromium():
        terminalreporter.write_line(NO_CHROMIUM)


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    """Leave the cache alone: it belongs to the running site."""


@pytest.fixture(scope="session")
def site(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a running site on this process's test database; nothing is emptied between tests."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = (
        "1"  # Playwright's loop runs in this thread, our queries beside it
    )
    with django_db_blocker.unblock(), sites.running(tmp_path_factory.mktemp("site") / "log") as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=_chromium(), args=FLAGS)
        yield chromium
        chromium.close()


class Watch:
    """Collects what a page must never do: write to the console, fail, or ask another host."""

    def __init__(self, address: str) -> None:
        self.host = urlsplit(address).netloc
        self.complaints: list[str] = []

    def over(self, context: BrowserContext) -> None:
        context.on("console", lambda message: self.complaints.append(f"console: {message.text}"))
        context.on("weberror", lambda error: self.complaints.append(f"error: {error.error}"))
        context.on("request", lambda request: self._ask(request.url))

    def _ask(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.netloc != self.host:
            self.complaints.append(f"request to {parts.netloc}")


@pytest.fixture
def watch(site: str) -> Iterator[Watch]:
    """Clear ``watch.complaints`` in a test that provokes an error on purpose."""
    watching = Watch(site)
    yield watching
    assert watching.complaints == []


@pytest.fixture
def sign_in(site: str, browser: Browser, watch: Watch) -> Iterator[SignIn]:
    """Open a browser of their own for each person: ``page = sign_in(user, viewport=…, color_scheme=…)``."""
    contexts: list[BrowserContext] = []

    def open_for(user: User | None = None, **options: object) -> Page:
        context = browser.new_context(base_url=site, **options)  # type: ignore[arg-type]
        contexts.append(context)
        watch.over(context)
        context.set_default_timeout(20_000)
        page = context.new_page()
        if user is not None:
            follow_link(page, user)
        return page

    expect.set_options(timeout=20_000)
    yield open_for
    for context in contexts:
        context.close()


def follow_link(page: Page, user: User) -> None:
    """Sign in by a one-time link, as a person would."""
    token = new_token()
    SignInLink.objects.create(token_digest=digest(token), user=user, expires_at=now() + timedelta(minutes=10))
    page.goto(f"/link/{token}/")
    button = page.locator("main form button[type=submit]")
    if button.count():
        button.first.click()
    page.wait_for_url(lambda url: "/link/" not in url)


@pytest.fixture
def screenshots() -> Path | None:
    """Where to put screenshots: the folder that SHOTS names, if any."""
    name = os.environ.get("SHOTS")
    if not name:
        return None
    folder = Path(name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
