"""The address by which the labelling page opens and closes a card of look-alikes."""

from __future__ import annotations

import json
from typing import Any, Final

from django.http import HttpRequest, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from projects import access, cards, labelling, queries
from projects.errors import Refused
from projects.models import Assignment, Membership

REFUSED: Final = 409
INVALID: Final = 422


@never_cache
@require_POST
def together(request: HttpRequest, project_id: int) -> JsonResponse:
    """Deal the look-alikes of an item in hand; with ``back``, take back those that were not labelled.

    The body is JSON: ``item`` (its id), ``back`` (item ids), ``user`` (whose page it is). Answers 401 where
    the session has ended or is somebody else's, 409 with a sentence where the person does not hold the item.
    """
    if not request.user.is_authenticated:
        return JsonResponse({"message": "signed out", "signed_in": False}, status=401)
    member = access.membership(request.user, project_id)
    try:
        item_id, back, user = _read(request)
    except (ValueError, RecursionError):
        return JsonResponse({"message": _("The request could not be read. Reload the page.")}, status=INVALID)
    if user != request.user.pk:
        return JsonResponse({"message": "signed in as somebody else", "signed_in": True}, status=401)
    if back is not None:
        return JsonResponse({"given_back": cards.give_back(member, item_id, back)})
    rules = queries.rules(member.project)
    try:
        dealt = cards.deal(member, rules, item_id)
    except Refused as refusal:
        return JsonResponse({"message": str(refusal)}, status=REFUSED)
    return JsonResponse({"items": _shown(member, rules, dealt)})


def _shown(member: Membership, rules: queries.Rules, dealt: list[Assignment]) -> list[dict[str, Any]]:
    """Each item as the stage shows it, and as the card does."""
    rows = labelling.in_hand(member, rules, dealt)
    return [
        row
        | {
            "card": render_to_string(
                "projects/_card_item.html", {"item": one.item, "project": member.project}
            )
        }
        for row, one in zip(rows, dealt, strict=True)
    ]


def _read(request: HttpRequest) -> tuple[int, list[int] | None, int]:
    """Read the body. Raises ValueError, or RecursionError, for what no page of ours sends."""
    body = json.loads(request.body)
    if not isinstance(body, dict):
        raise ValueError("the body is an object")
    item_id: Any = body.get("item")
    back: Any = body.get("back")
    user: Any = body.get("user", request.user.pk)
    numbers = [item_id, user, *([] if back is None else back if isinstance(back, list) else [None])]
    if any(type(number) is not int or not 0 <= number < 2**62 for number in numbers):
        raise ValueError("ids are whole numbers")
    if len(numbers) > 2 + cards.MOST:
        raise ValueError("a card has no more items")
    return item_id, back, user
