"""What known LEDs are worth: a checkpoint on the exam of the reference rig, alone and refined by the glints.

    python scripts/known_rig.py eyenet_s

Writes ``metrics/known_rig_<name>.json``: errors of the optical axis and of the cornea's centre by

- ``constant``: the mean axis and the mean cornea of the labels;
- ``network``: the checkpoint without knowledge of LEDs;
- ``classical``: the classical inverse alone, of the glints and the pupil's centre that it detects.
  Three glints at least must agree, because two may be of any two LEDs;
- ``placed``: the same by one who knows from the rig's file where the headset sits, which tells the LEDs of
  two glints too;
- ``refined``: the checkpoint as `zoo predict --rig` answers.

All are of all frames. Where a classical method has no answer, that of ``constant`` stands in for it.
``<method> where <classical method>`` is of the frames alone that this one answers; ``answered`` counts them
(``refined``: where glints were used).
"""

from __future__ import annotations

import argparse
import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl
import torch
from torch import Tensor

from zoo.config import EvalConfig, RenderData, compose
from zoo.data.kinds import is_views
from zoo.data.sample import EyeBatch
from zoo.evaluate import baseline, rows, summarise
from zoo.files import write_text
from zoo.geometry.classical_gaze import classical_gaze
from zoo.geometry.glint_assignment import assign_glints
from zoo.geometry.glint_inverse import CorneaPrior, cornea_from_glints
from zoo.model.heads.gaze import visual_axis
from zoo.model.heads.keypoints import GLINT_SCORE
from zoo.predict.native import PRESENT
from zoo.predict.precision import glint_sigma_px
from zoo.predict.predictor import Predictor, load
from zoo.predict.refine import LEAST_MARGIN, refine
from zoo.predict.rig import KnownRig, read_rig
from zoo.synth.eyes.anatomy import ANATOMY
from zoo.train.data import batches_of
from zoo.train.measure import to_device

Prediction = dict[str, dict[str, Tensor]]

AXIS, CORNEA = "gaze/optical_deg", "eye3d/cornea_mm"
RADIUS_SD_MM: Final = ANATOMY["cornea_radius"].sd


class Answer(NamedTuple):
    """A method's prediction for a batch, and for which frames it has one."""

    prediction: Prediction
    answered: Tensor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint")
    parser.add_argument("--count", type=int, help="of frames; the whole exam by default")
    parser.add_argument("--output", type=Path, default=Path("metrics"))
    arguments = parser.parse_args()
    fewer = [] if arguments.count is None else [f"count={arguments.count}"]
    config = compose("eval", [f"checkpoint={arguments.checkpoint}", "exam=headset", *fewer])
    assert isinstance(config.data, RenderData) and config.data.rig is not None
    rig = read_rig(config.data.rig)
    predictor = load(config.checkpoint, config.device)
    parts = list(_measured(config, predictor, rig))
    tables = {method: pl.concat([part[method] for part in parts]) for method in parts[0]}
    weights = predictor.metadata.weights
    answered, metrics = _report(tables)
    report = {
        "checkpoint": predictor.metadata.name,
        "sha256": None if weights is None else weights.sha256,
        "date": datetime.date.today().isoformat(),
        "data": config.data.model_dump(mode="json") | {"seed": config.seed},
        "answered": answered,
        "metrics": metrics,
    }
    path = arguments.output / f"known_rig_{predictor.metadata.name}.json"
    write_text(path, json.dumps(report, indent=1) + "\n")
    for method, values in metrics.items():
        chosen = [f"{values[f'{key}_{kind}']:6.2f}" for key in (AXIS, CORNEA) for kind in ("mean", "median")]
        print(f"{method:27} {int(values['frames']):5} frames  axis, cornea: {' '.join(chosen)}")


