"""The rest of the policy form: what most projects leave as it is."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from projects import policy_checks, policy_names, policy_rows
from projects.models import Item, Policy, Project
from projects.policy_rows import PercentField

# Rules of when to stop: name, whether it is a share, title, words.
RULES: Final = [
    (
        "min_accuracy",
        True,
        gettext_lazy("Accuracy reached, %"),
        gettext_lazy("Met once the whole interval of the measured accuracy lies above it."),
    ),
    (
        "plateau_rounds",
        False,
        gettext_lazy("Rounds without a rise"),
        gettext_lazy("2 to 10: accuracy surely rose by less than 2 points over so many rounds."),
    ),
    ("max_labels", False, gettext_lazy("Labels in all"), gettext_lazy("Settled items.")),
    (
        "max_cost",
        False,
        gettext_lazy("Cost in all"),
        gettext_lazy("In any currency, answers times the price of one."),
    ),
    ("label_cost", False, gettext_lazy("Price of an answer"), gettext_lazy("In the same currency.")),
]
WHOLE: Final = {"plateau_rounds", "max_labels"}


class MoreForm(forms.Form):
    """Everything of a policy that has a default worth keeping. Bound only where the page sent it."""

    more = forms.CharField(widget=forms.HiddenInput, initial="1", required=False)
    mode = forms.ChoiceField(
        label=gettext_lazy("How a batch is made"),
        choices=list(policy_names.MODES.items()),
        required=False,
        help_text=gettext_lazy("How items are taken by the rule above."),
    )
    diversity = PercentField(
        label=gettext_lazy("Alike from, %"),
        min_value=1,
        max_value=100,
        help_text=gettext_lazy(
            "Two items more alike than this do not come in one batch while others are left."
        ),
    )
    learner = forms.ChoiceField(
        label=gettext_lazy("Learner"),
        choices=list(policy_names.LEARNERS.items()),
        help_text=gettext_lazy("What is trained after every batch. Logistic regression suits most projects."),
    )
    class_weights = forms.ChoiceField(
        label=gettext_lazy("Labels count"),
        choices=list(policy_names.CLASS_WEIGHTS.items()),
        required=False,
        help_text=gettext_lazy(
            "More weight finds more of the rare ones, and is wrong more often about others."
        ),
    )
    recency = forms.FloatField(
        label=gettext_lazy("New labels weigh more"),
        min_value=0,
        max_value=4,
        help_text=gettext_lazy(
            "0: all count the same. 1: the newest count twice as much as the oldest; 4 at most."
        ),
    )
    gate = forms.BooleanField(
        label=gettext_lazy("Hold back a worse model"),
        required=False,
        help_text=gettext_lazy(
            "A new model that is surely worse on the checking items does not replace the old one."
        ),
    )
    rare_labels = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Labels to look for"),
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None: those that have the fewest items so far."),
    )
    rare_items = forms.CharField(
        label=gettext_lazy("Examples"),
        required=False,
        max_length=2000,
        help_text=gettext_lazy("Numbers of items like those you look for, such as 12, 408."),
    )

    def __init__(self, project: Project, policy: Policy, data: Any = None) -> None:
        self.project, self.policy = project, policy
        super().__init__(
            data if data is not None and "more" in data else None, initial=_initial(project, policy)
        )
        for name, title in policy_names.MEASURES.items():
            self.fields[f"weight_{name}"] = forms.FloatField(
                label=title, required=False, min_value=0, max_value=1000
            )
        for name, _strategy, title, words in policy_names.STREAMS:
            self.fields[f"stream_{name}"] = PercentField(
                label=title, help_text=words, required=False, min_value=0, max_value=90
            )
        for name, share, title, words in RULES:
            kind: Any = PercentField if share else forms.IntegerField if name in WHOLE else forms.FloatField
            limits = {"plateau_rounds": (2, 10), "min_accuracy": (1, 100)}
            low, high = limits.get(name, (0.0001 if name not in WHOLE else 1, 1_000_000_000))
            self.fields[f"stop_{name}"] = kind(
                label=title, help_text=words, required=False, min_value=low, max_value=high
            )
        labels = project.labels.filter(retired_at=None).order_by("order", "position")
        choices = [(label.position, label.name) for label in labels]
        self.fields["rare_labels"].choices = choices  # type: ignore[attr-defined]

    # --- what the page shows ---

    @cached_property
    def quotas(self) -> Any:
        """Rows of quotas: those in force and one more."""
        initial = [policy_rows.quota_initial(quota) for quota in self.policy.quotas]
        groups = policy_rows.quota_groups(self.project, self.policy.quotas)
        data = self.data if self.is_bound else None
        return policy_rows.QuotaRows(data, initial=initial, prefix="quota", form_kwargs={"groups": groups})

    @cached_property
    def slices(self) -> Any:
        """Rows of slices: those in force and one more."""
        groups = policy_rows.slice_fields(self.project, self.policy.gate_slices)
        data = self.data if self.is_bound else None
        initial = self.policy.gate_slices
        return policy_rows.SliceRows(data, initial=initial, prefix="slice", form_kwargs={"groups": groups})

    def groups_in_use(self) -> set[str]:
        """Groups of the page that hold something else than the default."""
        policy, plain = self.policy, Policy()
        of_group = {
            "batch": ("mode", "diversity"),
            "streams": ("streams",),
            "rare": ("rare",),
            "quotas": ("quotas",),
            "mix": ("hybrid",),
            "model": ("learner", "class_weights", "recency", "committee_size"),
            "gate": ("gate", "gate_slices"),
            "stop": ("stop_rules",),
            "samples": ("agreement_overlap", "holdout_mix", "holdout_max", "lease_minutes"),
        }
        return {
            group
            for group, fields in of_group.items()
            if any(getattr(policy, field) != getattr(plain, field) for field in fields)
        }

    def _some(self, prefix: str) -> list[Any]:
        return [self[name] for name in self.fields if name.startswith(prefix)]

    def weights(self) -> list[Any]:
        """The fields of the mix."""
        return self._some("weight_")

    def streams(self) -> list[Any]:
        """The fields of the parts of a batch."""
        return self._some("stream_")

    def rules(self) -> list[Any]:
        """The fields of the rules of when to stop."""
        return self._some("stop_")

    # --- what came in ---

    def is_valid(self) -> bool:
        """A page that did not send this part changes nothing of it."""
        if not self.is_bound:
            return True
        return all([super().is_valid(), self.quotas.is_valid(), self.slices.is_valid()])

    def clean_rare_items(self) -> list[int]:
        """Numbers of items, as their ids."""
        words = self.cleaned_data["rare_items"].replace(",", " ").split()
        wrong = [word for word in words if not (word.isascii() and word.isdecimal() and len(word) < 10)]
        if wrong:
            raise forms.ValidationError(_("“%(word)s” is not a number.") % {"word": wrong[0]})
        numbers = list(dict.fromkeys(int(word) for word in words))
        items = Item.objects.filter(project=self.project, number__in=numbers).only("number", "holdout")
        found = {item.number: item for item in items}
        for number in numbers:
            if number not in found:
                raise forms.ValidationError(_("There is no item %(number)s.") % {"number": number})
            if found[number].holdout:
                # What the figures are measured on must not steer what is asked.
                words = _("Item %(number)s is of the hold-out, which only measures. Name another one.")
                raise forms.ValidationError(words % {"number": number})
        return [found[number].pk for number in numbers]

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        shares = [found.get(field.name) or 0 for field in self.streams()]
        if sum(shares) > 1 - policy_checks.MAIN_SHARE + 1e-9:
            last = [field.name for field, share in zip(self.streams(), shares, strict=True) if share][-1]
            # xgettext:no-python-format
            self.add_error(last, _("Together these parts leave less than 5 % of a batch to the main rule."))
        if found.get("stop_max_cost") and not found.get("stop_label_cost"):
            self.add_error("stop_label_cost", _("Say what an answer costs, or leave the limit empty."))
        return found

    def changes(self) -> dict[str, Any]:
        """Return what this part of the page says, by field of the policy."""
        if not self.is_bound:
            return {}
        found = self.cleaned_data
        plain = ("mode", "diversity", "learner", "class_weights", "recency", "gate")
        quotas = [form.quota() for form in self.quotas.forms]
        slices = [form.slice() for form in self.slices.forms]
        rare = {"labels": found["rare_labels"], "items": found["rare_items"]}
        return {
            **{name: found[name] for name in plain},
            "hybrid": self._given("weight_"),
            "streams": self._streams(),
            "stop_rules": self._given("stop_"),
            "rare": {name: values for name, values in rare.items() if values},
            "quotas": [quota for quota in quotas if quota],
            "gate_slices": [row for row in slices if row],
        }

    def _given(self, prefix: str) -> dict[str, Any]:
        names = [name for name in self.fields if name.startswith(prefix) and self.cleaned_data.get(name)]
        return {name.removeprefix(prefix): self.cleaned_data[name] for name in names}

    def _streams(self) -> list[dict[str, Any]]:
        """Those of this page, and others that are in force, in the place that they had."""
        known = {name: strategy for name, strategy, _title, _words in policy_names.STREAMS}
        others = [stream for stream in self.policy.streams if stream["name"] not in known]
        found = []
        for name, strategy in known.items():
            if share := self.cleaned_data.get(f"stream_{name}"):
                found.append(
                    {"name": name, "strategy": strategy, "share": share}
                    if strategy
                    else {"name": name, "share": share}
                )
        return found + others


def _initial(project: Project, policy: Policy) -> dict[str, Any]:
    plain = ("mode", "diversity", "learner", "class_weights", "recency", "gate")
    items = policy.rare.get("items", [])
    numbers = dict(Item.objects.filter(project=project, pk__in=items).values_list("pk", "number"))
    return {
        **{name: getattr(policy, name) for name in plain},
        "recency": f"{policy.recency:g}",
        **{f"weight_{name}": weight for name, weight in policy.hybrid.items()},
        **{f"stream_{stream['name']}": float(stream["share"]) for stream in policy.streams},
        **{f"stop_{name}": value for name, value in policy.stop_rules.items()},
        "rare_labels": policy.rare.get("labels", []),
        "rare_items": ", ".join(str(numbers[pk]) for pk in items if pk in numbers),
    }
