"""A checkpoint without a network in it, and a real HTTP server that misbehaves. Imports no torch."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.hub.tiny import described
from zoo.hub.describe import entry_of
from zoo.hub.metadata import Weights
from zoo.hub.schema import Entry

SIZE = 400_000


def write_checkpoint(folder: Path, blob: bytes | None = None) -> bytes:
    """A folder with valid metadata of weights that are noise, or of `blob`; returns the weights."""
    content = random.Random(0).randbytes(SIZE) if blob is None else blob
    weights = Weights(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content), parameters=1)
    metadata = described("tiny").model_copy(update={"weights": weights})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.json").write_text(metadata.model_dump_json())
    (folder / "model.safetensors").write_bytes(content)
    return content


def entry(folder: Path, **more: Any) -> Entry:
    return entry_of(folder, "tiny.noise@1", date(2026, 1, 1), **more)


class Host:
    """Serves `files` below a first part of the path that says how: http://127.0.0.1:PORT/<how>/<file>.

    `counts` counts the requests of every path, `ranges` lists the ranges that were asked for.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.counts: Counter[str] = Counter()
        self.ranges: list[str] = []
        self.agents: set[str] = set()
        self.connections = 0
        self.lock = threading.Lock()
        self.url = ""

    def __call__(self, how: str) -> str:
        return f"{self.url}/{how}"


@contextmanager
def serving(host: Host) -> Iterator[Host]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with host.lock:
                host.counts[self.path] += 1
                host.connections += 1
                number, turn = host.counts[self.path], host.connections
                if "Range" in self.headers:
                    host.ranges.append(self.headers["Range"])
            _, how, name = self.path.split("/", 2)
            content = host.files.get(name)
            self.close_connection = True
            if content is None:
                return self.answer(404, b"no such file")
            getattr(self, f"serve_{how}")(content, name, number, turn)

        def answer(self, status: int, content: bytes, length: int | None = None, **headers: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content) if length is None else length))
            self.send_header("Connection", "close")  # or a redirect may be asked for on what is closing
            for key, value in headers.items():
                self.send_header(key.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(content)

        def start(self, content: bytes) -> int:
            asked = self.headers.get("Range", "bytes=0-")
            return int(asked.removeprefix("bytes=").removesuffix("-"))

        def serve_good(
            self, content: bytes, name: str, number: int, turn: int, stop: int | None = None
        ) -> None:
            at = self.start(content)
            if at >= len(content):
                return self.answer(416, b"")
            part, left = content[at:stop], len(content) - at
            if "Range" in self.headers:
                span = f"bytes {at}-{len(content) - 1}/{len(content)}"
                return self.answer(206, part, left, Content_Range=span)
            self.answer(200, part, left)

        def serve_third(self, content: bytes, name: str, number: int, turn: int) -> None:
            """Drops every third connection, half way."""
            drops = turn % 3 == 0
            stop = (self.start(content) + len(content)) // 2 if drops else None
            self.serve_good(content, name, number, turn, stop)

        def serve_pieces(self, content: bytes, name: str, number: int, turn: int) -> None:
            """Drops every connection after a ninth of a large file."""
            stop = self.start(content) + len(content) // 9 + 1 if len(content) == SIZE else None
            self.serve_good(content, name, number, turn, stop)

        def serve_truncated(self, content: bytes, name: str, number: int, turn: int) -> None:
            """Always ends where the file is half sent, without a range."""
            self.answer(200, content[: len(content) // 2], len(content))

        def serve_whole(self, content: bytes, name: str, number: int, turn: int) -> None:
            """Ignores ranges; drops the first connection."""
            self.answer(200, content[:1000] if number == 1 else content, len(content))

        def serve_refuses(self, content: bytes, name: str, number: int, turn: int) -> None:
            """Drops the first connection, and answers ranges with 416."""
            if "Range" in self.headers:
                return self.answer(416, b"")
            self.answer(200, content[:1000] if number == 1 else content, len(content))

        def serve_another(self, content: bytes, name: str, number: int, turn: int) -> None:
            """Drops the first connection, and answers ranges with the first bytes."""
            if "Range" in self.headers:
                span = f"bytes 0-{len(content) - 1}/{len(content)}"
                return self.answer(206, content, Content_Range=span)
            self.answer(200, content[:1000] if number == 1 else content, len(content))

        def serve_altered(self, content: bytes, name: str, number: int, turn: int) -> None:
            """The right length, one bit wrong."""
            self.serve_good(bytes([content[0] ^ 1]) + content[1:], name, number, turn)

        def serve_grown(self, content: bytes, name: str, number: int, turn: int) -> None:
            """One byte longer than it was."""
            self.serve_good(content + b"!", name, number, turn)

        def serve_endless(self, content: bytes, name: str, number: int, turn: int) -> None:
            """No length, and more than was agreed."""
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content * 2)

        def serve_moved(self, content: bytes, name: str, number: int, turn: int) -> None:
            self.answer(302, b"", Location=f"/good/{name}")

        def serve_circle(self, content: bytes, name: str, number: int, turn: int) -> None:
            self.answer(302, b"", Location=f"/circle/{name}")

        def serve_abroad(self, content: bytes, name: str, number: int, turn: int) -> None:
            self.answer(302, b"", Location="file:///etc/passwd")

        def serve_slow404(self, content: bytes, name: str, number: int, turn: int) -> None:
            time.sleep(0.2)
            self.answer(404, b"gone")

        def serve_slow500(self, content: bytes, name: str, number: int, turn: int) -> None:
            """Fails slowly, twice."""
            time.sleep(0.1)
            if number <= 2:
                return self.answer(500, b"sorry")
            self.serve_good(content, name, number, turn)

        def serve_busy(self, content: bytes, name: str, number: int, turn: int) -> None:
            self.answer(503, b"later", Retry_After="0")

        def serve_silent(self, content: bytes, name: str, number: int, turn: int) -> None:
            """Says nothing, for longer than the test waits."""
            time.sleep(1.0)

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

    server = Server(("127.0.0.1", 0), Handler)
    host.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
