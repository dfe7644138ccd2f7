"""Forms about people themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.utils.translation import gettext_lazy as _

from annotator.models import User

if TYPE_CHECKING:
    UserForm = forms.ModelForm[User]
else:
    UserForm = forms.ModelForm


class MeForm(UserForm):
    """What a person may change about themselves."""

    theme = forms.ChoiceField(
        label=_("Colours"),
        choices=[("auto", _("As this device says")), ("light", _("Light")), ("dark", _("Dark"))],
    )

    class Meta:
        model = User
        fields = ["name", "theme", "single_keys"]
        labels = {"name": _("Name"), "single_keys": _("Single keys act")}
        help_texts = {
            "name": _("Leads and admins of your projects see it. Blank: they see your e-mail address."),
            "single_keys": _(
                "One key answers, skips or flags. Switch it off if you use speech input or press keys by accident; "
                "every action stays reachable by Tab and Enter."
            ),
        }
