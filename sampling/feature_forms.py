"""The form that chooses a project's features."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from projects.models import Project
from projects.policy_rows import fields_of
from sampling import encoders, generations


class FeaturesForm(forms.Form):
    """What the model reads of an item."""

    featurizer = forms.ChoiceField(label=gettext_lazy("Features from"), widget=forms.RadioSelect)
    columns = forms.MultipleChoiceField(
        label=gettext_lazy("Fields beside them"),
        help_text=gettext_lazy("Numbers and categories that may help to tell labels apart. Ten at most."),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        kwargs["initial"] = {"featurizer": generations.wanted(project), "columns": project.feature_columns}
        super().__init__(*args, **kwargs)
        self.fields["featurizer"].choices = encoders.choices(project)  # type: ignore[attr-defined]
        fields = list(dict.fromkeys([*project.feature_columns, *fields_of(project)]))
        if fields:
            self.fields["columns"].choices = [(name, name) for name in fields]  # type: ignore[attr-defined]
        else:
            del self.fields["columns"]
