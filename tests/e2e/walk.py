"""Walk through the site as a person would, by its links: every kind of page once."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from django.urls import Resolver404, resolve
from playwright.sync_api import Error, Page, Response


def name_of(address: str) -> str | None:
    """The name of the route behind an address of this site; None for others."""
    try:
        return resolve(urlsplit(address).path).url_name
    except Resolver404:
        return None


def pages(page: Page, *first: str) -> Iterator[str]:
    """Open one page of every kind that can be reached from the ``first`` ones, and yield the name of each."""
    host = urlsplit(page.url).netloc
    waiting, seen = list(first), set()
    while waiting:
        address = waiting.pop(0)
        name = name_of(address)
        if name is None or name in seen:
            continue
        seen.add(name)
        answer = _open(page, address)
        if answer is None or "text/html" not in answer.headers.get("content-type", ""):
            continue
        there = str(name_of(page.url))
        if there != name and there in seen:
            continue
        seen.add(there)
        links = page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)")
        waiting += [link for link in links if urlsplit(link).netloc == host]
        yield there


def _open(page: Page, address: str) -> Response | None:
    """Open a page; None where the address is a file to keep."""
    try:
        return page.goto(address)
    except Error as error:
        if "Download is starting" in str(error):
            return None
        raise
