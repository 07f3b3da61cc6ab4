"""From a network to an ONNX graph, by torch.export: no branch of the graph depends on data."""

from __future__ import annotations

import contextlib
import logging
import math
import warnings
from collections.abc import Iterator
from typing import Any, Final

import jaxtyping
import torch
from torch import Tensor
from torch.export import Dim

from zoo.conventions import Kind
from zoo.errors import ZooError
from zoo.export.extra import needed
from zoo.export.file import properties
from zoo.export.graph import INPUTS, EyeGraph, ViewGraph, example, flat
from zoo.hub.metadata import ModelMetadata

OPSET: Final = 20
"""Of ONNX; ONNX Runtime reads it since 1.17."""
LARGEST_BATCH: Final = 4096
_LARGEST_SIDE: Final = 4096
_TRACED: Final = 2
"""Batch size of the trace; exporters take 1 for a constant."""


class _Flat(torch.nn.Module):
    def __init__(self, graph: EyeGraph | ViewGraph) -> None:
        super().__init__()
        self.answers = graph  # `graph` is a name of torch.export

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(flat(self.answers(*inputs)).values())


def to_onnx(graph: EyeGraph | ViewGraph, metadata: ModelMetadata, views: int = 3) -> Any:
    """The `onnx.ModelProto` of a graph, with the properties of `zoo.export.file` and its seal open.

    The batch size is open. The size of the canvas is open too for eyes, if the network's own canvas needs no
    padding; it is then any multiple of the backbone's. For rooms size and number of views are fixed.

    Args:
        metadata: of the checkpoint.
        views: of rooms.

    Raises:
        ZooError: a library of the extra is missing, or the exporter does not know an operation.
    """
    onnx = needed("onnx")
    needed("onnxscript")
    kind: Kind = "eyes" if isinstance(graph, EyeGraph) else "views"
    canvas = metadata.network.canvas(kind)
    inputs = example(kind, _TRACED, canvas.height, canvas.width, views)
    with torch.no_grad():
        names = list(flat(graph(*inputs)))
    open_sizes = _open_sizes(graph, kind, canvas.height, canvas.width)
    with _quiet():
        try:
            # The inputs arrive as one tuple, so their open sizes do too.
            program = torch.export.export(
                _Flat(graph).eval(), inputs, dynamic_shapes=(open_sizes,), strict=False
            )
            made = torch.onnx.export(
                program,
                dynamo=True,
                opset_version=OPSET,
                input_names=list(INPUTS[kind]),
                output_names=names,
                verbose=False,
            )
        except Exception as error:  # exporters raise almost anything; the reason is in the first cause
            raise ZooError(
                f"{metadata.name} cannot be exported with torch {torch.__version__}: {_reason(error)}"
            ) from error
    assert made is not None
    model = made.model_proto
    _name_sizes(model, kind)
    _forget_the_trace(model)
    onnx.helper.set_model_props(model, properties(metadata, kind, "fp32"))
    model.producer_name = "eye-room-zoo"
    return model


def _open_sizes(graph: EyeGraph | ViewGraph, kind: Kind, height: int, width: int) -> tuple[Any, ...]:
    batch = Dim("batch", min=1, max=LARGEST_BATCH)
    every = tuple({0: batch} for _ in INPUTS[kind])
    multiple = math.lcm(graph.network.backbone.multiple, 4)
    if kind == "views" or height % multiple or width % multiple:
        return every
    most = _LARGEST_SIDE // multiple
    rows, columns = (multiple * Dim(name, min=2, max=most) for name in ("rows", "columns"))
    image, content, *others = every
    return ({**image, 2: rows, 3: columns}, {**content, 1: rows, 2: columns}, *others)


def _name_sizes(model: Any, kind: Kind) -> None:
    """Say batch, height and width where the exporter has names of its own; other open sizes follow from them.

    What it noted of the sizes between the nodes goes: it uses the old names, and nothing needs it.
    """
    ours: dict[str, str] = {}
    first = model.graph.input[0].type.tensor_type.shape.dim
    for dimension, name in zip((first[0], *first[-2:]), ("batch", "height", "width"), strict=True):
        if dimension.dim_param:
            ours[dimension.dim_param] = name
    for value in (*model.graph.input, *model.graph.output):
        for dimension in value.type.tensor_type.shape.dim:
            if dimension.dim_param:
                dimension.dim_param = ours.get(dimension.dim_param, dimension.dim_param)
    del model.graph.value_info[:]


def _forget_the_trace(model: Any) -> None:
    """Drop what the exporter noted of where nodes come from: paths of a machine, as large as the weights."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""


def _reason(error: BaseException) -> str:
    """The first cause in one line, without the advice of how to report it."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no reason given'}"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's warnings, and without checks of shapes, which would pin the open sizes."""
    checked = jaxtyping.config.jaxtyping_disable
    log = logging.getLogger("torch.onnx")
    level = log.level
    jaxtyping.config.update("jaxtyping_disable", True)
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", checked)
        log.setLevel(level)
