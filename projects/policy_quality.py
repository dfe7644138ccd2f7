"""The form of what makes labels trustworthy: overlap, known items, escalation, limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from projects import policy_rows
from projects.models import Estimate, Policy, Project
from projects.policy_rows import PercentField
from projects.trust import escalation

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as Promise

    OfPolicy = forms.ModelForm[Policy]
else:
    OfPolicy = forms.ModelForm

AGGREGATORS: Final[dict[str, str | Promise]] = {
    "": gettext_lazy("Whichever is right most often on decided items"),
    "majority": gettext_lazy("Majority"),
    "one-coin": gettext_lazy("Each person by how often they are right"),
    "dawid-skene": gettext_lazy("Each person by what they confuse (Dawid–Skene)"),
}
# How a trigger is set: switches are on or off, the others are numbers with 0 for off.
_SWITCHES: Final[dict[str, tuple[Promise, Promise]]] = {
    "tie": (gettext_lazy("The votes differ"), gettext_lazy("And nothing in them says who is right.")),
    "low": (gettext_lazy("The votes leave doubt"), gettext_lazy("Everybody was asked who may be asked.")),
    "flag": (gettext_lazy("Somebody flagged it"), gettext_lazy("No further answers are asked meanwhile.")),
    "spot": (gettext_lazy("A spot check differs"), gettext_lazy("A lead's blind answer is another one.")),
    "guideline": (
        gettext_lazy("The guidelines changed"),
        gettext_lazy("An answer contradicts what a lead decided under older ones."),
    ),
}
_COUNTS: Final[dict[str, tuple[Promise, Promise, int]]] = {
    "gold_people": (
        gettext_lazy("People who missed a known item"),
        gettext_lazy("Then it may be the known answer that is wrong."),
        100,
    ),
    "model_per_day": (
        gettext_lazy("Items a day on which the model contradicts"),
        gettext_lazy("Only once the model has proven itself on the hold-out."),
        1000,
    ),
    "age_days": (
        gettext_lazy("Days that an item may stay open"),
        gettext_lazy("Counted from its first answer."),
        1000,
    ),
}
_SHARES: Final[dict[str, tuple[Promise, Promise]]] = {
    "model_below": (
        gettext_lazy("The model contradicts below, %"),
        gettext_lazy("The chance that it gives the label which people settled on."),
    ),
    "region_share": (
        gettext_lazy("A region is contentious from, %"),
        gettext_lazy("So many of the items most alike went to leads."),
    ),
}
_PLAIN: Final = (
    "max_overlap",
    "aggregator",
    "model_vote",
    "senior_after",
    "skill_field",
    "service_hours",
    "qualification",
    "calibration",
    "person_most",
    "person_hourly",
    "fastest_seconds",
    "show_old_answer",
)
_PERCENT: Final = (
    "target_confidence",
    "gold_share",
    "gold_floor",
    "qualification_share",
    "spot_share",
    "person_share",
)


def _percent(label: Promise, words: Promise, least: float, most: float) -> PercentField:
    return PercentField(label=label, help_text=words, min_value=least, max_value=most)


class QualityForm(OfPolicy):
    """Settings of quality. Saving makes a new version of the policy."""

    target_confidence = _percent(
        gettext_lazy("Settled from, %"),
        gettext_lazy("How sure the answers together must be. Below, one more person is asked."),
        50,
        99.9,
    )
    gold_share = _percent(
        gettext_lazy("Known items mixed in, %"),
        gettext_lazy("Three times as many in a person's first hundred answers. Nobody can tell them."),
        0,
        50,
    )
    gold_floor = _percent(
        gettext_lazy("The bar on known items, %"),
        gettext_lazy("Who is surely below it is warned, then paused until a lead says otherwise."),
        0,
        99,
    )
    qualification_share = _percent(
        gettext_lazy("Right answers to join, %"), gettext_lazy("Of the known items asked before."), 0, 100
    )
    spot_share = _percent(
        gettext_lazy("Spot checks, %"),
        gettext_lazy("Share of settled items that a lead judges again without seeing their label."),
        0,
        50,
    )
    person_share = _percent(
        gettext_lazy("Most of all answers by one person, %"),
        gettext_lazy("From a hundred answers and three people on. 0: no limit."),
        0,
        100,
    )
    aggregator = forms.ChoiceField(
        label=gettext_lazy("How answers are weighed"), choices=list(AGGREGATORS.items()), required=False
    )
    skill_field = forms.ChoiceField(
        label=gettext_lazy("Skill asked for"),
        required=False,
        help_text=gettext_lazy(
            "A field of the data: only people with its value among their skills are asked."
        ),
    )
    ordinal = forms.BooleanField(
        label=gettext_lazy("The labels are levels of a scale, lowest first"), required=False
    )
    subjective = forms.BooleanField(
        label=gettext_lazy("There is no single right answer: keep how the answers are distributed"),
        required=False,
    )
    reason = forms.CharField(label=gettext_lazy("Why this change"), required=False, max_length=500)

    class Meta:
        model = Policy
        fields = [*_PLAIN, *_PERCENT]
        labels = {
            "max_overlap": gettext_lazy("Most people an item"),
            "model_vote": gettext_lazy("A model that has proven itself has a say"),
            "senior_after": gettext_lazy("Senior people only, from this answer on"),
            "service_hours": gettext_lazy("Hours in which a lead should answer"),
            "qualification": gettext_lazy("Known items before joining"),
            "calibration": gettext_lazy("First items that everybody labels"),
            "person_most": gettext_lazy("Most answers of one person"),
            "person_hourly": gettext_lazy("Most answers in an hour"),
            "fastest_seconds": gettext_lazy("Seconds that an answer takes at least"),
            "show_old_answer": gettext_lazy("Show people their old answer when they are asked again"),
        }
        help_texts = {
            "max_overlap": gettext_lazy(
                "Where answers leave doubt, more are asked up to this; then a lead decides. An item that one "
                "person answers is settled by that answer."
            ),
            "model_vote": gettext_lazy("Never on the agreement sample and on known items."),
            "senior_after": gettext_lazy("0: everybody may be asked at any time."),
            "service_hours": gettext_lazy("Disputes older than that are marked."),
            "qualification": gettext_lazy("0: people start at once."),
            "calibration": gettext_lazy("Nothing is trained until leads are through with them. 0: none."),
            "person_most": gettext_lazy("0: no limit. A person's own limit comes first."),
            "person_hourly": gettext_lazy("0: no limit."),
            "fastest_seconds": gettext_lazy(
                "Faster answers are counted and shown to leads. 0: not looked at."
            ),
        }

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        kwargs["initial"] = {
            "ordinal": project.ordinal,
            "subjective": project.subjective,
            **_triggers_of(project.policy),
        }
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        names = dict.fromkeys([*policy_rows.fields_of(project), self.instance.skill_field])
        fields["skill_field"].choices = [("", _("None")), *((name, name) for name in names if name)]
        self._add_triggers()
        if project.task != Project.Task.SINGLE:
            del self.fields["ordinal"]

    def _add_triggers(self) -> None:
        for name, (label, words) in _SWITCHES.items():
            self.fields[f"on_{name}"] = forms.BooleanField(label=label, help_text=words, required=False)
        for name, (label, words, most) in _COUNTS.items():
            self.fields[f"on_{name}"] = forms.IntegerField(
                label=label, help_text=words, min_value=0, max_value=most
            )
        for name, (label, words) in _SHARES.items():
            self.fields[f"on_{name}"] = PercentField(label=label, help_text=words, min_value=0, max_value=100)

    def switches(self) -> list[forms.BoundField]:
        """The triggers that are on or off."""
        return [self[f"on_{name}"] for name in _SWITCHES]

    def numbers(self) -> list[forms.BoundField]:
        """The triggers with a number; 0 is off."""
        return [self[f"on_{name}"] for name in (*_COUNTS, *_SHARES)]

    def clean_max_overlap(self) -> int:
        most: int = self.cleaned_data["max_overlap"]
        if most < self.instance.overlap:
            raise forms.ValidationError(
                _("Each item is answered by %(least)d already.") % {"least": self.instance.overlap}
            )
        return most

    def changes(self) -> dict[str, Any]:
        """What the person set of the policy."""
        found = {name: self.cleaned_data[name] for name in (*_PLAIN, *_PERCENT)}
        kept = dict(self.instance.triggers)
        for name, default in escalation.DEFAULTS.items():
            value = float(self.cleaned_data[f"on_{name}"] or 0)
            if value != default:
                kept[name] = value
            else:
                kept.pop(name, None)
        return {**found, "triggers": kept}

    def of_project(self) -> dict[str, bool]:
        """What the person set of the project itself."""
        return {name: self.cleaned_data[name] for name in ("ordinal", "subjective") if name in self.fields}


def methods(estimate: Estimate, changes: dict[str, int]) -> list[tuple[str, bool, float | None, int | None]]:
    """Each way to weigh answers: title, whether in use, share right when decided, what it would change."""
    right = estimate.figures.get("right", {})
    return [
        (str(title), name == estimate.method, right.get(name), changes.get(name))
        for name, title in AGGREGATORS.items()
        if name
    ]


def trigger_words(triggers: dict[str, float]) -> list[str]:
    """Say how triggers are set, each by its title."""
    titles = {name: row[0] for name, row in (*_SWITCHES.items(), *_COUNTS.items(), *_SHARES.items())}
    return [f"{titles[name]}: {_set_to(name, triggers[name])}" for name in titles if name in triggers]


def _set_to(name: str, value: float) -> str:
    if not value:
        return _("off")
    if name in _SHARES:
        return f"{value * 100:g} %"
    return _("on") if name in _SWITCHES else f"{value:g}"


def _triggers_of(policy: Policy) -> dict[str, Any]:
    found = {f"on_{name}": escalation.setting(policy, name) for name in escalation.DEFAULTS}
    return {
        name: int(value) if name.removeprefix("on_") in _COUNTS else value for name, value in found.items()
    }
