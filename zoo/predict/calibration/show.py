"""What `zoo calibrate` prints. Imports no torch."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from zoo.predict.calibration.calibration import Calibration
from zoo.predict.calibration.corrections import describe


def samples_table(calibration: Calibration) -> Table:
    """The errors of every sample, and their means over those that are used; degrees."""
    table = Table(title="angle to the target, degrees")
    table.add_column("sample", overflow="fold")
    for heading in ("raw", "calibrated", "left out"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for row in calibration.samples:
        numbers = (row.raw_deg, row.fitted_deg, row.left_out_deg)
        table.add_row(Text(row.name), *map(_number, numbers), "outlier, not used" if row.outlier else "")
    means = (
        calibration.raw_error_deg,
        calibration.fitted_error_deg,
        calibration.leave_one_out_error_deg,
    )
    table.add_section()
    table.add_row(f"mean of {calibration.used}", *map(_number, means), "")
    return table


def summary(calibration: Calibration) -> str:
    """One line: parameters, and what to expect."""
    expected = calibration.leave_one_out_error_deg
    holds = "unknown (all samples show one target)" if expected is None else f"{expected:.2f} degrees"
    side = f"{calibration.eye_side} eye, " if calibration.eye_side else ""
    return (
        f"{calibration.correction.model}: {describe(calibration.correction)}; {side}"
        f"{calibration.used} samples used, {calibration.left_out} left out; "
        f"error {calibration.raw_error_deg:.2f} degrees raw, on a target left out {holds}"
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
