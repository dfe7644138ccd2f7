"""Measure one round's picking: score a whole pool and pick 500 rows, by every strategy, on one thread.

    python benchmarks/sampling.py [--n 100000] [--d 384] [--works NAME ...] [--json OUT]

Rows are made up: 60 groups of unlike size and width, rows of length 1, 20 labels, 500 rows labelled, a
champion and a committee of 3 trained on them. Each work runs in a process of its own, short ones three times
(the best counts), in CPU seconds, because wall time on a busy machine says little. ``peak_mb`` is the private
memory that the process took beyond features and models. The floor is the plain matrix passes that the work
cannot do without, in the same process: rows x weights of the models, rows x centres with the nearest of each;
for BADGE and k-center one pass over all rows for each pick (10 are run and counted 50 times).

From 200,000 rows on the pool lies in memory-mapped files of 32,768 rows in a temporary folder, and works are
measured at half the size as well: ``linear`` is the time for all over twice the time for half.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from sampling.core.arrays import CHUNK, FloatArray, IntArray, chunks, unit_rows  # noqa: E402
from sampling.core.clusters import centres_of  # noqa: E402
from sampling.core.loop import Trained, Turn, prepared, score_shard, select, train  # noqa: E402
from sampling.core.pool import Pool  # noqa: E402
from sampling.core.settings import Settings  # noqa: E402
from sampling.core.strategies import STRATEGIES, Scores  # noqa: E402

PICKS, LABELS, LABELLED, GROUPS = 500, 20, 500, 60
DEFAULT = "default with a committee of 3, clusters kept"
EARLY = "the same with 100 labels"
MAPPED = 200_000
EAGER = 10
COUNTED = PICKS // EAGER


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--d", type=int, default=384)
    parser.add_argument("--works", nargs="*", help="some only: " + ", ".join(WORKS))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        folder, work, n = options.child
        child(Path(folder), work, int(n))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, options.n, options.d)
        rows = []
        for work in options.works or WORKS:
            for n in [options.n // 2, options.n] if options.n >= MAPPED else [options.n]:
                rows.append(measured(folder, work, n))
                if n < options.n:
                    half = rows[-1]["cpu_s"]
                elif options.n >= MAPPED:
                    rows[-1]["linear"] = round(rows[-1]["cpu_s"] / (2 * half), 2)
                print(line(rows[-1]), file=sys.stderr)
    text = json.dumps({"rows": rows}, indent=2)
    if options.json:
        options.json.write_text(text + "\n")
    print(text)


def line(row: dict[str, Any]) -> str:
    """A row for people."""
    return (
        f"{row['work']:<46} n {row['n']:>9,}  cpu {row['cpu_s']:7.3f} s  wall {row['wall_s']:7.3f} s"
        f"  peak {row['peak_mb']:5.0f} MB  floor {row['floor_cpu_s']:7.3f} s  ratio {row['ratio']}"
        f"  {'linear ' + str(row['linear']) if 'linear' in row else ''}"
    )


# --- what is measured on -----------------------------------------------------------------------------------


class Mapped:
    """Rows of several memory-mapped files, one after another."""

    def __init__(self, paths: list[Path], n: int) -> None:
        self._parts = [np.load(path, mmap_mode="r") for path in paths]
        self.shape = (n, self._parts[0].shape[1])

    def __getitem__(self, rows: slice | IntArray) -> FloatArray:
        wanted = np.arange(self.shape[0])[rows] if isinstance(rows, slice) else np.asarray(rows)
        out = np.empty((len(wanted), self.shape[1]), np.float32)
        if isinstance(rows, slice) and rows.step in (None, 1):
            start, stop, _ = rows.indices(self.shape[0])
            for number in range(start // CHUNK, -(-stop // CHUNK)):
                first = max(start, number * CHUNK)
                last = min(stop, (number + 1) * CHUNK)
                out[first - start : last - start] = self._parts[number][
                    first - number * CHUNK : last - number * CHUNK
                ]
            return out
        order = np.argsort(wanted, kind="stable")
        part = wanted[order] // CHUNK
        for number in np.unique(part):
            here = order[part == number]
            out[here] = self._parts[number][wanted[here] - number * CHUNK]
        return out


def make(folder: Path, n: int, d: int) -> None:
    """Write the pool in shards, labelled rows, models and centres."""
    rng = np.random.default_rng(7)
    middles = unit_rows(rng.standard_normal((GROUPS, d), np.float32))
    # A group has one main label and a second one; groups are unlike in size and width, and lie in a few
    # directions more than in others, as embeddings do.
    odds = rng.dirichlet(np.full(GROUPS, 1.5))
    width = rng.uniform(0.4, 1.6, GROUPS).astype(np.float32) / np.float32(np.sqrt(d))
    scale = (1 / np.sqrt(1 + np.arange(d) / 20)).astype(np.float32)
    scale *= np.float32(np.sqrt(d) / np.linalg.norm(scale))

    def rows(count: int) -> tuple[FloatArray, IntArray]:
        group = rng.choice(GROUPS, count, p=odds)
        x = rng.standard_normal((count, d), np.float32)
        x *= scale
        x *= width[group, None]
        x += middles[group]
        label = np.where(rng.random(count) < 0.8, group % LABELS, (group * 7 + 3) % LABELS)
        return unit_rows(x), label

    for number, part in enumerate(chunks(n)):
        np.save(folder / f"x{number:04d}.npy", rows(part.stop - part.start)[0])
    x, label = rows(LABELLED)
    targets = np.eye(LABELS, dtype=np.float32)[label]
    np.savez(folder / "labelled.npz", x=x, targets=targets)
    models: dict[str, Any] = train(x, targets, Settings(committee_size=3), rng).state()
    np.savez(folder / "models.npz", **models)
    np.save(folder / "centres.npy", centres_of(np.load(folder / "x0000.npy"), 50, rng))


def pool_of(folder: Path, n: int) -> FloatArray | Mapped:
    """The pool's rows: an array, or for large pools files read as they are asked for."""
    paths = sorted(folder.glob("x*.npy"))
    if len(paths) * CHUNK < MAPPED:
        return np.concatenate([np.load(path) for path in paths])[:n]
    return Mapped(paths, n)


