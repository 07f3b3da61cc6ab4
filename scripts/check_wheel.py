"""Build the wheel, check what is in it, and use it where no checkout can be seen.

    python scripts/check_wheel.py [--out dist]

The wheel goes into an empty virtual environment. Its dependencies are read from the environment that runs
this script (a `.pth` line adds packages, but not the editable install of the checkout), which spares a second
download of torch. The commands then run in an empty folder, with an empty home.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
CONTENTS = (
    "zoo/cli/app.py",
    "zoo/py.typed",
    "zoo/conf/train.yaml",
    "zoo/conf/eval.yaml",
    "zoo/conf/rig/random.yaml",
    "zoo/checkpoints/index.json",
    "zoo/checkpoints/eyenet_nano/model.safetensors",
    "zoo/checkpoints/eyenet_nano/model.json",
)
COMMANDS = (
    "zoo --help",
    "zoo list --all --sort latency",
    "zoo info eyenet_nano",
    "zoo info eyenet_s.rendered@1",
    "zoo fetch eyenet_nano --to carried",
    "zoo render eyes -n 4 --sheet sheet.png",
    "zoo predict eyenet_nano sheet.png -o out",
    "zoo eval eyenet_nano data=render count=8 batch_size=8",
    "zoo train experiment=finetune init=eyenet_nano name=try samples=16 batch_size=8 "
    "schedule.warmup_samples=0 validation.count=8 validation.overlays=0 "
    "logger=none trainer=cpu trainer.workers=0",
)


def build(folder: Path) -> Path:
    """Build the wheel into `folder`, without asking an index for anything."""
    offline = ["--no-deps", "--no-build-isolation"]
    subprocess.run([*PIP, "wheel", *offline, "-w", str(folder), str(ROOT)], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def normal(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(source: str) -> Iterator[str]:
    """Top-level packages that a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]


def complaints(wheel: Path) -> Iterator[str]:
    """What is wrong with the wheel's contents or with its declared dependencies."""
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    yield from (f"{wheel.name} lacks {name}" for name in CONTENTS if name not in files)
    beside = {name.split("/")[0] for name in files if ".dist-info/" not in name} - {"zoo"}
    yield from (f"{wheel.name} would install {name!r} beside zoo" for name in sorted(beside))

    (metadata,) = (text.decode() for name, text in files.items() if name.endswith(".dist-info/METADATA"))
    lines = re.findall(r"^Requires-Dist: (([\w.-]+).*)$", metadata, re.MULTILINE)
    optional = {normal(name) for line, name in lines if "extra ==" in line}
    declared = {normal(name) for line, name in lines if "extra ==" not in line}
    modules = {m for name, text in files.items() if name.endswith(".py") for m in imported(text.decode())}
    provided_by = packages_distributions()
    used = {
        module: {normal(name) for name in provided_by.get(module, [])}
        for module in sorted(modules - sys.stdlib_module_names - {"zoo"})
    }
    yield from (
        f"zoo imports {m!r}, which no dependency declares"
        for m in used
        if not used[m] & (declared | optional)
    )
    idle = declared.difference(*used.values())
    yield from (f"the dependency {name!r} is never imported" for name in sorted(idle))


def install(wheel: Path, folder: Path) -> Path:
    """Install the wheel alone into a new environment in `folder`, then let it see this one's packages."""
    venv.create(folder, symlinks=True)
    python = str(folder / "bin" / "python")
    subprocess.run([*PIP, "--python", python, "install", "--no-deps", "--no-index", str(wheel)], check=True)
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True).stdout.strip()
    Path(site, "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def try_out(bin_folder: Path, folder: Path) -> None:
    """Run a newcomer's commands in an empty folder; raise CalledProcessError for the first that fails."""
    home, work = folder / "home", folder / "empty"
    home.mkdir()
    work.mkdir()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ZOO_"))}
    environment = {
        **inherited,
        "HOME": str(home),
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "WANDB_MODE": "disabled",
        "HF_HUB_OFFLINE": "1",
    }
    where = f"import zoo; assert zoo.__file__.startswith({str(bin_folder.parent)!r}), zoo.__file__"
    for command in [["python", "-c", where], *(line.split() for line in COMMANDS)]:
        print("$", " ".join(command), flush=True)
        subprocess.run(command, check=True, cwd=work, env=environment, stdin=subprocess.DEVNULL)
    if not (work / "out" / "predictions.csv").stat().st_size:
        raise SystemExit("zoo predict left an empty predictions.csv")


def main() -> None:
    """Build, check, install, run; exit code 1 with the reason where something is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, help="keep the wheel in this folder")
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory(prefix="zoo-wheel-") as name:
        folder = Path(name)
        wheel = build(folder / "dist")
        if wrong := list(complaints(wheel)):
            raise SystemExit("\n".join(wrong))
        try:
            try_out(install(wheel, folder / "venv"), folder)
        except subprocess.CalledProcessError as error:
            raise SystemExit(f"from the wheel, exit code {error.returncode}: {error.cmd}") from None
        size = wheel.stat().st_size / 2**20
        print(f"{wheel.name} ({size:.1f} MB) works in an empty environment and folder")
        if out:
            out.mkdir(parents=True, exist_ok=True)
            print("kept as", shutil.copy2(wheel, out))


if __name__ == "__main__":
    main()
