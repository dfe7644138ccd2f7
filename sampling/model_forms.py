"""Forms of the model pages."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy


class PutInUseForm(forms.Form):
    """Put a version in use, knowing which one is in use now."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=500,
        help_text=gettext_lazy("Stands in the history, for whoever wonders later."),
        error_messages={"required": gettext_lazy("Say why, in a few words.")},
    )
    instead_of = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)
