"""Graphs of operators as ONNX files, written by hand: protocol buffers, ONNX IR 8, opset 17.

Only the few messages that a model needs, so that nothing large is installed to write them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .arrays import IntArray

_IR, _OPSET, _ML_OPSET = 8, 17, 3
ML: Final = "ai.onnx.ml"
FLOAT, INT, DOUBLE = 1, 7, 11
_TYPES: Final[dict[int, np.dtype[Any]]] = {
    FLOAT: np.dtype("<f4"),
    INT: np.dtype("<i8"),
    DOUBLE: np.dtype("<f8"),
}


@dataclass
class Graph:
    """Nodes and constants in the order in which they were added."""

    nodes: list[bytes] = field(default_factory=list)
    constants: list[bytes] = field(default_factory=list)
    count: int = 0

    def constant(self, value: Any, kind: int = FLOAT) -> str:
        """Add an array and return its name."""
        array = np.ascontiguousarray(value, _TYPES[kind]) if np.ndim(value) else np.array(value, _TYPES[kind])
        name = self._name("c")
        dims = b"".join(_int(1, size) for size in array.shape)
        self.constants.append(dims + _int(2, kind) + _text(8, name) + _bytes(9, array.tobytes()))
        return name

    def node(self, op: str, *inputs: str, output: str = "", domain: str = "", **attributes: Any) -> str:
        """Add a step and return the name of what it gives."""
        name = output or self._name("v")
        body = b"".join(_text(1, one) for one in inputs) + _text(2, name) + _text(4, op)
        body += b"".join(_bytes(5, _attribute(key, value)) for key, value in attributes.items())
        self.nodes.append(body + (_text(7, domain) if domain else b""))
        return name

    def _name(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"


def written(graph: Graph, ports: tuple[tuple[str, int], tuple[str, int]], facts: Mapping[str, str]) -> bytes:
    """The file of a graph from one float32 matrix to another: ``ports`` name each with its columns."""
    body = b"".join(_bytes(1, node) for node in graph.nodes) + _text(2, "model")
    body += b"".join(_bytes(5, constant) for constant in graph.constants)
    body += b"".join(_bytes(at, _port(*port)) for at, port in zip((11, 12), ports, strict=True))
    opsets = [_text(1, domain) + _int(2, version) for domain, version in (("", _OPSET), (ML, _ML_OPSET))]
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
    return _text(1, name) + _bytes(2, _bytes(1, _int(1, FLOAT) + _bytes(2, shape)))


def _attribute(name: str, value: int | str | Sequence[str] | NDArray[Any]) -> bytes:
    """A whole number, a word, a list of words, or an array of numbers."""
    head = _text(1, name)
    if isinstance(value, int):
        return head + _int(3, value) + _int(20, 2)
    if isinstance(value, str):
        return head + _text(4, value) + _int(20, 3)
    if not isinstance(value, np.ndarray):
        words = {word: _text(9, word) for word in set(value)}
        return head + b"".join(words[word] for word in value) + _int(20, 8)
    if value.dtype.kind == "i":
        return head + _ints(8, value) + _int(20, 7)
    return head + _floats(7, value) + _int(20, 6)


def _ints(number: int, values: IntArray) -> bytes:
    """Numbers from 0 on, each after its tag: seven bits a byte, the lowest first."""
    left = np.asarray(values, np.uint64)
    lengths = np.ones(len(left), np.int64)
    while (more := left >> np.uint64(7) * lengths.astype(np.uint64) > 0).any():
        lengths += more
    ends = np.cumsum(lengths + 1)
    out = np.full(int(ends[-1]) if len(ends) else 0, number << 3, np.uint8)
    for at in range(int(lengths.max(initial=0))):
        rows = np.flatnonzero(lengths > at)
        bits = (left[rows] >> np.uint64(7 * at)) & np.uint64(0x7F)
        following = np.where(lengths[rows] > at + 1, np.uint64(0x80), np.uint64(0))
        out[ends[rows] - lengths[rows] + at] = bits | following
    return out.tobytes()


def _floats(number: int, values: NDArray[Any]) -> bytes:
    """Numbers of four bytes, each after its tag."""
    out = np.empty(len(values), np.dtype([("tag", "u1"), ("value", "<f4")]))
    out["tag"], out["value"] = number << 3 | 5, values
    return out.tobytes()


def _int(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _text(number: int, value: str) -> bytes:
    return _bytes(number, value.encode())


def _bytes(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
