"""Calibrations on disk: JSON with a checksum, so that an altered or cut file is never applied."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from zoo.errors import ZooError
from zoo.files import write_text
from zoo.predict.calibration.calibration import FORMAT_VERSION, Calibration

_CHECKSUM: Final = "checksum"
_LARGEST: Final = 16 << 20  # bytes; a sample has about 150


def save(path: Path, calibration: Calibration) -> None:
    """Write a calibration atomically.

    Raises:
        ZooError: it cannot be written there.
    """
    content = calibration.model_dump(mode="json")
    try:
        write_text(path, json.dumps({**content, _CHECKSUM: _checksum(content)}, indent=2) + "\n")
    except OSError as error:
        raise ZooError(f"{path}: cannot be written ({error.strerror})") from None


def read(path: Path) -> Calibration:
    """Read and check a calibration.

    Raises:
        ZooError: it is missing, damaged, altered, of another version, or no calibration.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise ZooError(f"{path}: {path.stat().st_size} bytes is too large for a calibration")
        raw: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ZooError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise ZooError(f"{path}: not valid JSON: damaged, or no calibration") from None
    version = raw.get("format_version") if isinstance(raw, dict) else None
    if not isinstance(version, int) or "correction" not in raw:
        raise ZooError(f"{path}: is not a calibration; `zoo calibrate` writes one")
    if version != FORMAT_VERSION:
        raise ZooError(
            f"{path}: format version {version}, but this version of zoo reads {FORMAT_VERSION}; "
            "calibrate again"
        )
    content = {key: value for key, value in raw.items() if key != _CHECKSUM}
    if raw.get(_CHECKSUM) != _checksum(content):
        raise ZooError(f"{path}: altered after it was written (its checksum differs); calibrate again")
    try:
        return Calibration.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "(top)"
        raise ZooError(f"{path}: {where}: {first['msg']}; calibrate again") from None


def _checksum(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
