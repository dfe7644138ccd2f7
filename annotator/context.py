"""What every page's template knows."""

from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from annotator.languages import chosen
from projects.reading import preferences
from projects.trust import notices

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "theme"


def theme(request: HttpRequest) -> dict[str, str]:
    """The person's theme, or this browser's while nobody is signed in: rendered, so that nothing flashes."""
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        return {"theme": user.theme}
    chosen = request.COOKIES.get(THEME_COOKIE, "")
    return {"theme": chosen if chosen in THEMES else "auto"}


def reading(request: HttpRequest) -> dict[str, dict[str, str]]:
    """How the person likes to read texts: rendered, so that no line moves."""
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        return {"reading": preferences(user.reading)}
    return {"reading": {}}


def languages(request: HttpRequest) -> dict[str, Any]:
    """The languages of the menu, each in its own words, and what was chosen; blank: as the browser asks."""
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        return {"languages": settings.LANGUAGES, "chosen_language": user.language or chosen(request)}
    return {"languages": settings.LANGUAGES, "chosen_language": chosen(request)}


def unread(request: HttpRequest) -> dict[str, Any]:
    """How many notices wait for the person: counted when a page asks, which is once a page with a header."""
    user = getattr(request, "user", None)

    @cache
    def count() -> int:
        return notices.unread(user.pk) if user is not None and user.is_authenticated else 0

    return {"unread_notices": count}
