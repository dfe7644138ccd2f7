"""Measure the labelling page in a real Chromium: from a key press until the next item is on the screen.

    python benchmarks/screen.py --json OUT

Starts a database (PostgreSQL and Redis from their wheels, ``--sqlite`` a file), the product's own server with
its worker, and a browser that signs in, opens the page and presses keys as a person would: one every 400 ms,
through the browser's own input, so that events are trusted. A small proxy between the two adds 0, 300 or
1,500 ms to each request.

``key_to_paint_ms`` runs from the time stamp that the browser gave the key to the later of two moments: the
second animation frame after the new item stood in the page (style, layout and paint of the first are then
behind us), and the time at which the browser says that it presented that item (Element Timing: the text, or
the picture with its pixels). The first alone waits for a frame more than people do: this is an upper bound.
Presses for which no item was there are counted as ``dry``, not left out: their time runs until one came.
``during_round`` counts presses while a round was running, with the worker at work beside the server.

``reference`` is the classic way, measured in the same run on the same server: the page's own form, posted by
the browser, a redirect and a whole new page, until its first contentful paint; ``ratio`` is by how much it is
slower. ``machine_speed`` presses a key every 30 ms with the server 1,500 ms away: then no stock lasts, and it
says what the page said. ``page_gzip_kb`` is the page with all that it loads, each file compressed by itself,
without what belongs to its items.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import os
import random
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.delays import Proxy  # noqa: E402
from benchmarks.desks import LABELS, Desk  # noqa: E402

DELAYS = (0, 300, 1500)
PACE = 0.4
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]

# In the page, before its own scripts: when a key was pressed, when the item changed and was on the screen.
WATCH = """
(() => {
  const presses = [], broken = [];
  let open = null;
  window.screenWatch = { presses, broken, armed: false };
  addEventListener("securitypolicyviolation", (event) => broken.push(event.violatedDirective));
  addEventListener("keydown", (event) => {
    if (!window.screenWatch.armed) return;
    const stage = document.getElementById("stage");
    open = { at: event.timeStamp, trusted: event.isTrusted, dry: false, wall: Date.now() };
    Object.assign(open, { painted: null, presented: null });
    presses.push(open);
    const mine = open;
    requestAnimationFrame(() => { mine.dry = mine.painted === null && stage.hidden; });
  }, true);
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const press = presses[Number(entry.identifier)];
      if (press && press.presented === null) press.presented = entry.renderTime - press.at;
    }
  }).observe({ type: "element" });
  addEventListener("DOMContentLoaded", () => {
    const item = document.getElementById("item");
    if (!item) return;
    new MutationObserver(() => {
      const mine = open;
      const shown = item.querySelector(".item-text, .item-picture");
      if (!mine || !shown || mine.changed) return;
      mine.changed = true;
      const first = shown.querySelector(".piece") ?? shown; // of a long text, the piece at the top
      first.setAttribute("elementtiming", String(presses.indexOf(mine)));
      requestAnimationFrame(() => requestAnimationFrame(() => {
        mine.painted = performance.now() - mine.at;
        mine.ready = shown.tagName !== "IMG" || (shown.complete && shown.naturalWidth > 0);
      }));
    }).observe(item, { childList: true });
  });
})();
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--presses", type=int, default=60, help="of each measurement (default: %(default)s)")
    parser.add_argument("--sqlite", action="store_true")
    parser.add_argument("--items", type=int, default=2000, help="texts (default: %(default)s)")
    parser.add_argument("--round-items", type=int, default=60_000, help="items of the project that trains")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    options = parser.parse_args()
    from benchmarks.desks import prepare
    from benchmarks.load import environment, server

    with environment(options.sqlite) as folder:
        projects = prepare(options)
        with server(folder, worker=True) as (port, _process):
            found = measure(options, port, projects)
    text = json.dumps(found, indent=2)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


# The browser.


