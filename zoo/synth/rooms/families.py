"""Families of what rooms are made of.

A domain lists the families it draws from; whole families can so be held out of training. No torch here: the
command line checks names before it loads anything heavy.
"""

from __future__ import annotations

from typing import Final

SURFACES: Final = (
    "plain", "plaster", "planks", "parquet", "tiles", "carpet", "concrete", "wood", "cloth", "stripes",
    "panels", "motif", "speckle", "grid",
    "bricks", "plaid", "terrazzo", "herringbone",
)  # fmt: skip
"""Repeated patterns of walls, floors and objects (`zoo.synth.rooms.surfaces`)."""

PRINTS: Final = ("photo", "page", "poster", "books", "code", "comic", "map")
"""Pictures that are not repeated (`zoo.synth.rooms.prints`)."""

OBJECTS: Final = (
    "table", "chair", "sofa", "shelf", "cupboard", "counter", "plant", "boxes", "bin", "monitor", "radiator",
    "rug", "column", "crate", "lamp", "pile", "drawers",
    "stairs", "barrels", "ladder", "bed",
)  # fmt: skip
"""Pieces of furniture (`zoo.synth.rooms.furniture`)."""

FIXTURES: Final = ("door", "window", "posters", "pipes", "curtain", "wardrobe", "lattice", "niche")
"""What hangs on walls or stands along them (`zoo.synth.rooms.fixtures`)."""

LIGHTS: Final = ("ceiling", "window", "lamps", "dim", "sunny", "spots", "flat")

Range = tuple[float, float]
SENSORS: Final[dict[str, dict[str, Range]]] = {
    "clean": {},
    "headset": {
        "contrast": (1.2, 1.6),
        "saturation": (1.1, 1.5),
        "sharpen": (0.4, 1.2),
        "read": (0.004, 0.014),
    },
    "phone": {"contrast": (1.0, 1.4), "saturation": (1.0, 1.4), "sharpen": (0.2, 0.8)},
    "noisy": {"read": (0.008, 0.025), "shot": (0.005, 0.02), "saturation": (0.6, 1.0)},
    "moving": {"motion": (0.4, 1.3)},
    "soft": {"blur": (0.5, 1.0), "contrast": (0.8, 1.0)},
    "grey": {"saturation": (0.0, 0.6), "read": (0.003, 0.012)},
    "hazy": {"contrast": (0.55, 0.8), "level": (0.45, 0.65), "saturation": (0.4, 0.8)},
    "crushed": {"contrast": (1.6, 2.1), "level": (0.2, 0.32), "jpeg": (15.0, 45.0)},
}
SENSOR_DEFAULTS: Final[dict[str, Range]] = {
    "level": (0.32, 0.56),  # mean of the image
    "contrast": (0.9, 1.3),
    "saturation": (0.8, 1.2),
    "blur": (0.1, 0.6),  # standard deviation, pixels of a 160 pixels wide image
    "motion": (0.0, 0.4),
    "read": (0.001, 0.008),
    "shot": (0.0, 0.01),
    "vignette": (0.0, 0.4),
    "sharpen": (0.0, 0.4),
    "jpeg": (60.0, 100.0),
}

FAMILY_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "surfaces": SURFACES,
    "prints": PRINTS,
    "objects": OBJECTS,
    "fixtures": FIXTURES,
    "lights": LIGHTS,
    "sensors": tuple(SENSORS),
}
