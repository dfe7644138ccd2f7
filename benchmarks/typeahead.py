"""How many letters find one of many labels, with the page's own ranking in a real browser.

    python benchmarks/typeahead.py --json OUT --set banking=items.jsonl.gz --set intents=domains.json

A set is a file of names: one a line, JSON (a list, or a list for each group), or items as JSON lines whose
``label`` is read. Without one, 150 made names are measured that share their words. Of each label: how many
keys, blanks included, until it is the first hit, among five, among the nine that a digit takes; typed from
the start of its name, and planned, by the shortest beginnings of one or two of its words.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import os
import shutil
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

RANK = Path(__file__).resolve().parent.parent / "static" / "js" / "label" / "rank.js"
ACTS = ("cancel", "change", "check", "order", "pay", "plan", "refund", "report", "share", "track")
THINGS = ("bill", "card", "flight", "hotel", "insurance", "letter", "loan", "meal", "meeting", "parcel")
MORE = ("repair", "ticket", "trip", "visa", "account")

MEASURE = """
async ({ source, names }) => {
  const { entry, plain, search } = await import(source);
  const labels = names.map((name) => entry(name));
  const times = [];
  const places = new Map(); // what was typed → each label's place among the hits
  const placesOf = (typed) => {
    if (!places.has(typed)) {
      const began = performance.now();
      const hits = search(labels, typed);
      times.push(performance.now() - began);
      places.set(typed, new Map(hits.map(({ at }, place) => [at, place])));
    }
    return places.get(typed);
  };
  const prefixes = (text, most = text.length) =>
    Array.from({ length: Math.min(most, text.length) }, (_, at) => text.slice(0, at + 1));
  const keys = (typings, at, top) => {
    const fits = typings.filter((typed) => (placesOf(typed).get(at) ?? Infinity) < top);
    return fits.length ? Math.min(...fits.map((typed) => typed.length)) : null;
  };
  const rows = names.map((name, at) => {
    const whole = plain(name);
    const words = whole.split(/[^\\p{L}\\p{N}]+/u).filter(Boolean);
    const pairs = words.flatMap((first, here) => words.slice(here + 1).flatMap((second) =>
      prefixes(first, 3).flatMap((a) => prefixes(second, 3).map((b) => `${a} ${b}`))));
    const planned = [...prefixes(whole), ...words.flatMap((word) => prefixes(word)), ...pairs];
    const of = (typings) => [1, 5, 9].map((top) => keys(typings, at, top));
    return { planned: of(planned), start: of(prefixes(whole)) };
  });
  return { rows, times };
}
"""


def names_of(path: Path) -> list[str]:
    """Read the names of a set of labels, each once."""
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    if ".jsonl" in path.name:
        found = [json.loads(line)["label"] for line in text.splitlines()]
    elif path.suffix == ".json":
        told = json.loads(text)
        found = [name for group in told.values() for name in group] if isinstance(told, dict) else told
    else:
        found = [line.strip() for line in text.splitlines() if line.strip()]
    return list(dict.fromkeys(found))


def measured(page: Page, names: list[str]) -> dict[str, Any]:
    source = "data:text/javascript;base64," + base64.b64encode(RANK.read_bytes()).decode()
    found = page.evaluate(MEASURE, {"source": source, "names": names})
    times = sorted(found["times"])
    ways = {way: [row[way] for row in found["rows"]] for way in ("planned", "start")}
    return {
        "labels": len(names),
        "keys": {way: _means(rows) for way, rows in ways.items()},
        "never_among_nine": [name for name, row in zip(names, ways["start"], strict=True) if row[2] is None],
        "search_ms": {"p50": times[len(times) // 2], "p95": times[int(0.95 * len(times))]},
    }


def _means(rows: list[list[int | None]]) -> dict[str, float]:
    """Mean keys until a label is among the first one, five, nine; labels that never are do not count."""
    columns = [[keys for keys in column if keys is not None] for column in zip(*rows, strict=True)]
    return {
        f"top{top}": round(sum(column) / len(column), 2)
        for top, column in zip((1, 5, 9), columns, strict=True)
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=FILE")
    options = parser.parse_args()
    sets = {name: names_of(Path(file)) for name, _sign, file in (one.partition("=") for one in options.set)}
    sets = sets or {"made": [f"{act} {thing}" for act in ACTS for thing in (*THINGS, *MORE)]}
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        figures = {name: measured(page, names) for name, names in sets.items()}
        browser.close()
    text = json.dumps(figures, indent=2)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
