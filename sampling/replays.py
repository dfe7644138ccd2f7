"""What a comparison of strategies shows: curves, a table, and one plain sentence."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from projects import charts, policy_names
from projects.models import Project
from sampling import whatif
from sampling.models import Comparison

# More labels than this share since: it may have changed.
GREW: Final = 0.2
BASELINE: Final = "random"
# Besides those that most projects choose among.
MORE: Final = (
    "uncertainty-herding",
    "margin-k-means",
    "badge",
    "typiclust",
    "k-center",
    "consensus-entropy",
    "entropy",
)


def choices(project: Project) -> list[tuple[str, str]]:
    """Strategies to choose from by name and title; the project's own is always among them, first."""
    own = whatif.own_strategy(project)
    names = dict.fromkeys([own, *(row[0] for row in policy_names.STRATEGIES), *MORE])
    return [(name, policy_names.title_of(name)) for name in names]


class CompareForm(forms.Form):
    """Which strategies are compared: two or three."""

    strategies = forms.MultipleChoiceField(
        label=gettext_lazy("Strategies to compare"),
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy(
            "Two or three. The first is the one that this project uses; its streams and quotas are left out."
        ),
        error_messages={"required": gettext_lazy("Choose two or three strategies.")},
    )

    def __init__(self, project: Project, data: Any = None) -> None:
        own = whatif.own_strategy(project)
        start = [own, BASELINE] if own != BASELINE else [BASELINE, "default"]
        super().__init__(data, initial={"strategies": start})
        field = self.fields["strategies"]
        field.choices = choices(project)  # type: ignore[attr-defined]

    def clean_strategies(self) -> list[str]:
        chosen: list[str] = self.cleaned_data["strategies"]
        if not 2 <= len(chosen) <= whatif.STRATEGIES_MOST:
            raise forms.ValidationError(_("Choose two or three strategies."))
        return chosen


@dataclass(frozen=True)
class Row:
    """One strategy in the table; ``against`` is its difference to the reference in words."""

    title: str
    height: str
    last: str
    needed: int | None
    against: str
    beyond: bool | None


@dataclass(frozen=True)
class Shown:
    """One look at a comparison."""

    found: Comparison
    labelled: int  # settled items now

    @property
    def live(self) -> bool:
        return self.found.state in Comparison.LIVE

    @property
    def done(self) -> int:
        """Finished replays."""
        return len(self.found.replays)

    @property
    def most(self) -> int:
        return len(self.found.strategies) * self.found.seeds

    @property
    def names(self) -> str:
        return ", ".join(self._title(name) for name in self.found.strategies)

    @property
    def grown(self) -> int:
        """Labels that came in since, where they are many."""
        new = self.labelled - self.found.labelled
        return new if new > GREW * self.found.labelled else 0

    @property
    def tag(self) -> str:
        """Changes whenever anything shown changes."""
        facts = self.found.pk, self.found.state, self.done, self.found.error, self.labelled
        return blake2b(repr(facts).encode(), digest_size=12).hexdigest()

    @property
    def _figures(self) -> dict[str, dict[str, Any]]:
        figures: dict[str, dict[str, Any]] = self.found.facts["rows"]
        return figures

    @property
    def _reference(self) -> str:
        return str(self.found.facts["reference"])

    def _title(self, name: str) -> str:
        return policy_names.title_of(name)

    def rows(self) -> list[Row]:
        """The table, best first."""
        best_first = sorted(self._figures.items(), key=lambda pair: -float(pair[1]["height"]))
        return [self._row(name, figures) for name, figures in best_first]

    def _row(self, name: str, figures: dict[str, Any]) -> Row:
        against = "" if figures["gap"] is None else _points(figures["gap"], figures["reach"])
        height, last = charts.percent(figures["height"]), charts.percent(figures["mean"][-1])
        return Row(self._title(name), height, last, figures["needed"], against, figures["beyond"])

    @property
    def reference(self) -> str:
        """The strategy that the others are compared with."""
        return self._title(self._reference)

    def chart(self) -> charts.Chart:
        """Mean curves with ± one standard error; random is drawn quietly."""
        series = [self._series(name, figures) for name, figures in self._figures.items()]
        return charts.line(
            sorted(series, key=lambda one: one.quiet),
            title=_("Right answers by number of labels"),
            x_label=_("labels"),
            y_label=_("right answers"),
            y_format=charts.percent,
        )

    def _series(self, name: str, figures: dict[str, Any]) -> charts.Series:
        rows = zip(figures["labels"], figures["mean"], figures["error"], strict=True)
        points = [charts.Point(x, y, max(0.0, y - error), min(1.0, y + error)) for x, y, error in rows]
        return charts.Series(self._title(name), points, quiet=name == BASELINE)

    def sentence(self) -> str:
        """What the comparison says, and no more than that."""
        figures = self._figures
        others = [name for name in figures if name != self._reference]
        best = max(others, key=lambda name: float(figures[name]["height"]))
        gap, reach = figures[best]["gap"], figures[best]["reach"]
        words = {
            "own": self.reference,
            "other": self._title(best),
            "points": _number(abs(gap)),
            "reach": _number(reach),
        }
        if not figures[best]["beyond"]:
            return _alike(gap) % words
        if gap < 0:
            return _(
                "With this project's labels so far, «%(own)s» was right more often than «%(other)s»: by"
                " %(points)s points on average (± %(reach)s), more than chance explains."
            ) % words  # fmt: skip
        return _(
            "With this project's labels so far, «%(other)s» was right more often than «%(own)s»: by"
            " %(points)s points on average (± %(reach)s), more than chance explains."
        ) % words  # fmt: skip


def _alike(gap: float) -> str:
    if gap > 0:
        return _(
            "With this project's labels so far, «%(other)s» was right %(points)s points more often than"
            " «%(own)s» on average (± %(reach)s): the difference is not beyond chance."
        )
    return _(
        "With this project's labels so far, «%(own)s» was right %(points)s points more often than"
        " «%(other)s» on average (± %(reach)s): the difference is not beyond chance."
    )


def _points(gap: float, reach: float) -> str:
    sign = "+" if gap > 0 else "−" if gap < 0 else ""
    return _("%(points)s ± %(reach)s points") % {
        "points": charts.signed(sign + _number(abs(gap))),
        "reach": _number(reach),
    }


def _number(share: float) -> str:
    return charts.plain(round(share * 100, 1))


def shown(found: Comparison, labelled: int) -> Shown:
    """What the page shows of a comparison."""
    return Shown(found, labelled)
