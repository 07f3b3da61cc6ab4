"""The sample of deep-video-mvs, taken with a HoloLens, and captures written like it.

``images/*`` and ``depth/*.png`` (16 bit, millimetres, 0 unknown; optional) with equal stems, ``K.txt`` (3x3),
``poses.txt``: line i is the cam_to_world, 16 numbers by rows, of the i-th image in sorted order, in metres
and OpenCV's axes. The principal point is used as it stands. A ``frames.txt`` (optional) names the image of
each line, one file name a line: poses and images then need not be as many.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from zoo.data.captures.assemble import Candidate, assemble
from zoo.data.captures.capture import Capture, DepthFile, Skipped
from zoo.data.captures.files import IMAGE_ENDINGS, BadFileError, read_camera, read_numbers
from zoo.errors import ZooError

NAME = "hololens"
LOOKS_LIKE = "images/, K.txt, poses.txt (a line of 16 numbers an image), depth/ and frames.txt optional"
_NAMES = "frames.txt"


def matches(root: Path) -> bool:
    """Whether a folder holds this layout."""
    return (root / "images").is_dir() and all((root / name).exists() for name in ("K.txt", "poses.txt"))


def read(root: Path) -> Capture:
    """The capture in a folder.

    Raises:
        ZooError: K.txt or poses.txt is missing or not as described, or they hold for other images.
    """
    try:
        camera = read_camera(root / "K.txt")
    except BadFileError as error:
        raise ZooError(f"{root / 'K.txt'}: {error}") from None
    path = root / "poses.txt"
    try:
        poses = read_numbers(path)
    except BadFileError as error:
        raise ZooError(f"{path}: {error}") from None
    if poses.shape[1] not in (12, 16):
        raise ZooError(f"{path}: has {poses.shape[1]} numbers a line; 16 (4x4) or 12 (3x4) are needed")
    images = sorted(p for p in (root / "images").iterdir() if p.suffix.lower() in IMAGE_ENDINGS)
    if (root / _NAMES).is_file():
        named = _named(root, len(poses))
    elif len(images) == len(poses):
        named = images
    else:
        raise ZooError(
            f"{path}: has {len(poses)} poses, but {root / 'images'} has {len(images)} images: line i is that "
            "of the i-th image in sorted order, so one missing file shifts the rest; make them agree, or "
            f"name the image of each line in {root / _NAMES}"
        )
    known = set(named)

    def candidates() -> Iterator[Candidate | Skipped]:
        for line, (image, values) in enumerate(zip(named, poses, strict=True), start=1):
            depth = root / "depth" / f"{image.stem}.png"
            yield Candidate(
                image,
                camera,
                size=None,
                pose=values.reshape(-1, 4),
                pose_file=path.with_name(f"poses.txt, line {line}"),
                depth=DepthFile(depth, 0.001) if (root / "depth").is_dir() else None,
            )
        for image in images:
            if image not in known:
                yield Skipped(image, f"{_NAMES} does not name it, so it has no pose")

    return assemble(root, NAME, candidates(), images=root / "images")


def _named(root: Path, count: int) -> list[Path]:
    """The images that frames.txt names, one for each of `count` poses."""
    path = root / _NAMES
    try:
        names = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise ZooError(f"{path}: cannot be read ({error})") from None
    if len(names) != count:
        raise ZooError(f"{path}: names {len(names)} images, but poses.txt has {count} poses; a line each")
    return [root / "images" / Path(name).name for name in names]
