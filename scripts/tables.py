"""Write the figures of the README and of the docs from the metrics files, or check that they agree.

python scripts/tables.py           # rewrite the pages between their markers
python scripts/tables.py --check   # exit code 1 where a page differs; names the cell
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator

import tables_depth
import tables_eyes
import tables_mixing
import tables_studies
from table_parts import ROOT

from zoo.files import write_text

SECTIONS = tables_eyes.SECTIONS | tables_depth.SECTIONS | tables_studies.SECTIONS | tables_mixing.SECTIONS
DOCS = ("sharing.md", "headset.md", "rooms.md", "study.md")
PAGES = (ROOT / "README.md", *(ROOT / "docs" / name for name in DOCS))
_MARKED = re.compile(r"(<!-- (\w+) -->\n)(.*?)(<!-- /\2 -->)", re.DOTALL)


def fill(text: str) -> str:
    """A page with every section between its markers rendered anew."""

    def rendered(match: re.Match[str]) -> str:
        section = SECTIONS.get(match[2])
        if section is None:
            raise SystemExit(f"there is no table <!-- {match[2]} -->; there are {', '.join(SECTIONS)}")
        return match[1] + "\n".join(section()) + "\n" + match[4]

    return _MARKED.sub(rendered, text)


def differences(before: str, after: str) -> Iterator[str]:
    """The cells that are not what the metrics files say."""
    heads: list[str] = []
    for old, new in zip(before.splitlines(), after.splitlines(), strict=False):
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in (old, new)]
        if not old.startswith("|"):
            heads = []
        elif not heads:
            heads = cells[1]
        if old == new:
            continue
        if len(cells[0]) != len(cells[1]) or not heads:
            yield f"{old!r} should be {new!r}"
            continue
        for head, is_now, should in zip(heads, *cells, strict=False):
            if is_now != should:
                yield f"{cells[1][0]}, column {head!r}: {is_now!r} should be {should!r}"
    if len(before.splitlines()) != len(after.splitlines()):
        yield "the number of rows differs"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    wrong = []
    shown: set[str] = set()
    for page in PAGES:
        before = page.read_text(encoding="utf-8")
        shown |= {match[2] for match in _MARKED.finditer(before)}
        after = fill(before)
        if check:
            wrong += [f"{page.relative_to(ROOT)}: {text}" for text in differences(before, after)]
        elif after != before:
            write_text(page, after)
    if missing := SECTIONS.keys() - shown:
        raise SystemExit(f"no page shows {', '.join(sorted(missing))}")
    if wrong:
        print("Differs from the metrics files; run scripts/tables.py:", *wrong[:10], sep="\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
