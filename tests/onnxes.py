"""Tiny ONNX files: an embedding of three words, and a network that averages colours."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sampling.core.onnxfile import FLOAT, INT, Graph

Port = tuple[str, int, Sequence[int | str]]
WORDS = {"[PAD]": 0, "[UNK]": 1, "red": 2, "green": 3, "blue": 4}
VECTORS = np.array([[9, 9, 9], [0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)


def number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(key: int, value: bytes | str | int) -> bytes:
    if isinstance(value, int):
        return number(key << 3) + number(value)
    value = value.encode() if isinstance(value, str) else value
    return number(key << 3 | 2) + number(len(value)) + value


def port(name: str, kind: int, shape: Sequence[int | str]) -> bytes:
    dims = b"".join(field(1, field(2 if isinstance(size, str) else 1, size)) for size in shape)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, dims)))


def write(path: Path, graph: Graph, inputs: Sequence[Port], output: Port) -> Path:
    body = b"".join(field(1, node) for node in graph.nodes) + field(2, "model")
    body += b"".join(field(5, constant) for constant in graph.constants)
    body += b"".join(field(11, port(*one)) for one in inputs) + field(12, port(*output))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(field(1, 8) + field(7, body) + field(8, field(1, "") + field(2, 17)))
    return path


def sentences(folder: Path, inputs: Sequence[str] = ("input_ids", "attention_mask")) -> Path:
    """A sentence-transformers folder: each word has a vector of its own."""
    graph = Graph()
    graph.node("Gather", graph.constant(VECTORS), inputs[0], output="last_hidden_state")
    ports: list[Port] = [(name, INT, ["n", "t"]) for name in inputs]
    write(folder / "onnx" / "model.onnx", graph, ports, ("last_hidden_state", FLOAT, ["n", "t", 3]))
    tokenizer = {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"},
        "model": {"type": "WordLevel", "vocab": WORDS, "unk_token": "[UNK]"},
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    return folder


def pooling(folder: Path, mode: str) -> None:
    (folder / "1_Pooling").mkdir(exist_ok=True)
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({f"pooling_mode_{mode}": True}))


def colours(path: Path, shape: Sequence[int | str] = ("n", 3, 4, 4)) -> Path:
    """A network for pictures that gives the mean of each channel, twice the first."""
    graph = Graph()
    mean = graph.node("GlobalAveragePool", "pixels")
    graph.node("Mul", mean, graph.constant([[[[2.0]], [[1.0]], [[1.0]]]]), output="features")
    return write(path, graph, [("pixels", FLOAT, shape)], ("features", FLOAT, [shape[0], 3, 1, 1]))
