"""What needs no learning on MEYE: the darkest blob, and how well its labels agree with an independent fit.

    python scripts/baselines_meye.py path/to/meye baselines.json

All are scored as a network is: on frames that are no blink and have a mask, in native pixels, by person.

* ``darkest_blob``: the largest connected part of the darkest 4 % of the smoothed frame.
* ``label_fit``: an ellipse fitted where the grey level is half way from inside the labelled mask to around
  it. It is given the label, so it is no detector but a ceiling: no prediction can be shown to be nearer to
  the truth than two ways of labelling are to one another.
* ``label_fit_core``: the same at 15 % of the way. The masks end where the pupil's darkness ends, 1 to 2 px
  inside the half-way level, so this is nearer to the ceiling of their overlap.
* ``blink_share``: the average precision of a guess.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from zoo.data.sources.meye import Meye
from zoo.files import write_text

DARKEST = 0.04  # share of the frame; a pupil covers about 2.5 % of it
SMOOTHING_PX = 1.0


class Found(NamedTuple):
    centre: Float[np.ndarray, "2"]  # u, v
    mask: Bool[np.ndarray, "h w"]


def darkest_blob(image: UInt8[np.ndarray, "h w"]) -> Found:
    smooth = cv2.GaussianBlur(image, (0, 0), SMOOTHING_PX)
    mask = _largest(smooth <= np.quantile(smooth, DARKEST))
    v, u = mask.nonzero()
    return Found(np.array([u.mean(), v.mean()]), mask)


def label_fit(image: UInt8[np.ndarray, "h w"], label: Bool[np.ndarray, "h w"], way: float) -> Found | None:
    """The pupil's edge at `way` from its inner grey level to that around it; None where there is none."""
    smooth = cv2.GaussianBlur(image, (0, 0), SMOOTHING_PX)
    radius = np.sqrt(label.sum() / np.pi)
    near, around = _grown(label, 0.3 * radius), _grown(label, 0.8 * radius)
    inner, outer = np.median(smooth[label]), np.median(smooth[around & ~near])
    dark = (smooth < inner + way * (outer - inner)) & near
    if not dark.any():
        return None
    outlines, _ = cv2.findContours(_largest(dark).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.convexHull(max(outlines, key=len))  # bridges the notches that glints and lashes cut
    if len(hull) < 5:
        return None
    (u, v), axes, angle = cv2.fitEllipse(hull)
    # The outline runs through the centres of the outermost pixels, half a pixel inside the edge.
    first, second = (axis / 2 + 0.5 for axis in axes)
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    y, x = np.indices(image.shape) - np.array([v, u])[:, None, None]
    mask = ((x * cos + y * sin) / first) ** 2 + ((y * cos - x * sin) / second) ** 2 <= 1
    return Found(np.array([u, v]), mask)


def _grown(mask: Bool[np.ndarray, "h w"], by: float) -> Bool[np.ndarray, "h w"]:
    size = 2 * max(1, round(by)) + 1
    return cv2.dilate(mask.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))) > 0


def _largest(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    _, parts, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    return parts == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())


def score(
    found: list[Found | None], masks: Bool[np.ndarray, "N h w"], centres: Float[np.ndarray, "N 2"]
) -> dict[str, float]:
    """Errors of the centre and mean overlap; what was not found is infinitely far."""
    distances, overlaps = np.full(len(found), np.inf), np.zeros(len(found))
    for i, one in enumerate(found):
        if one is not None:
            distances[i] = np.linalg.norm(one.centre - centres[i])
            overlaps[i] = (one.mask & masks[i]).sum() / (one.mask | masks[i]).sum()
    return {
        "frames": len(found),
        "within_2_px": float((distances <= 2).mean()),
        "beyond_3_px": float((distances > 3).mean()),
        "median_px": float(np.median(distances)),
        "p90_px": float(np.quantile(distances, 0.9)),
        "iou": float(overlaps.mean()),
    }


def measure(data: Meye) -> dict[str, Any]:
    labels = data.labels
    rows = np.flatnonzero(labels.pupil_valid)
    images = (data.images(rows)[:, 0].numpy() * 255).round().astype(np.uint8)
    masks, centres, subjects = data.masks(rows).numpy(), labels.pupil_px[rows], labels.subjects[rows]
    people = np.unique(subjects)
    methods: dict[str, list[Found | None]] = {
        "darkest_blob": [darkest_blob(image) for image in images],
        "label_fit": [label_fit(*pair, 0.5) for pair in zip(images, masks, strict=True)],
        "label_fit_core": [label_fit(*pair, 0.15) for pair in zip(images, masks, strict=True)],
    }
    results: dict[str, Any] = {}
    for name, found in methods.items():
        of = {person: np.flatnonzero(subjects == person) for person in people}
        by_person = {str(p): score([found[i] for i in of[p]], masks[of[p]], centres[of[p]]) for p in people}
        keys = [key for key in score(found, masks, centres) if key != "frames"]
        results[name] = {
            "mean_over_people": {
                key: float(np.mean([one[key] for one in by_person.values()])) for key in keys
            },
            "worst_person_within_2_px": min(one["within_2_px"] for one in by_person.values()),
            "all_frames": score(found, masks, centres),
            "by_person": by_person,
        }
    shares = {str(p): float(labels.blink[labels.blink_valid & (labels.subjects == p)].mean()) for p in people}
    results["blink_share"] = {
        "all_frames": float(labels.blink[labels.blink_valid].mean()),
        "by_person": shares,
    }
    return results


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("root", type=Path, help="folder with labels.csv, images/ and masks/")
    parser.add_argument("output", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    results = measure(Meye(arguments.root))
    write_text(arguments.output, json.dumps(results, indent=1) + "\n")
    for name, result in results.items():
        mean = result.get("mean_over_people", result["by_person"])
        print(f"{name:15s}", "  ".join(f"{key} {value:.3f}" for key, value in mean.items()))


if __name__ == "__main__":
    main()
