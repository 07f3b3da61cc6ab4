"""Puts solids with materials together: a growing list of boxes, balls and cylinders in a room.

World frame: metres, x and y horizontal, z up, the floor at z = 0. Everything is drawn from one generator a
scene, so a scene is a function of its seed alone.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from zoo.synth.rooms.cast import BALL, BOX, CYLINDER
from zoo.synth.rooms.domain import RoomDomain
from zoo.synth.rooms.textures import VARIANTS, layer_of, noise_layer

Number = float | int
Vector = tuple[Number, Number, Number]
Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Material:
    """How a surface looks: between two colours by a texture, times detail and dirt; gloss; own light."""

    low: Colour
    high: Colour
    layer: int = 0
    period: float = 1.0
    """Metres that one tile of the texture spans; 0 fits it to the face, once."""
    detail: float = 0.0
    """Amplitude of the texture's own brightness."""
    dirt: float = 0.0
    """Amplitude of a cloudy noise of another scale."""
    gloss: float = 0.0
    sharpness: float = 30.0
    """Exponent of the highlight."""
    glow: float = 0.0
    upright: bool = False
    """The texture's u runs along the face's second axis."""

    def with_(self, **changes: object) -> Material:
        """The same with some values replaced."""
        return replace(self, **changes)  # type: ignore[arg-type]


MATERIAL_COLUMNS = 20
ROW = 12 + 3 + MATERIAL_COLUMNS


