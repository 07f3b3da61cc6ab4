"""A predicted eye as a model that one can turn: eyeball, iris, pupil, cornea, and its axes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float, Int32

from zoo.draw import OPTICAL_COLOUR, VISUAL_COLOUR
from zoo.predict.result import EyeResult
from zoo.predict.rooms.mesh import Mesh
from zoo.predict.rooms.mesh_files import Part, write_parts_glb
from zoo.synth.eyes.anatomy import ANATOMY

LEGEND: Final = (
    "Blue: optical axis, in a cone of its stated uncertainty. Pink: visual axis. "
    "Grey: towards the camera. Eyeball, cornea and limbus have the size of a mean adult's; where they are, "
    "how they are turned and how wide the pupil is, is predicted."
)

_REFRACTED: Final = 1.13
"""How much larger the cornea shows a pupil, seen from the front (Le Grand's eye)."""
_ROD_MM: Final = 26.0  # from the cornea's centre
_THICK_MM: Final = 0.28
_ROUND: Final = 96  # corners of a circle
_SCLERA: Final = (238, 232, 226)
_LIMBUS: Final = (46, 58, 60)
_IRIS: Final = (92, 138, 132)
_PUPIL: Final = (6, 6, 8)
_CORNEA: Final = (214, 234, 255)
_CAMERA: Final = (120, 120, 124)

Ring = tuple[float, float]
"""Height along the axis and radius, mm."""
Colour = tuple[int, int, int]


def write_eye(path: Path, result: EyeResult) -> bool:
    """Write the eye as GLB, the camera looking along glTF's -z; False, and no file, where 3D is not known.

    Lengths are millimetres.
    """
    if result.cornea_mm is None or result.pupil_mm is None or result.optical is None:
        return False
    mean = {name: spread.mean for name, spread in ANATOMY.items()}
    cornea, optical = np.array(result.cornea_mm), np.array(result.optical)
    limbus, ball, dome = mean["limbus_radius"], mean["eyeball_radius"], mean["cornea_radius"]
    edge = math.sqrt(dome**2 - limbus**2)  # height of the limbus above the cornea's centre
    centre = edge - math.sqrt(ball**2 - limbus**2)  # of the eyeball
    iris = min(float(np.dot(np.array(result.pupil_mm) - cornea, optical)), edge)
    pupil = min(_pupil_radius(result), limbus - 1)

    def arc(radius: float, middle: float, start: float, stop: float) -> list[Ring]:
        return [
            (middle + radius * math.cos(a), radius * math.sin(a))
            for a in np.linspace(start, stop, 40).tolist()
        ]

    opening = math.asin(limbus / ball)
    wide = math.asin(limbus / dome)
    solid = [
        _turned(arc(ball, centre, opening, math.pi), [_SCLERA]),
        _turned([(iris, pupil), (edge, limbus)], [_IRIS, _LIMBUS]),
        _turned([(iris, 0.0), (iris, pupil)], [_PUPIL]),
    ]
    solid = [_placed(mesh, cornea, optical) for mesh in solid]
    solid += [_rod(cornea, optical, _ROD_MM, OPTICAL_COLOUR)]
    if result.visual is not None:
        solid += [_rod(cornea, np.array(result.visual), _ROD_MM, VISUAL_COLOUR)]
    distance = float(np.linalg.norm(cornea))
    solid += [_rod(cornea, -cornea / distance, min(_ROD_MM, distance), _CAMERA, _THICK_MM / 3)]
    clear = [Part(_placed(_turned(arc(dome, 0.0, 1e-3, wide), [_CORNEA]), cornea, optical), 0.28)]
    if result.gaze_sigma_deg is not None:
        reach = _ROD_MM * math.tan(math.radians(min(result.gaze_sigma_deg, 60)))
        cone = _turned([(_ROD_MM, reach), (0.0, 0.0)], [OPTICAL_COLOUR])
        clear += [Part(_placed(cone, cornea, optical), 0.16)]
    # About the eyeball, so that viewers turn the eye and not the space before it.
    origin = cornea + centre * optical
    parts = [Part(_joined(solid)), *clear]
    moved = [part._replace(mesh=part.mesh._replace(vertices=_shifted(part.mesh, origin))) for part in parts]
    write_parts_glb(path, moved, up=np.array([0.0, -1.0, 0.0]))
    return True


def _pupil_radius(result: EyeResult) -> float:
    """True radius in mm, of the width that the image shows."""
    assert result.pupil_mm is not None
    if result.pupil_major_px is None or result.camera is None:
        return ANATOMY["pupil_radius_rest"].mean
    seen = result.pupil_major_px / 2 * result.pupil_mm[2] / float(result.camera[0, 0])
    return float(np.clip(seen / _REFRACTED, 0.5, 4.5))


def _turned(profile: list[Ring], colours: list[Colour]) -> Mesh:
    """The surface that a profile sweeps about +z; colours run along it from the first to the last."""
    angle = np.linspace(0, 2 * math.pi, _ROUND, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle), np.zeros(_ROUND)], axis=1)
    rings = [radius * circle + [0, 0, height] for height, radius in profile]
    along = np.linspace(0, len(colours) - 1, len(profile))
    shades = [
        [np.interp(place, range(len(colours)), [colour[c] for colour in colours]) for c in range(3)]
        for place in along
    ]
    faces = np.concatenate([_band(row * _ROUND, (row + 1) * _ROUND) for row in range(len(profile) - 1)])
    shaded = np.repeat(np.rint(shades).astype(np.uint8), _ROUND, axis=0)
    return Mesh(np.concatenate(rings).astype(np.float32), faces, shaded)


def _band(first: int, second: int) -> Int32[np.ndarray, "n 3"]:
    """Faces between two rings, which turn anticlockwise for who looks from outside at a falling profile."""
    here = np.arange(_ROUND)
    after = (here + 1) % _ROUND
    upper = np.stack([first + here, second + here, second + after], axis=1)
    lower = np.stack([first + here, second + after, first + after], axis=1)
    return np.concatenate([upper, lower]).astype(np.int32)


def _rod(
    foot: Float[np.ndarray, "3"],
    axis: Float[np.ndarray, "3"],
    length: float,
    colour: Colour,
    thick: float = _THICK_MM,
) -> Mesh:
    """A rod with an arrow's head."""
    head = 6 * thick
    profile = [(length, 0.0), (length - head, 2 * thick), (length - head, thick), (0.0, thick), (0.0, 0.0)]
    return _placed(_turned(profile, [colour]), foot, axis)


def _placed(mesh: Mesh, foot: Float[np.ndarray, "3"], axis: Float[np.ndarray, "3"]) -> Mesh:
    """With its origin at `foot` and its +z along the unit vector `axis`."""
    helper = np.eye(3)[int(np.argmin(np.abs(axis)))]
    x = np.cross(helper, axis)
    x /= np.linalg.norm(x)
    turn = np.stack([x, np.cross(axis, x), axis], axis=1)
    return mesh._replace(vertices=(mesh.vertices @ turn.T + foot).astype(np.float32))


def _shifted(mesh: Mesh, origin: Float[np.ndarray, "3"]) -> Float[np.ndarray, "V 3"]:
    return (mesh.vertices - origin).astype(np.float32)


def _joined(meshes: list[Mesh]) -> Mesh:
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    faces = [mesh.faces + np.int32(start) for mesh, start in zip(meshes, starts[:-1], strict=True)]
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate(faces).astype(np.int32),
        np.concatenate([mesh.colours for mesh in meshes]),
    )
