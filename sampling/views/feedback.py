"""Feedback from production, handed in by a lead."""

from __future__ import annotations

from typing import BinaryIO, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from projects import access
from projects.errors import Refused
from projects.models import Membership
from projects.views import common
from sampling import feedback, feedback_files
from sampling.feedback_files import FeedbackColumns, Found
from sampling.model_forms import FeedbackForm

SHOWN = 50


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def page(request: HttpRequest, project_id: int) -> HttpResponse:
    """Take a table in, or say by row what is wrong with it."""
    member = access.as_lead(request.user, project_id)
    form = FeedbackForm(request.POST or None, request.FILES or None)
    found = report = None
    if request.method == "POST" and form.is_valid():
        try:
            found = _read(member, form)
            if found.problems.count and not form.cleaned_data["good_rows"]:
                raise Refused(_("Nothing was taken in: some rows cannot be used. They are listed below."))
            report = feedback.take(member.project, common.person(request), found.words)
        except Refused as refusal:
            form.add_error(None, str(refusal))
    context = common.page(
        member,
        "models",
        form=form,
        report=report,
        problems=sorted(found.problems.first, key=lambda one: one.row)[:SHOWN] if found else [],
        bad=found.problems.count if found else 0,
        waiting=len(feedback.waiting(member.project)),
    )
    status = common.INVALID if form.errors else 200
    return render(request, "sampling/model_feedback.html", context, status=status)


def _read(member: Membership, form: FeedbackForm) -> Found:
    file = cast(BinaryIO, form.cleaned_data["file"].file)
    wanted = FeedbackColumns(separator=form.cleaned_data["separator"])
    return feedback_files.read_file(member.project, file, wanted)
