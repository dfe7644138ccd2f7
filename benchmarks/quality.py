"""Replay real votes with known truth: how many annotations an item needs, and how right the consensus is.

    python benchmarks/quality.py --votes labels.csv --gold gold.csv [--json OUT]
    python benchmarks/quality.py FOLDER [FOLDER ...] [--json OUT]      each with labels.csv and gold.csv
    python benchmarks/quality.py --speed [--json OUT]

Columns are ``worker,item,label`` and ``item,gold``. Each item's votes come in a random order, the same for
every policy; figures are means over ``--orders`` of them. «fixed N» takes the first N votes of every item,
settled by Dawid–Skene or, where it says so, by majority; «stop at two equal» asks until two agree, five at
most, settled by majority; ties go to a lead. «two, then lead» is the product's rule before it has a
calibration: two votes, and a lead where they differ. «default» is its rule with money for further votes: two
each, then one at a time for the item that is least sure, until all are sure, have eight votes, or the money
is spent: 70 % of what five votes an item cost, and up to 80 % for items that no majority carries. What is
left of these goes to a lead. It knows only the votes bought so far, is fitted again now and then, and never
sees gold. A lead is right in .97.
"""

from __future__ import annotations

import argparse
import csv
import heapq
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from projects.quality import crowd  # noqa: E402
from projects.quality.agreement import agreement  # noqa: E402
from projects.quality.asking import Rule, decide  # noqa: E402

Array = NDArray[Any]

LEAD_RIGHT = 0.97
FIVE = 5
# Ask until this sure; when the money is spent, a majority that is also the likeliest label settles.
RULE = Rule(least=2, most=8, target=0.99, lead=False)
CLOSING = Rule(least=1, most=1)
# Of what five votes an item cost: for everything, and for items that would go to a lead.
MONEY = 0.70
MORE_MONEY = 0.80
REFITS = 10


@dataclass(frozen=True)
class Replay:
    """Votes in the order in which they come: (items, places), -1 where an item has no more."""

    people: Array
    answers: Array
    gold: Array
    n_labels: int

    @property
    def available(self) -> Array:
        available: Array = (self.answers >= 0).sum(axis=1)
        return available

    def bought(self, have: Array) -> tuple[Array, Array, Array]:
        """Return the first ``have`` (n,) votes of each item as items, people, answers."""
        items, places = np.nonzero(np.arange(self.answers.shape[1]) < have[:, None])
        return items, self.people[items, places], self.answers[items, places]

    def counts(self, have: Array) -> Array:
        items, _, answers = self.bought(have)
        k = self.n_labels
        counts: Array = np.bincount(items * k + answers, minlength=len(self.gold) * k).reshape(-1, k)
        return counts

    def fit(self, have: Array) -> crowd.Fit:
        return crowd.fit(*self.bought(have), self.n_labels)

    def said(self, item: int, have: Array) -> list[int]:
        """The answers that an item has."""
        answers: list[int] = self.answers[item, : have[item]].tolist()
        return answers


@dataclass(frozen=True)
class Outcome:
    """What a policy took and found: votes (n,), labels (n,), whether a lead decides (n,)."""

    have: Array
    labels: Array
    lead: Array


# --- policies --------------------------------------------------------------------------------------------


def fixed(number: int, method: str) -> Callable[[Replay], Outcome]:
    """Take so many votes of every item."""
    return lambda replay: settled(replay, np.minimum(replay.available, number), method)


def two_equal(replay: Replay) -> Outcome:
    """Ask until two votes are equal, five times at most."""
    have = np.minimum(replay.available, 2)
    for _ in range(2, FIVE):
        open_ = replay.counts(have).max(axis=1) < 2
        have = np.where(open_, np.minimum(have + 1, replay.available), have)
    return settled(replay, have, "majority")


def settled(replay: Replay, have: Array, method: str) -> Outcome:
    """Settle by one method; ties between the labels with the most votes go to a lead."""
    counts = np.sort(replay.counts(have), axis=1)
    found = crowd.fit(*replay.bought(have), replay.n_labels, method)
    return Outcome(have, found.posterior.argmax(axis=1), counts[:, -1] == counts[:, -2])


def two_then_lead(replay: Replay) -> Outcome:
    """Ask two; where they differ a lead decides, as the product does until it has a calibration."""
    have = np.minimum(replay.available, 2)
    posteriors = replay.fit(have).posterior
    verdicts = [decide(one, replay.said(item, have), CLOSING) for item, one in enumerate(posteriors)]
    labels = np.array([verdict.label for verdict in verdicts])
    return Outcome(have, labels, np.array([verdict.what == "lead" for verdict in verdicts]))


