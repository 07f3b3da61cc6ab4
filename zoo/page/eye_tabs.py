"""The page's tabs for eyes: an image, a video, a camera."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, Final

from zoo.errors import ZooError
from zoo.page import eyes, samples
from zoo.page.camera import CameraFields
from zoo.page.eye_model import LEGEND
from zoo.page.models import Offered
from zoo.page.parts import box, choices, dropped_file, shown_by, table, told, with_progress
from zoo.page.workspace import Workspace

_FRONT: Final = (90, 78, 56)  # degrees along and from the pole; distance, in the model's millimetres


def image_tab(gradio: Any, offer: Offered, workspace: Workspace) -> None:
    """One image: overlay, the eye in 3D, numbers."""
    with gradio.Row():
        with gradio.Column():
            image = gradio.Image(
                label="Near-eye image: drop a file, paste, or take one with the webcam",
                type="filepath",
                sources=["upload", "webcam", "clipboard"],
                webcam_options=gradio.WebcamOptions(mirror=False),
                height=330,
                buttons=["fullscreen"],
                elem_id="eye-image",
            )
            _as_path(image)
            name, camera = choices(gradio, offer)
            with gradio.Row():
                run = gradio.Button("Predict", variant="primary")
                sample = gradio.Button("Render an eye")
            message = gradio.HTML(elem_id="eye-message")
            numbers = gradio.HTML(elem_id="eye-numbers")
        with gradio.Column():
            overlay = gradio.Image(
                label="Prediction", interactive=False, height=330, format="png",
                buttons=["download", "fullscreen"], elem_id="eye-overlay",
            )  # fmt: skip
            model = gradio.Model3D(
                label="The eye in 3D: drag to turn it",
                camera_position=_FRONT,
                height=420,
                elem_id="eye-model",
            )
            gradio.Markdown(f"<small>{LEGEND}</small>")
    answers = [overlay, model, numbers, message]

    @told(answers)
    def predict(chosen: str, path: str | None, *fields: Any) -> list[Any]:
        if path is None:
            raise ZooError("Give an image first, or render one.")
        answer = eyes.predict_picture(
            offer.folder(chosen), Path(path), CameraFields(*fields), workspace.folder()
        )
        model = None if answer.model is None else str(answer.model)
        return [answer.picture, model, table(answer.numbers), box(answer.remark)]

    @told([image, *camera, message])
    def render() -> list[Any]:
        made = samples.rendered_eye(workspace.folder(), random.randrange(2**31))
        return [str(made.image), *made.camera, ""]

    wanted = [name, image, *camera]
    run.click(predict, wanted, answers, show_progress_on=overlay, api_name="predict_image")
    image.input(predict, wanted, answers, show_progress_on=overlay, api_name=False)
    sample.click(
        render, None, [image, *camera, message], show_progress_on=image, api_name="render_eye"
    ).success(predict, wanted, answers, show_progress_on=overlay, api_name=False)


def video_tab(gradio: Any, offer: Offered, workspace: Workspace) -> None:
    """A video: overlays as a video, curves over time, the table."""
    with gradio.Row():
        with gradio.Column():
            # A file and not a player: players take few formats, the decoder takes many.
            video = dropped_file(
                gradio, "Near-eye video: drop a file (mp4, avi, mov, mkv, webm, ...)", "video-file"
            )
            name, camera = choices(gradio, offer)
            run = gradio.Button("Predict", variant="primary")
            message = gradio.HTML(elem_id="video-message")
        with gradio.Column():
            overlay = gradio.Video(
                label="Prediction",
                interactive=False,
                height=330,
                autoplay=True,
                loop=True,
                elem_id="video-overlay",
            )
            csv_file = gradio.File(label="Table of results", interactive=False, height=80)
    curves = gradio.HTML(elem_id="video-curves")
    answers = [overlay, csv_file, curves, message]

    @told(answers)
    def predict(chosen: str, path: str | None, *fields: Any, progress: Any) -> list[Any]:
        if path is None:
            raise ZooError("Give a video first.")
        answer = eyes.predict_video(
            offer.folder(chosen), Path(path), CameraFields(*fields), workspace.folder(), shown_by(progress)
        )
        return [str(answer.video), str(answer.table), answer.curves, box(answer.remark)]

    run.click(
        with_progress(gradio, predict),
        [name, video, *camera],
        answers,
        show_progress_on=overlay,
        api_name="predict_video",
    )


def live_tab(gradio: Any, offer: Offered) -> None:
    """A camera of the browser: overlay and numbers of each frame."""
    gradio.Markdown(
        "For a camera that looks at one eye from near by, such as a tracker's that the system lists as a "
        "webcam. The browser asks for it; frames are predicted one by one and not kept."
    )
    with gradio.Row():
        with gradio.Column():
            camera_image = gradio.Image(
                label="Camera",
                sources=["webcam"],
                streaming=True,
                type="numpy",
                webcam_options=gradio.WebcamOptions(mirror=False),
                height=330,
                elem_id="live-image",
            )
            name, camera = choices(gradio, offer)
            message = gradio.HTML()
        overlay = gradio.Image(label="Prediction", interactive=False, height=330, elem_id="live-overlay")
    numbers = gradio.HTML(elem_id="live-numbers")
    answers = [overlay, numbers, message]

    @told(answers)
    def predict(chosen: str, pixels: Any, *fields: Any) -> list[Any]:
        if pixels is None:
            return [None, "", ""]
        answer = eyes.predict_pixels(offer.folder(chosen), pixels, CameraFields(*fields))
        return [answer.picture, table(answer.numbers), box(answer.remark)]

    camera_image.stream(
        predict,
        [name, camera_image, *camera],
        answers,
        stream_every=0.2,
        time_limit=300,
        concurrency_limit=2,
        show_progress="hidden",
        api_name=False,
    )


def _as_path(image: Any) -> None:
    """Let an image component hand over the file as it came: 16 bits stay, and we say what is wrong."""
    image.preprocess = lambda payload: None if payload is None else payload.path
