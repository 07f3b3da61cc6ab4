from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from zoo.errors import ZooError
from zoo.gallery import run
from zoo.gallery.bars import bars_svg
from zoo.gallery.evaluation import read_evaluation
from zoo.gallery.run import gallery

METRICS = {"frames": 200.0, "keypoints/pupil_px_median": 1.25, "blink/blink_ap": 0.93}


class Page(HTMLParser):
    """Which tags a page has, with their attributes, and its text; unclosed tags fail."""

    VOID = frozenset({"meta", "img", "line", "rect"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, attribute: str) -> list[str]:
        return [attrs[attribute] or "" for _, attrs in self.tags if attribute in attrs]


def write(folder: Path, name: str = "mine", **changes: Any) -> Path:
    """A folder as `zoo eval output=... pictures=...` leaves it."""
    folder.mkdir(parents=True)
    report = {
        "checkpoint": name,
        "sha256": "0" * 64,
        "date": "2026-11-21",
        "data": {"type": "render", "domain": "unseen", "seed": 1},
        "metrics": METRICS,
        "baseline": {"keypoints/pupil_px_median": 14.5},
        "floor": {},
        "slices": {
            "eye_side": {
                "left": {"frames": 180.0, "keypoints/pupil_px_median": 1.0},
                "right": {"frames": 20.0, "keypoints/pupil_px_median": 4.0},
            }
        },
    }
    (folder / "metrics.json").write_text(json.dumps(report | changes))
    (folder / "pictures").mkdir()
    for row in (7, 3):
        image = np.full((12, 16, 3), row * 20, dtype=np.uint8)
        assert cv2.imwrite(str(folder / "pictures" / f"keypoints_{row:06d}.jpg"), image)
    shots = [
        {"file": f"pictures/keypoints_{row:06d}.jpg", "row": row, "value": value}
        for row, value in ((7, 31.5), (3, 12.0))
    ]
    worst = {
        "task": "keypoints", "error": "distance of the pupil's centre", "unit": "px", "column": "x",
        "high_is_bad": True, "frames": 180, "pictures": shots,
    }  # fmt: skip
    first = {"task": "first", "frames": 200, "pictures": shots[:1]}
    listed = {"count": 2, "real_frames_left_out": False, "groups": [worst, first]}
    (folder / "pictures.json").write_text(json.dumps(listed))
    return folder


def test_a_page_holds_everything_and_asks_nobody(tmp_path: Path) -> None:
    (path,) = gallery([str(write(tmp_path / "in"))], tmp_path / "out")
    assert path == tmp_path / "out" / "mine.html"
    text = path.read_text()
    page = Page(text)
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.values("src"))
    assert all(link.startswith("#") for link in page.values("href"))
    assert "url(" not in text and not re.search(r"https?://(?!www\.w3\.org)", text)
    assert len(page.values("src")) == 3


def test_failures_stand_first_with_their_numbers_and_how_many_there_were(tmp_path: Path) -> None:
    (path,) = gallery([str(write(tmp_path / "in"))], tmp_path / "out")
    text = Page(path.read_text()).text
    assert text.index("Failures") < text.index("frame 7: 31.5 px") < text.index("frame 3: 12 px")
    assert text.index("frame 3: 12 px") < text.index("The first frames")
    assert "2 of 180 frames, largest distance of the pupil's centre" in text


def test_metrics_stand_beside_the_baseline_and_slices_beside_their_count(tmp_path: Path) -> None:
    (path,) = gallery([str(write(tmp_path / "in"))], tmp_path / "out")
    text = Page(path.read_text()).text
    assert re.search(r"pupil centre, median\s*1\.25\s*14\.5\s*px", text)
    assert "constant guess" in text and "oracle floor" not in text
    assert "By eye" in text and "n = 180" in text and "n = 20" in text


def test_what_others_named_cannot_break_the_page_or_leave_the_folder(tmp_path: Path) -> None:
    evil = "../<script>alert(1)</script>"
    (path,) = gallery([str(write(tmp_path / "in", evil))], tmp_path / "out")
    assert path.parent == tmp_path / "out"
    assert "script" not in {tag for tag, _ in Page(path.read_text()).tags}


def test_several_checkpoints_get_an_index(tmp_path: Path) -> None:
    folders = [write(tmp_path / name, name) for name in ("a", "b")]
    written = gallery([str(folder) for folder in folders], tmp_path / "out")
    assert [path.name for path in written] == ["a.html", "b.html", "index.html"]
    assert Page(written[-1].read_text()).values("href") == ["a.html", "b.html"]


def test_a_released_checkpoint_shows_its_metrics_files(tmp_path: Path) -> None:
    (path,) = gallery(["eyenet_nano"], tmp_path / "out", frames=0)
    page = Page(path.read_text())
    for title in ("unseen", "shifted", "headset", "meye"):
        assert title in page.text
    assert "By person" in page.text and not page.values("src")  # real people: numbers, no pictures
    metrics = json.loads((Path(__file__).parents[2] / "metrics/eyenet_nano/unseen.json").read_text())[
        "metrics"
    ]
    assert f"{metrics['segmentation/miou']:.3g}" in page.text


def test_reports_of_depth_are_read_too() -> None:
    path = Path(__file__).parents[2] / "metrics" / "deltas_s" / "depth_rooms_unseen.json"
    evaluation = read_evaluation(path)
    assert evaluation.checkpoint == "deltas_s" and set(evaluation.slices["views"]) == {"2", "3", "5"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "not what `zoo eval` writes"),
        ('{"checkpoint": "a"}', "not what `zoo eval` writes"),
        ('{"checkpoint": "a", "date": "", "data": {}, "metrics": {}}', "holds no metric"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "metrics.json"
    path.write_text(content)
    with pytest.raises(ZooError, match=message):
        gallery([str(path)], tmp_path / "out")


def test_missing_pictures_and_wrong_names_are_told(tmp_path: Path) -> None:
    folder = write(tmp_path / "in")
    (folder / "pictures" / "keypoints_000003.jpg").unlink()
    with pytest.raises(ZooError, match=r"keypoints_000003\.jpg: cannot be read"):
        gallery([str(folder)], tmp_path / "out")
    with pytest.raises(ZooError, match="no checkpoint"):
        gallery(["nothing_like_it"], tmp_path / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(ZooError, match="is a file"):
        gallery([str(folder)], tmp_path / "file")


def test_bars_are_as_long_as_their_values() -> None:
    svg = bars_svg({"a": 2.0, "b": 1.0, "c": None}, {"a": 100.0, "b": 10.0, "c": None}, 1.5)
    widths = [float(width) for width in re.findall(r'<rect [^>]*? width="([\d.]+)"', svg)]
    assert widths[0] == pytest.approx(2 * widths[1], rel=0.01)
    assert svg.count('opacity="0.4"') == 1  # few frames
    assert "not measured" in svg


def test_a_network_of_both_kinds_shows_failures_of_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def drawn(kind: str, *_: Any) -> Any:
        asked.append(kind)
        return read_evaluation(write(tmp_path / str(len(asked)), "zoo_s"))

    monkeypatch.setattr(run, "_drawn", drawn)
    gallery(["zoo_s", "eyenet_nano"], tmp_path / "out", frames=1)
    assert asked == ["eyes", "views", "eyes"]
    text = Page((tmp_path / "out" / "zoo_s.html").read_text()).text
    assert "input 160x120 and 320x240" in text
