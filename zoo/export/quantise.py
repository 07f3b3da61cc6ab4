"""int8 by post-training static quantisation: what lies between convolutions, scaled by what frames show.

Weights have a scale for each output channel, activations one for each tensor, in pairs of QuantizeLinear and
DequantizeLinear that ONNX Runtime fuses into integer kernels (B. Jacob et al., "Quantization and training of
neural networks for efficient integer-arithmetic-only inference", CVPR 2018). The last convolution of each
path, whose output is the answer, and all geometry stay in float32.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from torch import Tensor

from zoo.export.extra import needed
from zoo.export.file import properties
from zoo.export.graph import INPUTS
from zoo.hub.metadata import ModelMetadata

_GLUE: Final = ("Relu", "Add", "Resize", "MaxPool", "Clip")
"""Operations that integer kernels run between two convolutions."""


def to_int8(model: Any, metadata: ModelMetadata, frames: Iterable[tuple[Tensor, ...]]) -> Any:
    """The int8 version of a graph of eyes in float32.

    Args:
        model: an `onnx.ModelProto` of `zoo.export.convert`.
        metadata: of the checkpoint.
        frames: batches of inputs of `zoo.export.graph.EyeGraph` to find the ranges of activations on.

    Raises:
        ZooError: a library of the extra is missing.
    """
    onnx, quantization = needed("onnx"), needed("onnxruntime.quantization")
    nodes = between_convolutions(model)
    with tempfile.TemporaryDirectory() as folder, _quiet():
        output = Path(folder) / "int8.onnx"
        quantization.quantize_static(
            model,
            output,
            _Frames(frames),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=["Conv", *_GLUE],
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            nodes_to_quantize=nodes,
            calibrate_method=quantization.CalibrationMethod.MinMax,
        )
        made = onnx.load(str(output))
    del made.metadata_props[:]
    onnx.helper.set_model_props(made, properties(metadata, "eyes", "int8"))
    return made


def between_convolutions(model: Any) -> list[str]:
    """Names of the nodes to quantise: convolutions that feed another one, and what stands between them."""
    makers = {name: node for node in model.graph.node for name in node.output}
    readers: dict[str, list[Any]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)

    reach: dict[str, bool] = {}

    def feeds_a_convolution(node: Any) -> bool:
        if node.name not in reach:
            following = [reader for name in node.output for reader in readers.get(name, [])]
            reach[node.name] = any(
                reader.op_type == "Conv" or (reader.op_type in _GLUE and feeds_a_convolution(reader))
                for reader in following
            )
        return reach[node.name]

    chosen: set[str] = set()
    for node in model.graph.node:  # in the order of computation
        sources = [makers[name] for name in _maps(node) if name in makers]
        glue = node.op_type in _GLUE and sources and all(source.name in chosen for source in sources)
        if (node.op_type == "Conv" or glue) and feeds_a_convolution(node):
            chosen.add(node.name)
    return [node.name for node in model.graph.node if node.name in chosen]


def _maps(node: Any) -> list[str]:
    """The inputs that are feature maps: sizes and limits stand behind the first, but of a sum."""
    return list(node.input) if node.op_type == "Add" else list(node.input[:1])


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the advice to simplify the graph first, which the exporter has done."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


class _Frames:
    """What the calibration asks for batches."""

    def __init__(self, batches: Iterable[tuple[Tensor, ...]]) -> None:
        self._batches: Iterator[tuple[Tensor, ...]] = iter(batches)

    def get_next(self) -> dict[str, np.ndarray[Any, np.dtype[Any]]] | None:
        """One batch, None at the end."""
        batch = next(self._batches, None)
        if batch is None:
            return None
        return {name: value.numpy() for name, value in zip(INPUTS["eyes"], batch, strict=True)}
