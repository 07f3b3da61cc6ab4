"""The site builds without a warning, no link of it leads nowhere, and it loads nothing from elsewhere."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[1]


class Page(HTMLParser):
    """What a page links to, what it loads, and the anchors that it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        self.anchors |= {given[key] for key in ("id", "name") if key in given}
        if "src" in given:
            self.loaded.append(given["src"])
        if "href" in given:
            loads = tag == "link" and given.get("rel") not in ("canonical", "next", "prev")
            (self.loaded if loads else self.links).append(given["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Page]:
    """Every page of the site, by its file."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    return {path: Page(path) for path in sorted(folder.rglob("*.html")) if path.name != "404.html"}


def dead(site: dict[Path, Page]) -> Iterator[str]:
    for path, page in site.items():
        for target in (*page.links, *page.loaded):
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            aimed = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            aimed = aimed / "index.html" if aimed.is_dir() else aimed
            anchor = unquote(parts.fragment)
            if not aimed.is_file() or (anchor and anchor not in site[aimed].anchors):
                yield f"{path.name}: {target}"


def test_every_link_leads_somewhere(site: dict[Path, Page]) -> None:
    assert list(dead(site)) == []
    assert sum(len(page.links) for page in site.values()) > 500


def test_nothing_is_loaded_from_elsewhere(site: dict[Path, Page]) -> None:
    for path, page in site.items():
        assert [source for source in page.loaded if urlsplit(source).netloc] == [], path.name
        assert page.loaded, path.name


def test_what_is_written_elsewhere_stands_in_the_site(site: dict[Path, Page]) -> None:
    texts = {path.stem: path.read_text(encoding="utf-8") for path in site}
    assert "predictions.csv" in texts["use"] and "<!-- include" not in "".join(texts.values())
    assert "ZooError" in texts["predict"] and "constant guess" in texts["measured"]
    named = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert named <= set(texts)
    assert all(f"{name}.html" in texts["index"] for name in named)
