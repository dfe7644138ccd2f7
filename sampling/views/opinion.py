"""What the newest model says about one item: a fragment of the leads' pages."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from projects import access
from projects.models import Item
from sampling import opinion as opinions


@never_cache
@require_GET
@login_required
def opinion(request: HttpRequest, project_id: int, number: int) -> HttpResponse:
    """Ask the model about an item."""
    member = access.as_lead(request.user, project_id)
    item = get_object_or_404(Item.objects.select_related("project"), project_id=project_id, number=number)
    context = {"membership": member, "item": item, "opinion": opinions.opinion(item), "section": "disputes"}
    htmx = bool(getattr(request, "htmx", False))
    return render(request, "sampling/_opinion.html" if htmx else "sampling/opinion.html", context)