class Builder:
    """Collects the solids of one scene.

    Args:
        rng: draws everything.
        domain: families that may be drawn.
    """

    def __init__(self, rng: random.Random, domain: RoomDomain) -> None:
        self.rng, self.domain = rng, domain
        self.kinds: list[int] = []
        self.rows: list[tuple[float, ...]] = []
        self.instances: list[int] = []
        self.instance = 0
        self._place = (0.0, 0.0, 0.0, 1.0, 0.0)  # x, y, z, cosine and sine of the turn about z

    # Numbers -------------------------------------------------------------------------------------------

    def number(self, low: Number, high: Number) -> float:
        """Uniform."""
        return low + (high - low) * self.rng.random()

    def chance(self, probability: float) -> bool:
        """True with that probability."""
        return self.rng.random() < probability

    def whole(self, low: int, high: int) -> int:
        """Uniform in [low, high]."""
        return low + int(self.rng.random() * (high - low + 1))

    def one_of(self, names: Sequence[str]) -> str:
        """Uniform choice."""
        return names[int(self.rng.random() * len(names))]

    # Solids ---------------------------------------------------------------------------------------------

    @contextmanager
    def thing(self, x: Number, y: Number, z: Number = 0.0, turn: Number = 0.0) -> Iterator[None]:
        """A new instance, built in its own frame at that place of the room, turned about the vertical."""
        before = self._place
        self.instance += 1
        self._place = (x, y, z, math.cos(turn), math.sin(turn))
        try:
            yield
        finally:
            self._place = before

    @contextmanager
    def part(self, x: Number, y: Number, z: Number = 0.0, turn: Number = 0.0) -> Iterator[None]:
        """A frame within the current one, of the same instance."""
        before = self._place
        px, py, pz, c, s = before
        cosine, sine = math.cos(turn), math.sin(turn)
        self._place = (
            px + c * x - s * y,
            py + s * x + c * y,
            pz + z,
            c * cosine - s * sine,
            s * cosine + c * sine,
        )
        try:
            yield
        finally:
            self._place = before

    def box(
        self, at: Vector, half: Vector, material: Material, tilt: Float[np.ndarray, "3 3"] | None = None
    ) -> None:
        """A box with half lengths `half`; `tilt` turns it in the thing's frame."""
        self._add(BOX, at, half, material, tilt)

    def ball(
        self, at: Vector, half: Vector, material: Material, tilt: Float[np.ndarray, "3 3"] | None = None
    ) -> None:
        """An ellipsoid with semi-axes `half`."""
        self._add(BALL, at, half, material, tilt)

    def post(self, at: Vector, radius: Number, height: Number, material: Material) -> None:
        """An upright cylinder that stands on `at`."""
        self._add(CYLINDER, (at[0], at[1], at[2] + height / 2), (radius, radius, height / 2), material, None)

    def rod(self, start: Vector, end: Vector, radius: Number, material: Material) -> None:
        """A cylinder from `start` to `end`."""
        a, b = np.array(start), np.array(end)
        axis = b - a
        length = float(np.linalg.norm(axis))
        axis = axis / max(length, 1e-9)
        side = np.cross(axis, (0.0, 0.0, 1.0) if abs(axis[2]) < 0.9 else (1.0, 0.0, 0.0))
        side /= np.linalg.norm(side)
        tilt = np.stack([side, np.cross(axis, side), axis], axis=1)
        centre = (a + b) / 2
        self._add(CYLINDER, (centre[0], centre[1], centre[2]), (radius, radius, length / 2), material, tilt)

    def _add(
        self, kind: int, at: Vector, half: Vector, m: Material, tilt: Float[np.ndarray, "3 3"] | None
    ) -> None:
        px, py, pz, c, s = self._place
        x, y, z = at
        centre = (px + c * x - s * y, py + s * x + c * y, pz + z)
        ix, iy, iz = (1 / max(h, 1e-4) for h in half)
        if tilt is None:
            matrix = (c * ix, s * ix, 0.0, -s * iy, c * iy, 0.0, 0.0, 0.0, iz)
        else:
            world = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]]) @ tilt
            matrix = tuple((world.T * np.array([[ix], [iy], [iz]])).ravel().tolist())
        number = self.rng.random
        upright = float(m.upright)
        if m.period > 0:
            scale_u = scale_v = 1 / m.period
            at_u, at_v = number(), number()
        else:  # across the face of x and z, or of x and y where the thing lies
            wide, tall = half[0], half[2] if half[2] > half[1] else half[1]
            scale_u, scale_v, at_u, at_v = 0.5 / wide, 0.5 / tall, 0.5, 0.5
        look = (
            *m.low, *m.high, float(m.layer), scale_u, scale_v, at_u, at_v, m.detail, m.dirt,
            float(noise_layer(int(number() * 8))), math.exp(number() * 1.6 - 0.3), m.gloss, m.sharpness,
            m.glow, upright, float(self.instance),
        )  # fmt: skip
        self.kinds.append(kind)
        self.instances.append(self.instance)
        self.rows.append((*matrix, *centre, *half, *look))

    # Materials ------------------------------------------------------------------------------------------

    def surface(self, *preferred: str, plain: float = 0.0) -> Material:
        """A random material: one of the preferred families that the domain allows, else any of its own.

        Args:
            plain: probability of an even colour with hardly any texture.
        """
        allowed = [name for name in preferred if name in self.domain.surfaces] or list(self.domain.surfaces)
        family = self.one_of(allowed)
        variant = self.whole(0, VARIANTS - 1)
        low, high = self.pair(family)
        detail = self.number(0.2, 1.0)
        dirt = self.number(0.0, 0.25)
        if self.chance(plain):
            high = tuple(a + 0.12 * (b - a) for a, b in zip(low, high, strict=True))  # type: ignore[assignment]
            detail, dirt = 0.25 * detail, 0.3 * dirt
        small = family in ("cloth", "carpet", "speckle", "grid")
        period = self.number(0.4, 1.3) if small else self.number(0.7, 2.2)
        gloss = self.number(0.02, 0.35) if self.chance(0.5) else 0.0
        if family in ("cloth", "carpet", "plaster"):
            gloss *= 0.15
        return Material(
            low, high, layer_of(self.domain.textures, family, variant), period, detail, dirt, gloss,
            math.exp(self.number(2.0, 5.0)), upright=self.chance(0.5),
        )  # fmt: skip

    def picture(self, *preferred: str) -> Material:
        """A print that fits the face once."""
        allowed = [name for name in preferred if name in self.domain.prints] or list(self.domain.prints)
        layer = layer_of(self.domain.textures, self.one_of(allowed), self.whole(0, VARIANTS - 1))
        top = self.number(0.6, 0.95)
        high = (top * self.number(0.85, 1), top * self.number(0.85, 1), top * self.number(0.8, 1))
        base = self.number(0.0, 0.08)
        return Material(
            (base, base, base), high, layer, 0.0, 0.0, self.number(0, 0.15), self.number(0, 0.3) ** 2, 60.0
        )

    def painted(self, level: tuple[float, float] = (0.05, 0.8), saturation: float = 0.5) -> Material:
        """An even colour, with a little dirt."""
        colour = self.colour(self.number(*level), saturation)
        layer = layer_of(self.domain.textures, self.domain.surfaces[0], self.whole(0, VARIANTS - 1))
        gloss = self.number(0.0, 0.4) if self.chance(0.6) else 0.0
        return Material(
            colour,
            colour,
            layer,
            1.0,
            self.number(0, 0.2),
            self.number(0.0, 0.15),
            gloss,
            math.exp(self.number(2.5, 5.5)),
        )

    def dark(self) -> Material:
        """Nearly black and even, sometimes glossy: cupboard doors, screens, cast iron."""
        return self.painted((0.015, 0.06), 0.2)

    def metal(self) -> Material:
        """Bright and glossy: handles, legs of chairs."""
        level = self.number(0.25, 0.7)
        return Material(
            (level,) * 3,
            (level,) * 3,
            0,
            1.0,
            0.1,
            0.1,
            self.number(0.5, 1.5),
            math.exp(self.number(3.0, 5.0)),
        )

    def colour(self, level: float, saturation: float) -> Colour:
        """A colour of that mean level; most are muted."""
        muted = saturation * self.rng.random() ** 1.5
        raw = [self.rng.random() for _ in range(3)]
        hue = self.rng.random()
        if hue < 0.85:  # browns, beiges and reds, less often blues: greens and purples are rare indoors
            raw.sort(reverse=hue < 0.6)
        mean = sum(raw) / 3
        colour = [level * (1 + 1.6 * muted * (value - mean) / max(mean, 0.15)) for value in raw]
        return tuple(min(max(value, 0.01), 0.95) for value in colour)

    def pair(self, family: str) -> tuple[Colour, Colour]:
        """Two colours that suit a family of surfaces."""
        if family in ("wood", "planks", "parquet", "herringbone"):
            level = self.number(0.08, 0.55)
            warm = self.number(0.75, 1.35)
            tint = (1.25 * warm, 1.0, 0.62 / warm)
            strength = self.number(0.25, 0.8)
            return (
                tuple(min(level * (1 - strength) * t, 0.95) for t in tint),  # type: ignore[return-value]
                tuple(min(level * (1 + strength) * t, 0.95) for t in tint),
            )
        low = self.colour(math.exp(self.number(math.log(0.07), math.log(0.8))), 1.0)
        if self.chance(0.6):  # two shades of one colour
            factor = self.number(0.6, 1.8)
            return low, tuple(min(value * factor, 0.95) for value in low)  # type: ignore[return-value]
        return low, self.colour(self.number(0.05, 0.85), 1.0)


def turned(x: Number, y: Number, z: Number) -> Float[np.ndarray, "3 3"]:
    """Rotation about x, then y, then z, radians."""
    cx, sx, cy, sy, cz, sz = math.cos(x), math.sin(x), math.cos(y), math.sin(y), math.cos(z), math.sin(z)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x)
