"""Forms of the model pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from projects.files import limits


class PutInUseForm(forms.Form):
    """Put a version in use, knowing which one is in use now."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=500,
        help_text=gettext_lazy("Stands in the history, for whoever wonders later."),
        error_messages={"required": gettext_lazy("Say why, in a few words.")},
    )
    instead_of = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)


class FeedbackForm(forms.Form):
    """A table of what production says about items."""

    file = forms.FileField(
        label=gettext_lazy("File"),
        max_length=200,
        allow_empty_file=True,
        help_text=gettext_lazy("CSV or JSON lines, up to 2 MB. Larger ones: manage.py feedback."),
    )
    separator = forms.CharField(
        label=gettext_lazy("Between several labels of one cell"), required=False, max_length=3, strip=False
    )
    good_rows = forms.BooleanField(
        label=gettext_lazy("Take the good rows and leave the bad ones"), required=False
    )

    def clean_file(self) -> Any:
        """Refuse what would keep the person waiting."""
        file = self.cleaned_data["file"]
        if file.size > limits.AT_ONCE:
            raise forms.ValidationError(
                _("The file is larger than 2 MB. Split it, or use manage.py feedback.")
            )
        return file
