"""Random forests, their trees laid out as flat arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from sklearn.ensemble import RandomForestRegressor

from ..arrays import BoolArray, FloatArray, IntArray, chunks
from .calibration import Recipe
from .contract import Evidence, Task, Training

# Rows that walk down the trees together.
_ROWS = 4_096


@dataclass(frozen=True)
class ForestModel(Evidence):
    """Log-odds of the mean of what the trees' leaves say; a node's children lie in the same arrays."""

    kind: ClassVar[str] = "forest"

    task: Task
    roots: IntArray  # (t,)
    columns: IntArray  # (nodes,): the column that a node asks for, -1 for a leaf
    limits: np.ndarray[Any, np.dtype[np.float64]]  # (nodes,): up to here to the left
    children: IntArray  # (nodes, 2): left and right; of a leaf, itself
    leaves: IntArray  # (nodes,): row of ``values``, of a leaf
    values: FloatArray  # (leaves, k)
    dimension: int
    seen: BoolArray  # (k,)
    temperature: float = 1.0

    def shares(self, x: FloatArray) -> FloatArray:
        """What the trees say on average (n, k), just as scikit-learn's forest does."""
        out = np.zeros((len(x), self.values.shape[1]), np.float64)
        for part in chunks(len(x), _ROWS):
            rows = np.arange(part.stop - part.start)
            piece = np.ascontiguousarray(x[part])
            for root in self.roots.tolist():
                out[part] += self.values[self.leaves[self._fallen(piece, rows, root)]]
        out /= len(self.roots)
        return np.asarray(out, np.float32)

    def _fallen(self, x: FloatArray, rows: IntArray, root: int) -> IntArray:
        """The leaf that each row ends in."""
        node = np.full(len(x), root)
        moving = rows
        while len(moving):
            here = node[moving]
            inner = self.columns[here] >= 0
            moving, here = moving[inner], here[inner]
            right = x[moving, self.columns[here]] > self.limits[here]
            node[moving] = self.children[here, right.astype(np.int64)]
        return node

    def raw(self, x: FloatArray) -> FloatArray:
        # As if one more tree knew nothing: no share is so small that one label is out of the question.
        trees, options = len(self.roots), 2 if self.task == "multi" else max(self.known, 1)
        share = (self.shares(x) * trees + 1 / options) / (trees + 1)
        if self.task == "multi":
            return np.asarray(np.log(share) - np.log1p(-share), np.float32)
        return np.asarray(np.log(share), np.float32)

    def width(self) -> int:
        return self.dimension


@dataclass(frozen=True)
class Forest(Recipe):
    """Random forest (Breiman 2001) of trees that split by the sum of the labels' variances.

    For one-hot targets that is the Gini index, and shares and several labels at once need nothing special.
    """

    trees: int = 100
    folds: int = 3

    def model(self, data: Training, rng: np.random.Generator) -> ForestModel:
        made = RandomForestRegressor(
            self.trees, max_features="sqrt", random_state=int(rng.integers(2**31)), n_jobs=1
        )
        # It wants a single column as a vector.
        targets = data.targets if data.targets.shape[1] > 1 else data.targets[:, 0]
        made.fit(data.x, targets, sample_weight=data.weights)
        return flattened(made, data)


def flattened(made: Any, data: Training) -> ForestModel:
    """A fitted forest of scikit-learn as arrays."""
    trees = [one.tree_ for one in made.estimators_]
    sizes = [tree.node_count for tree in trees]
    roots = np.cumsum([0, *sizes[:-1]])
    columns = np.concatenate([tree.feature for tree in trees])
    is_leaf = columns < 0
    own = np.arange(len(columns))
    sides = [
        np.concatenate([getattr(tree, side) + root for tree, root in zip(trees, roots, strict=True)])
        for side in ("children_left", "children_right")
    ]
    # (nodes, outputs, 1)
    values = np.concatenate([tree.value[:, :, 0] for tree in trees])[is_leaf]
    return ForestModel(
        task=data.task,
        roots=roots,
        columns=np.where(is_leaf, -1, columns),
        limits=np.concatenate([tree.threshold for tree in trees]),
        children=np.stack([np.where(is_leaf, own, side) for side in sides], axis=1),
        leaves=np.where(is_leaf, np.cumsum(is_leaf) - 1, 0),
        values=np.asarray(values, np.float32),
        dimension=data.x.shape[1],
        seen=data.seen,
    )
