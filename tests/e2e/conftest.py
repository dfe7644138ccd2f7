"""Browser tests: a real site, a real worker, Debian's Chromium, and no mercy for messages on the console."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import Max
from django.test.utils import setup_databases, teardown_databases
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright
from pytest_django import DjangoDbBlocker

from annotator import accounts
from annotator.models import User
from projects.models import Project
from tests.e2e import site as sites
from tests.factories import session_of

# The shell has no windows of its own to draw, and opens a page in a third of the time.
BROWSERS = [
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
]
NO_CHROMIUM = (
    "Browser tests skipped: no Chromium found. Install it (Debian: apt-get install chromium) "
    "or set CHROMIUM to its path."
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    # Each new window would load pages of the browser's own in advance.
    "--disable-features=PreloadTopChromeWebUI,Translate,MediaRouter,OptimizationHints,HttpsUpgrades",
]
SignIn = Callable[..., Page]
FAILED = pytest.StashKey[bool]()


def _chromium() -> str | None:
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)


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
def database(
    django_test_environment: None, django_db_modify_db_settings: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """A test database that the whole run shares with the site: made once, open to every test."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = (
        "1"  # Playwright's loop runs in this thread, our queries beside it
    )
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False, aliases={"default": False})
        yield
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:  # a site that has just ended may still hold connections
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
        teardown_databases(made, verbosity=0)


@pytest.fixture(scope="session")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What web server and worker print."""
    return tmp_path_factory.mktemp("site") / "log"


@pytest.fixture(scope="session")
def site(database: None, log: Path) -> Iterator[str]:
    """The address of a running site on this process's test database; nothing is emptied between tests."""
    with sites.running(log) as address:
        yield address


@pytest.fixture(autouse=True)
def show_log(log: Path) -> Iterator[None]:
    """Add to a failure's report what the site printed meanwhile."""
    before = log.stat().st_size if log.exists() else 0
    yield
    if log.exists():
        print(log.read_text()[before:])


@pytest.fixture(autouse=True)
def at_rest(database: None) -> Iterator[None]:
    """Let the worker rest from the projects of a test that is over: hundreds of them would keep it busy."""
    last = Project.objects.aggregate(last=Max("pk"))["last"] or 0
    yield
    Project.objects.filter(pk__gt=last).update(state=Project.State.ARCHIVED)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    chromium = playwright.chromium.launch(executable_path=_chromium(), args=FLAGS)
    yield chromium
    chromium.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let the fixtures know that a test failed: they leave screenshots."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


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
def sign_in(
    site: str, browser: Browser, watch: Watch, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[SignIn]:
    """Open a browser of their own for each person: ``page = sign_in(user, viewport=…, color_scheme=…)``.

    The page is empty, or the start page of those who chose a language.
    """
    contexts: list[BrowserContext] = []

    def open_for(user: User | None = None, **options: object) -> Page:
        context = browser.new_context(base_url=site, **options)  # type: ignore[arg-type]
        contexts.append(context)
        watch.over(context)
        context.set_default_timeout(int(os.environ.get("BROWSER_TIMEOUT", "20000")))
        if user is not None:
            name = settings.SESSION_COOKIE_NAME
            context.add_cookies([{"name": name, "value": session_of(user), "url": site}])
        page = context.new_page()
        if user is not None and user.language:
            page.goto("/")  # the first answer brings the cookie of the language
        return page

    expect.set_options(timeout=20_000)
    yield open_for
    failed = request.node.stash.get(FAILED, False)
    for number, context in enumerate(contexts):
        for page in context.pages if failed else []:
            page.screenshot(path=tmp_path / f"failed-{number}.png")
            print(f"{page.url}: {tmp_path}/failed-{number}.png")
        context.close()


def follow_link(page: Page, user: User) -> None:
    """Sign in by a one-time link, as a person would."""
    page.goto(accounts.make_sign_in_link(user))
    page.locator("main form button").first.click()
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
