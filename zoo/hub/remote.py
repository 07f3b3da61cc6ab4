"""Indexes of the network. Imports no torch."""

from __future__ import annotations

from typing import Final

from zoo.errors import ZooError
from zoo.files import write_text
from zoo.hub import cache, web
from zoo.hub.schema import Index, parse_index

_LARGEST: Final = 8 << 20  # bytes; ours has less than a hundredth


def read_remote(url: str) -> Index:
    """The index at `url`; its last copy, with a word about it, where the network does not give it.

    Raises:
        ZooError: it can neither be fetched nor was it before, or it is not a valid index.
    """
    copy = cache.index_file(url)
    reason = f"{cache.OFFLINE_VARIABLE} is set" if cache.is_offline() else ""
    if not reason:
        try:
            content = web.read(url, _LARGEST)
        except web.Failed as error:
            reason = str(error)
        else:
            index = parse_index(content, url)
            with cache.writing(copy):
                write_text(copy, content.decode("utf-8"))
            return index
    if not copy.is_file():
        raise ZooError(f"{url}: this index cannot be fetched ({reason}), and was not before")
    if not cache.is_offline():
        from rich.console import Console

        text = f"{url}: this index cannot be fetched ({reason}); using the copy of the last time"
        Console(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)
    return parse_index(copy.read_bytes(), f"{url} (copy {copy})")
