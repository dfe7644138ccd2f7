"""What the simulate command was given: files as data sets with features, ready to be simulated on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings

from sampling import kept
from sampling.core import known, simulation
from sampling.core.constraints import LABEL, Quota
from sampling.core.crowd import Crowd
from sampling.core.featurizers import Featurizer, default_for, featurizer
from sampling.core.scarcity import Scarcity
from sampling.core.settings import Settings
from sampling.core.simulation import Plan
from sampling.trials import Case

# Names that say nothing of what is in a file: then its folder gives the name.
_DULL = ("items", "labels", "images", "data", "train")


def names(text: str) -> tuple[str, ...]:
    """The names in a list with commas, each once."""
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def plan_of(options: Mapping[str, Any]) -> Plan:
    """What is simulated, as far as it does not depend on the data. Raises ValueError for nonsense."""
    base = Settings(
        mode=options["mode"] or "",
        committee_size=options["committee"],
        class_weights=options["class_weights"] or "",
    )
    for learner in names(options["learners"]):
        replace(base, learner=learner)
    crowd = Crowd(options["noise"], options["overlap"], options["mistakes"])
    sizes = options["initial"], options["batch"], options["budget"], options["test"]
    return Plan(names(options["strategies"]), *sizes, settings=base, crowd=crowd)


def scarcity_of(options: Mapping[str, Any]) -> Scarcity:
    """What of the data is left."""
    rare = {}
    for text in options["rare"]:
        label, _, share = text.rpartition(":")
        rare[label] = _number("rare", text, share)
    return Scarcity(names(options["only_labels"]), rare, options["imbalance"])


def quotas_of(texts: Sequence[str], labels: Sequence[str]) -> tuple[Quota, ...]:
    """Quotas from LABEL:LEAST or LABEL:LEAST-MOST, shares of a batch."""
    found = []
    for text in texts:
        label, _, shares = text.rpartition(":")
        least, dash, most = shares.partition("-")
        if label not in labels:
            raise ValueError(f"quota {text!r}: there is no label {label!r}; there are: {_few(labels)}")
        share = _number("quota", text, least)
        limit = _number("quota", text, most) if dash else 1.0
        found.append(Quota(LABEL, list(labels).index(label), share, limit))
    return tuple(found)


def _number(option: str, text: str, number: str) -> float:
    try:
        return float(number)
    except ValueError as error:
        raise ValueError(f"{option} {text!r} has no share; write LABEL:SHARE, say spam:0.01") from error


def kind_of(name: str) -> type[Featurizer]:
    """The featurizer of this name, an ONNX file of the site among them. Raises ValueError."""
    return featurizer(name, settings.MODELS_DIR)


@dataclass(frozen=True)
class Set:
    """One data set as it is simulated on: read, thinned, and limited."""

    name: str
    media: str
    known: known.Known
    of_path: Path

    @classmethod
    def of(cls, path: Path, options: Mapping[str, Any]) -> Set:
        """Read a file, and leave of it what the options say."""
        columns = known.Columns(
            options["text_column"], options["label_column"], separator=options["label_separator"]
        )
        media, data = known.read(path, columns, options["images"])
        thin = scarcity_of(options)
        if not thin.harmless:
            data = data.only(thin.rows(data.targets, data.labels, np.random.default_rng(1)))
        limit = options["limit"]
        if limit and limit < len(data.contents):
            data = data.only(np.sort(np.random.default_rng(0).permutation(len(data.contents))[:limit]))
        if len(data.labels) < 2:
            raise ValueError(
                f"{path} has one label left in {len(data.contents)} items; 2 at least are needed"
            )
        return cls(_name(path), media, data, path)

    def facts(self) -> dict[str, Any]:
        """What is kept with the runs."""
        data = self.known
        counts = dict(zip(data.labels, data.targets.sum(axis=0).astype(int).tolist(), strict=True))
        facts = {"items": len(data.contents), "task": data.task, "labels": counts, "skipped": data.skipped}
        return {**facts, "digest": kept.digest(data.contents)}

    def cases(self, options: Mapping[str, Any], folder: Path, say: Callable[[str], None]) -> list[Case]:
        """This set under each featurizer, its features computed or found."""
        targets = folder / f"{self.name}.targets.npy"
        np.save(targets, self.known.targets, allow_pickle=False)
        plan = self.plan(options)
        there = len(simulation.parts(len(self.known.contents), plan.test, 0)[0])
        if there < plan.budget:
            say(f"{self.name}: the budget is {there} labels instead of {plan.budget}, for want of items.")
        found: list[Case] = []
        for name in self._featurizers(names(options["featurizers"])):
            x, old = kept.features(kind_of(name), self.known.contents)
            say(f"{self._words()}; features ({name}) {'were there' if old else 'computed'}.")
            path = folder / f"{self.name}.{len(found)}.npy"
            np.save(path, x, allow_pickle=False)
            found.append(Case(self.name, name, path, targets, plan))
        return found

    def plan(self, options: Mapping[str, Any]) -> Plan:
        """The plan with what it says of labels by name."""
        plan = plan_of(options)
        labels = self.known.labels
        own = replace(plan.settings, task=self.known.task, quotas=quotas_of(options["quota"], labels))
        unknown = [label for label in options["seek"] if label not in labels]
        if unknown:
            raise ValueError(f"seek: there is no label {unknown[0]!r}; there are: {_few(labels)}")
        return replace(plan, settings=own, wanted=tuple(labels.index(name) for name in options["seek"]))

    def _featurizers(self, wanted: Sequence[str]) -> list[str]:
        if not wanted:
            return [default_for(self.media)]
        fitting = [name for name in wanted if kind_of(name).media == self.media]
        if not fitting:
            raise ValueError(f"{self.of_path} has {self.media}s, and none of {', '.join(wanted)} is for them")
        return fitting

    def _words(self) -> str:
        data = self.known
        skipped = f", {data.skipped} rows without a label left out" if data.skipped else ""
        several = ", several an item" if data.task == "multi" else ""
        return f"{self.name}: {len(data.contents)} items, {len(data.labels)} labels{several}{skipped}"


def told_apart(sets: Sequence[Set]) -> list[Set]:
    """The same with different names."""
    number: Counter[str] = Counter()
    out = []
    for one in sets:
        number[one.name] += 1
        again = number[one.name]
        out.append(one if again == 1 else replace(one, name=f"{one.name}-{again}"))
    return out


def facts(options: Mapping[str, Any], sets: Sequence[Set]) -> dict[str, Any]:
    """What runs must agree in to be kept together, and what they were made on."""
    plan = plan_of(options)
    common = {
        name: value for name, value in asdict(plan.settings).items() if name not in ("strategy", "learner")
    }
    chosen = {name: options[name] for name in ("limit", "quota", "seek")}
    sizes = {"initial": plan.initial, "batch": plan.batch, "budget": plan.budget, "test": plan.test}
    crowd, left = asdict(plan.crowd), asdict(scarcity_of(options))
    made = {**sizes, **chosen, "crowd": crowd, "scarcity": left, "settings": common}
    return {"plan": made, "sets": {one.name: one.facts() for one in sets}}


def _name(path: Path) -> str:
    stem = path.name.removesuffix(".gz").rsplit(".", 1)[0]
    return path.absolute().parent.name if stem in _DULL else stem


def _few(labels: Sequence[str], most: int = 12) -> str:
    return ", ".join(labels[:most]) + (" …" if len(labels) > most else "")
