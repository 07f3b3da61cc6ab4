"""Families of appearance: each family gives ranges to the parameters that the shader uses.

A domain (`zoo.synth.eyes.domain`) lists the families it draws from; whole families can so be held out of
training. Ranges were widened until rendered sheets covered the spread of real infrared recordings.
Reflectances are in [0, 1]; lengths in millimetres; angles in degrees.
"""

from __future__ import annotations

from typing import Final

Range = tuple[float, float]
Families = dict[str, dict[str, Range]]

IRIS: Final[Families] = {
    "fibrous": {"fibre": (0.15, 0.5), "cloud": (0.0, 0.15), "crypt": (0.0, 0.15), "collarette": (-0.1, 0.2)},
    "crypts": {"fibre": (0.05, 0.2), "cloud": (0.05, 0.15), "crypt": (0.3, 0.7), "collarette": (0.0, 0.2)},
    "smooth": {"fibre": (0.0, 0.08), "cloud": (0.0, 0.1), "crypt": (0.0, 0.05), "collarette": (-0.05, 0.1)},
    "ringed": {"fibre": (0.1, 0.3), "cloud": (0.0, 0.2), "crypt": (0.0, 0.15), "collarette": (0.2, 0.5)},
    "spotted": {"fibre": (0.0, 0.15), "cloud": (0.25, 0.5), "crypt": (-0.6, -0.3), "collarette": (-0.1, 0.1)},
    "sectoral": {"fibre": (0.1, 0.3), "cloud": (0.0, 0.2), "crypt": (0.0, 0.2), "sector": (0.25, 0.55)},
}
IRIS_DEFAULTS: Final[dict[str, Range]] = {
    "base": (0.12, 0.62),
    "fibre": (0.0, 0.0),
    "cloud": (0.0, 0.0),
    "crypt": (0.0, 0.0),
    "collarette": (0.0, 0.0),
    "sector": (0.0, 0.0),
    "limbus_dark": (0.0, 0.7),
    "limbus_width": (0.25, 1.3),
    "pupil_level": (0.0, 0.6),
    "ruff": (0.0, 0.3),
    "ruff_depth": (0.2, 1.0),
    "fibre_count": (3.0, 9.0),
    "angle": (0.0, 1.0),
}

SKIN: Final[Families] = {
    "plain": {"tone": (0.4, 0.95), "cloud": (0.03, 0.12), "grain": (0.0, 0.05)},
    "porous": {"tone": (0.35, 0.9), "grain": (0.06, 0.2), "cloud": (0.03, 0.15)},
    "wrinkled": {"tone": (0.35, 0.9), "wrinkle": (0.15, 0.45), "grain": (0.02, 0.12)},
    "oily": {"tone": (0.35, 0.9), "shine": (0.3, 1.0), "grain": (0.04, 0.15)},
    "dark": {"tone": (0.12, 0.4), "grain": (0.02, 0.15), "shine": (0.0, 0.5)},
    "freckled": {"tone": (0.4, 0.9), "spots": (0.2, 0.5), "grain": (0.02, 0.1)},
    "creased": {"tone": (0.2, 0.8), "wrinkle": (0.45, 0.8), "cloud": (0.12, 0.25), "grain": (0.05, 0.15)},
}
SKIN_DEFAULTS: Final[dict[str, Range]] = {
    "tone": (0.3, 0.9),
    "cloud": (0.0, 0.1),
    "grain": (0.0, 0.1),
    "wrinkle": (0.0, 0.12),
    "spots": (0.0, 0.04),
    "shine": (0.0, 0.2),
    "fold_depth": (0.0, 0.5),
    "bag_depth": (0.0, 0.3),
    "bag_offset": (4.0, 10.0),
    "orbit_depth": (0.0, 0.35),
    "sclera": (0.5, 1.5),
    "vessels": (0.0, 0.35),
    "caruncle": (0.5, 1.1),
    "wet_margin": (0.6, 1.15),
    "tear": (0.0, 0.5),
    "occlusion": (0.1, 0.8),
}

LID: Final[Families] = {
    "almond": {"upper": (3.8, 5.6), "lower": (2.0, 3.4), "tilt": (0.0, 8.0)},
    "round": {"upper": (5.2, 7.6), "lower": (3.0, 4.8), "tilt": (-3.0, 5.0)},
    "hooded": {"upper": (3.4, 5.2), "lower": (2.2, 3.8), "fold_offset": (0.2, 1.2)},
    "single": {"upper": (3.2, 5.2), "lower": (1.8, 3.2), "tilt": (3.0, 10.0), "fold_offset": (8.0, 12.0)},
    "drooping": {"upper": (3.0, 4.6), "lower": (2.4, 3.6), "tilt": (-12.0, -6.0), "upper_peak": (0.55, 0.7)},
    "boxy": {"upper": (4.5, 6.5), "lower": (3.2, 4.8), "upper_round": (3.0, 4.5), "lower_round": (2.8, 4.0)},
}
LID_DEFAULTS: Final[dict[str, Range]] = {
    # The lower lid hangs 5 to 5.5 mm below the centre of the pupil (margin reflex distance 2), farther than
    # below the line between the corners; heights of the upper lid count from the centre of the eye.
    "drop": (1.0, 2.6),
    "width": (25.5, 31.0),
    "upper": (4.0, 6.0),
    "lower": (2.5, 4.0),
    "tilt": (-2.0, 7.0),
    "upper_peak": (0.72, 1.1),
    "upper_round": (1.7, 2.6),
    "lower_peak": (0.85, 1.3),
    "lower_round": (1.6, 2.5),
    "fold_offset": (1.2, 5.0),
    "thickness": (0.8, 2.2),
    "stretch": (1.12, 1.32),
    "shift": (-1.2, 1.2),
}

