"""Recordings of unseen people: what `--recording` and a calibration make of a checkpoint's answers.

Each person is rendered before one camera that sits still, with light, sensor and lashes of their own; gaze,
pupil and lids change from frame to frame as in the other exams, shut eyes among them. Frames are predicted as
a user's are. The calibration samples are frames of the recording; the visual axis is measured on the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import polars as pl
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from zoo.config.rendering import load_domain, load_rig
from zoo.conventions import EYE_SIDES
from zoo.data.sample import EyeBatch
from zoo.errors import ZooError
from zoo.geometry.angles import angle_between, vector_to_angles
from zoo.geometry.vectors import norm, unit
from zoo.predict.calibration.corrections import MODELS, Model
from zoo.predict.calibration.fit import fit
from zoo.predict.calibration.samples import Angles, gather, outside
from zoo.predict.predictor import Predictor
from zoo.predict.recording.answer import answer
from zoo.predict.recording.online import OnlineFit
from zoo.predict.result import EyeResult, Vector
from zoo.predict.rig import Leds, read_rig
from zoo.synth.eyes.renderer import EyeRenderer

SEED: Final = 4205
RIGS: Final = {"random": ("random", False), "headset": ("headset", False), "headset_leds": ("headset", True)}
"""Rows of the exam: the rig, and whether its LEDs are known."""
PEOPLE: Final = 50
"""Before each of them."""
FRAMES: Final = 40
"""Of each person."""
SAMPLES: Final = 9
"""Of these frames, with an open eye and spread over the field, calibrate."""
DOMAIN: Final = "unseen"

_OPEN: Final = (
    0.7  # share of the pupil that a calibration sample shows at least: a person who is asked to look
)


class Recording(NamedTuple):
    """One person's frames: answers, and what they should be (camera frame, millimetres)."""

    results: list[EyeResult]
    optical: Float[Tensor, "n 3"]
    visual: Float[Tensor, "n 3"]
    cornea: Float[Tensor, "n 3"]
    pupil_visible: Float[Tensor, "n"]
    """Share of the pupil that shows, 0 to 1."""
    shown: Bool[Tensor, "n"]
    """Whether there is a pupil to see, so that an answer is due."""


def recordings(
    predictor: Predictor,
    rig: str,
    people: int = PEOPLE,
    seed: int = SEED,
    frames: int = FRAMES,
    known: bool = False,
) -> Iterator[Recording]:
    """Render and predict one person after another before a camera of `conf/rig` or of a file.

    Args:
        known: whether the predictor knows the rig's LEDs, as by `zoo predict --rig`.
    """
    size = predictor.metadata.network.input
    domain = load_domain(DOMAIN).model_copy(update={"no_eye": 0.0})
    renderer = EyeRenderer(domain, seed, load_rig(rig), size.height, size.width, predictor.device)
    leds = read_rig(rig).leds_mm if known else None
    for person in range(people):
        index = torch.arange(person * frames, (person + 1) * frames)
        yield _predicted(predictor, renderer.render(index, torch.full_like(index, person)), leds)


def score(made: Recording, samples: int = SAMPLES) -> pl.DataFrame:
    """One row a frame that shows a pupil; null where nothing is answered, or for frames that calibrate.

    Columns are ``<answer>/<error>``, answers being ``raw``, ``recording`` (all frames are known, as for a
    folder) and ``online`` (earlier frames are known, as for a video): `optical_deg`, `sigma_share` (is the
    error within the stated one), `answered_share`, `cornea_mm`, `visual_deg` with mean kappa and
    `visual_<model>_deg` calibrated. A calibration that is refused leaves mean kappa, as it would the user.
    """
    online = OnlineFit()
    as_they_come = [online.update(result) for result in made.results]
    online.refit()
    looked_back = [answer(result, online.at(n)) for n, result in enumerate(made.results)]
    rows = made.shown.nonzero()[:, 0].tolist()
    chosen = _spread_out(made, samples)
    columns: dict[str, list[float | None]] = {"pupil_visible": [float(made.pupil_visible[n]) for n in rows]}
    for name, results in (("raw", made.results), ("recording", looked_back), ("online", as_they_come)):
        for error, values in _errors(made, results, chosen).items():
            columns[f"{name}/{error}"] = [values[n] for n in rows]
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.Float64))


