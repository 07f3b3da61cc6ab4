"""A calibration: one person's correction, how well it holds, and what it was made with."""

from __future__ import annotations

import datetime
import math
from dataclasses import replace
from typing import Annotated, Final

import torch
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from zoo.conventions import EyeSide
from zoo.errors import ZooError
from zoo.geometry.vectors import unit
from zoo.predict.calibration.corrections import Correction
from zoo.predict.result import EyeResult

FORMAT_VERSION: Final = 1
"""Raised when an older reader could not use a newer file rightly."""

Error = Annotated[FiniteFloat, Field(ge=0, le=180)]
Count = Annotated[int, Field(ge=0)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Checkpoint(_Frozen):
    """The weights whose predictions are corrected."""

    name: str
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class SampleFit(_Frozen):
    """One sample: angles between its visual axis and the target, degrees."""

    name: str
    raw_deg: Error
    """As predicted: for mean kappa, or the optical axis where the eye's side is unknown."""
    fitted_deg: Error
    """Calibrated with all samples."""
    left_out_deg: Error | None
    """Calibrated without the samples that show this target; None where there are no others."""
    weight: Annotated[FiniteFloat, Field(ge=0, le=1)]
    """Share of its weight that the fit left it; 0 is an outlier."""

    @property
    def outlier(self) -> bool:
        """Whether the fit does not use it."""
        return self.weight == 0


class Calibration(_Frozen):
    """The content of a calibration's file. The errors are means over the samples that are used."""

    format_version: int = FORMAT_VERSION
    date: datetime.date | None = None
    """Filled in by `zoo calibrate`, as is the checkpoint."""
    checkpoint: Checkpoint | None = None
    eye_side: EyeSide | None
    camera_known: bool
    recording: bool = False
    """Whether the samples were answered with what is constant in their recording."""
    leds_known: bool = False
    """Whether the samples were refined by the glints of a known rig."""
    correction: Annotated[Correction, Field(discriminator="model")]
    used: Annotated[int, Field(ge=1)]
    left_out: Count
    """Outliers, and samples without a prediction."""
    raw_error_deg: Error
    fitted_error_deg: Error
    leave_one_out_error_deg: Error | None
    """What to expect of new frames; None where all samples show one target."""
    samples: tuple[SampleFit, ...]
    skipped: tuple[str, ...] = ()
    """Samples without a prediction."""
    warnings: tuple[str, ...] = ()

    def apply(self, result: EyeResult) -> EyeResult:
        """The result with this person's visual axis; None where there is no optical axis.

        Raises:
            ZooError: the frame shows the other eye.
        """
        self.check_side(result.eye_side, "the frame")
        if result.optical is None:
            return replace(result, visual=None)
        optical = unit(torch.tensor([result.optical], dtype=torch.float64))
        roll = torch.tensor([math.radians(result.roll_deg or 0.0)], dtype=torch.float64)
        x, y, z = unit(self.correction.visual(optical, roll, self.eye_side))[0].tolist()
        return replace(result, visual=(x, y, z))

    def check_side(self, side: EyeSide | None, frame: str) -> None:
        """Raise `ZooError` where a frame is known to show the other eye."""
        if side is not None and self.eye_side is not None and side != self.eye_side:
            raise ZooError(
                f"{frame} shows the {side} eye; the calibration was made with the {self.eye_side} one"
            )
