"""Rows of the policy form: quotas, and the slices that a new model is held to."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from projects.models import Item, Project

# Rows that are there to be filled in besides those in force.
SPARE: Final = 1
MOST: Final = 40
# How many items are asked for the names of their fields.
LOOKED_AT: Final = 50

Choices = list[tuple[str, str | Promise]]


class PercentField(forms.FloatField):
    """A share between 0 and 1, typed and shown as a percentage."""

    def prepare_value(self, value: Any) -> Any:
        return f"{round(value * 100, 2):g}" if isinstance(value, float) else value

    def clean(self, value: Any) -> Any:
        percent = super().clean(value)
        return None if percent is None else round(percent / 100, 6)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


def fields_of(project: Project) -> list[str]:
    """Names of metadata: columns that the files keep, and what the newest items have."""
    kept = [
        name
        for columns in project.uploads.values_list("columns", flat=True)
        for name in columns.get("keep", [])
    ]
    newest = Item.objects.filter(project=project).order_by("-number").values_list("metadata", flat=True)
    found = [name for metadata in newest[:LOOKED_AT] for name in metadata]
    return sorted(set(kept) | set(found))


class QuotaForm(forms.Form):
    """How much of each batch a group gives; without a group the row counts for nothing."""

    group = forms.ChoiceField(label=gettext_lazy("Group"), required=False)
    value = forms.CharField(label=gettext_lazy("Value of the field"), required=False, max_length=200)
    at_least = PercentField(label=gettext_lazy("At least, %"), required=False, min_value=0, max_value=100)
    at_most = PercentField(label=gettext_lazy("At most, %"), required=False, min_value=0, max_value=100)

    def __init__(self, *args: Any, groups: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["group"].choices = [("", "–"), *groups]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        group, least, most = (found.get(name) for name in ("group", "at_least", "at_most"))
        if not group:
            if any(found.get(name) not in (None, "") for name in ("value", "at_least", "at_most")):
                self.add_error("group", _("Say which group this is about, or empty the row."))
            return found
        if group.startswith("field:") and not found.get("value"):
            self.add_error("value", _("Say which value of the field."))
        if group.startswith("label:") and found.get("value"):
            self.add_error("value", _("A label needs no value. Leave this empty."))
        if not self.errors and least is None and most is None:
            self.add_error("at_least", _("Give a smallest or a largest share."))
        if least is not None and most is not None and least > most:
            self.add_error("at_most", _("This is less than the smallest share."))
        return found

    def quota(self) -> dict[str, Any] | None:
        """The row as a policy keeps it."""
        found = self.cleaned_data
        if not found.get("group"):
            return None
        of, _colon, rest = found["group"].partition(":")
        about = {"of": "label", "value": int(rest)} if of == "label" else {}
        about = about or {"of": found["group"], "value": found["value"]}
        bounds = {name: found[name] for name in ("at_least", "at_most") if found.get(name) is not None}
        return {**about, **bounds}


class SliceForm(forms.Form):
    """A part of the checking items, by a field and its value; without a field the row counts for nothing."""

    field = forms.ChoiceField(label=gettext_lazy("Field"), required=False)
    value = forms.CharField(label=gettext_lazy("Value"), required=False, max_length=200)

    def __init__(self, *args: Any, groups: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["field"].choices = [("", "–"), *groups]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if found.get("field") and not found.get("value"):
            self.add_error("value", _("Say which value of the field."))
        if found.get("value") and not found.get("field"):
            self.add_error("field", _("Say which field has this value, or empty the row."))
        return found

    def slice(self) -> dict[str, str] | None:
        """The row as a policy keeps it."""
        found = self.cleaned_data
        return {"field": found["field"], "value": found["value"]} if found.get("field") else None


QuotaRows = forms.formset_factory(QuotaForm, extra=SPARE, max_num=MOST)
SliceRows = forms.formset_factory(SliceForm, extra=SPARE, max_num=MOST)


def quota_groups(project: Project, quotas: list[dict[str, Any]]) -> Choices:
    """Labels in use, fields, and whatever the quotas in force are about."""
    labels = project.labels.filter(retired_at=None).order_by("order", "position")
    found: Choices = [
        (f"label:{label.position}", _("Label: %(name)s") % {"name": label.name}) for label in labels
    ]
    found += [(f"field:{name}", _("Field: %(name)s") % {"name": name}) for name in fields_of(project)]
    known = {name for name, _title in found}
    present = [group_of(quota) for quota in quotas]
    return found + [(name, name) for name in dict.fromkeys(present) if name not in known]


def group_of(quota: dict[str, Any]) -> str:
    """The choice that stands for what a quota is about."""
    return f"label:{quota['value']}" if quota["of"] == "label" else str(quota["of"])


def quota_initial(quota: dict[str, Any]) -> dict[str, Any]:
    """A quota as a row shows it."""
    value = "" if quota["of"] == "label" else quota["value"]
    bounds = {
        name: None if quota.get(name) is None else float(quota[name]) for name in ("at_least", "at_most")
    }
    return {"group": group_of(quota), "value": value, **bounds}


def slice_fields(project: Project, slices: list[dict[str, Any]]) -> Choices:
    """Fields, and those of the slices in force."""
    return [(name, name) for name in sorted({*fields_of(project), *(str(row["field"]) for row in slices)})]