@dataclass
class Seen:
    """A browser, and what no page may do in it, over the whole run."""

    browser: Any
    elsewhere: set[str] = field(default_factory=set)
    console: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def over(self, context: Any) -> None:
        context.on("console", lambda message: self.console.append(message.text))
        context.on("weberror", lambda error: self.console.append(str(error.error)))
        context.on("request", lambda request: self._ask(request.url))

    def _ask(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.hostname != "127.0.0.1":
            self.elsewhere.add(str(parts.hostname))


@contextlib.contextmanager
def desk_page(seen: Seen, port: int, desk: Desk, person: int) -> Iterator[Any]:
    """Open the labelling page as a person, with a browser profile of their own."""
    address = f"http://127.0.0.1:{port}"
    context = seen.browser.new_context(base_url=address, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(60_000)
    context.add_cookies([{"name": "sessionid", "value": desk.sessions[person], "url": address}])
    context.add_init_script(WATCH)
    seen.over(context)
    page = context.new_page()
    try:
        page.goto(f"/projects/{desk.project}/label/")
        page.locator("#item").wait_for()
        page.locator("#item:focus").wait_for()
        yield page
        seen.violations += page.evaluate("screenWatch.broken")
    finally:
        context.close()


def press(page: Any, count: int, pace: float, rng: random.Random) -> list[dict[str, Any]]:
    """Answer so many items, a key every ``pace`` seconds on average, and return what the page saw.

    Among many labels a letter goes before, and the digit, which is measured, picks one of what it found.
    """
    many = page.locator("#find").count() > 0
    for _ in range(count):
        if many:
            page.evaluate("screenWatch.armed = false")
            page.keyboard.press("b")
        page.evaluate("screenWatch.armed = true")
        page.keyboard.press(str(rng.randint(1, LABELS)))
        time.sleep(pace * rng.uniform(0.75, 1.25))
    page.wait_for_timeout(500)
    found: list[dict[str, Any]] = page.evaluate("screenWatch.presses")
    assert all(one["trusted"] for one in found)
    return found


def shown(presses: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Sum up: the later of the second frame and of what the browser says that it presented."""
    times = sorted(
        max(one["painted"], one["presented"] or 0) for one in presses if one["painted"] is not None
    )
    presented = sorted(one["presented"] for one in presses if one["presented"] is not None)
    return {
        **quantiles(times),
        "presented_p95": quantiles(presented)["p95"],
        "presses": len(presses),
        "dry": sum(one["dry"] or one["painted"] is None for one in presses),
        "without_pixels": sum(one.get("ready") is False for one in presses),
    }


def quantiles(times: Sequence[float]) -> dict[str, float | None]:
    if not times:
        return {"p50": None, "p95": None}
    return {"p50": round(times[len(times) // 2], 1), "p95": round(times[int(len(times) * 0.95)], 1)}


# The measurements.


def measure(options: argparse.Namespace, port: int, desks: dict[str, Desk]) -> dict[str, Any]:
    """Open a browser, do everything in it, and return all figures."""
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        seen, rng = Seen(browser), random.Random(11)
        found = delayed(seen, port, desks, options.presses, rng)
        for kind, name in (("text_of_50000", "long"), ("150_labels", "many")):
            with desk_page(seen, port, desks[name], 0) as page:
                found["by_kind"][kind] = shown(press(page, options.presses, PACE, rng))
        times = found["key_to_paint_ms"]
        times["during_round"] = during_round(seen, port, desks["round"], options.presses, rng)
        found |= weight(seen, port, desks["text"])
        found["browser"] = browser.version
        browser.close()
    return found | {
        "requests_to_other_hosts": len(seen.elsewhere),
        "console_messages": len(seen.console),
        "csp_violations": len(seen.violations),
        "said": sorted({*seen.elsewhere, *seen.console, *seen.violations}),
        "database": "sqlite" if options.sqlite else "postgresql",
        "cores": os.cpu_count(),
    }


def delayed(seen: Seen, port: int, desks: dict[str, Desk], count: int, rng: random.Random) -> dict[str, Any]:
    """Texts, pictures and the classic page with the server near and far; and far too many keys at the end."""
    times: dict[str, Any] = {}
    kinds: dict[str, Any] = {"text": {}, "picture": {}}
    reference: dict[str, Any] = {}
    machine: dict[str, Any] = {}
    for person, delay in enumerate(DELAYS):
        proxy = Proxy(port, delay)
        proxy.start()
        every = []
        for kind in ("text", "picture"):
            with desk_page(seen, proxy.port, desks[kind], person) as page:
                presses = press(page, count, PACE, rng)
            kinds[kind][str(delay)] = shown(presses)
            every += presses
        times[str(delay)] = shown(every)
        reference[str(delay)] = classic(seen, proxy.port, desks["text"], person)
        if delay == DELAYS[-1]:
            machine = machine_speed(seen, proxy.port, desks["text"])
        proxy.close()
    ratio = {key: round(reference[key]["p50"] / times[key]["p50"], 1) for key in reference}
    return {
        "key_to_paint_ms": times,
        "by_kind": kinds,
        "reference": {"classic_form_and_page_ms": reference, "ratio": ratio},
        "machine_speed": machine,
    }


def classic(seen: Seen, port: int, desk: Desk, person: int) -> dict[str, Any]:
    """The same form as a plain page does it: post, redirect, a new page; until its first contentful paint."""
    address = f"http://127.0.0.1:{port}"
    context = seen.browser.new_context(base_url=address, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(60_000)
    context.add_cookies([{"name": "sessionid", "value": desk.sessions[3 + person], "url": address}])
    context.route("**/js/label*.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    seen.over(context)
    page, times = context.new_page(), []
    page.goto(f"/projects/{desk.project}/label/")
    for _ in range(12):
        button = page.locator("button.choice").first
        button.focus()
        page.evaluate(
            "document.addEventListener('keydown', (event) => sessionStorage.setItem('at',"
            " performance.timeOrigin + event.timeStamp), { once: true, capture: true })"
        )
        with page.expect_navigation():
            page.keyboard.press("Enter")
        painted = page.evaluate(
            "new Promise((done) => { const look = () => { const [paint] ="
            " performance.getEntriesByName('first-contentful-paint');"
            " paint ? done(performance.timeOrigin + paint.startTime - Number(sessionStorage.getItem('at')))"
            " : setTimeout(look, 20); }; look(); })"
        )
        times.append(painted)
    context.close()
    return {**quantiles(sorted(times)), "presses": len(times)}


def machine_speed(seen: Seen, port: int, desk: Desk) -> dict[str, Any]:
    """A key every 30 ms: when the stock is used up, the page says so, and nothing pressed then counts."""
    from projects.models import Annotation

    before = Annotation.objects.filter(project_id=desk.project).count()
    with desk_page(seen, port, desk, 7) as page:
        presses = press(page, 100, 0.03, random.Random(3))
        said = page.locator("#nothing-head").inner_text()
        page.locator("#state[data-state=saved]").wait_for()
        page.wait_for_timeout(4000)
    answered = sum(one.get("changed", False) for one in presses)
    return {
        "presses": len(presses),
        "answered": answered,
        "stored": Annotation.objects.filter(project_id=desk.project).count() - before,
        "said_meanwhile": said,
        **quantiles(
            sorted(one["painted"] for one in presses if one["painted"] is not None and not one["dry"])
        ),
    }


def during_round(seen: Seen, port: int, desk: Desk, count: int, rng: random.Random) -> dict[str, Any]:
    """Go on labelling until so many presses fell into a round that was running."""
    from django.db import connection

    from sampling.models import Round

    running: list[float] = []
    stop = threading.Event()

    def look() -> None:
        live = Round.objects.filter(project_id=desk.project, state="running")
        while not stop.wait(0.05):
            if live.exists():
                running.append(1000 * time.time())
        connection.close()

    watcher = threading.Thread(target=look)
    watcher.start()
    presses: list[dict[str, Any]] = []
    try:
        with desk_page(seen, port, desk, 0) as page:
            until = time.monotonic() + 300
            while len(within(presses, running)) < count and time.monotonic() < until:
                presses = press(page, 10, PACE, rng)
    finally:
        stop.set()
        watcher.join()
    rounds = Round.objects.filter(project_id=desk.project).count()
    return {**shown(within(presses, running)), "presses_in_all": len(presses), "rounds": rounds}


def within(presses: Sequence[dict[str, Any]], running: Sequence[float]) -> list[dict[str, Any]]:
    """The presses at a time when a round was seen running, at most 100 ms away."""
    return [one for one in presses if any(abs(one["wall"] - at) < 100 for at in running)]


def weight(seen: Seen, port: int, desk: Desk) -> dict[str, Any]:
    """What the page loads, compressed; and how soon the first item is there."""
    address = f"http://127.0.0.1:{port}"
    context = seen.browser.new_context(base_url=address)
    context.add_cookies([{"name": "sessionid", "value": desk.sessions[6], "url": address}])
    bodies: dict[str, bytes] = {}
    page = context.new_page()
    page.on("requestfinished", lambda request: bodies.setdefault(request.url, b""))
    page.goto(f"/projects/{desk.project}/label/")
    page.wait_for_load_state("networkidle")
    painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    for url in bodies:
        if "/answers/" not in url:
            bodies[url] = context.request.get(url).body()
    context.close()
    html = next(body for url, body in bodies.items() if url.endswith("/label/"))
    start = html.index(b'<script id="desk-data"')
    data = json.loads(html[html.index(b">", start) + 1 : html.index(b"</script>", start)])
    of_items = len(gzip.compress(json.dumps(data["items"]).encode(), 9))
    whole = {url.rsplit("/", 1)[-1] or "label/": len(gzip.compress(body, 9)) for url, body in bodies.items()}
    return {
        "page_gzip_kb": round((sum(whole.values()) - of_items) / 1000, 1),
        "page_files": len(whole),
        "first_contentful_paint_ms": round(painted),
    }


if __name__ == "__main__":
    main()
