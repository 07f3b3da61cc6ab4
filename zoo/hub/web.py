"""Read files of the web: resumable, bounded, patient with servers that fail in passing. Imports no torch."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from zoo.errors import ZooError
from zoo.hub import cache, locations

if TYPE_CHECKING:
    import requests

ATTEMPTS: Final = 5
"""At one address, without a new byte."""
FIRST_WAIT_S: Final = 0.25
"""After the first failure in a row; doubled after each one, up to `LONGEST_WAIT_S`, and jittered."""
LONGEST_WAIT_S: Final = 8.0
CONNECT_S: Final = 10.0
READ_S: Final = 30.0
"""Without a byte, until a connection counts as lost."""

_CHUNK: Final = 1 << 13
"""What has come of a chunk is lost where the connection breaks in it, so chunks are small."""
_REDIRECTS: Final = 5
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that may be another at the next attempt."""
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class Failed(Exception):
    """A place does not have the file; another may."""


class _Passing(Exception):
    """An attempt failed; the next one may not.

    Attributes:
        bytes: what the file has by now.
        wait_s: what the server asks for.
    """

    def __init__(self, reason: str, done: int = 0, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.done, self.wait_s = done, wait_s


def download(url: str, part: Path, size: int, reached: Callable[[int], object]) -> None:
    """Fill `part` to `size` bytes; what it holds already is continued where the server can.

    Args:
        reached: called with the bytes that the file has by now.

    Raises:
        Failed: why this address cannot give it. What came so far is kept in `part`.
        ZooError: the disk cannot be written.
    """
    import requests

    with requests.Session() as session:
        _persist(lambda: _attempt(session, url, part, size, reached))


def read(url: str, largest: int) -> bytes:
    """A small file, whole.

    Raises:
        Failed: why it cannot be had.
    """
    import requests

    content = bytearray()

    def attempt() -> None:
        content.clear()
        with requests.Session() as session, _response(session, url, {}) as response:
            _check_status(response)
            for block in response.iter_content(_CHUNK):
                content.extend(block)
                if len(content) > largest:
                    raise Failed(f"has more than {largest:,} bytes")

    _persist(attempt)
    return bytes(content)


def _attempt(
    session: requests.Session, url: str, part: Path, size: int, reached: Callable[[int], object]
) -> None:
    import requests

    have = part.stat().st_size if part.is_file() else 0
    if have == size:
        return
    if have > size:
        part.unlink()
        have = 0
    with _response(session, url, {"Range": f"bytes={have}-"} if have else {}) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            part.unlink()
            raise _Passing("cannot continue where the last attempt ended")
        _check_status(response)
        at = _start(response, part, have, size)
        with cache.writing(part), part.open("r+b" if at else "wb") as file:
            file.seek(at)
            file.truncate()
            try:
                for block in response.iter_content(_CHUNK):
                    if at + len(block) > size:
                        raise Failed(f"sends more than the {size:,} bytes that the index says")
                    file.write(block)
                    at += len(block)
                    reached(at)
            except requests.RequestException as error:
                raise _Passing(f"broke off after {at:,} of {size:,} bytes ({_short(error)})", at) from None
    if at < size:
        raise _Passing(f"ended after {at:,} of {size:,} bytes", at)


def _start(response: requests.Response, part: Path, have: int, size: int) -> int:
    """The byte that the content of a successful response begins with."""
    length = response.headers.get("Content-Length", "")
    if response.status_code == 206:
        match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != have:
            part.unlink(missing_ok=True)
            raise _Passing("answers with another part of the file than the one that was asked for")
        if match[2] not in ("*", str(size)):
            raise Failed(f"has {int(match[2]):,} bytes where the index says {size:,}")
        return have
    plain = response.headers.get("Content-Encoding", "identity") == "identity"
    if plain and length.isdigit() and int(length) != size:
        raise Failed(f"has {int(length):,} bytes where the index says {size:,}")
    return 0  # the server ignores ranges, or none was asked for


@contextmanager
def _response(session: requests.Session, url: str, headers: dict[str, str]) -> Iterator[requests.Response]:
    import requests

    session.max_redirects = _REDIRECTS
    try:
        response = session.get(
            url,
            headers={"Accept-Encoding": "identity", **headers},
            stream=True,
            timeout=(CONNECT_S, READ_S),
        )
    except (requests.exceptions.SSLError, requests.exceptions.ProxyError) as error:
        raise Failed(_short(error)) from None
    except (
        requests.TooManyRedirects,
        requests.exceptions.InvalidSchema,
        requests.exceptions.InvalidURL,
    ) as e:
        raise Failed(f"redirects where it must not ({_short(e)})") from None
    except requests.RequestException as error:
        raise _Passing(f"cannot be reached ({_short(error)})") from None
    with response:
        try:
            for step in (*response.history[1:], response):
                locations.check_scheme(step.url)
        except ValueError as error:
            raise Failed(f"redirects where it must not ({error})") from None
        yield response


def _check_status(response: requests.Response) -> None:
    status = response.status_code
    if status in (200, 206):
        return
    reason = f"{status} {response.reason}"
    if status not in _PASSING:
        raise Failed(reason)
    after = response.headers.get("Retry-After", "")
    raise _Passing(reason, wait_s=min(LONGEST_WAIT_S, float(after)) if after.isdigit() else None)


def _persist(attempt: Callable[[], None]) -> None:
    """Repeat what fails in passing, until it brings no more bytes."""
    most, fruitless = 0, 0
    while True:
        try:
            return attempt()
        except _Passing as error:
            fruitless = 1 if error.done > most else fruitless + 1
            most = max(most, error.done)
            if fruitless >= ATTEMPTS:
                raise Failed(f"{error} ({ATTEMPTS} attempts in a row)") from None
            wait = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (fruitless - 1)) * random.uniform(0.5, 1.0)
            time.sleep(wait if error.wait_s is None else error.wait_s)
        except OSError as error:
            raise ZooError(f"cannot be written: {error}") from None


def _short(error: Exception) -> str:
    """The innermost reason of a stack of wrapped errors."""
    inner: object = error
    for _ in range(5):
        arguments = getattr(inner, "args", ())
        nested = getattr(inner, "reason", None) or next(
            (a for a in arguments if isinstance(a, Exception)), None
        )
        if nested is None or isinstance(nested, str):
            break
        inner = nested
    return f"{type(inner).__name__}: {inner}"[:200]
