"""Forms for what people read beside a label: its words and its examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy

from projects import examples, labelset
from projects.models import Label, Project

if TYPE_CHECKING:
    OfLabel = forms.ModelForm[Label]
else:
    OfLabel = forms.ModelForm


class LabelWordsForm(OfLabel):
    """What a label means, where it belongs, and which other words find it."""

    synonyms = forms.CharField(
        label=gettext_lazy("Other words for it"),
        required=False,
        help_text=gettext_lazy("With commas between them. Whoever types one of them finds the label."),
    )

    class Meta:
        model = Label
        fields = ["description", "group"]
        labels = {
            "description": gettext_lazy("What belongs here, what does not"),
            "group": gettext_lazy("Group"),
        }
        help_texts = {"group": gettext_lazy("A path such as «Vehicles / Cars». Labels are listed under it.")}
        widgets = {
            "description": forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
            "group": forms.TextInput(attrs={"list": "groups", "dir": "auto", "autocomplete": "off"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["synonyms"] = ", ".join(self.instance.synonyms)
        self.fields["synonyms"].widget.attrs["dir"] = "auto"

    def clean_description(self) -> str:
        return " ".join(self.cleaned_data["description"].split())

    def clean_synonyms(self) -> list[str]:
        return labelset.synonyms_from(self.cleaned_data["synonyms"])

    def validate_constraints(self) -> None:
        """Nothing of what is edited here is constrained."""


class ExampleForm(forms.Form):
    """One example: a text of one's own, or an item by its number."""

    fits = forms.ChoiceField(
        label=gettext_lazy("Does it belong under this label?"),
        choices=[
            ("yes", gettext_lazy("It belongs here")),
            ("no", gettext_lazy("It does not, though it seems to")),
        ],
        widget=forms.RadioSelect,
        initial="yes",
    )
    text = forms.CharField(
        label=gettext_lazy("The example"),
        required=False,
        strip=True,
        max_length=examples.LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 2, "dir": "auto"}),
    )
    item = forms.IntegerField(
        label=gettext_lazy("Or the number of an item"), required=False, min_value=1, max_value=2**31 - 1
    )
    why = forms.CharField(
        label=gettext_lazy("Why"),
        required=False,
        max_length=examples.LONGEST_WHY,
        widget=forms.TextInput(attrs={"dir": "auto"}),
        help_text=gettext_lazy("In a few words: what decides it."),
    )

    def example(self) -> examples.Example:
        """What was typed, as projects.examples takes it."""
        given = self.cleaned_data
        return examples.Example(given["fits"] == "yes", given["text"], given["item"], given["why"])


class ItemExampleForm(ExampleForm):
    """An item that a lead looks at, as an example of a label."""

    text = None  # type: ignore[assignment]
    item = None  # type: ignore[assignment]
    label = forms.ModelChoiceField(label=gettext_lazy("Label"), queryset=Label.objects.none())

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["label"].queryset = labelset.shown(project)  # type: ignore[attr-defined]

    def of_item(self, number: int) -> examples.Example:
        """What was chosen, with the item that it is about."""
        given = self.cleaned_data
        return examples.Example(given["fits"] == "yes", "", number, given["why"])
