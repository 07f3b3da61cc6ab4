"""Use checkpoints: predict, view, calibrate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from zoo.cli.app import INTERRUPTED, Device, IndexOption, Name, NameOrExported, app, command, errors, say


@command(app, "predict")
def predict(
    name: NameOrExported,
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
        str | None,
        typer.Option(
            "--format", help="Rooms: the capture's layout, if it is not found out (see docs/rooms.md)."
        ),
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
    voxel_m: Annotated[
        float | None, typer.Option(help="Rooms: edge of the mesh's voxels, metres. [default: 0.02]")
    ] = None,
    index: IndexOption = None,
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
            console=errors(),
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
            console=errors(),
        )
    frames = f"{summary.frames} frame{'' if summary.frames == 1 else 's'}"
    text = f"{frames} -> {summary.output / 'predictions.csv'}; {summary.skipped} skipped"
    text += " (named above)" if summary.skipped else ""
    text = f"interrupted: {text}" if summary.interrupted else text
    say(text)
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
    index: IndexOption = None,
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
        console=errors(),
    )
    Console().print(samples_table(made))
    say(f"{output}: {summary(made)}")
