"""The form of a policy: shares as percentages, strategies in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.utils.translation import gettext_lazy

from projects.models import Policy

if TYPE_CHECKING:
    OfPolicy = forms.ModelForm[Policy]
else:
    OfPolicy = forms.ModelForm


class PercentField(forms.FloatField):
    """A share between 0 and 1, typed and shown as a percentage."""

    def prepare_value(self, value: Any) -> Any:
        return f"{round(value * 100, 2):g}" if isinstance(value, float) else value

    def clean(self, value: Any) -> Any:
        percent = super().clean(value)
        return None if percent is None else round(percent / 100, 6)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


# Name, title, and what it means. The names are those of sampling's registry.
STRATEGIES: Final = [
    (
        "default",
        gettext_lazy("Diverse and uncertain"),
        gettext_lazy("The most uncertain items of each region of the data. Recommended."),
    ),
    (
        "margin",
        gettext_lazy("Uncertain only"),
        gettext_lazy("Where the two likeliest labels are closest. May ask for many items that are alike."),
    ),
    (
        "random",
        gettext_lazy("Random order"),
        gettext_lazy("The model has no say. Good to compare with."),
    ),
]


class PolicyForm(OfPolicy):
    """The settings of the loop. Saving makes a new version: see projects.policies."""

    agreement_share = PercentField(
        label=gettext_lazy("Labelled twice, %"),
        min_value=0,
        max_value=50,
        help_text=gettext_lazy("A random share goes to several people, to see whether they agree."),
    )
    holdout_share = PercentField(
        label=gettext_lazy("Kept for checking, %"),
        min_value=0,
        max_value=50,
        help_text=gettext_lazy(
            "A random share of the items never trains the model. Its accuracy is measured on them."
        ),
    )
    holdout_mix = PercentField(
        label=gettext_lazy("Checking items in each batch, %"),
        min_value=0,
        max_value=50,
        help_text=gettext_lazy("How fast the measured accuracy becomes exact."),
    )
    strategy = forms.ChoiceField(label=gettext_lazy("What comes next"), widget=forms.RadioSelect)
    reason = forms.CharField(
        label=gettext_lazy("Why this change"),
        required=False,
        max_length=500,
        help_text=gettext_lazy("Stands beside the version in the list below."),
    )

    class Meta:
        model = Policy
        fields = [
            "strategy",
            "batch_size",
            "overlap",
            "agreement_share",
            "agreement_overlap",
            "holdout_share",
            "holdout_max",
            "holdout_mix",
            "committee_size",
            "lease_minutes",
        ]
        labels = {
            "batch_size": gettext_lazy("Answers between two trainings"),
            "overlap": gettext_lazy("People per item"),
            "agreement_overlap": gettext_lazy("People per item labelled twice"),
            "holdout_max": gettext_lazy("At most so many checking items"),
            "committee_size": gettext_lazy("Models in the committee"),
            "lease_minutes": gettext_lazy("Minutes an item is held"),
        }
        help_texts = {
            "batch_size": gettext_lazy("The model learns again after so many answers, and picks as many."),
            "overlap": gettext_lazy("How many people answer each item. One is cheapest."),
            "agreement_overlap": gettext_lazy("How many people answer an item of that share."),
            "holdout_max": gettext_lazy("500 give the accuracy to within about 4 points."),
            "committee_size": gettext_lazy("Where its models differ, an item is worth asking."),
            "lease_minutes": gettext_lazy("After that it goes to somebody else. A late answer still counts."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(name, title) for name, title, _words in self.strategies()]
        self.fields["strategy"].choices = choices  # type: ignore[attr-defined]

    def validate_constraints(self) -> None:
        """Leave it to policies.change: the form's instance is the version before."""

    def strategies(self) -> list[tuple[str, Any, Any]]:
        """Return the strategies to choose from; the one in force is among them, whatever it is."""
        present = self.instance.strategy
        known = [name for name, _title, _words in STRATEGIES]
        return list(STRATEGIES) if present in known else [*STRATEGIES, (present, present, "")]

    def changes(self) -> dict[str, Any]:
        """Return what the person set, without the reason."""
        return {name: self.cleaned_data[name] for name in self._meta.fields or ()}
