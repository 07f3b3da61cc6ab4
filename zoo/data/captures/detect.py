"""Which layout a folder has, and its capture."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

from zoo.data.captures import colmap, hololens, kitti, nyu, scannet, seven_scenes, transforms, tum
from zoo.data.captures.capture import Capture
from zoo.errors import ZooError, did_you_mean


class Layout(Protocol):
    """What the module of a layout offers."""

    @property
    def NAME(self) -> str: ...

    @property
    def LOOKS_LIKE(self) -> str: ...

    def matches(self, root: Path) -> bool: ...

    def read(self, root: Path) -> Capture: ...


_MODULES: Final[tuple[Layout, ...]] = (hololens, transforms, colmap, tum, scannet, seven_scenes, kitti, nyu)
LAYOUTS: Final[dict[str, Layout]] = {module.NAME: module for module in _MODULES}
"""Every layout by its name; where several match, the first counts."""


def open_capture(
    root: Path | str, layout: str | None = None, metres_per_unit: float | None = None
) -> Capture:
    """The capture at a path.

    Args:
        root: its folder; of `transforms` also the JSON file.
        layout: a name of `LAYOUTS`; found out if None.
        metres_per_unit: size of the unit of its poses, for layouts whose scale is open.

    Raises:
        ZooError: no such folder or layout, nothing recognised, or not one frame can be used.
    """
    root = Path(root).expanduser()
    if not root.exists():
        raise ZooError(f"{root}: there is no such folder")
    if layout is None:
        layout = detect(root)
        if layout is None:
            known = "\n  ".join(f"{name}: {module.LOOKS_LIKE}" for name, module in LAYOUTS.items())
            raise ZooError(f"{root}: the layout of this capture is not recognised. Known layouts:\n  {known}")
    elif layout not in LAYOUTS:
        raise ZooError(f"there is no layout {layout!r}: {did_you_mean(layout, LAYOUTS)}")
    elif not LAYOUTS[layout].matches(root):
        raise ZooError(
            f"{root}: is not of the layout {layout}, which looks like: {LAYOUTS[layout].LOOKS_LIKE}"
        )
    capture = LAYOUTS[layout].read(root).require_frames()
    return capture if metres_per_unit is None else capture.scaled(metres_per_unit)


def detect(root: Path) -> str | None:
    """The name of the layout at a path; None where it is none that is known."""
    for name, module in LAYOUTS.items():
        if (root.is_dir() or name == transforms.NAME) and module.matches(root):
            return name
    return None


def find_captures(root: Path | str, layout: str | None = None) -> list[Path]:
    """The path itself if it is a capture, else those below it, two folders deep, in order of their names."""
    root = Path(root).expanduser()

    def fits(path: Path) -> bool:
        found = detect(path)
        return found is not None and layout in (None, found)

    if fits(root):
        return [root]
    below = [path for path in sorted(root.glob("*")) if path.is_dir()]
    found = []
    for folder in below:
        deeper = [folder] if fits(folder) else [path for path in sorted(folder.glob("*")) if path.is_dir()]
        found += [path for path in deeper if path == folder or fits(path)]
    return found
