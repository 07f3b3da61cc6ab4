"""Which metrics a page shows first, what they are called, and whether high is good. Imports no torch."""

from __future__ import annotations

from typing import Final, NamedTuple


class Shown(NamedTuple):
    """A metric of `zoo.evaluate.summarise` in words."""

    name: str
    label: str
    unit: str = ""
    high_is_good: bool | None = False
    """None: neither high nor low is."""


KEY_METRICS: Final = (
    Shown("segmentation/miou", "segmentation, mean IoU", "", True),
    Shown("segmentation/pupil_mask_px_within_2px", "pupil mask within 2 px", "share", True),
    Shown("keypoints/pupil_px_median", "pupil centre, median", "px"),
    Shown("keypoints/pupil_px_within_2px", "pupil centre within 2 px", "share", True),
    Shown("keypoints/glint_recall", "glints found", "share", True),
    Shown("blink/blink_ap", "blink, average precision", "", True),
    Shown("blink/openness_mae", "openness, mean error"),
    Shown("eye3d/cornea_mm_median", "cornea, median", "mm"),
    Shown("gaze/optical_deg_mean", "optical axis, mean", "°"),
    Shown("gaze/optical_deg_median", "optical axis, median", "°"),
    Shown("gaze/visual_deg_mean", "visual axis, mean", "°"),
    Shown("gaze/sigma_share", "errors within the stated sigma (0.68 if true)", "share", None),
    Shown("depth/absrel_ratio", "depth, AbsRel"),
    Shown("depth/rmse_m", "depth, RMSE", "m"),
    Shown("depth/delta_share", "depth, δ < 1.25", "share", True),
    Shown("depth/sigma_share", "errors within the stated sigma (0.68 if true)", "share", None),
)
SLICED: Final = (
    "segmentation/miou",
    "segmentation/pupil_mask_px_within_2px",
    "keypoints/pupil_px_median",
    "blink/openness_mae",
    "eye3d/cornea_mm_median",
    "gaze/optical_deg_mean",
    "depth/absrel_ratio",
    "depth/delta_share",
)
"""Those of them that are drawn by slice."""

COLUMNS: Final = {
    "subject": "person",
    "eye_side": "eye",
    "openness": "openness",
    "pupil_visible": "visible share of the pupil",
    "gaze_eccentricity_deg": "angle between optical axis and camera, °",
    "focal_over_width": "focal length over image width",
    "skin_tone": "skin tone",
    "spectacles": "spectacles",
    "domain": "domain",
    "views": "number of views",
    "baseline_m": "baseline, m",
    "mean_depth_m": "mean depth, m",
    "texture": "texture, grey levels a pixel",
}
"""What slices are called."""


def key_metrics() -> dict[str, Shown]:
    """`KEY_METRICS` by name."""
    return {shown.name: shown for shown in KEY_METRICS}
