from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from zoo.errors import ZooError
from zoo.predict.video import VideoWriter, probe, read_camera, read_video


def make_video(path: Path, frames: int = 30, width: int = 64, height: int = 48) -> None:
    """An mp4 with its index in front; frame n has the grey level 20 + 5 n and noise."""
    draws = np.random.default_rng(0)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = width, height, "yuv420p", 5
        stream.bit_rate = 4_000_000
        for number in range(frames):
            grey = (20 + 5 * number + draws.normal(0, 4, (height, width, 1))).clip(0, 255)
            image = np.repeat(grey.astype(np.uint8), 3, axis=2)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def split(path: Path) -> tuple[list[tuple[int, float | None, np.ndarray]], list[str]]:
    items = list(read_video(path))
    return [item for item in items if not isinstance(item, str)], [
        item for item in items if isinstance(item, str)
    ]


def test_frames_come_in_order_with_their_number_time_and_grey(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4")
    frames, problems = split(tmp_path / "a.mp4")
    assert problems == []
    assert [index for index, _, _ in frames] == list(range(30))
    assert [time for _, time, _ in frames] == pytest.approx([n / 25 for n in range(30)])
    assert [float(image.mean()) for _, _, image in frames] == pytest.approx(
        [20 + 5 * n for n in range(30)], abs=2
    )
    assert frames[0][2].shape == (48, 64) and frames[0][2].dtype == np.uint8
    assert probe(tmp_path / "a.mp4") == (30, Fraction(25))


def test_a_truncated_video_gives_its_frames_and_says_where_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    make_video(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    frames, problems = split(path)
    assert 5 < len(frames) < 25
    assert any("of 30: truncated or damaged" in text for text in problems)


def test_frames_after_a_damaged_stretch_keep_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    make_video(path)
    blob = bytearray(path.read_bytes())
    middle = len(blob) // 2
    blob[middle : middle + 3000] = bytes(range(200)) * 15
    path.write_bytes(blob)
    frames, problems = split(path)
    assert len(frames) < 30 and any("cannot be decoded" in text for text in problems)
    index, _, image = frames[-1]
    assert image.mean() == pytest.approx(20 + 5 * index, abs=6)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty file"),
        (b"hello" * 100, "not a video"),
        (b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 90, "not a video"),
    ],
)
def test_what_is_no_video_says_so(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    frames, problems = split(tmp_path / "a.mp4")
    assert frames == [] and len(problems) == 1 and message in problems[0]
    assert probe(tmp_path / "a.mp4") == (0, None)


def test_a_file_with_only_sound_has_no_video(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), dtype=np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert split(tmp_path / "a.mp4") == ([], ["has no video stream"])


def test_a_phone_that_lay_on_its_side_is_turned_upright(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        image = np.zeros((48, 64, 3), dtype=np.uint8)
        image[:24, :32] = 255  # upper left
        container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    one = 1 << 16
    upright, clockwise = (
        struct.pack(">9i", *m, 0, 0, 0, 1 << 30) for m in [(one, 0, 0, 0, one), (0, one, 0, -one, 0)]
    )
    blob = path.read_bytes()
    at = blob.index(b"tkhd") + 44
    assert blob[at : at + 20] == upright[:20]
    path.write_bytes(blob[:at] + clockwise[:20] + blob[at + 20 :])
    ((_, _, turned),), _ = split(path)
    assert turned.shape == (64, 48)
    assert turned[:32, 24:].mean() > 200 and turned[32:].mean() < 50  # upper right


@pytest.mark.parametrize("size", [(48, 64), (47, 63), (101, 77)])
def test_written_videos_have_every_frame_in_place(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "deep" / "a.mp4"
    writer = VideoWriter(path, Fraction(25), *size)
    for number in range(12):
        writer.write(np.full((*size, 3), 20 * number, dtype=np.uint8))
    writer.write(np.full((size[0] * 2, size[1] * 2, 3), 200, dtype=np.uint8))
    assert not path.exists()
    writer.close()
    frames, problems = split(path)
    assert problems == [] and [path.name for path in path.parent.iterdir()] == ["a.mp4"]
    assert [float(image.mean()) for *_, image in frames] == pytest.approx([*range(0, 240, 20), 200], abs=3)
    assert probe(path)[1] == 25


def test_a_camera_that_is_not_there_is_an_error_for_the_user() -> None:
    with pytest.raises(ZooError, match="camera:97 cannot be opened"):
        next(read_camera(97))
