"""The form of a person's own keys on the labelling page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.db.models import Count, Q
from django.utils.translation import gettext as _

from annotator.models import User
from projects import choosing, keymap
from projects.models import Label


class KeysForm(forms.Form):
    """A key for each command; blank switches it off."""

    def __init__(self, data: Mapping[str, Any] | None, user: User) -> None:
        keys = keymap.keys_of(user.keys)
        super().__init__(data, initial=keys)
        self.label_keys = label_keys(user)
        for row in keymap.shown(keys):
            self.fields[row.command] = forms.CharField(
                label=row.name,  # type: ignore[arg-type]
                required=False,
                strip=False,
                max_length=8,
                help_text=row.words,  # type: ignore[arg-type]
                widget=forms.TextInput(attrs=_attributes(row.command)),
            )

    def clean(self) -> dict[str, Any]:
        found = self.cleaned_data
        wanted = {command: keymap.tidy(key) for command, key in found.items()}
        for command, fault in keymap.faults(wanted, self.label_keys).items():
            self.add_error(command, fault)
        return wanted

    def yielding(self) -> dict[str, str]:
        """Say, by command, which label its present key answers with instead."""
        keys = {command: str(self[command].value() or "") for command in self.fields}
        return {
            command: _("There this key answers instead: %(label)s.") % {"label": self.label_keys[key]}
            for command, key in keys.items()
            if key in self.label_keys
        }


def _attributes(command: str) -> dict[str, str]:
    return {
        "class": "key-field",
        "dir": "ltr",
        "autocomplete": "off",
        "autocapitalize": "none",
        "spellcheck": "false",
        "data-default": keymap.COMMANDS[command],
    }


def label_keys(user: User) -> dict[str, str]:
    """Return what the keys of labels answer with where a person works: «Card» in Post."""
    mine = Q(project__memberships__user=user, project__memberships__active=True)
    few = (
        Label.objects.filter(mine, retired_at=None)
        .values("project")
        .annotate(number=Count("pk", distinct=True))
        .filter(number__lte=choosing.MOST_WITH_KEYS)
        .values("project")
    )
    labels = Label.objects.filter(project__in=few, retired_at=None).exclude(key="").select_related("project")
    return {
        keymap.tidy(label.key): _("“%(label)s” in %(project)s")
        % {"label": label.name, "project": label.project.name}
        for label in labels.order_by("-project", "position")
    }