LASH: Final[Families] = {
    "sparse": {"upper_count": (0.1, 0.4), "lower_count": (0.0, 0.3), "length": (4.0, 8.0)},
    "normal": {"upper_count": (0.4, 0.8), "lower_count": (0.2, 0.6), "length": (6.0, 10.0)},
    "dense": {"upper_count": (0.8, 1.0), "lower_count": (0.5, 1.0), "length": (7.0, 11.0)},
    "mascara": {
        "upper_count": (0.6, 1.0),
        "lower_count": (0.3, 1.0),
        "thick": (0.16, 0.38),
        "liner": (0.5, 3.5),
    },
    "pale": {"upper_count": (0.3, 1.0), "lower_count": (0.2, 0.9), "shade": (0.3, 0.7)},
    "clumped": {
        "upper_count": (0.7, 1.0),
        "clump": (0.6, 0.95),
        "thick": (0.12, 0.26),
        "length": (7.0, 12.0),
    },
    "curtain": {
        "upper_count": (0.6, 1.0),
        "lift": (-70.0, -35.0),
        "length": (8.0, 12.0),
        "bend": (-0.1, 0.3),
    },
}
LASH_DEFAULTS: Final[dict[str, Range]] = {
    "upper_count": (0.3, 0.9),
    "lower_count": (0.1, 0.8),
    "length": (5.0, 10.0),
    "thick": (0.07, 0.16),
    "shade": (0.02, 0.3),
    "lift": (-40.0, 25.0),
    "bend": (0.2, 1.2),
    "clump": (0.0, 0.3),
    "liner": (0.0, 0.0),
}

RIG: Final[Families] = {
    "below": {"azimuth": (-35.0, 35.0), "elevation": (-48.0, -10.0), "focal": (0.8, 2.0)},
    "frontal": {"azimuth": (-18.0, 18.0), "elevation": (-15.0, 12.0), "focal": (0.8, 3.0)},
    "side": {"azimuth": (-58.0, 58.0), "elevation": (-30.0, 10.0), "focal": (0.8, 2.5)},
    "remote": {"azimuth": (-30.0, 30.0), "elevation": (-30.0, 25.0), "focal": (2.0, 4.0)},
    "steep": {"azimuth": (-30.0, 30.0), "elevation": (-62.0, -50.0), "focal": (0.8, 2.0)},
    "above": {"azimuth": (-35.0, 35.0), "elevation": (16.0, 36.0), "focal": (0.8, 3.0)},
}
RIG_DEFAULTS: Final[dict[str, Range]] = {
    "azimuth": (-30.0, 30.0),
    "elevation": (-30.0, 10.0),
    "focal": (0.8, 4.0),
}

FRAMING: Final[Families] = {
    "centred": {"iris": (0.16, 0.5), "offset": (0.0, 0.3)},
    "anywhere": {"iris": (0.13, 0.48), "offset": (0.2, 0.75)},
    "close": {"iris": (0.36, 0.75), "offset": (0.0, 0.4)},
    "far": {"iris": (0.09, 0.16), "offset": (0.0, 0.7)},
    "boxed": {"iris": (0.13, 0.5), "offset": (0.0, 0.5), "aspect": (0.62, 2.1)},
    "corner": {"iris": (0.12, 0.35), "offset": (0.7, 0.92)},
    "narrow": {"iris": (0.12, 0.3), "offset": (0.0, 0.5), "aspect": (2.2, 2.9)},
}
FRAMING_DEFAULTS: Final[dict[str, Range]] = {
    "iris": (0.14, 0.4),
    "offset": (0.0, 0.5),
    "aspect": (1.3333, 1.3333),
}

SENSOR: Final[Families] = {
    "clean": {},
    "noisy": {"read": (0.01, 0.035), "shot": (0.005, 0.035), "blur": (0.3, 1.0)},
    "soft": {"blur": (0.9, 2.2), "motion": (0.0, 1.8)},
    "flat": {"contrast": (0.15, 0.5), "level": (0.25, 0.6), "blur": (0.4, 1.2)},
    "hot": {"level": (0.55, 0.85), "contrast": (0.9, 1.5)},
    "dim": {"level": (0.1, 0.24), "contrast": (0.5, 1.1), "read": (0.002, 0.012)},
    "compressed": {"jpeg": (15.0, 50.0), "blur": (0.3, 0.9)},
    "banded": {"rows": (0.01, 0.035), "read": (0.005, 0.02)},
    "sharpened": {"sharpen": (0.8, 2.0), "blur": (0.5, 0.9), "read": (0.005, 0.02)},
}
SENSOR_DEFAULTS: Final[dict[str, Range]] = {
    "level": (0.2, 0.6),
    "contrast": (0.6, 1.3),
    "gamma": (0.7, 1.35),
    "blur": (0.3, 0.9),
    "motion": (0.0, 0.5),
    "read": (0.0, 0.012),
    "shot": (0.0, 0.015),
    "vignette": (0.0, 0.45),
    "jpeg": (75.0, 100.0),
    "rows": (0.0, 0.004),
    "sharpen": (0.0, 0.4),
}

FAMILIES: Final[dict[str, tuple[Families, dict[str, Range]]]] = {
    "iris": (IRIS, IRIS_DEFAULTS),
    "skin": (SKIN, SKIN_DEFAULTS),
    "lid": (LID, LID_DEFAULTS),
    "lash": (LASH, LASH_DEFAULTS),
    "rig": (RIG, RIG_DEFAULTS),
    "framing": (FRAMING, FRAMING_DEFAULTS),
    "sensor": (SENSOR, SENSOR_DEFAULTS),
}

FAMILY_NAMES: Final = {group: tuple(families) for group, (families, _) in FAMILIES.items()}
