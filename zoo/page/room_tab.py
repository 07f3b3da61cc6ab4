"""The page's tab for rooms: a capture, its mesh and its depth."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from zoo.errors import ZooError
from zoo.page import rooms, samples
from zoo.page.models import Offered
from zoo.page.parts import box, checkpoint, dropped_file, shown_by, table, told, with_progress
from zoo.page.workspace import Workspace
from zoo.predict.rooms.run import SOURCES, VOXEL_M


def room_tab(gradio: Any, offer: Offered, workspace: Workspace, local: bool) -> None:
    """A capture: its mesh to turn, previews of depth, numbers, files.

    Args:
        local: whether a folder of this machine may be given.
    """
    with gradio.Row():
        with gradio.Column():
            file = dropped_file(
                gradio,
                "Posed capture: drop a zip of its folder (docs/rooms.md lists the layouts)",
                "room-file",
            )
            folder = gradio.Textbox(
                label="or its folder on this machine", visible=local, elem_id="room-folder", max_lines=1
            )
            name = checkpoint(gradio, offer.rooms, offer.chosen)
            with gradio.Row():
                count = gradio.Slider(1, 7, value=SOURCES, step=1, label="Other views a frame")
                voxel = gradio.Slider(1, 10, value=100 * VOXEL_M, step=0.5, label="Voxel of the mesh, cm")
            with gradio.Row():
                run = gradio.Button("Predict", variant="primary")
                sample = gradio.Button("Render a room")
            message = gradio.HTML(elem_id="room-message")
            numbers = gradio.HTML(elem_id="room-numbers")
        with gradio.Column():
            model = gradio.Model3D(
                label="Mesh of all frames: drag to turn it", height=480, elem_id="room-model"
            )
    previews = gradio.Gallery(
        label="Image, depth, uncertainty", columns=1, height="auto", object_fit="contain",
        buttons=["fullscreen", "download"], elem_id="room-previews",
    )  # fmt: skip
    files = gradio.File(label="Files", interactive=False, file_count="multiple")
    answers = [model, previews, numbers, files, message]

    def answered(chosen: str, capture: Path, views: Any, centimetres: Any, progress: Any) -> list[Any]:
        answer = rooms.predict_capture(
            offer.folder(chosen),
            capture,
            workspace.folder(),
            sources=int(views),
            voxel_m=centimetres / 100,
            reached=shown_by(progress),
        )
        pictures = [(str(path), frame) for path, frame in answer.previews]
        mesh = None if answer.model is None else str(answer.model)
        return [
            mesh,
            pictures,
            table(answer.numbers),
            [str(path) for path in answer.files],
            box(answer.remark),
        ]

    @told(answers)
    def predict(
        chosen: str, uploaded: str | None, path: str, views: Any, centimetres: Any, progress: Any
    ) -> list[Any]:
        path = path.strip() if local and path else ""  # who calls the page's API fills in hidden fields too
        if uploaded is None and not path:
            raise ZooError("Give a capture first, or render one.")
        if uploaded is not None and path:
            raise ZooError("Give either a zip file or a folder, not both.")
        return answered(chosen, Path(uploaded or path), views, centimetres, progress)

    @told(answers)
    def render(chosen: str, views: Any, centimetres: Any, progress: Any) -> list[Any]:
        made = samples.rendered_room(workspace.folder(), random.randrange(2**31))
        return answered(chosen, made, views, centimetres, progress)

    inputs = [name, file, folder, count, voxel]
    run.click(
        with_progress(gradio, predict), inputs, answers, show_progress_on=model, api_name="predict_capture"
    )
    sample.click(
        with_progress(gradio, render),
        [name, count, voxel],
        answers,
        show_progress_on=model,
        api_name="render_room",
    )
