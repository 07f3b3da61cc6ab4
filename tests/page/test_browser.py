"""The page as one uses it, in a headless Chromium: `ZOO_BROWSER=1 pytest tests/page/test_browser.py`.

Skipped otherwise: a browser without a GPU turns a mesh in minutes where the machine is busy.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.data import captured
from tests.page.browser import HERE, Browser, open_browser
from zoo.config.rendering import load_domain
from zoo.synth.eyes.renderer import EyeRenderer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (HERE and os.environ.get("ZOO_BROWSER")), reason="needs chromium, chromedriver and ZOO_BROWSER=1"
    ),
    # Warnings of gradio's own dependencies, not of ours.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    pytest.importorskip("gradio")
    from zoo.page.app import build, launch
    from zoo.page.models import offered
    from zoo.page.workspace import Workspace

    workspace = Workspace()
    app = build(offered("eyenet_nano"), workspace)
    url = launch(app, "127.0.0.1", 0)
    try:
        with open_browser(tmp_path_factory.mktemp("browser")) as browser:
            browser.go(url)
            browser.wait("document.querySelector('#eye-image input[type=file]')")
            yield browser
    finally:
        app.close()
        workspace.close()


def test_an_eye_is_rendered_predicted_and_shown_in_3d(page: Browser) -> None:
    page.click_text("Predict")
    page.wait_text("Give an image first")
    page.click_text("Render an eye")
    page.wait_text("sigma of the optical axis")
    page.wait("document.querySelector('#eye-overlay img')")
    page.wait("document.querySelector('#eye-model canvas')")
    text = page.text()
    assert "visual axis (pitch, yaw)" in text and "mm" in text and "relative" not in text
    assert "Traceback" not in text


def test_what_is_no_image_is_told_on_the_page(page: Browser, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_text("no image")
    page.upload("eye-image", tmp_path / "bad.png")
    page.wait_text("bad.png: not an image")
    assert "Traceback" not in page.text()


def test_a_video_becomes_overlays_and_curves(page: Browser, tmp_path: Path) -> None:
    clip = cv2.VideoWriter(str(tmp_path / "eye.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10, (160, 120))
    frames = EyeRenderer(load_domain("unseen"), 5, None, 120, 160).render(torch.arange(6))["image"][:, 0]
    for frame in frames:
        clip.write(np.repeat((255 * frame.numpy()).astype("uint8")[:, :, None], 3, axis=2))
    clip.release()
    page.open_tab("Eye: video")
    page.upload("video-file", tmp_path / "eye.mp4")
    page.wait_file("video-file", "eye.mp4")
    page.click_text("Predict")
    page.wait("document.querySelector('#video-overlay video')")
    page.wait("document.querySelector('#video-curves svg')")
    page.screenshot(tmp_path / "video.png", full=True)
    assert "Traceback" not in page.text()


def test_a_capture_becomes_a_mesh(page: Browser, tmp_path: Path) -> None:
    captured.hololens(tmp_path / "kitchen", captured.room())
    with zipfile.ZipFile(tmp_path / "kitchen.zip", "w") as file:
        for path in (tmp_path / "kitchen").rglob("*.*"):
            file.write(path, path.relative_to(tmp_path))
    page.open_tab("Room")
    page.upload("room-file", tmp_path / "kitchen.zip")
    page.wait_file("room-file", "kitchen.zip")
    page.click_text("Predict")
    page.wait_text("matched points a frame")
    page.wait("document.querySelectorAll('#room-previews img').length >= 4")
    assert "Traceback" not in page.text()


def test_the_page_asks_nothing_of_the_network(page: Browser) -> None:
    asked = page.requests()
    assert asked and not [url for url in asked if not url.startswith("http://127.0.0.1")]
