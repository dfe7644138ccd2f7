"""The form of a person's own keys on the labelling page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.db.models import Count, Q
from django.utils.translation import gettext as _

from annotator.models import User
from projects import choosing, keymap
from projects.models import Label, Project


class KeysForm(forms.Form):
    """A key for each command; blank switches it off."""

    def __init__(self, data: Mapping[str, Any] | None, user: User) -> None:
        keys = keymap.keys_of(user.keys)
        super().__init__(data, initial=keys)
        self.label_keys = label_keys(user)
        self.picture_keys = label_keys(user, media=Project.Media.IMAGE)
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
        for command, fault in keymap.faults(wanted, self.label_keys, self.picture_keys).items():
            self.add_error(command, fault)
        return wanted

    def yielding(self) -> dict[str, str]:
        """Say, by command, which label its present key answers with instead."""
        found = {}
        for command in self.fields:
            labels = self.picture_keys if command in keymap.OF_PICTURES else self.label_keys
            if label := labels.get(keymap.tidy(str(self[command].value() or ""))):
                found[command] = _("There this key answers instead: %(label)s.") % {"label": label}
        return found


def _attributes(command: str) -> dict[str, str]:
    return {
        "class": "key-field",
        "dir": "ltr",
        "autocomplete": "off",
        "autocapitalize": "none",
        "spellcheck": "false",
        "data-default": keymap.COMMANDS[command],
    }


def label_keys(user: User, **where: str) -> dict[str, str]:
    """Return what the keys of labels answer with where a person works: «Card» in Post.

    ``where`` says of which projects, by their fields.
    """
    mine = Q(project__memberships__user=user, project__memberships__active=True)
    few = (
        Label.objects.filter(mine, retired_at=None)
        .values("project")
        .annotate(number=Count("pk", distinct=True))
        .filter(number__lte=choosing.MOST_WITH_KEYS)
        .values("project")
    )
    projects = Project.objects.filter(pk__in=few, **where)
    labels = Label.objects.filter(project__in=projects, retired_at=None).exclude(key="")
    return {
        keymap.tidy(label.key): _("“%(label)s” in %(project)s")
        % {"label": label.name, "project": label.project.name}
        for label in labels.select_related("project").order_by("-project", "position")
    }