# --- the works ---------------------------------------------------------------------------------------------


class Job:
    """A work on a pool: what it does, and the least that it must do."""

    def __init__(self, folder: Path, work: str, n: int) -> None:
        known = np.load(folder / "labelled.npz")
        m = 100 if work == EARLY else LABELLED
        self.name = "default" if work in (DEFAULT, EARLY) else work
        self.committee = work in (DEFAULT, EARLY)
        self.features = pool_of(folder, n)
        with np.load(folder / "models.npz") as state:
            trained = Trained.from_state(dict(state))
        self.turn = Turn(trained, PICKS, Settings(strategy=self.name))
        if self.committee:
            # The committee scores the whole pool too, as it does for the strategies that listen to it.
            lane = self.turn.lanes[-1]
            self.turn.__dict__["lanes"] = (replace(lane, strategy=replace(lane.strategy, needs="committee")),)
        centres = np.load(folder / "centres.npy") if self.turn.strategy.keeps_centres else None
        self.pool = Pool(self.features, known["x"][:m], centres=centres, targets=known["targets"][:m])
        self.centres = 0

    def run(self) -> None:
        """Score all rows and pick."""
        rng = np.random.default_rng(3)
        pools = prepared(self.pool, self.turn, rng)
        parts = chunks(len(self.pool))
        shards = [
            score_shard(self.features[part], pools, self.turn, child)
            for part, child in zip(parts, rng.spawn(len(parts)), strict=True)
        ]
        scores = [Scores.joined(of_lane) for of_lane in zip(*shards, strict=True)]
        batch = select(scores, pools, self.turn, rng)
        assert len(set(batch.rows.tolist())) == PICKS
        self.centres = 0 if pools[-1].centres is None else len(pools[-1].centres)

    def floor(self) -> None:
        """The plain passes."""
        rng = np.random.default_rng(0)
        d = self.features.shape[1]
        models = {"nothing": 0, "model": 1, "committee": 3}[self.turn.strategy.needs]
        weights = rng.standard_normal((d, LABELS * models), np.float32)
        centres = rng.standard_normal((d, self.centres), np.float32)
        for part in chunks(len(self.pool)):
            x = self.features[part]
            if models:
                x @ weights
            if self.centres:
                (x @ centres).argmin(axis=1)

    def eager(self) -> None:
        """One pass over all rows for each of some picks, as k-center and BADGE are usually written."""
        near = np.full(len(self.pool), np.inf, np.float32)
        residual = np.ones((len(self.pool), LABELS), np.float32) if self.name == "badge" else None
        for _ in range(EAGER):
            for part in chunks(len(self.pool)):
                x = self.features[part]
                gap = x @ x[0]
                if residual is not None:
                    gap *= residual[part] @ residual[0]
                np.minimum(near[part], gap, out=near[part])
            near.argmax()


