"""Render synthetic data: render eyes, render rooms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from zoo.cli.app import Device, command, errors, group
from zoo.errors import ZooError

render_app = group("render", "Render synthetic data with exact labels.")

Count = Annotated[int, typer.Option("--count", "-n", min=1, help="How many samples.")]
Pool = Annotated[
    Path | None, typer.Option("--output", "-o", help="Folder for a pool: samples with labels, resumable.")
]
Size = Annotated[str, typer.Option(metavar="WxH", help="Pixels.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes of a pool, on a CPU.")]


def _named(folder: str) -> Any:
    return typer.Option(metavar="NAME|YAML", help=f"A name in conf/{folder} or a YAML file.")


@command(render_app, "eyes")
def render_eyes(
    count: Count = 64,
    output: Pool = None,
    sheet: Annotated[Path | None, typer.Option(help="A .png or .jpg file: one picture of all.")] = None,
    labels: Annotated[bool, typer.Option("--labels", help="Draw the labels on the sheet.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Draws poses, cameras and light.")] = 0,
    domain: Annotated[str, _named("domain")] = "train",
    rig: Annotated[str, _named("rig")] = "random",
    size: Size = "160x120",
    device: Device = "cpu",
    workers: Workers = 2,
) -> None:
    """Render near-eye infrared frames with exact labels, as a pool (-o) or as a contact sheet (--sheet)."""
    height, width = _asked(output, sheet, size)
    if labels and sheet is None:
        raise ZooError("--labels draws on the picture of --sheet; a pool always holds the labels")
    from zoo.config.rendering import load_domain, load_rig
    from zoo.synth.eyes.rig import FixedRig, why_no_cornea

    described = load_rig(rig)
    if isinstance(described, FixedRig) and (reason := why_no_cornea(described.leds_mm)):
        note = f"note: --rig {rig}: {reason}; it is rendered, but --rig of predict will refuse it"
        errors().print(note, markup=False, highlight=False, soft_wrap=True)
    recipe = (load_domain(domain), described, count, seed, height, width)
    from zoo.predict.predictor import pick_device

    chosen = pick_device(device)
    if output is not None:
        from zoo.predict.report import Report
        from zoo.synth.eyes.pool import render_pool

        with Report(errors(), count) as report:
            render_pool(output, *recipe, workers, str(chosen), report.reach)
    elif sheet is not None:
        from zoo.draw import save_picture
        from zoo.sheets import eye_sheet

        save_picture(sheet, eye_sheet(*recipe, chosen, labels))


@command(render_app, "rooms")
def render_rooms(
    count: Count = 64,
    output: Pool = None,
    sheet: Annotated[
        Path | None, typer.Option(help="A .png or .jpg file: one picture of all views and depths.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Draws scenes, camera paths and noise.")] = 0,
    domain: Annotated[str, _named("rooms")] = "train",
    views: Annotated[int, typer.Option(min=2, max=8, help="Of each room, the anchor among them.")] = 3,
    samples: Annotated[int, typer.Option(min=1, max=2, help="Rays a pixel, each way: 2 smooths edges.")] = 2,
    size: Size = "160x120",
    device: Device = "cpu",
    workers: Workers = 2,
) -> None:
    """Render posed views of rooms with exact depth, as a pool (-o) or as a contact sheet (--sheet)."""
    height, width = _asked(output, sheet, size)
    from zoo.config.rendering import load_room_domain

    recipe = (load_room_domain(domain), count, seed, height, width, views, samples)
    from zoo.predict.predictor import pick_device

    chosen = pick_device(device)
    if output is not None:
        from zoo.predict.report import Report
        from zoo.synth.rooms.pool import render_room_pool

        with Report(errors(), count) as report:
            render_room_pool(output, *recipe, workers, str(chosen), report.reach)
    elif sheet is not None:
        from zoo.draw import save_picture
        from zoo.sheets import room_sheet

        save_picture(sheet, room_sheet(*recipe, chosen))


def _asked(output: Path | None, sheet: Path | None, size: str) -> tuple[int, int]:
    """(height, width); ZooError unless a pool or a sheet is asked for."""
    if (output is None) == (sheet is None):
        raise ZooError("give either -o FOLDER for a pool or --sheet FILE.png for a picture")
    width, times, height = size.lower().partition("x")
    if not (times and width.isdigit() and height.isdigit() and int(width) >= 32 and int(height) >= 32):
        raise ZooError(f"--size {size}: WxH in pixels, at least 32x32, such as 160x120")
    return int(height), int(width)
