"""The filter above the history: what may be asked for, read kindly."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.utils.translation import gettext_lazy

from projects.history import Wanted
from projects.history_names import SUBJECTS
from projects.models import Event, Project


def _calendar() -> forms.DateInput:
    return forms.DateInput(attrs={"type": "date"})


class HistoryForm(forms.Form):
    """Which events to show; what cannot be read is left out."""

    about = forms.ChoiceField(
        label=gettext_lazy("About"),
        required=False,
        choices=[("", gettext_lazy("Everything")), *SUBJECTS.items()],
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("Done by"),
        required=False,
        choices=[("", gettext_lazy("Anybody")), *Event.Kind.choices],
    )
    by: forms.ModelChoiceField[Any] = forms.ModelChoiceField(
        label=gettext_lazy("Person"), required=False, queryset=None, empty_label=gettext_lazy("Anybody")
    )
    item = forms.IntegerField(
        label=gettext_lazy("Item number"), required=False, min_value=1, max_value=2**31 - 1
    )
    since = forms.DateField(label=gettext_lazy("From"), required=False, widget=_calendar())
    until = forms.DateField(label=gettext_lazy("To"), required=False, widget=_calendar())
    request = forms.CharField(required=False, max_length=36, widget=forms.HiddenInput)
    bulk = forms.UUIDField(required=False, widget=forms.HiddenInput)
    all = forms.BooleanField(label=gettext_lazy("Every change of an item too"), required=False)

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        acted = project.memberships.values("user_id")
        people: forms.ModelChoiceField[Any] = self.fields["by"]  # type: ignore[assignment]
        people.queryset = get_user_model().objects.filter(pk__in=acted).order_by("email")

    def wanted(self) -> Wanted:
        """Return the events that are asked for."""
        self.is_valid()
        given = {name: value for name, value in self.cleaned_data.items() if value}
        person, everything = given.pop("by", None), given.pop("all", False)
        return Wanted(**given, by=person.pk if person else None, everything=everything)
