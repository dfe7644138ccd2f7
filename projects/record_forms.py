"""Forms of a person's record."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from projects.models import Membership
from projects.trust.workload import Terms


class TermsForm(forms.Form):
    """What a person may be asked, and how much."""

    senior = forms.BooleanField(
        label=gettext_lazy("Senior"),
        required=False,
        help_text=gettext_lazy("Is asked where the settings want senior people: when others differ."),
    )
    skills = forms.CharField(
        label=gettext_lazy("Skills"),
        required=False,
        max_length=1000,
        help_text=gettext_lazy(
            "Separated by commas, such as de, fr. Items that name a skill in the field of the settings "
            "go to people who have it."
        ),
    )
    quota = forms.IntegerField(
        label=gettext_lazy("Answers at most"),
        required=False,
        min_value=0,
        max_value=10_000_000,
        help_text=gettext_lazy("Empty: what the settings say for everybody."),
    )

    def __init__(self, membership: Membership, data: Any = None) -> None:
        initial = {
            "senior": membership.senior,
            "skills": ", ".join(membership.skills),
            "quota": membership.quota,
        }
        super().__init__(data, initial=initial)

    def clean_skills(self) -> list[str]:
        """The skills in order, each once."""
        words = (word.strip()[:80] for word in self.cleaned_data["skills"].replace("\0", "").split(","))
        return sorted({word for word in words if word})

    def terms(self) -> Terms:
        """What the form says; call it after it was found valid."""
        return Terms(**{name: self.cleaned_data[name] for name in ("senior", "skills", "quota")})
