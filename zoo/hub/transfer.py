"""Bring one file of a checkpoint from one place, of whatever kind, into a `.part` file. Imports no torch.

Nothing is parsed or run here; who calls compares the checksum before the file gets its name.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from zoo.errors import ZooError
from zoo.hub import cache, locations, web
from zoo.hub.schema import FileFacts
from zoo.hub.web import Failed


def bring(place: str, name: str, part: Path, facts: FileFacts, reached: Callable[[int], object]) -> None:
    """Fill `part` with the file `name` of the folder at `place`; what it holds already is continued.

    Args:
        place: an absolute location (`zoo.hub.locations`).
        facts: its size is kept to; its checksum is for the caller to compare.
        reached: called with the bytes that the file has by now.

    Raises:
        Failed: why this place cannot give the file.
        ZooError: the disk cannot be written.
    """
    if place.startswith("file:"):
        _copy(locations.local_path(place) / name, part, facts)
    elif cache.is_offline():
        raise Failed(f"not tried, because {cache.OFFLINE_VARIABLE} is set")
    elif place.startswith("hf:"):
        _from_hub(locations.hub_place(place), name, part, facts)
    else:
        web.download(f"{place.rstrip('/')}/{quote(name)}", part, facts.size_bytes, reached)
    reached(facts.size_bytes)


def _copy(path: Path, part: Path, facts: FileFacts) -> None:
    if not path.is_file():
        raise Failed("no such file")
    if (size := path.stat().st_size) != facts.size_bytes:
        raise Failed(f"has {size:,} bytes where the index says {facts.size_bytes:,}")
    try:
        content = path.open("rb")
    except OSError as error:
        raise Failed(f"cannot be read ({error.strerror})") from None
    with content, cache.writing(part), part.open("wb") as file:
        shutil.copyfileobj(content, file)


def _from_hub(place: locations.HubPlace, name: str, part: Path, facts: FileFacts) -> None:
    try:
        from huggingface_hub import hf_hub_download
    except ImportError:
        raise Failed("needs huggingface_hub: pip install 'eye-room-zoo[hf]'") from None
    inside = f"{place.folder}/{name}" if place.folder else name
    staging = part.with_name(f"{part.name}.hub")
    try:
        path = hf_hub_download(place.repository, inside, revision=place.revision, local_dir=staging)
        _copy(Path(path), part, facts)
    except (Failed, ZooError):
        raise
    except (
        Exception
    ) as error:  # of HTTP, of names, of its own transport: whatever it is, the next place may do
        raise Failed(" ".join(str(error).split())[:300]) from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)
