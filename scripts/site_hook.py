"""What the site takes from elsewhere in the repository, so that nothing is written twice. MkDocs calls it.

A line ``<!-- include: README.md#Heading -->`` in a page becomes that section, ``<!-- include: FILE.md -->``
the whole file without its title. Their links lead to the pages of the site.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
_INCLUDE: Final = re.compile(r"^<!-- include: ([^#\s]+)(?:#(.+?))? -->$", re.M)
_LINK: Final = re.compile(r"(?<=\]\()(?!https?:|#)([^)\s#]+)")
_FENCED: Final = re.compile(r"^(```.*?^```$)", re.M | re.S)
_PAGES: Final = {"CONTRIBUTING.md": "contributing.md", "README.md": "index.md"}
_EVERY_OTHER: Final = "*"


def on_config(config: Any) -> Any:
    """Put the pages that stand nowhere in `nav` where it says ``"*"``."""
    docs = Path(config.docs_dir)
    named = set(_targets(config.nav))
    others = [page for page in sorted(docs.glob("*.md")) if page.name not in named]
    config.nav = [
        {title: [page.name for page in others]} if value == _EVERY_OTHER else {title: value}
        for item in config.nav
        for title, value in item.items()
        if value != _EVERY_OTHER or others
    ]
    return config


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Fill in what a page includes."""
    return _INCLUDE.sub(lambda found: included(ROOT / found[1], found[2], page.file.src_uri), markdown)


def included(path: Path, heading: str | None, where: str) -> str:
    """The text of a file, or the section of it below `## heading`, with links as from the page `where`."""
    text = path.read_text(encoding="utf-8")
    if heading is None:
        body = text.partition("\n")[2]
    else:
        sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.M | re.S))
        if heading not in sections:
            raise ValueError(f"{where} includes {path.name}#{heading}; it has: {', '.join(sections)}")
        body = sections[heading]
    parts = _FENCED.split(body)
    return "".join(part if part.startswith("```") else _LINK.sub(_on_site, part) for part in parts)


def _on_site(found: re.Match[str]) -> str:
    return _PAGES.get(found[1], found[1].removeprefix("docs/"))


def _targets(nav: Any) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    return [name for item in (nav.values() if isinstance(nav, dict) else nav) for name in _targets(item)]
