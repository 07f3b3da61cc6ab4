"""The trivial prediction that every figure is read beside."""

from __future__ import annotations

import math

import polars as pl

from zoo.conventions import BACKGROUND, CLASSES


def baseline(table: pl.DataFrame) -> pl.DataFrame:
    """The table that a constant prediction would have got on the same samples; `summarise` it.

    It places pupil and cornea at the mean of the labels' positions, the openness and the axes at their mean,
    says "no blink" and "a pupil" of every frame, and calls every pixel background. Columns that it has no
    constant for are dropped. It sees the labels that it is measured on, which only helps it.
    """
    known = [c for c in table.columns if "/" not in c or c.startswith("label/") or c.endswith("_label")]
    result = table.select(known)
    for column in table.columns:
        if column not in known and (guess := _guess(column, table.columns)) is not None:
            truth = pl.col(column).is_not_null()
            result = result.with_columns(
                table.select(pl.when(truth).then(guess).otherwise(None).alias(column))[column]
            )
    return result


def _guess(column: str, columns: list[str]) -> pl.Expr | None:
    name = column.rpartition("/")[2]
    pixels = {c: pl.col(f"label/{c}_pixels") for c in CLASSES}
    match name.rsplit("_", 1):
        case [("pupil" | "pupil_mask") as point, "px"]:
            u, v = (pl.col(f"label/{point}_{axis}_px") for axis in "uv")
            measured = pl.col(column).is_not_null()
            du, dv = (x - x.filter(measured).mean() for x in (u, v))
            return (du**2 + dv**2).sqrt()
        case [("optical" | "visual") as axis, "deg"]:
            return _angle_to_mean(column, axis)
        case ["cornea", "mm"]:
            measured = pl.col(column).is_not_null()
            apart = [pl.col(f"label/cornea_mm_{x}") for x in "xyz"]
            return pl.sum_horizontal([(x - x.filter(measured).mean()) ** 2 for x in apart]).sqrt()
        case ["openness", "error"]:
            return (pl.col("openness") - pl.col("openness").mean()).abs()
        case ["blink", "score"]:
            return pl.lit(0.0)
        case ["pupil_present", "score"]:
            return pl.lit(1.0)
        case [cls, "intersection"] if cls in CLASSES:
            return pixels[cls] if cls == CLASSES[BACKGROUND] else pl.lit(0.0)
        case [cls, "union"] if cls in CLASSES:
            return pl.sum_horizontal(pixels.values()) if cls == CLASSES[BACKGROUND] else pixels[cls]
    return None


def _angle_to_mean(column: str, axis: str) -> pl.Expr:
    """Degrees between each label's unit vector and the direction of their mean."""
    measured = pl.col(column).is_not_null()
    vector = [pl.col(f"label/{axis}_{x}") for x in "xyz"]
    mean = [x.filter(measured).mean() for x in vector]
    length = pl.sum_horizontal([m**2 for m in mean]).sqrt()
    cosine = pl.sum_horizontal([v * m for v, m in zip(vector, mean, strict=True)]) / length
    return cosine.clip(-1, 1).arccos() * (180 / math.pi)
