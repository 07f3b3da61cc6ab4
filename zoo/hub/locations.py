"""Where the files of a checkpoint lie: `model.json` and `model.safetensors` below one of its locations.

| location | meaning |
| --- | --- |
| `eyenet_s` | a folder beside the index, or below its `base_url` |
| `https://host/folder` | of any static host; `http://` of this machine alone |
| `file:///folder` | of this machine, or a share that is mounted; in a local index only |
| `hf://owner/repository[@revision]/folder` | of the Hugging Face hub; needs the extra `hf` |

Imports nothing but the standard library.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

SCHEMES: Final = ("https", "file", "hf")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]*(/[A-Za-z0-9][A-Za-z0-9_.@+-]*)*")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_HF = re.compile(r"hf://([\w.-]+/[\w.-]+?)(?:@([\w.-]+))?((?:/[A-Za-z0-9][\w.@+-]*)*)/?")


class HubPlace(NamedTuple):
    """A folder of a repository of the Hugging Face hub."""

    repository: str
    revision: str | None
    folder: str


def check(location: str) -> str:
    """The location, if it is one.

    Raises:
        ValueError: an unsupported scheme, or a path that climbs.
    """
    scheme = _SCHEME.match(location)
    if scheme is None:
        _check_relative(location)
    elif is_http(location):
        check_url(location)
    elif scheme[1] == "file":
        local_path(location)
    elif scheme[1] == "hf":
        hub_place(location)
    else:
        raise ValueError(
            f"{location!r}: the scheme {scheme[1]!r} is not supported; valid: a path beside the index, "
            + ", ".join(f"{name}://" for name in SCHEMES)
        )
    return location


def check_url(url: str) -> str:
    """An address of the web, if it may be fetched.

    Raises:
        ValueError: it is no `https://host/...`, and no `http://` of this machine either.
    """
    parts = urlsplit(url)
    if parts.query or parts.fragment or parts.username or ".." in unquote(parts.path).split("/"):
        raise ValueError(f"{url!r}: not a plain address of the form https://host/folder")
    check_scheme(url)
    return url


def check_scheme(url: str) -> None:
    """Refuse what is no `https://host/...`, and no `http://` of this machine either, by a ValueError."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not host or parts.scheme not in ("https", "http"):
        raise ValueError(f"{url!r}: not an address of the form https://host/folder")
    if parts.scheme == "http" and not _is_this_machine(host):
        raise ValueError(f"{url!r}: http:// can be altered on its way; use https://, or file:// of a copy")


def is_relative(location: str) -> bool:
    """Whether it is a path beside the index."""
    return _SCHEME.match(location) is None


def is_http(location: str) -> bool:
    """Whether it is an address of the web."""
    return location.startswith(("https://", "http://"))


def local_path(location: str) -> Path:
    """The folder of a `file://` location.

    Raises:
        ValueError: it is of another host, not absolute, or climbs.
    """
    parts = urlsplit(location)
    path = unquote(parts.path)
    if parts.netloc not in ("", "localhost") or not path.startswith("/") or ".." in path.split("/"):
        raise ValueError(f"{location!r}: a file location is file:///absolute/path")
    return Path(path)


def hub_place(location: str) -> HubPlace:
    """The parts of an `hf://` location.

    Raises:
        ValueError: it is none.
    """
    match = _HF.fullmatch(location)
    if match is None or ".." in location:
        raise ValueError(f"{location!r}: a location of the hub is hf://owner/repository[@revision]/folder")
    return HubPlace(match[1], match[2], match[3].strip("/"))


def join(base: str, relative: str) -> str:
    """The address of a relative location below `base`, an address of the web."""
    return f"{base.rstrip('/')}/{relative}"


def _check_relative(location: str) -> None:
    if not _PLAIN.fullmatch(location) or ".." in location:
        raise ValueError(
            f"{location!r}: a path beside the index has only names of letters, digits and _.@+- "
            "between slashes, and never climbs"
        )


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
