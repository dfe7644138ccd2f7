"""What a person is told: the list of notices, and the way to what each is about."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_GET, require_http_methods

from projects.trust import notices as found
from projects.trust.notice_words import sentence
from projects.views import common

PAGE_SIZE = 50


@require_http_methods(["GET", "POST"])
@login_required
def notices(request: HttpRequest) -> HttpResponse:
    """List a person's own notices, unread ones first; sent as a form: mark all as read."""
    user_id = common.person(request).pk
    if request.method == "POST":
        found.read(user_id, now())
        return redirect("notices")
    mine = found.mine(user_id).select_related("project").order_by("-pk")
    # Each half by its own index, however many were read over the years.
    fresh = found.fresh(user_id).select_related("project").order_by("-pk")
    unread = found.as_of_now(fresh[:PAGE_SIZE])
    read = list(mine.exclude(read_at=None)[: PAGE_SIZE - len(unread)])
    groups = [[(notice, sentence(notice)) for notice in half] for half in (unread, read)]
    context = {"fresh": groups[0], "seen": groups[1], "most": PAGE_SIZE}
    return render(request, "projects/notices.html", context)


@require_GET
@login_required
def notice(request: HttpRequest, notice_id: int) -> HttpResponse:
    """Mark a notice as read and lead to what it is about."""
    user_id = common.person(request).pk
    one = get_object_or_404(found.mine(user_id), pk=notice_id)
    found.read(user_id, now(), one.pk)
    here = one.address.startswith("/") and not one.address.startswith("//")
    return redirect(one.address if here else "notices")
