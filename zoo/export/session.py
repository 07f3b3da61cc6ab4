"""Runs an exported file in ONNX Runtime, in the place of a network."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from zoo.data.kinds import Batch, is_views, kind_of
from zoo.data.views import ViewBatch
from zoo.errors import ZooError
from zoo.export.extra import needed
from zoo.export.file import ExportedFile
from zoo.export.graph import VIEW_INPUTS, nested
from zoo.model.network import cameras_of

_PROVIDERS: Final = ("CPUExecutionProvider",)
_ERRORS_ONLY: Final = 3
"""Of ONNX Runtime's levels of logging: it warns of every constant that it could have folded."""


class Session:
    """What `zoo.export.graph` describes, computed on the CPU.

    Args:
        file: checked.
        threads: as many as torch has, unless given.

    Raises:
        ZooError: onnxruntime is not installed, cannot read the graph, or the graph is not that of the
            checkpoint that the file's properties describe.
    """

    def __init__(self, file: ExportedFile, threads: int | None = None) -> None:
        runtime = needed("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads() if threads is None else threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        self.file = file
        try:
            # From the bytes that were checked, not from the path: what stands there may have changed.
            self._session: Any = runtime.InferenceSession(file.blob, options, providers=list(_PROVIDERS))
        except Exception as error:  # its errors are classes of each cause, without a common parent
            raise ZooError(
                f"{file.path}: ONNX Runtime {runtime.__version__} cannot read its graph: {_first_line(error)}"
            ) from None
        self.inputs: list[str] = [value.name for value in self._session.get_inputs()]
        self.outputs: list[str] = [value.name for value in self._session.get_outputs()]
        height, width = self._session.get_inputs()[0].shape[-2:]
        self.any_size = isinstance(height, str) and isinstance(width, str)
        """Whether the canvas may have another size than the checkpoint's own."""
        self.canvas = None if self.any_size else (int(height), int(width))
        """Height and width of the only canvas that it takes, if there is only one."""
        found = set(nested(dict.fromkeys(self.outputs, torch.empty(0))))
        missing = found ^ set(file.metadata.network.heads_of(file.kind))
        if missing:
            raise ZooError(
                f"{file.path}: its graph and its description disagree about the heads {', '.join(missing)}"
            )

    def __call__(self, *inputs: Tensor) -> dict[str, dict[str, Tensor]]:
        """The prediction of each head for the inputs of `zoo.export.graph`, in their order.

        Raises:
            ZooError: a size that the file was not exported for.
        """
        feed = {name: _array(value) for name, value in zip(self.inputs, inputs, strict=True)}
        try:
            outputs = self._session.run(self.outputs, feed)
        except Exception as error:
            sizes = ", ".join(f"{name} {list(value.shape)}" for name, value in feed.items())
            raise ZooError(f"{self.file.path}: cannot run on {sizes}: {_first_line(error)}") from None
        return nested(dict(zip(self.outputs, map(torch.from_numpy, outputs), strict=True)))

    def answer(self, batch: Batch) -> dict[str, dict[str, Tensor]]:
        """The prediction for a batch of samples, as `Network.answer` gives it.

        Raises:
            ZooError: samples of the other kind.
        """
        if kind_of(batch) != self.file.kind:
            raise ZooError(f"{self.file.path}: its graph looks at {self.file.kind}, not at {kind_of(batch)}")
        if is_views(batch):
            return self._answer_views(batch)
        return self(batch["image"], batch["content"], cameras_of(batch), batch["eye_side"])

    def _answer_views(self, batch: ViewBatch) -> dict[str, dict[str, Tensor]]:
        """Where the graph takes more views than there are, copies of the anchor that are not valid follow."""
        inputs = [batch[name] for name in VIEW_INPUTS]
        wanted, there = self._session.get_inputs()[0].shape[1], batch["images"].shape[1]
        if there > wanted:
            raise ZooError(
                f"{self.file.path}: takes {wanted} views, not {there}: give --sources {wanted - 1}, or "
                f"export with --views {there}"
            )
        for at in range(VIEW_INPUTS.index("views_valid") + 1):
            anchor = inputs[at][:, :1]
            if VIEW_INPUTS[at] == "views_valid":
                anchor = torch.zeros_like(anchor)
            inputs[at] = torch.cat([inputs[at], *[anchor] * (wanted - there)], dim=1)
        return self(*inputs)


def _array(value: Tensor) -> np.ndarray[Any, np.dtype[Any]]:
    return np.ascontiguousarray(value.detach().cpu().numpy())


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