def _errors(
    made: Recording, results: Sequence[EyeResult], chosen: Sequence[int]
) -> dict[str, list[float | None]]:
    axis = _angles([result.optical for result in results], made.optical)
    cornea = [
        None if result.cornea_mm is None else float(norm(_tensor(result.cornea_mm) - truth))
        for result, truth in zip(results, made.cornea, strict=True)
    ]
    errors: dict[str, list[float | None]] = {
        "optical_deg": axis,
        "sigma_share": [
            None if angle is None else float(angle <= (result.gaze_sigma_deg or 0.0))
            for angle, result in zip(axis, results, strict=True)
        ],
        "answered_share": [float(angle is not None) for angle in axis],
        "cornea_mm": cornea,
    }
    visual = {"visual_deg": [result.visual for result in results]}
    for model in MODELS:
        visual[f"visual_{model}_deg"] = _calibrated(model, made, results, chosen)
    for name, axes in visual.items():
        angles = _angles(axes, made.visual)
        errors[name] = [None if n in chosen else angle for n, angle in enumerate(angles)]
    return errors


def _calibrated(
    model: Model, made: Recording, results: Sequence[EyeResult], chosen: Sequence[int]
) -> list[Vector | None]:
    targets = [_target(made.visual[n]) for n in chosen]
    try:
        samples, _ = gather([str(n) for n in chosen], [results[n] for n in chosen], targets)
        calibration = fit(model, samples)
    except ZooError:
        return [result.visual for result in results]
    return [calibration.apply(result).visual for result in results]


def _spread_out(made: Recording, count: int) -> list[int]:
    """Frames that are answered, show the pupil and look into directions far from one another."""
    able = [
        n
        for n, result in enumerate(made.results)
        if made.pupil_visible[n] >= _OPEN
        and result.optical is not None
        and outside(_target(made.visual[n])) is None
    ]
    if not able:
        return []
    middle = unit(made.visual[able].mean(0))
    chosen = [able[int(angle_between(made.visual[able], middle).argmin())]]
    while len(chosen) < min(count, len(able)):
        apart = torch.stack([angle_between(made.visual[able], made.visual[n]) for n in chosen])
        chosen.append(able[int(apart.amin(0).argmax())])
    return chosen


def _target(visual: Float[Tensor, "3"]) -> Angles:
    pitch, yaw = torch.rad2deg(vector_to_angles(visual)).tolist()
    return Angles(pitch, yaw)


def _angles(axes: Sequence[Vector | None], truth: Float[Tensor, "n 3"]) -> list[float | None]:
    return [
        None if axis is None else float(torch.rad2deg(angle_between(_tensor(axis), true)))
        for axis, true in zip(axes, truth, strict=True)
    ]


def _tensor(vector: Vector) -> Float[Tensor, "3"]:
    return torch.tensor(vector, dtype=torch.float64)


def _predicted(predictor: Predictor, batch: EyeBatch, leds: Leds | None) -> Recording:
    """The camera's own pixels go to the predictor, without the canvas about them."""
    content = batch["content"][0].cpu()
    rows, columns = content.any(1).nonzero()[:, 0], content.any(0).nonzero()[:, 0]
    top, left = int(rows[0]), int(columns[0])
    images = batch["image"][:, 0, top : top + len(rows), left : left + len(columns)].cpu().numpy()
    camera = batch["camera"][0].cpu().double().numpy().copy()
    camera[:2, 2] -= (left, top)
    side = EYE_SIDES[int(batch["eye_side"][0])]
    results = predictor.predict(
        [np.ascontiguousarray(image) for image in images],
        [camera] * len(images),
        [side] * len(images),
        segmentation=False,
        leds_mm=leds,
    )
    return Recording(
        results,
        batch["optical"].cpu().double(),
        batch["visual"].cpu().double(),
        batch["cornea_mm"].cpu().double(),
        batch["pupil_visible"].cpu(),
        batch["pupil_present"].cpu() > 0.5,
    )
