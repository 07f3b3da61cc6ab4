"""A calibration for a run of `zoo predict`: checked against checkpoint and frames before the run starts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from zoo.conventions import EyeSide
from zoo.errors import ZooError
from zoo.hub.metadata import ModelMetadata
from zoo.predict.calibration.calibration import Calibration
from zoo.predict.calibration.file import read
from zoo.predict.cameras import Cameras


def adopt(
    path: Path,
    metadata: ModelMetadata,
    cameras: Cameras,
    files: Sequence[str],
    leds_known: bool = False,
    recording: bool = False,
) -> tuple[Calibration, list[str]]:
    """Read the calibration that a run shall use; also remarks for the user.

    Args:
        metadata: of the checkpoint that predicts.
        files: the run's inputs, as `cameras` knows them.
        recording: whether the run fits recordings.
        leds_known: whether the run's rig is known.

    Raises:
        ZooError: it cannot be read, was made for other weights, or with the other eye than a frame shows.
    """
    calibration = read(path)
    made = calibration.checkpoint
    here = metadata.weights.sha256 if metadata.weights else "unknown"
    if made is None or made.sha256 != here:
        raise ZooError(
            f"{path}: was made for the weights of {made.name if made else 'no checkpoint'} with SHA-256 "
            f"{made.sha256[:12] if made else 'unknown'}, not for {metadata.name} with {here[:12]}; "
            "calibrate again"
        )
    known = [(file, cameras.of(file)) for file in files]
    sides: list[EyeSide | None] = []
    for file, camera in known:
        side = camera.eye_side if camera else None
        calibration.check_side(side, file)
        sides.append(side)
    notes = []
    if calibration.eye_side and not all(sides):
        notes.append(
            f"{path}: frames whose eye_side is not known are taken for the {calibration.eye_side} eye"
        )
    if not calibration.eye_side:
        notes.append(f"{path}: does not say of which eye it is; it is applied to all frames")
    if any((camera is not None) != calibration.camera_known for _, camera in known):
        made_with = "with" if calibration.camera_known else "without"
        notes.append(
            f"{path}: was made {made_with} --camera; frames where that differs are corrected wrongly"
        )
    if calibration.recording != recording:
        made_with = "with" if calibration.recording else "without"
        notes.append(f"{path}: was made {made_with} --recording; it holds better the same way")
    if leds_known != calibration.leds_known:
        made_with = "with" if calibration.leds_known else "without"
        notes.append(f"{path}: was made {made_with} --rig, so frames are corrected less well here")
    return calibration, notes
