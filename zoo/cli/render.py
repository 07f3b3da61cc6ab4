"""Render synthetic data: render eyes, render rooms."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Final

import typer

from zoo.cli.app import Device, command, errors, group
from zoo.errors import ZooError

render_app = group("render", "Render synthetic data with exact labels.")

_SHEET_CHUNK: Final = 16
_ROOM_CHUNK: Final = 4


@command(render_app, "eyes")
def render_eyes(
    count: Annotated[int, typer.Option("-n", min=1, help="How many frames.")] = 64,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A pool: frames with labels, resumable.")
    ] = None,
    sheet: Annotated[Path | None, typer.Option(help="One picture of all frames.")] = None,
    labels: Annotated[bool, typer.Option("--labels", help="Draw the labels on the sheet.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Draws poses, cameras and light.")] = 0,
    domain: Annotated[str, typer.Option(help="A name in conf/domain or a YAML file.")] = "train",
    rig: Annotated[str, typer.Option(help="A name in conf/rig or a YAML file.")] = "random",
    size: Annotated[str, typer.Option(metavar="WxH", help="Pixels.")] = "160x120",
    device: Device = "cpu",
    workers: Annotated[int, typer.Option(min=1, help="Processes, on a CPU.")] = 2,
) -> None:
    """Render near-eye infrared frames with exact labels, as a pool (-o) or as a contact sheet (--sheet)."""
    if (output is None) == (sheet is None):
        raise ZooError("give either -o FOLDER for a pool or --sheet FILE.png for a picture")
    width, height = _size(size)
    from zoo.config.rendering import load_domain, load_rig

    recipe = (load_domain(domain), load_rig(rig))
    from zoo.predict.predictor import pick_device

    chosen = pick_device(device)
    if output is not None:
        from zoo.predict.report import Report
        from zoo.synth.eyes.pool import render_pool

        with Report(errors(), count) as report:
            render_pool(
                output,
                *recipe,
                count,
                seed,
                height,
                width,
                workers,
                str(chosen),
                progress=lambda done, _: report.reach(done),
            )
        return
    assert sheet is not None
    import torch

    from zoo.draw import draw_frames, draw_labels, save_picture
    from zoo.draw import sheet as contact_sheet
    from zoo.synth.eyes.renderer import EyeRenderer

    renderer = EyeRenderer(recipe[0], seed, recipe[1], height, width, chosen)
    draw = draw_labels if labels else draw_frames
    pictures = [
        picture
        for start in range(0, count, _SHEET_CHUNK)
        for picture in draw(renderer.render(torch.arange(start, min(start + _SHEET_CHUNK, count))))
    ]
    save_picture(sheet, contact_sheet(pictures, math.ceil(math.sqrt(count))))


@command(render_app, "rooms")
def render_rooms(
    count: Annotated[int, typer.Option("-n", min=1, help="How many samples.")] = 64,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A pool: views with labels, resumable.")
    ] = None,
    sheet: Annotated[Path | None, typer.Option(help="One picture: views and depth of all samples.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Draws scenes, camera paths and noise.")] = 0,
    domain: Annotated[str, typer.Option(help="A name in conf/rooms or a YAML file.")] = "train",
    views: Annotated[int, typer.Option(min=2, max=8, help="Views of each scene.")] = 3,
    samples: Annotated[int, typer.Option(min=1, max=2, help="Rays a pixel, each way: 2 smooths edges.")] = 2,
    size: Annotated[str, typer.Option(metavar="WxH", help="Pixels.")] = "160x120",
    device: Device = "cpu",
    workers: Annotated[int, typer.Option(min=1, help="Processes, on a CPU.")] = 2,
) -> None:
    """Render posed views of rooms with exact depth, as a pool (-o) or as a contact sheet (--sheet)."""
    if (output is None) == (sheet is None):
        raise ZooError("give either -o FOLDER for a pool or --sheet FILE.png for a picture")
    width, height = _size(size)
    from zoo.config.rendering import load_room_domain

    recipe = load_room_domain(domain)
    from zoo.predict.predictor import pick_device

    chosen = pick_device(device)
    if output is not None:
        from zoo.predict.report import Report
        from zoo.synth.rooms.pool import render_room_pool

        with Report(errors(), count) as report:
            render_room_pool(
                output,
                recipe,
                count,
                seed,
                height,
                width,
                views,
                samples,
                workers,
                str(chosen),
                progress=lambda done, _: report.reach(done),
            )
        return
    assert sheet is not None
    import torch

    from zoo.draw import save_picture
    from zoo.draw import sheet as contact_sheet
    from zoo.synth.rooms.picture import draw_rooms
    from zoo.synth.rooms.renderer import RoomRenderer

    if chosen.type == "cpu":
        torch.set_num_threads(1)  # the kernels are short: threads would mostly wait for each other
    renderer = RoomRenderer(recipe, seed, height, width, views, samples, chosen)
    pictures = [
        picture
        for start in range(0, count, _ROOM_CHUNK)
        for picture in draw_rooms(renderer.render(torch.arange(start, min(start + _ROOM_CHUNK, count))))
    ]
    save_picture(sheet, contact_sheet(pictures, math.ceil(math.sqrt(count / (views + 1)))))


def _size(text: str) -> tuple[int, int]:
    width, times, height = text.lower().partition("x")
    if not (times and width.isdigit() and height.isdigit() and int(width) >= 32 and int(height) >= 32):
        raise ZooError(f"--size {text}: WxH in pixels, at least 32x32, such as 160x120")
    return int(width), int(height)
