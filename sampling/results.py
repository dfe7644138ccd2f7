"""What the simulate command shows: summaries for JSON, tables, and a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sampling import plots, tables
from sampling.core import comparison
from sampling.core.comparison import BASELINE, Figures, Run

Labels = Mapping[str, Sequence[str]]


def report(runs: Sequence[Run], labels: Labels, judge: str | None) -> dict[str, Any]:
    """All figures as plain data: by set, over the sets, and how the named strategy stands."""
    by_set = comparison.grouped(runs, lambda run: run.data)
    out: dict[str, Any] = {
        "summary": {name: comparison.summary(some) for name, some in by_set.items()},
        "found": {name: found(some, labels[name]) for name, some in by_set.items() if name in labels},
        "overall": comparison.overall(runs) if runs else {},
    }
    return {**out, "judged": comparison.judged(runs, judge)} if judge else out


def found(runs: Sequence[Run], labels: Sequence[str]) -> dict[str, dict[str, float]]:
    """Of each strategy on one data set, the mean share of each label's items that it had labelled."""
    shares = {}
    for who, some in comparison.grouped(runs, comparison.naming(runs)).items():
        mean: list[float] = np.array([run.found for run in some], np.float64).mean(axis=0).tolist()
        shares[who] = {label: round(share, 4) for label, share in zip(labels, mean, strict=True)}
    return shares


def text(runs: Sequence[Run], labels: Labels, options: Mapping[str, Any]) -> str:
    """All tables: one a set, one over the sets where there are several, and the verdict asked for."""
    by_set = comparison.grouped(runs, lambda run: run.data)
    named = [text.rpartition(":")[0] for text in options["rare"]] + list(options["seek"])
    parts = []
    for name, some in by_set.items():
        shown = [label for label in dict.fromkeys(named) if label in labels.get(name, ())]
        head = f"{name}: {', '.join(sorted({run.featurizer for run in some}))}"
        parts.append(f"{head}\n{_of_set(some, labels.get(name, ()), shown)}")
    if len(by_set) > 1:
        parts.append(f"Over {len(by_set)} sets\n{_overall(comparison.overall(runs))}")
    if options["judge"]:
        parts.append(_judged(options["judge"], comparison.judged(runs, options["judge"])))
    parts.append(_legend(runs))
    return "\n\n".join(parts)


def _of_set(runs: Sequence[Run], labels: Sequence[str], shown: Sequence[str]) -> str:
    budget = max(run.labels[-1] for run in runs)
    head = [
        "strategy",
        "mean accuracy",
        f"at {budget}",
        "macro-F1",
        "over random",
        f"labels for random at {budget}",
        "ratio",
    ]
    share = found(runs, labels) if shown else {}
    rows = []
    for name, row in _best_first(comparison.summary(runs)):
        needed = row["labels_for_random_at_budget"]
        reached = "never" if row["over_random"] is not None and needed is None else ""
        cells = [
            name,
            tables.share(row["area"], row["area_se"]),
            tables.share(row["final"]),
            tables.share(row["final_f1"]),
            tables.points(row["over_random"], row["over_random_se"]) if not _is_baseline(name) else "",
            reached if needed is None else f"{needed:.0f}",
            tables.ratio(row["ratio"], row["ratio_se"]),
        ]
        rows.append([*cells, *(tables.share(share[name][label]) for label in shown)])
    return tables.aligned([*head, *(f"{label} found" for label in shown)], rows)


def _overall(overall: Mapping[str, Figures]) -> str:
    head = ["strategy", "mean accuracy", "over random", "mean ratio", "sets", "reached"]
    rows = []
    for name, row in _best_first(overall):
        over = "" if _is_baseline(name) else tables.points(row["over_random"], row["over_random_se"])
        sets = [f"{row[key]:.0f}" for key in ("sets", "reached")]
        rows.append([name, tables.share(row["area"]), over, tables.ratio(row["mean_ratio"]), *sets])
    return tables.aligned(head, rows)


def _is_baseline(name: str) -> bool:
    """Whether this is random, under whichever learner and featurizer: what others are compared with."""
    return name.partition(" ")[0] == BASELINE


def _judged(name: str, cases: Sequence[Mapping[str, Any]]) -> str:
    title = f"Is {name} at least the best other strategy minus one standard error?"
    if not cases:
        return f"{title}\nThere is nothing to compare it with."
    again = len({case["data"] for case in cases}) < len(cases)
    rows = [
        [
            ", ".join(case[key] for key in ("data", "featurizer", "learner")) if again else case["data"],
            case["best_other"],
            tables.points(case["difference"], case["difference_se"]),
            "yes" if case["holds"] else "no",
            {None: "", True: "yes", False: "no"}[case["below_random"]],
        ]
        for case in cases
    ]
    held = sum(case["holds"] for case in cases)
    table = tables.aligned(["set", "best other", "difference", "holds", "below random"], rows)
    return f"{title} On {held} of {len(cases)}.\n{table}"


def _legend(runs: Sequence[Run]) -> str:
    seeds = len({run.seed for run in runs})
    words = f"In per cent; ±: one standard error over {seeds} seeds; differences are paired by seed."
    return words if seeds > 1 else "In per cent; one seed: no standard errors."


def _best_first(rows: Mapping[str, Figures]) -> list[tuple[str, Figures]]:
    return sorted(rows.items(), key=lambda pair: -(pair[1]["area"] or 0.0))


def plot(runs: Sequence[Run], title: str = "Accuracy by number of labels") -> str:
    """An SVG file: the mean curve of each strategy with ± one standard error, a panel a set."""
    panels = []
    for name, some in comparison.grouped(runs, lambda run: run.data).items():
        groups = comparison.grouped(some, comparison.naming(some))
        panels.append(plots.Panel(name, {who: _curve(of_one) for who, of_one in groups.items()}))
    seeds = len({run.seed for run in runs})
    note = f"Mean of {seeds} seeds; bands: ± 1 standard error." if seeds > 1 else "One seed."
    return plots.figure(panels, title, note)


def _curve(runs: Sequence[Run]) -> plots.Curve:
    labels, accuracy = comparison.stacked(runs)
    reach = accuracy.std(axis=0, ddof=1) / np.sqrt(len(runs)) if len(runs) > 1 else np.empty(0)
    return plots.Curve(
        labels.tolist(), accuracy.mean(axis=0).tolist(), reach.tolist(), runs[0].strategy == BASELINE
    )
