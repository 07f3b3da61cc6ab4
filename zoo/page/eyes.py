"""One picture or one video of an eye, predicted for the page."""

from __future__ import annotations

import csv
import io
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped
from rich.console import Console

from zoo.draw import Picture, overlay
from zoo.errors import ZooError
from zoo.page.camera import CameraFields
from zoo.page.curves import Curve, curves_svg
from zoo.page.eye_model import write_eye
from zoo.page.models import predictor_of
from zoo.page.numbers import Row, remark, rows
from zoo.predict.images import BadImageError, read_image
from zoo.predict.report import Reached
from zoo.predict.result import EyeResult
from zoo.predict.run import predict_sources
from zoo.predict.video import read_video


class EyeAnswer(NamedTuple):
    """What the page shows of one picture."""

    picture: Picture
    numbers: list[Row]
    remark: str
    model: Path | None
    """The eye as GLB."""


class VideoAnswer(NamedTuple):
    """What the page shows of one video."""

    video: Path
    table: Path
    curves: str
    """SVG."""
    remark: str


def predict_picture(name: str, image: Path, camera: CameraFields, folder: Path) -> EyeAnswer:
    """Predict one image file; files go into `folder`.

    Raises:
        ZooError: no image, or no camera of it, or no such checkpoint.
    """
    try:
        pixels, note = read_image(image)
    except BadImageError as error:
        raise ZooError(f"{image.name}: {error}") from None
    result = _predict(name, pixels, camera)
    model = folder / "eye.glb"
    remarks = [text for text in (note and f"{image.name} {note}.", remark(result)) if text]
    return EyeAnswer(
        overlay(pixels, result), rows(result), " ".join(remarks), model if write_eye(model, result) else None
    )


def predict_pixels(name: str, pixels: Shaped[np.ndarray, "..."], camera: CameraFields) -> EyeAnswer:
    """Predict a frame of a camera, as `zoo.predict.images.to_unit_grey` takes it; no file is written.

    Raises:
        ZooError: no frame, or no camera of it, or no such checkpoint.
    """
    result = _predict(name, pixels, camera)
    return EyeAnswer(overlay(pixels, result), rows(result), remark(result), None)


def _predict(name: str, pixels: Shaped[np.ndarray, "..."], camera: CameraFields) -> EyeResult:
    matrix = camera.matrix(*pixels.shape[:2])
    try:
        return predictor_of(name)(pixels, camera=matrix, eye_side=camera.eye_side)
    except ValueError as error:
        raise ZooError(str(error)) from None


def predict_video(
    name: str, video: Path, camera: CameraFields, folder: Path, reached: Reached | None = None
) -> VideoAnswer:
    """Predict every frame of a video file; what `zoo predict` writes goes into `folder`.

    Raises:
        ZooError: no video, or no camera of it, or no such checkpoint.
    """
    first = next(islice(read_video(video), 1), "has no frame")
    if isinstance(first, str):
        raise ZooError(f"{video.name}: {first}")
    height, width = first[2].shape
    told = io.StringIO()
    predict_sources(
        name,
        [str(video)],
        folder,
        camera=_camera_file(camera, video, height, width, folder),
        console=Console(file=told, width=1000),
        reached=reached,
    )
    with (folder / "predictions.csv").open(newline="", encoding="utf-8", errors="replace") as file:
        table = list(csv.DictReader(file))
    made = next((folder / "overlays").glob("*.mp4"), None)
    if made is None:
        raise ZooError(f"{video.name}: has no frame that can be predicted. {told.getvalue().strip()}")
    # The page shows nobody the folders of the machine that it runs on.
    remarks = told.getvalue().replace(str(video), video.name).strip()
    return VideoAnswer(made, folder / "predictions.csv", curves_svg(_curves(table), "seconds"), remarks)


def _camera_file(camera: CameraFields, video: Path, height: int, width: int, folder: Path) -> str | None:
    """Intrinsics and side as the table that `zoo predict --camera` reads."""
    matrix = camera.matrix(height, width)
    if matrix is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "camera.csv"
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "fx", "fy", "cx", "cy", "eye_side"])
        values = matrix[[0, 1, 0, 1], [0, 1, 2, 2]].tolist()
        writer.writerow([video.name, *values, camera.eye_side or ""])
    return str(path)


def _curves(table: list[dict[str, str]]) -> list[Curve]:
    """Openness, pitch and yaw over time, of the columns that are filled in."""
    time = [_number(row["time_s"]) for row in table]
    wanted = {
        "openness": (("openness", "openness"),),
        "optical axis, °": (("pitch", "optical_pitch_deg"), ("yaw", "optical_yaw_deg")),
    }
    return [
        Curve(title, time, {label: [_number(row[column]) for row in table] for label, column in lines})
        for title, lines in wanted.items()
        if any(row[column] for row in table for _, column in lines)
    ]


def _number(cell: str) -> float | None:
    return float(cell) if cell else None
