"""ScanNet v2, a scene extracted from its .sens file.

``color/N.jpg``, ``depth/N.png`` (16 bit, millimetres), ``pose/N.txt`` (4x4 cam_to_world; -inf where tracking
was lost) and ``intrinsic/intrinsic_{color,depth}.txt``. The focal lengths in ``sceneXXXX_YY.txt`` are not
used: they are slightly wrong. The depth image has a camera of its own and the pose of the colour image.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from zoo.data.captures.assemble import Candidate, assemble
from zoo.data.captures.capture import Capture, DepthFile, Skipped, natural
from zoo.data.captures.files import IMAGE_ENDINGS, BadFileError, read_camera, read_numbers
from zoo.errors import ZooError

NAME = "scannet"
LOOKS_LIKE = "color/, depth/, pose/ and intrinsic/intrinsic_color.txt"
_SIZE = (1296, 968)  # of the colour images that intrinsic_color.txt holds for


def matches(root: Path) -> bool:
    """Whether a folder holds this layout."""
    return all((root / name).is_dir() for name in ("color", "pose", "intrinsic"))


def read(root: Path) -> Capture:
    """The capture in a folder.

    Raises:
        ZooError: intrinsics are missing or not as described.
    """
    cameras = {}
    for kind in ("color", "depth"):
        path = root / "intrinsic" / f"intrinsic_{kind}.txt"
        try:
            cameras[kind] = read_camera(path)
        except BadFileError as error:
            if kind == "color":
                raise ZooError(f"{path}: {error}") from None
    images = natural(p for p in (root / "color").iterdir() if p.suffix.lower() in IMAGE_ENDINGS)

    def candidates() -> Iterator[Candidate | Skipped]:
        for image in images:
            pose_file = root / "pose" / f"{image.stem}.txt"
            try:
                pose = read_numbers(pose_file)
            except BadFileError as error:
                yield Skipped(pose_file, f"no pose: {error}" if pose_file.exists() else "the pose is missing")
                continue
            depth = root / "depth" / f"{image.stem}.png"
            yield Candidate(
                image,
                cameras["color"],
                _SIZE,
                pose,
                pose_file,
                depth=DepthFile(depth, 0.001, camera=cameras.get("depth")) if depth.is_file() else None,
            )

    return assemble(root, NAME, candidates(), images=root / "color")
