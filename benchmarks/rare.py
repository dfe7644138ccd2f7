"""Count how many items of a rare label are found: by chance, by the default, by looking for it.

    python benchmarks/rare.py --data FILE.jsonl.gz --label NAME [--column label] [--share 0.01] [--json OUT]

The label is thinned to ``--share`` of the items where it has more. So many of its items are named as examples
(``--examples``) and are not counted; 20 random items are labelled to begin with, then batches of 20 up to
``--labels``. Each strategy fills all of every batch. Features are those of the product's default for texts.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from sampling.core.arrays import BoolArray, FloatArray, IntArray  # noqa: E402
from sampling.core.featurizers import FEATURIZERS, default_for  # noqa: E402
from sampling.core.loop import next_batch, train  # noqa: E402
from sampling.core.pool import Pool  # noqa: E402
from sampling.core.settings import Settings  # noqa: E402

STRATEGIES = ("random", "default", "margin", "rare")
START = BATCH = 20


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--label", required=True)
    parser.add_argument("--column", default="label")
    parser.add_argument("--share", type=float, default=0.01)
    parser.add_argument("--limit", type=int, default=6000)
    parser.add_argument("--examples", type=int, default=2)
    parser.add_argument("--labels", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    began = time.process_time()
    x, labels = read(args)
    is_rare = labels == args.label
    print(f"{args.label}: {is_rare.sum()} of {len(x)} items, {args.examples} of them named", flush=True)
    rows: list[dict[str, Any]] = []
    for strategy in STRATEGIES:
        found = [found_by(strategy, x, labels, is_rare, (args, seed)) for seed in range(args.seeds)]
        rows.append({"strategy": strategy, "found": found, "labels": args.labels})
        print(f"{strategy:>8} {np.mean(found):6.1f}", flush=True)
    if args.json:
        report = {"label": args.label, "cpu_s": round(time.process_time() - began, 1), "rows": rows}
        args.json.write_text(json.dumps(report, indent=1))


def read(args: argparse.Namespace) -> tuple[FloatArray, np.ndarray]:
    """Features and labels of the items that are left."""
    rng = np.random.default_rng(0)
    opened = gzip.open if args.data.suffix == ".gz" else open
    with opened(args.data, "rt", encoding="utf-8") as file:
        items = [json.loads(line) for line in file]
    items = [items[i] for i in np.sort(rng.permutation(len(items))[: args.limit])]
    labels = np.array([item[args.column] for item in items])
    rare = rng.permutation(np.flatnonzero(labels == args.label))
    if not len(rare):
        raise SystemExit(f"No item has the label {args.label!r} in {args.column!r}.")
    allowed = round(args.share * (len(items) - len(rare)) / (1 - args.share))
    keep = np.setdiff1d(np.arange(len(items)), rare[max(allowed, 1) :])
    texts = [items[i]["text"] for i in keep]
    return FEATURIZERS[default_for("text")]().fit(texts, rng).transform(texts), labels[keep]


def found_by(
    strategy: str, x: FloatArray, labels: np.ndarray, is_rare: BoolArray, run: tuple[argparse.Namespace, int]
) -> int:
    """How many items of the rare label are among the first so many labelled."""
    args, seed = run
    rng = np.random.default_rng(seed)
    names, position = np.unique(labels, return_inverse=True)
    targets = np.eye(len(names), dtype=np.float32)[position]
    named = rng.permutation(np.flatnonzero(is_rare))[: args.examples]
    pool: IntArray = np.setdiff1d(np.arange(len(x)), named)
    done = rng.permutation(pool)[:START]
    chosen = Settings(strategy=strategy, committee_size=0)
    wanted = np.flatnonzero(names == args.label)
    while len(done) < args.labels:
        left = np.setdiff1d(pool, done)
        known = Pool(
            x[left],
            x[done],
            targets=targets[done],
            examples=x[named] if len(named) else None,
            wanted=wanted,
        )
        trained = train(x[done], targets[done], chosen, rng)
        rows = next_batch(known, trained, min(BATCH, args.labels - len(done)), chosen, rng).rows
        done = np.concatenate([done, left[rows]])
    return int(is_rare[done].sum())


if __name__ == "__main__":
    main()
