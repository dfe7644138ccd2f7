"""Fitted models as ONNX: any runtime reads them, and nothing in them is run as Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from .arrays import BoolArray, State
from .onnxfile import DOUBLE, FLOAT, INT, ML, Graph, written

INPUT, OUTPUT = "features", "probabilities"
# Evidence of a label that was never seen: its probability is exactly 0, without an infinity to multiply.
_NEVER: Final = -1e30
# erfc(z) = t exp(-z² + these in powers of t), t = 1 / (1 + z / 2): within 1.2e-7 of itself for any z from 0
# on, so that small tails keep their digits (Press et al., Numerical Recipes, 1992, section 6.2).
_ERFC: Final = (
    -1.26551223,
    1.00002368,
    0.37409196,
    0.09678418,
    -0.18628806,
    0.27886807,
    -1.13520398,
    1.48851587,
    -0.82215223,
    0.17087277,
)


def to_onnx(state: State, facts: Mapping[str, str] | None = None) -> bytes:
    """A model's ``state()`` as an ONNX file: ``features`` (n, d) in, ``probabilities`` (n, k) out, float32.

    ``facts`` become the file's metadata. The probabilities are those of ``Model.proba`` up to rounding.
    Raises ValueError for a kind of model that has no such form.
    """
    kind = str(state["kind"])
    if kind not in _EVIDENCE:
        raise ValueError(f"state is of kind {kind}; as ONNX go: {', '.join(_EVIDENCE)}")
    graph = Graph()
    evidence, width = _EVIDENCE[kind](graph, state)
    _probabilities(graph, evidence, state)
    return written(graph, ((INPUT, width), (OUTPUT, int(np.size(state["seen"])))), facts or {})


# A kind's evidence (n, k) before calibration, added to the graph: its name, and the columns of the features.
Evidence = Callable[[Graph, State], tuple[str, int]]


def _probabilities(graph: Graph, evidence: str, state: State) -> None:
    scaled = graph.node("Div", evidence, graph.constant(np.reshape(state["temperature"], 1)))
    shown = graph.node("Add", scaled, graph.constant(np.where(_seen(state), 0, _NEVER)))
    if str(state["task"]) == "multi":
        graph.node("Sigmoid", shown, output=OUTPUT)
    else:
        graph.node("Softmax", shown, output=OUTPUT, axis=1)


def _seen(state: State) -> BoolArray:
    return np.asarray(state["seen"], np.bool_)


def _affine(graph: Graph, x: str, weights: np.ndarray, bias: np.ndarray) -> str:
    return graph.node("Add", graph.node("MatMul", x, graph.constant(weights)), graph.constant(bias))


def _linear(graph: Graph, state: State) -> tuple[str, int]:
    return _affine(graph, INPUT, state["weights"], state["bias"]), len(state["weights"])


def _bayes(graph: Graph, state: State) -> tuple[str, int]:
    square = graph.node("Mul", INPUT, INPUT)
    curved = graph.node("MatMul", square, graph.constant(state["curves"]))
    straight = _affine(graph, INPUT, state["slopes"], state["bias"])
    return graph.node("Add", curved, straight), len(state["slopes"])


def _mlp(graph: Graph, state: State) -> tuple[str, int]:
    hidden = graph.node("Relu", _affine(graph, INPUT, state["inner"], state["inner_bias"]))
    return _affine(graph, hidden, state["outer"], state["outer_bias"]), len(state["inner"])


def _forest(graph: Graph, state: State) -> tuple[str, int]:
    shares = graph.node("TreeEnsembleRegressor", INPUT, domain=ML, **_trees(state))
    trees, seen = len(state["roots"]), _seen(state)
    options = 2 if str(state["task"]) == "multi" else max(int(seen.sum()), 1)
    # As the model does: one more tree that knows nothing.
    sum_ = graph.node("Add", shares, graph.constant([1 / options]))
    share = graph.node("Div", sum_, graph.constant([trees + 1]))
    evidence = graph.node("Log", share)
    if str(state["task"]) == "multi":
        rest = graph.node("Sub", graph.constant([1]), share)
        evidence = graph.node("Sub", evidence, graph.node("Log", rest))
    return evidence, int(state["dimension"])


def _trees(state: State) -> dict[str, Any]:
    """The forest as attributes of its operator: what its trees say, summed up."""
    columns, roots = state["columns"], state["roots"]
    leaf = columns < 0
    tree = np.repeat(np.arange(len(roots)), np.diff([*roots, len(columns)]))
    own = np.arange(len(columns)) - roots[tree]
    left, right = (np.where(leaf, 0, side - roots[tree]) for side in state["children"].T)
    # Numbers of four bytes are compared: the highest one that is not above the limit decides the same.
    limits = state["limits"].astype(np.float32)
    limits = np.where(limits > state["limits"], np.nextafter(limits, np.float32(-np.inf)), limits)
    leaves = np.flatnonzero(leaf)
    values = state["values"][state["leaves"][leaves]]
    # What is 0 need not be said, but each leaf must say something.
    told = values != 0
    told[:, 0] = True
    row, target = np.nonzero(told)
    return {
        "aggregate_function": "SUM",
        "post_transform": "NONE",
        "n_targets": values.shape[1],
        "nodes_treeids": tree,
        "nodes_nodeids": own,
        "nodes_featureids": np.where(leaf, 0, columns),
        "nodes_values": np.where(leaf, np.float32(0), limits),
        "nodes_modes": ["LEAF" if one else "BRANCH_LEQ" for one in leaf.tolist()],
        "nodes_truenodeids": left,
        "nodes_falsenodeids": right,
        "target_treeids": tree[leaves[row]],
        "target_nodeids": own[leaves[row]],
        "target_ids": target,
        "target_weights": values[row, target],
    }


def _ridge(graph: Graph, state: State) -> tuple[str, int]:
    """In eight bytes: it subtracts numbers that are all but the same."""
    wide, widths = graph.node("Cast", INPUT, to=DOUBLE), np.asarray(state["widths"], np.float64)
    product = graph.node("MatMul", wide, graph.constant(state["weights"], DOUBLE))
    said = graph.node("Add", product, graph.constant(state["bias"], DOUBLE))
    shape = graph.constant([0, len(widths), np.size(state["bias"]) // len(widths)], INT)
    members = graph.node("Reshape", said, shape)
    evidence = (_yes if str(state["task"]) == "multi" else _steps)(graph, members, state)
    return graph.node("Cast", evidence, to=FLOAT), len(state["weights"])


def _yes(graph: Graph, members: str, state: State) -> str:
    """Log-odds (n, k) of members (n, k, b) that each draw a line at a half."""
    off = graph.node("Sub", members, graph.constant(0.5, DOUBLE))
    above = graph.node("Div", off, graph.constant(np.reshape(state["widths"], (-1, 1)), DOUBLE))
    yes = _log_mean(graph, _below(graph, above))
    return graph.node("Sub", yes, _log_mean(graph, _below(graph, graph.node("Neg", above))))


def _steps(graph: Graph, members: str, state: State) -> str:
    """Log-probabilities (n, k) of members (n, 1, b): what lies between the edges of each step."""
    positions = np.flatnonzero(_seen(state))
    # Past 40 widths a normal distribution has nothing left: as good as without an end.
    far = 1e6
    edges = np.concatenate([[-far], (positions[1:] + positions[:-1]) / 2, [far]])
    labels = int(np.size(state["seen"]))
    low, high = np.full((labels, 1), -far), np.full((labels, 1), far)
    low[positions, 0], high[positions, 0] = edges[:-1], edges[1:]
    width = graph.constant(float(np.ravel(state["widths"])[0]), DOUBLE)
    ends = [
        _below(graph, graph.node("Div", graph.node("Sub", graph.constant(edge, DOUBLE), members), width))
        for edge in (low, high)
    ]
    return _log_mean(graph, graph.node("Sub", ends[1], ends[0]))


def _log_mean(graph: Graph, shares: str) -> str:
    """The logarithm (n, k) of the mean over members of shares (n, k, b), at least 1e-9."""
    mean = graph.node("ReduceMean", shares, axes=np.array([2]), keepdims=0)
    return graph.node("Log", graph.node("Max", mean, graph.constant(1e-9, DOUBLE)))


def _below(graph: Graph, z: str) -> str:
    """What of a standard normal distribution lies below z."""
    half = graph.constant(0.5, DOUBLE)
    limit = graph.constant(40.0, DOUBLE)
    size = graph.node("Min", graph.node("Abs", z), limit)
    size = graph.node("Mul", size, graph.constant(np.sqrt(0.5), DOUBLE))
    one = graph.constant(1.0, DOUBLE)
    t = graph.node("Div", one, graph.node("Add", one, graph.node("Mul", size, half)))
    power = graph.constant(_ERFC[-1], DOUBLE)
    for factor in reversed(_ERFC[:-1]):
        power = graph.node("Add", graph.node("Mul", power, t), graph.constant(factor, DOUBLE))
    exponent = graph.node("Sub", power, graph.node("Mul", size, size))
    tail = graph.node("Mul", graph.node("Mul", t, graph.node("Exp", exponent)), half)
    signed = graph.node("Mul", graph.node("Sign", z), graph.node("Sub", half, tail))
    return graph.node("Add", half, signed)


_EVIDENCE: Final[dict[str, Evidence]] = {
    "linear": _linear,
    "bayes": _bayes,
    "mlp": _mlp,
    "forest": _forest,
    "ridge": _ridge,
}
