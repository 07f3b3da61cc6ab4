"""How far an exported graph is from PyTorch: the largest and the mean difference of every output."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from zoo.geometry.angles import angle_between
from zoo.model.heads.keypoints import GLINT_SCORE

AXES: Final = ("optical", "visual", "direct_axis", "geometric_axis")
PRESENT: Final = 0.5
"""A pupil is reported where its presence reaches this (`zoo.predict.native`)."""

Heads = Mapping[str, Mapping[str, Tensor]]
Difference = Callable[[Tensor, Tensor], Float[Tensor, "B *n"]]


def parity(expected: Heads, found: Heads) -> dict[str, dict[str, float | str]]:
    """Output -> unit, ``max`` and ``mean`` over samples and elements, ``reported_max``.

    ``reported_max`` is that of the samples in which a pupil is reported, and of glints that count: `zoo
    predict` leaves the others empty. Units: deg (axes), px, mm, ratio (depth: relative), share (of pixels
    whose class differs), points (share of the matched points that were chosen elsewhere), and "own" for the
    rest: that of the output.

    Raises:
        ValueError: the outputs are not the same.
    """
    if {head: set(tensors) for head, tensors in expected.items()} != {
        head: set(tensors) for head, tensors in found.items()
    }:
        raise ValueError("the two have different outputs")
    shown = _reported(expected)
    report: dict[str, dict[str, float | str]] = {}
    for head, tensors in expected.items():
        for name, ours in tensors.items():
            unit, difference = _measure(name)
            apart = difference(ours.double(), found[head][name].double())
            row: dict[str, float | str] = {
                "unit": unit,
                "max": _number(apart.max()),
                "mean": _number(apart.mean()),
            }
            if shown is not None:
                counted = _counted(name, apart, tensors)[shown]
                row["reported_max"] = _number(counted.max()) if counted.numel() else 0.0
            report[f"{head}.{name}"] = row
    return report


def worst(reports: list[dict[str, dict[str, float | str]]]) -> dict[str, float]:
    """Unit -> largest difference in what is reported, over some reports; not of outputs of their own units.

    ``absrel`` is that of whole depth maps: the mean over pixels of what ``ratio`` has the largest of.
    """
    largest: dict[str, float] = {}
    for report in reports:
        for name, row in report.items():
            unit, value = str(row["unit"]), row.get("reported_max", row["max"])
            found = {} if unit == "own" else {unit: float(value)}
            if name.endswith(".depth"):
                found["absrel"] = float(row["mean"])
            largest |= {key: max(largest.get(key, 0.0), much) for key, much in found.items()}
    return largest


def _reported(heads: Heads) -> Tensor | None:
    present = [tensors["pupil_present"] for tensors in heads.values() if "pupil_present" in tensors]
    return present[0] >= PRESENT if present else None


def _counted(name: str, apart: Tensor, tensors: Mapping[str, Tensor]) -> Tensor:
    if name == "glints_px":
        return torch.where(tensors["glint_scores"] > GLINT_SCORE, apart, 0.0)
    return apart


def _measure(name: str) -> tuple[str, Difference]:
    if name in AXES:
        return "deg", lambda a, b: torch.rad2deg(angle_between(a, b))
    if name == "logits":
        return "share", lambda a, b: (a.argmax(1) != b.argmax(1)).double().mean((1, 2))
    if name == "point_px":  # the best pixel of each cell: the same, or another one
        return "points", lambda a, b: (a != b).any(-1).double().mean(1)
    if name in ("depth", "point_depth"):
        return "ratio", lambda a, b: (b / a - 1).abs()
    if name.endswith("_px"):
        return "px", lambda a, b: (a - b).norm(dim=-1)
    if name.endswith("_mm"):
        return "mm", lambda a, b: (a - b).norm(dim=-1) if a.dim() > 1 else (a - b).abs()
    return "own", _absolute


def _absolute(a: Tensor, b: Tensor) -> Tensor:
    same = a == b  # infinities too
    return torch.where(same, 0.0, (a - b).abs())


def _number(value: Tensor) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("an exported graph answers with numbers that are not finite")
    return number
