"""The command line: parses, then calls the package. Imports nothing heavy until a command needs it."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from zoo.errors import ZooError

app = typer.Typer(
    name="zoo",
    help="Models that look at eyes: pretrained checkpoints, prediction, training and synthetic data.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
render_app = typer.Typer(help="Render synthetic data with exact labels.", no_args_is_help=True)
app.add_typer(render_app, name="render")
draw_app = typer.Typer(help="Draw what explains the zoo.", no_args_is_help=True)
app.add_typer(draw_app, name="draw")

USER_ERROR: Final = 2
INTERRUPTED: Final = 130
_SHEET_CHUNK: Final = 16
_ROOM_CHUNK: Final = 4


def main() -> None:
    """The `zoo` command."""
    app()


def command(group: typer.Typer, name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command whose `ZooError` is printed without a stack trace and whose Ctrl-C is one line."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def guarded(*arguments: Any, **options: Any) -> None:
            try:
                function(*arguments, **options)
            except ZooError as error:
                _errors().print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
                raise typer.Exit(USER_ERROR) from None
            except KeyboardInterrupt:
                _errors().print("interrupted")
                raise typer.Exit(INTERRUPTED) from None

        return group.command(name)(guarded)

    return register


Name = Annotated[str, typer.Argument(metavar="NAME_OR_PATH", help="A name of `zoo list`, or a folder.")]
Overrides = Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Hydra overrides.")]
ConfigDir = Annotated[Path | None, typer.Option(help="Your own YAML files, laid out like conf/.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")]


@command(app, "list")
def list_checkpoints() -> None:
    """Show the released checkpoints: tasks, size, measured errors, licence."""
    from zoo.hub.show import checkpoint_table

    Console().print(checkpoint_table())


@command(app, "info")
def info(name: Name) -> None:
    """Show the card of one checkpoint."""
    from zoo.hub.show import checkpoint_card

    Console().print(checkpoint_card(name, Console().is_terminal), soft_wrap=True)


@command(app, "verify")
def verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME_OR_PATH]...", help="Default: all that are here.")
    ] = None,
) -> None:
    """Check checkpoints: format, checksum, weights against network, card. Exit code 1 if any fails."""
    from zoo.hub.checkpoint import verify as verify_checkpoint
    from zoo.hub.index import entries, has_weights

    failed = 0
    for name in names or [name for name in entries() if has_weights(name)]:
        try:
            metadata = verify_checkpoint(name)
        except ZooError as error:
            failed += 1
            _errors().print(f"{name}: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        else:
            assert metadata.weights is not None, "verify refuses metadata without a checksum"
            Console().print(f"{name}: ok ({metadata.weights.sha256})", highlight=False, soft_wrap=True)
    if failed:
        raise typer.Exit(1)


@command(app, "predict")
def predict(
    name: Name,
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Eyes: files, folders, globs, videos, camera:0. Rooms: a capture, or images with --sparse.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")],
    device: Device = "auto",
    batch_size: Annotated[int, typer.Option(min=1, help="Frames in one forward pass.")] = 16,
    overlays: Annotated[bool, typer.Option(help="Draw the results on the frames (videos: one mp4).")] = True,
    masks: Annotated[bool, typer.Option("--masks", help="Write class ids to masks/, native size.")] = False,
    camera: Annotated[
        str | None,
        typer.Option(
            metavar="FX,FY,CX,CY|CSV|YAML",
            help="Intrinsics in native pixels; a csv with file,fx,fy,cx,cy,eye_side and "
            "distortion_model,k1,k2,p1,p2,k3,k4; or a rig. Without it 3D assumes a horizontal field of view "
            "of 40 degrees and is relative.",
        ),
    ] = None,
    rig: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|YAML",
            help="A name in conf/rig or a YAML file: its camera, unless --camera is given, and its LEDs, "
            "whose glints refine cornea and gaze (glints_used in the table).",
        ),
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="A file of `zoo calibrate`: the visual axis of that person.")
    ] = None,
    recording: Annotated[
        bool,
        typer.Option(
            "--recording",
            help="Each folder, video and camera shows one person in one rig: fit the eye to its frames and "
            "answer them with it. Needs --camera; images are predicted twice.",
        ),
    ] = False,
    layout: Annotated[
        str | None, typer.Option("--format", help="Rooms: the capture's layout, if it is not found out.")
    ] = None,
    count: Annotated[
        int | None,
        typer.Option("--sources", min=1, max=7, help="Rooms: other views a frame. [default: 2]"),
    ] = None,
    views: Annotated[
        Path | None, typer.Option(help="Rooms: a csv anchor,source_1,source_2,... of frame names instead.")
    ] = None,
    sparse: Annotated[
        Path | None,
        typer.Option(
            help="Rooms: sparse depth to complete: a folder of 16-bit mm PNGs named like the frames."
        ),
    ] = None,
    metres_per_unit: Annotated[
        float | None, typer.Option(min=1e-9, help="Rooms: unit of a capture whose scale is open (COLMAP).")
    ] = None,
    mesh: Annotated[bool, typer.Option(help="Rooms: fuse all frames into mesh.ply and mesh.glb.")] = True,
    voxel_m: Annotated[float | None, typer.Option(help="Rooms: size of a voxel. [default: 0.02]")] = None,
) -> None:
    """Predict frames. Eyes: OUT/predictions.csv (one row a frame, native pixels), overlays and masks.

    Rooms: OUT/depth/, uncertainty/ (16 bit, mm, 0 unknown), preview/, predictions.csv, points.ply, mesh.ply,
    mesh.glb.

    Inputs that cannot be used are named, skipped and counted. The table is written as predictions.csv.part
    and renamed at the end; after Ctrl-C too, it holds the frames that were done.

    Exit code 0: all done; 1: something was skipped; 2: wrong arguments; 130: interrupted.
    """
    from zoo.predict.dispatch import for_rooms

    of_rooms = {
        "--format": layout, "--sources": count, "--views": views, "--sparse": sparse,
        "--metres-per-unit": metres_per_unit, "--voxel-m": voxel_m,
    }  # fmt: skip
    of_eyes = {
        "--masks": masks or None,
        "--calibration": calibration,
        "--rig": rig,
        "--recording": recording or None,
    }
    if for_rooms(name, sources, of_rooms, of_eyes):
        from zoo.predict.rooms.run import SOURCES, VOXEL_M, predict_rooms

        summary = predict_rooms(
            name,
            sources,
            output,
            layout=layout,
            count=count or SOURCES,
            views_csv=views,
            sparse=sparse,
            camera=camera,
            metres_per_unit=metres_per_unit,
            mesh=mesh,
            voxel_m=VOXEL_M if voxel_m is None else voxel_m,
            device=device,
            batch_size=batch_size,
            console=_errors(),
        )
    else:
        from zoo.predict.run import predict_sources

        summary = predict_sources(
            name,
            sources,
            output,
            device=device,
            batch_size=batch_size,
            overlays=overlays,
            masks=masks,
            camera=camera,
            rig=rig,
            calibration=calibration,
            recording=recording,
            console=_errors(),
        )
    frames = f"{summary.frames} frame{'' if summary.frames == 1 else 's'}"
    text = f"{frames} -> {summary.output / 'predictions.csv'}; {summary.skipped} skipped"
    text += " (named above)" if summary.skipped else ""
    text = f"interrupted: {text}" if summary.interrupted else text
    Console().print(text, markup=False, highlight=False, soft_wrap=True)
    if summary.interrupted:
        raise typer.Exit(INTERRUPTED)
    if summary.skipped:
        raise typer.Exit(1)


@command(app, "view")
def view(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="A folder of `zoo predict` of rooms.")],
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of the page.")] = 8080,
    host: Annotated[str, typer.Option(help="0.0.0.0 shows it to the whole network.")] = "127.0.0.1",
) -> None:
    """Show the mesh, the points and the cameras of a predicted capture in a browser, until Ctrl-C."""
    from zoo.predict.rooms.view import serve

    serve(output, host, port, Console())


@command(app, "calibrate")
def calibrate(
    name: Name,
    samples: Annotated[
        Path, typer.Argument(metavar="SAMPLES.csv", help="Frames, and where the person looked in each.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The calibration, such as me.json.")],
    model: Annotated[
        str,
        typer.Option(
            help="offset (2 parameters, from 1 sample), kappa (2, the eye's own angles: also holds for other "
            "cameras, needs the eye's side) or affine (6, from 6 samples all over the field)."
        ),
    ] = "offset",
    camera: Annotated[
        str | None,
        typer.Option(metavar="FX,FY,CX,CY|CSV|YAML", help="The camera, as for predict."),
    ] = None,
    rig: Annotated[
        str | None, typer.Option(metavar="NAME|YAML", help="Camera and LEDs, as for predict.")
    ] = None,
    eye_side: Annotated[
        str | None, typer.Option(metavar="left|right", help="The subject's own. kappa needs it.")
    ] = None,
    recording: Annotated[
        bool,
        typer.Option(
            "--recording",
            help="For predict --recording: all images in the samples' folders are one person in one rig, and "
            "the samples are answered with the eye that is fitted to them. Needs --camera.",
        ),
    ] = False,
    device: Device = "auto",
) -> None:
    """Fit one person's visual axis to frames with known targets, for `zoo predict --calibration`.

    SAMPLES.csv has file,target_pitch_deg,target_yaw_deg (direction of the visual axis; pitch is positive
    upwards, yaw towards image left, (0, 0) faces the camera) or file,target_x_mm,target_y_mm,target_z_mm
    (points), in the camera frame, and eye_side where it is known. Samples without a visible pupil are left
    out; outliers are named.
    """
    from zoo.predict.calibration.run import calibrate as run_calibration
    from zoo.predict.calibration.show import samples_table, summary

    made = run_calibration(
        name,
        samples,
        output,
        model=model,
        camera=camera,
        rig=rig,
        eye_side=eye_side,
        recording=recording,
        device=device,
        console=_errors(),
    )
    Console().print(samples_table(made))
    Console().print(f"{output}: {summary(made)}", markup=False, highlight=False, soft_wrap=True)


@command(app, "eval")
def evaluate(name: Name, overrides: Overrides = None, config_dir: ConfigDir = None) -> None:
    """Measure a checkpoint: zoo eval eyenet_s exam=unseen, or data=meye data.root=FOLDER.

    With output=FOLDER, writes metrics.json and a table with one row a frame.
    """
    from zoo.config import compose

    config = compose("eval", [f"checkpoint='{name}'", *(overrides or [])], config_dir)
    from zoo.exam.run import evaluate as run_evaluation
    from zoo.exam.show import metrics_tables
    from zoo.predict.report import Report

    with Report(_errors(), config.count) as report:
        result = run_evaluation(config, report.reach)
    for table in metrics_tables(result):
        Console().print(table)


@command(app, "train")
def train(overrides: Overrides = None, config_dir: ConfigDir = None) -> None:
    """Train: zoo train experiment=eyenet_s, or fine-tune: zoo train init=eyenet_s data=..."""
    from zoo.config import compose

    config = compose("train", overrides or [], config_dir)  # mistakes are told before torch is loaded
    from zoo.train.run import train as run_training

    run_training(config)


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

        with Report(_errors(), count) as report:
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

        with Report(_errors(), count) as report:
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


@command(draw_app, "conventions")
def draw_conventions(
    output: Annotated[Path, typer.Option("--output", "-o", help="A .png or .jpg file.")] = Path(
        "conventions.png"
    ),
) -> None:
    """Draw the picture that explains camera frame, signs and angles, on rendered eyes of known gaze."""
    from zoo.draw import save_picture
    from zoo.explain import conventions_picture

    save_picture(output, conventions_picture())


def _size(text: str) -> tuple[int, int]:
    width, times, height = text.lower().partition("x")
    if not (times and width.isdigit() and height.isdigit() and int(width) >= 32 and int(height) >= 32):
        raise ZooError(f"--size {text}: WxH in pixels, at least 32x32, such as 160x120")
    return int(width), int(height)


def _errors() -> Console:
    return Console(stderr=True)
