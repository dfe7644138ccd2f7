"""Shifts: a person sizes a stretch of work."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from projects import access, shifts
from projects.errors import Refused
from projects.views import common


@require_POST
@login_required
def shift(request: HttpRequest, project_id: int) -> HttpResponse:
    """Begin a shift of ``minutes`` and go on labelling, or end it and show how it went."""
    member = access.membership(request.user, project_id)
    if "end" in request.POST:
        over = shifts.end(member)
        return redirect("my-record" if over else "label", project_id)
    typed = request.POST.get("minutes", "")
    minutes = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 5 else 0
    try:
        made = shifts.start(member, minutes)
    except Refused as refusal:
        common.say(request, str(refusal), messages.ERROR)
        return redirect("label", project_id)
    words = ngettext(
        "At your pace about %(size)s item fits in. Have a good shift.",
        "At your pace about %(size)s items fit in. Have a good shift.",
        made.size,
    )
    common.say(request, words % {"size": f"{made.size:,}"})
    return redirect("label", project_id)