def default(replay: Replay) -> Outcome:
    """Ask where it is least sure, then where no majority carries, while there is money."""
    have = np.minimum(replay.available, RULE.least)
    cost = int(np.minimum(replay.available, FIVE).sum())
    for rule, wanted, share in ((RULE, "ask", MONEY), (CLOSING, "lead", MORE_MONEY)):
        while (left := int(share * cost) - int(have.sum())) > 0:
            if not buy(replay, have, min(left, cost // (5 * REFITS) + 1), (rule, wanted)):
                break
    found = replay.fit(have)
    verdicts = [decide(one, replay.said(item, have), CLOSING) for item, one in enumerate(found.posterior)]
    labels = np.array([verdict.label for verdict in verdicts])
    return Outcome(have, labels, np.array([verdict.what == "lead" for verdict in verdicts]))


def buy(replay: Replay, have: Array, number: int, where: tuple[Rule, str]) -> bool:
    """Ask so many votes one by one, the least sure item first, where a rule says so; False: nowhere."""
    rule, wanted = where
    found, most = replay.fit(have), np.minimum(replay.available, RULE.most)
    waiting: list[tuple[float, int]] = []

    def queue(item: int, posterior: Array) -> None:
        verdict = decide(posterior, replay.said(item, have), rule)
        if verdict.what == wanted and have[item] < most[item]:
            heapq.heappush(waiting, (float(posterior.max()), item))

    for item, posterior in enumerate(found.posterior):
        queue(item, posterior)
    some = bool(waiting)
    while waiting and number > 0:
        _, item = heapq.heappop(waiting)
        have[item] += 1
        number -= 1
        # People whom the fit has not met are weighed by its last row.
        people = np.minimum(replay.people[item, : have[item]], len(found.rows) - 1).tolist()
        votes = list(zip(people, replay.said(item, have), strict=True))
        queue(item, crowd.posterior(votes, found.rows, found.prior))
    return some


POLICIES: dict[str, Callable[[Replay], Outcome]] = {
    "fixed 1": fixed(1, "majority"),
    "fixed 3": fixed(3, "dawid-skene"),
    "fixed 3 majority": fixed(3, "majority"),
    "fixed 5": fixed(FIVE, "dawid-skene"),
    "fixed 5 majority": fixed(FIVE, "majority"),
    "stop at two equal": two_equal,
    "two, then lead": two_then_lead,
    "default": default,
}


# --- sets ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Votes:
    """A set as it was read: one vote a row, gold -1 where it is not known."""

    name: str
    items: Array
    people: Array
    answers: Array
    gold: Array
    n_labels: int

    def shuffled(self, rng: np.random.Generator) -> Replay:
        """Put each item's votes in a random order."""
        order = rng.permutation(len(self.items))
        order = order[np.argsort(self.items[order], kind="stable")]
        items = self.items[order]
        sizes = np.bincount(items, minlength=len(self.gold))
        places = np.arange(len(items)) - (np.cumsum(sizes) - sizes)[items]
        table = np.full((2, len(self.gold), sizes.max()), -1)
        table[:, items, places] = self.people[order], self.answers[order]
        return Replay(table[0], table[1], self.gold, self.n_labels)


def read(name: str, votes: Path, gold: Path) -> Votes:
    """Read a set; of two votes of one person on one item the first counts."""
    said: dict[tuple[str, str], str] = {}
    for row in table(votes, "worker", "item", "label"):
        said.setdefault((row["worker"], row["item"]), row["label"])
    true = {row["item"]: row["gold"] for row in table(gold, "item", "gold")}
    people, items = (np.array(column) for column in zip(*said, strict=True))
    names, answers = np.unique(np.array(list(said.values())), return_inverse=True)
    rows, items = np.unique(items, return_inverse=True)
    column = {label: at for at, label in enumerate(names.tolist())}
    known = np.array([column.get(true[row], len(names)) if row in true else -1 for row in rows.tolist()])
    people = np.unique(people, return_inverse=True)[1]
    return Votes(name, items, people, answers, known, max(len(names), 2))


def table(path: Path, *columns: str) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    if not rows or (missing := set(columns) - set(rows[0])):
        raise SystemExit(
            f"{path}: has no rows" if not rows else f"{path}: has no column {', '.join(missing)}"
        )
    return rows


def sets(args: argparse.Namespace) -> Iterator[Votes]:
    if bool(args.votes) != bool(args.gold):
        raise SystemExit("--votes and --gold belong together")
    if args.votes:
        yield read(args.votes.resolve().parent.name, args.votes, args.gold)
    for folder in args.folders:
        yield read(folder.resolve().name, folder / "labels.csv", folder / "gold.csv")


def figures(votes: Votes, orders: int) -> list[dict[str, Any]]:
    """Replay every policy on the same orders; accuracy counts items with gold."""
    replays = [votes.shuffled(np.random.default_rng(seed)) for seed in range(orders)]
    rows = []
    for policy, run in POLICIES.items():
        found = np.mean([measured(replay, run(replay)) for replay in replays], axis=0)
        names = ("labels_per_item", "accuracy", "to_lead", "accuracy_with_lead")
        rows.append(
            {"set": votes.name, "policy": policy, **dict(zip(names, found.round(4).tolist(), strict=True))}
        )
    five = next(row for row in rows if row["policy"] == "fixed 5")
    for row in rows:
        row["share_of_five"] = round(row["labels_per_item"] / five["labels_per_item"], 3)
    return rows


def measured(replay: Replay, outcome: Outcome) -> tuple[float, ...]:
    known = replay.gold >= 0
    right = (outcome.labels == replay.gold)[known]
    lead = outcome.lead[known]
    with_lead = np.where(lead, LEAD_RIGHT, right)
    return (
        float(outcome.have.mean()),
        float(right.mean()),
        float(outcome.lead.mean()),
        float(with_lead.mean()),
    )


# --- speed -----------------------------------------------------------------------------------------------


def speed(n: int = 100_000, each: int = 5, p: int = 100, k: int = 10) -> dict[str, Any]:
    """CPU seconds and memory of consensus and agreement, and of one vote."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, k, n)
    items = np.repeat(np.arange(n), each)
    people = (np.repeat(rng.integers(0, p, n), each) + np.tile(np.arange(each) * 17, n)) % p
    right = rng.random(n * each) < rng.uniform(0.4, 0.9, p)[people]
    answers = np.where(right, truth[items], rng.integers(0, k, n * each))
    floor, _ = timed(lambda: np.bincount(items * k + answers, minlength=n * k))
    consensus, found = timed(lambda: crowd.fit(items, people, answers, k))
    agreeing, _ = timed(lambda: agreement(items, people, answers))
    votes = list(zip(people[:each].tolist(), answers[:each].tolist(), strict=True))
    began = time.perf_counter()
    for _ in range(2000):
        decide(crowd.posterior(votes, found.rows, found.prior), [answer for _, answer in votes], RULE)
    one = (time.perf_counter() - began) / 2000
    return {
        "items": n,
        "annotations": n * each,
        "consensus_cpu_s": round(consensus, 3),
        "agreement_cpu_s": round(agreeing, 3),
        "floor_cpu_s": round(floor, 5),
        "consensus_times_floor": round(consensus / floor, 1),
        "agreement_times_floor": round(agreeing / floor, 1),
        "one_vote_ms": round(one * 1000, 4),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "accuracy": float((found.posterior.argmax(axis=1) == truth).mean()),
    }


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of the second run, and what it returned."""
    work()
    began = time.process_time()
    found = work()
    return time.process_time() - began, found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--votes", type=Path)
    parser.add_argument("--gold", type=Path)
    parser.add_argument("--orders", type=int, default=5)
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if not (args.folders or args.votes or args.speed):
        parser.error("name folders, or --votes and --gold, or --speed")
    began, report = time.process_time(), dict[str, Any]()
    if args.speed:
        report["speed"] = speed()
        print(json.dumps(report["speed"], indent=1), flush=True)
    rows: list[dict[str, Any]] = []
    for votes in sets(args):
        rows += (new := figures(votes, args.orders))
        for row in new:
            print(
                "{set:>26} {policy:<18} {labels_per_item:6.2f} labels {accuracy:.3f} right "
                "{to_lead:6.1%} to a lead, then {accuracy_with_lead:.3f}".format(**row),
                flush=True,
            )
    if rows:
        report |= {"orders": args.orders, "gold_seen_by_default": 0, "rows": rows}
    report["cpu_s"] = round(time.process_time() - began, 1)
    if args.json:
        args.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
