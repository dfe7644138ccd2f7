"""The form of how people label: suggestions, look-alikes, the language of the texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from projects import policy_rows, reading
from projects.models import Policy, Project
from projects.policy_rows import PercentField

if TYPE_CHECKING:
    OfPolicy = forms.ModelForm[Policy]
else:
    OfPolicy = forms.ModelForm

OF_POLICY: Final = ("suggest", "blind_share", "likely_first", "highlight", "bulk", "bulk_check")
OF_PROJECT: Final = ("language", "language_field")
# What only texts have.
OF_TEXTS: Final = ("highlight", *OF_PROJECT)

# When a suggestion is shown: value, title, what it brings.
WAYS: Final = (
    (
        Policy.Suggest.HIDDEN,
        gettext_lazy("Once they have answered"),
        gettext_lazy("Nobody leans on the model. Recommended."),
    ),
    (
        Policy.Suggest.KEY,
        gettext_lazy("When they press a key"),
        gettext_lazy("A second opinion for whoever wants it. Whether they looked is kept with the answer."),
    ),
    (
        Policy.Suggest.ALWAYS,
        gettext_lazy("At once"),
        gettext_lazy("Fastest where the model is good; its mistakes are followed most."),
    ),
)


class LabellingForm(OfPolicy):
    """How people label. Saving makes a new version of the policy; language is the project's own."""

    suggest = forms.ChoiceField(
        label=gettext_lazy("When people see what the model thinks"),
        widget=forms.RadioSelect,
        choices=[(value, title) for value, title, _words in WAYS],
    )
    blind_share = PercentField(
        label=gettext_lazy("Answered blind, %"),
        min_value=0,
        max_value=90,
        help_text=gettext_lazy(
            "Drawn at random for each item and person, to measure how far people follow suggestions. Never "
            "less than three times the share of known items, which have none and must not stand out."
        ),
    )
    bulk_check = PercentField(
        label=gettext_lazy("Asked singly as a check, %"),
        min_value=0,
        max_value=100,
        help_text=gettext_lazy(
            "Share of look-alikes that is asked about one by one, to see whether it agrees."
        ),
    )
    language = forms.CharField(
        label=gettext_lazy("Language of the texts"),
        required=False,
        max_length=35,
        help_text=gettext_lazy(
            "A tag such as en, pt-BR or ar. It tells browsers which letters and voice to use."
        ),
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false", "dir": "ltr"}),
    )
    language_field = forms.ChoiceField(
        label=gettext_lazy("Field that names each text's language"),
        required=False,
        help_text=gettext_lazy("It wins over the language above where it holds a tag."),
    )
    reason = forms.CharField(label=gettext_lazy("Why this change"), required=False, max_length=500)

    class Meta:
        model = Policy
        fields = OF_POLICY
        labels = {
            "likely_first": gettext_lazy("Offer likely labels first where labels are found by typing"),
            "highlight": gettext_lazy("With a suggestion, mark the words that the model went by"),
            "bulk": gettext_lazy("Let people label look-alikes together"),
        }
        help_texts = {
            "likely_first": gettext_lazy(
                "A suggestion, too: hold-out, samples and blind answers go without."
            ),
            "highlight": gettext_lazy(
                "They show as the suggestion does, at once or on the key; where people hear it once they "
                "have answered, nothing is marked. Worked out after each round, in texts of up to 200 words."
            ),
            "bulk": gettext_lazy("At most twelve at a time, kept one by one, taken back together."),
        }

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        kwargs["initial"] = {name: getattr(project, name) for name in OF_PROJECT}
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        names = dict.fromkeys([*policy_rows.fields_of(project), project.language_field])
        fields["language_field"].choices = [("", _("None")), *((name, name) for name in names if name)]
        if project.media != Project.Media.TEXT:
            for name in OF_TEXTS:
                del fields[name]

    def clean_language(self) -> str:
        typed: str = self.cleaned_data["language"]
        found = reading.tag(typed)
        if typed and not found:
            raise forms.ValidationError(_("This is no language tag. Write one such as en, pt-BR or zh-Hant."))
        return found

    def changes(self) -> dict[str, Any]:
        """What the person set of the policy."""
        return {name: self.cleaned_data[name] for name in OF_POLICY if name in self.fields}

    def of_project(self) -> dict[str, str]:
        """What the person set of the project itself."""
        return {name: self.cleaned_data[name] for name in OF_PROJECT if name in self.fields}
