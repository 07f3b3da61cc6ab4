"""The page as a client of its API uses it; no browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from zoo.cli import app as command_line
from zoo.errors import ZooError
from zoo.page import app as page

# gradio's own dependencies warn.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    gradio_client = pytest.importorskip("gradio_client")
    from zoo.page.models import offered
    from zoo.page.workspace import Workspace

    workspace = Workspace()
    made = page.build(offered("eyenet_nano"), workspace, local=False)
    url = page.launch(made, "127.0.0.1", 0)
    try:
        yield gradio_client.Client(url, verbose=False, analytics_enabled=False)
    finally:
        made.close()
        workspace.close()


def asked(client: Any, image: Path, *camera: Any) -> tuple[Any, ...]:
    from gradio_client import handle_file

    answer: tuple[Any, ...] = client.predict(
        "eyenet_nano", handle_file(str(image)), *camera, api_name="/predict_image"
    )
    return answer


def test_an_image_is_answered_by_picture_numbers_and_message(client: Any, tmp_path: Path) -> None:
    path = tmp_path / "eye.png"
    grey = np.full((120, 160), 120, dtype=np.uint8)
    cv2.circle(grey, (80, 60), 14, 10, -1)
    cv2.imwrite(str(path), grey)
    overlay, _, numbers, _ = asked(client, path, "", None, "unknown")
    assert cv2.imread(overlay).shape[1] == 480
    assert "<td>openness</td>" in numbers and "<td>probability</td>" in numbers


def test_mistakes_are_answered_by_a_message(client: Any, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_text("no image")
    *nothing, message = asked(client, tmp_path / "bad.png", "", None, "unknown")
    assert "bad.png: not an image" in message and "Traceback" not in message
    assert not any(nothing)
    good = tmp_path / "good.png"
    cv2.imwrite(str(good), np.zeros((60, 80), dtype=np.uint8))
    assert "four numbers" in asked(client, good, "1, 2", None, "left")[-1]
    assert "not both" in asked(client, good, "90, 90, 40, 30", 40, "left")[-1]


def test_folders_of_the_machine_are_not_read_for_others(client: Any, tmp_path: Path) -> None:
    *_, message = client.predict("deltas_s", None, str(tmp_path), 2, 2, api_name="/predict_capture")
    assert "Give a capture first" in message


def test_what_is_missing_is_told_before_anything_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    result = CliRunner().invoke(command_line, ["demo", "nothing_like_it"])
    assert result.exit_code == 2 and "no checkpoint" in result.output
    monkeypatch.setattr(page, "import_module", missing)
    result = CliRunner().invoke(command_line, ["demo"])
    assert result.exit_code == 2 and "eye-room-zoo[demo]" in result.output


def test_a_taken_port_is_told(client: Any) -> None:
    from zoo.page.models import offered
    from zoo.page.workspace import Workspace

    workspace = Workspace()
    made = page.build(offered("eyenet_nano"), workspace)
    taken = int(client.src.rstrip("/").rpartition(":")[2])
    with pytest.raises(ZooError, match="try another --port"):
        page.launch(made, "127.0.0.1", taken)
    workspace.close()
