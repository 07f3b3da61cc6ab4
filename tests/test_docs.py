"""The README says what the metrics files say, and the commands of all pages are commands."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
import sys
from pathlib import Path

import pytest
import typer

from zoo.cli import app
from zoo.config import compose
from zoo.config.choices import config_folder

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_tables_of_the_readme_are_those_of_the_metrics_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["tables.py", "--check"])
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    runpy.run_path(str(ROOT / "scripts" / "tables.py"), run_name="__main__")


def printed(page: Path) -> list[str]:
    """The lines of `zoo` in the blocks of a page, but those that leave something out."""
    blocks = re.findall(r"^```(?:sh)?\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line.startswith("zoo ") and not re.search(r" \.\.\.|=\.\.\.", line)]


@pytest.mark.parametrize("page", [page for page in PAGES if printed(page)], ids=lambda page: page.name)
def test_commands_have_valid_options_and_overrides(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parsed and composed, not run: a renamed option, key or choice is found here."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(config_folder() / "rig" / "headset.yaml", "my_headset.yaml")
    shutil.copytree(ROOT / "checkpoints" / "eyenet_nano", "runs/mine/checkpoint")
    root = typer.main.get_command(app)
    for line in printed(page):
        context, command, rest = root.make_context("zoo", shlex.split(line, comments=True)[1:]), root, []
        while (resolve := getattr(command, "resolve_command", None)) is not None:
            name, command, rest = resolve(context, rest or [*context._protected_args, *context.args])
            context = command.make_context(name, list(rest), parent=context)
        overrides = [word for word in rest if "=" in word and not word.startswith("-")]
        if name in ("train", "check"):
            compose("train", overrides)
        elif name == "eval":
            compose("eval", ["checkpoint=x", *overrides])
