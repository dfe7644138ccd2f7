"""In which language a request is answered: known from its headers alone, so that nothing waits for a row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.functional import SimpleLazyObject
from django.utils.translation.trans_real import parse_accept_lang_header

from annotator.models import User

COOKIE: Final = "language"
# Before a person's own choice, which leaves this browser when somebody else signs in.
_PERSONAL: Final = "~"
_YEAR: Final = 31_536_000
Answer = Callable[[HttpRequest], HttpResponseBase]


def spoken(answer: Answer) -> Answer:
    """Answer in the language of the cookie, else in the one that the browser asks for.

    The cookie follows the person: an answer for which somebody was loaded anyway brings it up to date.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        language = asked(request)
        with translation.override(language):
            response = answer(request)
        response.headers.setdefault("Content-Language", language)
        patch_vary_headers(response, ("Accept-Language", "Cookie"))
        _follow(request, response)
        return response

    return middleware


def asked(request: HttpRequest) -> str:
    """Return the language chosen in this browser, else the best that it accepts, else the site's."""
    return chosen(request) or _accepted(request.headers.get("Accept-Language", ""))


def chosen(request: HttpRequest) -> str:
    """Return the language chosen in this browser; blank: none."""
    code = request.COOKIES.get(COOKIE, "").removeprefix(_PERSONAL)
    return code if offered(code) else ""


def offered(code: str) -> bool:
    """Whether the pages exist in this language."""
    return any(code == known for known, _name in settings.LANGUAGES)


def choose(request: HttpRequest, response: HttpResponseBase, code: str) -> None:
    """Keep a language in this browser; blank: what the browser asks for."""
    if code:
        value = f"{_PERSONAL}{code}" if _loaded(request) else code
        secure = request.is_secure()
        response.set_cookie(COOKIE, value, max_age=_YEAR, httponly=True, samesite="Lax", secure=secure)
    else:
        response.delete_cookie(COOKIE, samesite="Lax")


def _accepted(header: str) -> str:
    for code, _quality in parse_accept_lang_header(header):
        for candidate in (code, code.split("-")[0]):
            if offered(candidate):
                return candidate
    return settings.LANGUAGE_CODE


def _follow(request: HttpRequest, response: HttpResponseBase) -> None:
    """Let the cookie say what the person chose on whatever device; say nothing of somebody else's choice."""
    person = _loaded(request)
    if person is None:
        return
    have = request.COOKIES.get(COOKIE, "")
    want = f"{_PERSONAL}{person.language}" if offered(person.language) else ""
    if want != have and (want or have.startswith(_PERSONAL)) and COOKIE not in response.cookies:
        choose(request, response, person.language)


def _loaded(request: HttpRequest) -> User | None:
    """Return who is signed in, if anything has asked for them yet: asking is a query."""
    user = getattr(request, "user", None)
    if user is None or (isinstance(user, SimpleLazyObject) and not hasattr(request, "_cached_user")):
        return None
    return None if isinstance(user, AnonymousUser) or not user.is_authenticated else user