def _measured(config: EvalConfig, predictor: Predictor, rig: KnownRig) -> Iterator[dict[str, pl.DataFrame]]:
    """The metric path's rows of each method, with the column `answered`."""
    network = predictor.network.to(predictor.device).eval()
    size, leds = predictor.metadata.network.input, rig.leds_mm
    with torch.inference_mode():
        for batch in batches_of(
            config.data, config.seed, config.count, config.batch_size, size, predictor.device
        ):
            batch = to_device(batch, predictor.device)
            assert not is_views(batch)
            prediction = network.answer(batch)
            refined = refine(prediction, batch["camera"], leds, batch["eye_side"])
            answers = {
                "network": Answer(prediction, torch.ones(len(batch["camera"]), dtype=torch.bool)),
                "classical": _classical(prediction, batch, leds, None),
                "placed": _classical(prediction, batch, leds, rig.place),
                "refined": Answer(refined, refined["eye3d"]["glints_used"] > 0),
            }
            yield {
                method: rows(answer.prediction, batch, network).with_columns(
                    pl.Series("answered", answer.answered.tolist())
                )
                for method, answer in answers.items()
            }


def _classical(prediction: Prediction, batch: EyeBatch, leds: Tensor, prior: CorneaPrior | None) -> Answer:
    """The classical inverse; the prior helps to assign the glints, and nothing else."""
    points = {key: value.cpu().double() for key, value in prediction["keypoints"].items()}
    camera = batch["camera"].cpu().double()
    glints, scores = points["glints_px"], points["glint_scores"]
    valid, sigma = scores > GLINT_SCORE, glint_sigma_px(scores)
    assigned = assign_glints(
        glints,
        valid,
        leds,
        camera,
        pixel_sigma=sigma,
        radius_sigma=RADIUS_SD_MM,
        prior=prior,
        least_margin=LEAST_MARGIN,
    )
    which = assigned.which_led
    fix = cornea_from_glints(
        glints, which, which >= 0, leds, camera, pixel_sigma=sigma, radius_sigma=RADIUS_SD_MM
    )
    gaze = classical_gaze(fix.cornea, points["pupil_px"], camera)
    roll, side = prediction["gaze"]["roll"].cpu().double(), batch["eye_side"].cpu()
    found = {
        "cornea_mm": fix.cornea,
        "pupil_mm": gaze.pupil_mm,
        "geometric_axis": gaze.optical,
        "direct_axis": gaze.optical,
        "optical": gaze.optical,
        "visual": visual_axis(gaze.optical, roll, side),
    }
    answer = {
        name: {
            key: found[key].to(value) if key in found else value for key, value in prediction[name].items()
        }
        for name in ("eye3d", "gaze")
    }
    return Answer(answer, assigned.ok & fix.ok & gaze.ok & (points["pupil_present"] >= PRESENT))


def _report(tables: dict[str, pl.DataFrame]) -> tuple[dict[str, int], dict[str, dict[str, float]]]:
    """(how many frames each method answers, metrics by method)."""
    network, refined = tables["network"], tables["refined"]
    constant = baseline(network)
    shown = {"constant": constant, "network": network}
    for method in ("classical", "placed"):
        table = tables[method]
        filled = [
            pl.when(table["answered"]).then(table[key]).otherwise(constant[key]).alias(key)
            for key in (AXIS, CORNEA)
        ]
        shown[method] = constant.with_columns(filled)
        tables[method] = table.drop("gaze/sigma_share")  # of the network's axis
    shown["refined"] = refined
    for method in ("classical", "placed", "refined"):
        for other in dict.fromkeys((method, "network", "refined")):
            shown[f"{other} where {method}"] = tables[other].filter(tables[method]["answered"])
    judged = network[AXIS].is_not_null()
    answered = {m: int((tables[m]["answered"] & judged).sum()) for m in ("classical", "placed", "refined")}
    kept = ("gaze/optical", "gaze/sigma", "eye3d/cornea", "frames")
    metrics = {
        method: {key: value for key, value in summarise(table).items() if key.startswith(kept)}
        for method, table in shown.items()
    }
    return {"of": int(judged.sum())} | answered, metrics


if __name__ == "__main__":
    main()