WORKS = [DEFAULT, EARLY, "badge", "k-center", "typiclust", "margin"]
WORKS += [name for name in STRATEGIES if name not in WORKS]


def timed(work: Callable[[], None], times: int = 3) -> tuple[float, float]:
    """CPU and wall seconds; the best of three where it is short."""
    best = (np.inf, np.inf)
    for _ in range(times):
        cpu, wall = time.process_time(), time.perf_counter()
        work()
        best = min(best, (time.process_time() - cpu, time.perf_counter() - wall))
        if best[0] > 8:
            break
    return best


def child(folder: Path, work: str, n: int) -> None:
    """Do one work in this process; the parent watches its memory between the two lines."""
    job = Job(folder, work, n)
    print("ready", flush=True)
    sys.stdin.readline()
    cpu, wall = timed(job.run)
    print("done", flush=True)
    sys.stdin.readline()
    eager = work in ("badge", "k-center")
    floor = timed(job.eager, 1)[0] * COUNTED if eager else timed(job.floor)[0]
    print(json.dumps({"cpu_s": cpu, "wall_s": wall, "floor_cpu_s": floor}), flush=True)


def measured(folder: Path, work: str, n: int) -> dict[str, Any]:
    """The figures of one work, done by a fresh process."""
    command = [sys.executable, __file__, "--child", str(folder), work, str(n)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        _expect(process.stdout.readline(), "ready")
        before = peak = private(process.pid)
        process.stdin.write("\n")
        process.stdin.flush()
        os.set_blocking(process.stdout.fileno(), False)
        while not (told := process.stdout.readline()) and process.poll() is None:
            peak = max(peak, private(process.pid))
            time.sleep(0.004)
        os.set_blocking(process.stdout.fileno(), True)
        _expect(told, "done")
        process.stdin.write("\n")
        process.stdin.flush()
        found = json.loads(process.stdout.readline())
    floor = found["floor_cpu_s"]
    return {
        "work": work,
        "n": n,
        "cpu_s": round(found["cpu_s"], 4),
        "wall_s": round(found["wall_s"], 4),
        "peak_mb": round((peak - before) / 1024, 1),
        "floor_cpu_s": round(floor, 4),
        "ratio": round(found["cpu_s"] / floor, 2) if floor > 1e-3 else None,
    }


def _expect(told: str, wanted: str) -> None:
    if told.strip() != wanted:
        raise SystemExit(f"the measuring process ended early: {told!r}")


def private(pid: int) -> int:
    """Memory of a process in KB that is not a file's."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = [line.split()[1] for line in status.splitlines() if line.startswith("RssAnon")]
    return int(found[0]) if found else 0


if __name__ == "__main__":
    main()
