"""A headless Chromium, driven over chromedriver's WebDriver protocol: plain HTTP, so nothing to install."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DRIVER, CHROMIUM = shutil.which("chromedriver"), shutil.which("chromium")
HERE = DRIVER is not None and CHROMIUM is not None

_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key of a web element, WebDriver, section 12.1
_OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
    *("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
)


class Browser:
    """One window; `open_browser` makes it."""

    def __init__(self, driver: str) -> None:
        self._driver = driver
        self._session = ""

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One command of the protocol."""
        data = None if method == "GET" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self._driver + self._session + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=900) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"].splitlines()[0]) from None

    def start(self, folder: Path, size: tuple[int, int], further: tuple[str, ...]) -> None:
        options = [*_OPTIONS, f"--user-data-dir={folder}", f"--window-size={size[0]},{size[1]}", *further]
        wanted = {
            "goog:chromeOptions": {"binary": CHROMIUM, "args": options},
            "timeouts": {"script": 600_000, "pageLoad": 600_000},  # a busy machine is slow, not broken
            "goog:loggingPrefs": {"performance": "ALL", "browser": "ALL"},
        }
        made = self.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"/session/{made['sessionId']}"

    def go(self, url: str) -> None:
        self.call("POST", "/url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """What JavaScript returns."""
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def text(self) -> str:
        """What one can read on the page."""
        return str(self.run("return document.body.innerText"))

    def find(self, css: str) -> list[str]:
        """Elements of a CSS selector."""
        found = self.call("POST", "/elements", {"using": "css selector", "value": css})
        return [element[_ELEMENT] for element in found]

    def click(self, css: str) -> None:
        self.call("POST", f"/element/{self.find(css)[0]}/click")

    def click_text(self, text: str) -> None:
        """Click the first visible button of that text, as soon as there is one."""
        button = self.wait(
            "[...document.querySelectorAll('button')].find(b => b.offsetParent && b.innerText.trim() == "
            f"{json.dumps(text)})"
        )
        self.call("POST", f"/element/{button[_ELEMENT]}/click")

    def type(self, css: str, text: str) -> None:
        """Put text, or the path of a file to upload, into the first element of a selector."""
        self.call("POST", f"/element/{self.find(css)[0]}/value", {"text": text})

    def upload(self, component: str, file: Path) -> None:
        """Give a file to a component of gradio's, in place of what it holds."""
        if self.find(f"#{component} button[aria-label='Clear']"):
            self.run(f"document.querySelector(\"#{component} button[aria-label='Clear']\").click()")
        self.wait(f"document.querySelector('#{component} input[type=file]')")
        self.type(f"#{component} input[type=file]", str(file))

    def wait_file(self, component: str, name: str) -> None:
        """Wait until a component of gradio's shows a file, whose ending stands in an element of its own."""
        shown = f"document.querySelector('#{component}').innerText.replace(/\\s/g, '')"
        self.wait(f"{shown}.includes({json.dumps(name)})")

    def open_tab(self, name: str) -> None:
        """Open one of gradio's tabs."""
        script = (
            "[...document.querySelectorAll('button[role=tab]')]"
            ".find(tab => tab.innerText.trim() == arguments[0]).click()"
        )
        self.run(script, name)

    def wait(self, condition: str, seconds: float = 600.0) -> Any:
        """Wait until JavaScript returns something true, and return it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := self.run(f"return {condition}"):
                return value
            time.sleep(0.2)
        raise AssertionError(f"not within {seconds:g} s: {condition}\nthe page says: {self.text()}")

    def wait_text(self, text: str, seconds: float = 600.0) -> None:
        self.wait(f"document.body.innerText.includes({json.dumps(text)})", seconds)

    def screenshot(self, path: Path, full: bool = False) -> None:
        """Write a PNG of the window, or of the page in full."""
        if full:
            size = self.run("let d = document.documentElement; return [d.scrollWidth, d.scrollHeight]")
            self.call("POST", "/window/rect", {"width": size[0], "height": min(size[1] + 200, 6000)})
            time.sleep(1)
        for patience in range(5, -1, -1):
            try:
                path.write_bytes(base64.b64decode(self.call("GET", "/screenshot")))
                return
            except RuntimeError:  # a page that renders 3D on a busy machine answers late
                if not patience:
                    raise

    def requests(self) -> list[str]:
        """Addresses that the page asked for since the last call."""
        logged = self.call("POST", "/se/log", {"type": "performance"})
        messages = [json.loads(entry["message"])["message"] for entry in logged]
        sent = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        return [url for url in sent if url.startswith("http")]

    def errors(self) -> list[str]:
        """What went wrong in the page's scripts since the last call."""
        return [
            e["message"] for e in self.call("POST", "/se/log", {"type": "browser"}) if e["level"] == "SEVERE"
        ]


@contextlib.contextmanager
def open_browser(
    folder: Path, size: tuple[int, int] = (1400, 1000), further: tuple[str, ...] = ()
) -> Iterator[Browser]:
    """A browser with a fresh profile in `folder`."""
    assert DRIVER is not None
    folder.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        [DRIVER, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert process.stdout is not None
        line = next(line for line in process.stdout if "successfully on port" in line)
        port = int(line.rpartition("port")[2].strip(" .\n"))
        browser = Browser(f"http://127.0.0.1:{port}")
        browser.start(folder / "profile", size, further)
        try:
            yield browser
        finally:
            with contextlib.suppress(RuntimeError, OSError):
                browser.call("DELETE", "")
    finally:
        process.terminate()
        process.wait(timeout=20)
        if process.stdout is not None:
            process.stdout.close()
