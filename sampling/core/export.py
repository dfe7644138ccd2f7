"""Fitted models as ONNX files: any runtime reads them, and nothing in them is run as Python.

The few messages of the format that a model needs are written here by hand (protocol buffers, ONNX IR 8,
opset 17), so that nothing large is installed for it; the tests read every kind back with onnxruntime.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from .arrays import State

INPUT, OUTPUT = "features", "probabilities"
_IR, _OPSET, _ML_OPSET = 8, 17, 3
_ML: Final = "ai.onnx.ml"
# Evidence of a label that was never seen: its probability is exactly 0, without an infinity to multiply.
_NEVER: Final = np.float32(-1e30)
_TYPES: Final = {np.dtype(np.float32): 1, np.dtype(np.int64): 7}


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
    return _model(graph, width, int(np.size(state["seen"])), facts or {})


@dataclass
class Graph:
    """Nodes and constants in the order in which they were added."""

    nodes: list[bytes] = field(default_factory=list)
    constants: list[bytes] = field(default_factory=list)
    count: int = 0

    def constant(self, array: Any, dtype: type = np.float32) -> str:
        """Add an array and return its name."""
        name = self._name("c")
        self.constants.append(_tensor(name, np.ascontiguousarray(array, dtype)))
        return name

    def node(self, op: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add a step and return the name of what it gives; ``domain`` is that of the operator."""
        domain = attributes.pop("domain", "")
        name = output or self._name("v")
        body = b"".join(_text(1, one) for one in inputs) + _text(2, name) + _text(4, op)
        body += b"".join(_bytes(5, _attribute(key, value)) for key, value in attributes.items())
        self.nodes.append(body + (_text(7, domain) if domain else b""))
        return name

    def _name(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"


# --- models ------------------------------------------------------------------------------------------------

# A kind's evidence (n, k) before calibration, added to the graph: its name, and the columns of the features.
Evidence = Callable[[Graph, State], tuple[str, int]]


def _linear(graph: Graph, state: State) -> tuple[str, int]:
    product = graph.node("MatMul", INPUT, graph.constant(state["weights"]))
    return graph.node("Add", product, graph.constant(state["bias"])), int(state["weights"].shape[0])


def _probabilities(graph: Graph, evidence: str, state: State) -> None:
    scaled = graph.node("Div", evidence, graph.constant(np.reshape(state["temperature"], 1)))
    hidden = np.where(np.asarray(state["seen"], np.bool_), np.float32(0), _NEVER)
    shown = graph.node("Add", scaled, graph.constant(hidden))
    if str(state["task"]) == "multi":
        graph.node("Sigmoid", shown, output=OUTPUT)
    else:
        graph.node("Softmax", shown, output=OUTPUT, axis=1)


_EVIDENCE: Final[dict[str, Evidence]] = {"linear": _linear}


# --- the file ----------------------------------------------------------------------------------------------


def _model(graph: Graph, width: int, labels: int, facts: Mapping[str, str]) -> bytes:
    body = b"".join(_bytes(1, node) for node in graph.nodes) + _text(2, "model")
    body += b"".join(_bytes(5, constant) for constant in graph.constants)
    body += _bytes(11, _port(INPUT, width)) + _bytes(12, _port(OUTPUT, labels))
    opsets = [_text(1, domain) + _int(2, version) for domain, version in (("", _OPSET), (_ML, _ML_OPSET))]
    return b"".join(
        [
            _int(1, _IR),
            _text(2, "annotator"),
            _bytes(7, body),
            *(_bytes(8, opset) for opset in opsets),
            *(_bytes(14, _text(1, key) + _text(2, value)) for key, value in facts.items()),
        ]
    )


def _port(name: str, columns: int) -> bytes:
    """An input or output: float32, any number of rows."""
    shape = _bytes(1, _text(2, "n")) + _bytes(1, _int(1, columns))
    return _text(1, name) + _bytes(2, _bytes(1, _int(1, 1) + _bytes(2, shape)))


def _tensor(name: str, array: Any) -> bytes:
    dims = b"".join(_int(1, size) for size in array.shape)
    raw = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    return dims + _int(2, _TYPES[array.dtype]) + _text(8, name) + _bytes(9, raw)


def _attribute(name: str, value: Any) -> bytes:
    """Whole numbers, words, and lists of numbers or of words."""
    head = _text(1, name)
    if isinstance(value, int):
        return head + _int(3, value) + _int(20, 2)
    if isinstance(value, str):
        return head + _text(4, value) + _int(20, 3)
    return head + _listed(value)


def _listed(values: Sequence[Any]) -> bytes:
    if isinstance(values[0], str):
        return b"".join(_text(9, one) for one in values) + _int(20, 8)
    if isinstance(values[0], int):
        return b"".join(_int(8, one) for one in values) + _int(20, 7)
    return b"".join(_varint(7 << 3 | 5) + struct.pack("<f", one) for one in values) + _int(20, 6)


def _int(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _text(number: int, value: str) -> bytes:
    return _bytes(number, value.encode())


def _bytes(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; a negative number as its 64-bit complement."""
    value &= 2**64 - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
