"""The form of a policy: shares as percentages, strategies in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from projects import policy_names
from projects.models import Policy
from projects.policy_more import MoreForm
from projects.policy_names import OTHER_STRATEGIES, STRATEGIES, Named
from projects.policy_rows import PercentField

__all__ = ["STRATEGIES", "PercentField", "PolicyForm"]

if TYPE_CHECKING:
    OfPolicy = forms.ModelForm[Policy]
else:
    OfPolicy = forms.ModelForm


# Groups of the folded part of the page, by how the names of their fields begin.
GROUPS: Final = {
    "samples": ("agreement_overlap", "holdout_mix", "holdout_max", "lease_minutes"),
    "batch": ("mode", "diversity"),
    "streams": ("stream_",),
    "rare": ("rare_",),
    "quotas": ("quota-",),
    "mix": ("weight_",),
    "model": ("learner", "class_weights", "recency", "committee_size"),
    "gate": ("gate", "slice-"),
    "stop": ("stop_",),
}


class Wrong(NamedTuple):
    """Something wrong in the form; ``field`` is the id of its element."""

    field: str
    title: str
    group: str
    sentence: str


def _group_of(name: str) -> str:
    return next((group for group, starts in GROUPS.items() if name.startswith(starts)), "")


class PolicyForm(OfPolicy):
    """The settings of the loop. Saving makes a new version: see projects.policies."""

    agreement_share = PercentField(
        label=gettext_lazy("Labelled twice, %"),
        min_value=0,
        max_value=50,
        help_text=gettext_lazy(
            "A random share goes to several people, to see whether they agree: the agreement sample."
        ),
    )
    holdout_share = PercentField(
        label=gettext_lazy("Kept for checking, %"),
        min_value=0,
        max_value=50,
        help_text=gettext_lazy(
            "A random share never trains the model. Its accuracy is measured on these items: the hold-out."
        ),
    )
    holdout_mix = PercentField(
        label=gettext_lazy("Checking items in each batch, %"),
        min_value=0,
        max_value=50,
        help_text=gettext_lazy(
            "How much of a batch is of the hold-out: how fast the measured accuracy becomes exact."
        ),
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
            "batch_size": gettext_lazy(
                "The model learns again after so many answers, and picks as many: a batch."
            ),
            "overlap": gettext_lazy("How many people answer each item. One is cheapest."),
            "agreement_overlap": gettext_lazy("How many people answer an item of that share."),
            "holdout_max": gettext_lazy("A hold-out of 500 gives the accuracy to within about 4 points."),
            "committee_size": gettext_lazy("Where its models differ, an item is worth asking."),
            "lease_minutes": gettext_lazy("After that it goes to somebody else. A late answer still counts."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [row[0] for row in (*STRATEGIES, *self.other_strategies())]
        self.fields["strategy"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]
        self.more = MoreForm(self.instance.project, self.instance, self.data if self.is_bound else None)

    def validate_constraints(self) -> None:
        """Leave it to policies.change: the form's instance is the version before."""

    def strategies(self) -> list[Named]:
        """Return the strategies that most projects choose among."""
        return list(STRATEGIES)

    def other_strategies(self) -> list[Named]:
        """Return the others; the one in force is among them, whatever it is."""
        present = self.initial.get("strategy", "default")
        offered = {row[0] for row in (*STRATEGIES, *OTHER_STRATEGIES)}
        unoffered = [(present, policy_names.title_of(present), "")] if present not in offered else []
        return [*OTHER_STRATEGIES, *unoffered]

    def is_other(self) -> bool:
        """Say whether one of the others is chosen."""
        return self["strategy"].value() not in {row[0] for row in STRATEGIES}

    def wrong(self) -> list[Wrong]:
        """Return what is wrong, in the order of the page: each with the field that it is about, if any."""
        if not self.is_bound:
            return []
        found = [Wrong("", "", "", str(one)) for form in self._forms() for one in form.non_field_errors()]
        for rows, group in ((self.more.quotas, "quotas"), (self.more.slices, "gate")):
            if self.more.is_bound:
                found += [Wrong("", "", group, str(one)) for one in rows.non_form_errors()]
        for form in self._forms():
            for field in form:
                group = _group_of(field.html_name)
                found += [Wrong(field.auto_id, str(field.label), group, str(one)) for one in field.errors]
        return found

    def _forms(self) -> list[forms.BaseForm]:
        more = self.more
        return [self, more, *more.quotas, *more.slices] if more.is_bound else [self]

    def wrong_groups(self) -> set[str]:
        """Return the groups of the folded part in which something is wrong."""
        return {one.group for one in self.wrong()} - {""}

    def open_groups(self) -> set[str]:
        """Return the groups of the folded part that are open: where something is wrong, or those in use."""
        if wrong := self.wrong_groups():
            return wrong
        mixed = {"mix"} if self["strategy"].value() == "hybrid" else set()
        return self.more.groups_in_use() | mixed

    def is_valid(self) -> bool:
        return all([super().is_valid(), self.more.is_valid()])

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        self.more.is_valid()
        weights = self.more.cleaned_data if self.more.is_bound else {}
        asked = {found.get("strategy")} & policy_names.OF_COMMITTEE
        if found.get("strategy") == "hybrid":
            asked |= {name for name in policy_names.OF_COMMITTEE if weights.get(f"weight_{name}")}
        if asked and found.get("committee_size", 2) < 2:
            self.add_error(
                "committee_size", _("The rule above asks a committee: give it two models at least.")
            )
        if found.get("agreement_overlap", 9) < found.get("overlap", 1):
            self.add_error("agreement_overlap", _("At least as many people as answer each other item."))
        return found

    def changes(self) -> dict[str, Any]:
        """Return what the person set, without the reason."""
        return {name: self.cleaned_data[name] for name in self._meta.fields or ()} | self.more.changes()
