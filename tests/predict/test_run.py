from __future__ import annotations

import csv
import errno
import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from tests.predict.fakes import disc, predictor
from zoo.errors import ZooError
from zoo.predict import frames, run, writer
from zoo.predict.cameras import read_cameras
from zoo.predict.frames import Frame, Problem, batched, prefetched
from zoo.predict.images import read_image
from zoo.predict.predictor import Predictor
from zoo.predict.run import Summary, predict_sources
from zoo.predict.sources import Source
from zoo.predict.video import VideoWriter, probe

COLUMNS = (
    "file,frame,time_s,openness,blink,pupil_present,pupil_u_px,pupil_v_px,pupil_mask_u_px,pupil_mask_v_px,"
    "pupil_area_px,pupil_major_px,pupil_minor_px,pupil_angle_deg,"
    + ",".join(f"glint{k}_u_px,glint{k}_v_px,glint{k}_score" for k in range(8))
    + ",cornea_x_mm,cornea_y_mm,cornea_z_mm,pupil_x_mm,pupil_y_mm,pupil_z_mm,optical_x,optical_y,optical_z,"
    "optical_pitch_deg,optical_yaw_deg,visual_x,visual_y,visual_z,gaze_sigma_deg,camera_known,glints_used"
).split(",")


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Predictor:
    fake = predictor()
    monkeypatch.setattr(run, "load", lambda *_: fake)
    return fake


def predict(*sources: Path | str, out: Path, **options: Any) -> tuple[Summary, str]:
    console = Console(file=io.StringIO(), record=True, width=200)
    summary = predict_sources("fake", [str(source) for source in sources], out, console=console, **options)
    return summary, console.export_text()


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "predictions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def video(path: Path, frames: int = 10) -> None:
    made = VideoWriter(path, Fraction(25), 64, 96)
    for number in range(frames):
        made.write(np.repeat(disc(64, 96, 30 + 2 * number, 30, 12)[:, :, None], 3, axis=2))
    made.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Good and bad inputs of every kind."""
    inputs = tmp_path / "in"
    (inputs / "other").mkdir(parents=True)
    cv2.imwrite(str(inputs / "a.png"), disc(60, 80, 50, 20, 10))
    cv2.imwrite(str(inputs / "blank.png"), np.full((60, 80), 90, dtype=np.uint8))
    cv2.imwrite(str(inputs / "deep.png"), disc(60, 80, 50, 20, 10).astype(np.uint16) * 16)
    cv2.imwrite(str(inputs / "other" / "a.png"), disc(90, 60, 20, 40, 10))
    colour = np.repeat(disc(60, 80, 50, 20, 10)[:, :, None], 4, axis=2)
    Image.fromarray(colour).save(inputs / "rgba.png")
    (inputs / "empty.png").touch()
    (inputs / "text.png").write_text("hello")
    Image.new("L", (1, 1)).save(inputs / "one.png")
    Image.new("L", (6000, 100)).save(inputs / "long.png")
    (inputs / "[red]x[bold].jpg").write_bytes(b"\xff\xd8\xff")
    video(inputs / "clip.mp4")
    (inputs / "cut.mp4").write_bytes((inputs / "clip.mp4").read_bytes()[:700])
    (inputs / "notes.txt").write_text("not a frame")
    return inputs


def test_a_folder_of_good_and_bad_inputs(model: Predictor, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    summary, shown = predict(folder, out=out, masks=True, batch_size=4)
    assert summary == Summary(frames=15, skipped=6, interrupted=False, output=out)
    for name in ("[red]x[bold].jpg", "cut.mp4", "empty.png", "long.png", "one.png", "text.png"):
        assert f"skipped: {folder / name}: " in shown
    table = rows(out)
    assert list(table[0]) == COLUMNS
    a, blank, *clip = [row for row in table if "other" not in row["file"]]
    assert a["file"] == str(folder / "a.png") and (a["frame"], a["time_s"]) == ("0", "")
    assert (float(a["pupil_u_px"]), float(a["pupil_v_px"])) == pytest.approx((50, 20), abs=0.1)
    assert float(a["pupil_present"]) > 0.9 and a["glint0_score"] == "0.9000" and a["glint1_u_px"] == ""
    assert float(blank["pupil_present"]) < 0.1 and float(blank["blink"]) == 1
    assert {blank[name] for name in COLUMNS if name.startswith("pupil_") and name != "pupil_present"} == {""}
    moving = [row for row in clip if row["file"].endswith("clip.mp4")]
    assert [row["frame"] for row in moving] == [str(n) for n in range(10)]
    assert float(moving[5]["time_s"]) == pytest.approx(0.2)
    assert float(moving[9]["pupil_mask_u_px"]) == pytest.approx(48, abs=0.5)

    masks = {path.name: read_image(path)[0] for path in (out / "masks").iterdir()}
    assert masks["a.png"].shape == (60, 80) and masks["other_a.png"].shape == (90, 60)
    assert masks["a.png"][20, 50] == 3 and masks["a.png"][50, 5] == 2
    assert {f"clip_{n:06d}.png" for n in range(10)} <= set(masks) and len(masks) == 15
    overlays = {path.name for path in (out / "overlays").iterdir()}
    assert overlays == {"a.png", "other_a.png", "blank.png", "deep.png", "rgba.png", "clip.mp4"}
    assert probe(out / "overlays" / "clip.mp4") == (10, Fraction(25))
    assert f"{folder / 'other' / 'a.png'}: another input has its name" in shown
    assert sorted(path.name for path in out.iterdir()) == ["masks", "overlays", "predictions.csv"]


def test_only_the_table_where_nothing_else_is_asked_for(
    model: Predictor, folder: Path, tmp_path: Path
) -> None:
    summary, _ = predict(folder / "a.png", out=tmp_path / "out", overlays=False)
    assert (summary.frames, summary.skipped) == (1, 0)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["predictions.csv"]


def test_a_second_run_does_not_take_the_first_for_input(model: Predictor, folder: Path) -> None:
    out = folder / "out"
    first, _ = predict(folder, out=out)
    second, _ = predict(folder, out=out)
    assert (first.frames, first.skipped) == (second.frames, second.skipped)


def test_when_everything_is_skipped_the_table_has_only_its_head(
    model: Predictor, folder: Path, tmp_path: Path
) -> None:
    summary, _ = predict(folder / "empty.png", out=tmp_path / "out")
    assert (summary.frames, summary.skipped) == (0, 1)
    assert (tmp_path / "out" / "predictions.csv").read_text() == ",".join(COLUMNS) + "\n"


def test_ctrl_c_keeps_what_was_done(
    model: Predictor, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = model.predict, []

    def interrupted(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments, **options)

    monkeypatch.setattr(model, "predict", interrupted)
    out = tmp_path / "out"
    summary, _ = predict(folder / "clip.mp4", out=out, batch_size=3)
    assert summary.interrupted and summary.frames == 6
    assert [row["frame"] for row in rows(out)] == [str(n) for n in range(6)]
    assert probe(out / "overlays" / "clip.mp4")[0] == 6
    assert sorted(path.name for path in out.iterdir()) == ["overlays", "predictions.csv"]


def test_a_full_disk_is_an_error_and_keeps_what_was_done(
    model: Predictor, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = writer.replacing

    def full(path: Path) -> Any:
        if path.name == "clip_000004.png":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return real(path)

    monkeypatch.setattr(writer, "replacing", full)
    out = tmp_path / "out"
    with pytest.raises(ZooError, match=r"cannot write .*clip_000004\.png: No space left on device"):
        predict(folder / "clip.mp4", out=out, masks=True, overlays=False, batch_size=2)
    assert len(rows(out)) == 4


def test_wrong_arguments_are_told_before_anything_is_written(
    model: Predictor, folder: Path, tmp_path: Path
) -> None:
    image, out = folder / "a.png", tmp_path / "out"
    (tmp_path / "file").touch()
    (tmp_path / "cameras.csv").write_text("file,fx,fy\na.png,1,1\n")
    for options, message in (
        ({"batch_size": 0}, "at least 1"),
        ({"camera": "1,2,3"}, "neither four numbers"),
        ({"camera": "0,100,5,5"}, "fx, fy positive"),
        ({"camera": str(tmp_path / "cameras.csv")}, "lacks the columns cx, cy"),
        ({"camera": str(tmp_path / "none.csv")}, "none.csv: no such file"),
        ({"out": tmp_path / "file"}, "is a file"),
    ):
        with pytest.raises(ZooError, match=message):
            predict(image, **{"out": out, **options})
    assert not out.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,fx,fy,cx,cy,eyeside\na.png,100,100,40,30,left\n", "unknown column 'eyeside'.*'eye_side'"),
        ("file,fx,fy,cx,cy,side\na.png,100,100,40,30,left\n", "unknown column 'side'.*'eye_side'"),
        ("file,fx,fy,fy,cx,cy\na.png,100,100,100,40,30\n", "'fy' stands there twice"),
        ("file,fx,fy,cx,cy\na.png,100,100,40,30,left\n", "line 2: has more cells"),
        ("file,fx,fy,cx,cy\n,100,100,40,30\n", "line 2: names no file"),
        ("file,fx,fy,cx,cy\na.png,9,9,4,3\na.png,8,8,4,3\n", "line 3: a.png has a camera already"),
        ("file,fx,fy,cx,cy\n", "has no rows"),
    ],
)
def test_a_table_of_cameras_that_says_something_else_than_is_read(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "cameras.csv").write_text(text)
    with pytest.raises(ZooError, match=message):
        read_cameras(str(tmp_path / "cameras.csv"))


def test_columns_of_others_may_stand_beside_those_of_a_camera(tmp_path: Path) -> None:
    (tmp_path / "cameras.csv").write_text("file,width,fx,fy,cx,cy,date\na.png,96,100,100,40,30,today\n")
    assert read_cameras(str(tmp_path / "cameras.csv")).of("a.png") is not None


def test_unusual_cameras_and_rows_without_a_frame_are_remarked_once(
    model: Predictor, folder: Path, tmp_path: Path
) -> None:
    images = [folder / "a.png", folder / "blank.png"]
    _, shown = predict(*images, out=tmp_path / "o", camera="40,30,100,100")
    assert shown.count("the principal point (100, 100) lies outside of the 80x60 pixels") == 1
    _, shown = predict(*images, out=tmp_path / "o", camera="100,60,40,30")
    assert shown.count("fx 100 and fy 60 differ") == 1
    table = tmp_path / "cameras.csv"
    table.write_text("file,fx,fy,cx,cy\na.png,90,90,40,30\nb.png,90,90,40,30\nc.png,90,90,40,30\n")
    _, shown = predict(images[0], out=tmp_path / "o", camera=str(table))
    assert "names files that are no inputs: b.png and 1 more" in shown


def test_cameras_and_sides_reach_the_predictor_by_file(
    model: Predictor, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "cameras.csv"
    table.write_text("file,fx,fy,cx,cy,eye_side\na.png,100,110,40,30,left\nblank.png,90,90,39.5,29.5,\n")
    seen: list[Any] = []
    real = model.predict

    def recorded(images: Any, cameras: Any, sides: Any, **options: Any) -> Any:
        seen.extend(zip(cameras, sides, strict=True))
        return real(images, cameras, sides, **options)

    monkeypatch.setattr(model, "predict", recorded)
    _, shown = predict(
        folder / "a.png", folder / "blank.png", folder / "deep.png", out=tmp_path / "o", camera=str(table)
    )
    assert seen[0][0].tolist() == [[100, 0, 40], [0, 110, 30], [0, 0, 1]] and seen[0][1] == "left"
    assert seen[1][0][0, 0] == 90 and seen[1][1] is None
    assert seen[2] == (None, None)
    assert "assumes" not in shown  # a camera is given, for some
    assert f"--camera {table} has no row for 1 of 3 inputs, such as {folder / 'deep.png'}" in shown


def test_gaze_is_in_the_frame_of_the_camera_that_is_given(
    model: Predictor, folder: Path, tmp_path: Path
) -> None:
    table = tmp_path / "cameras.csv"
    table.write_text("file,fx,fy,cx,cy,eye_side\na.png,100,100,40,30,left\nblank.png,90,90,40,30,left\n")
    predict(
        folder / "a.png", folder / "blank.png", folder / "deep.png", out=tmp_path / "o", camera=str(table)
    )
    a, blank, deep = rows(tmp_path / "o")
    ray = np.array([0.1, -0.1, 1.0]) / np.sqrt(1.02)  # of the pupil at (50, 20)
    for name, vector in (("cornea_{}_mm", 40 * ray), ("optical_{}", -ray), ("visual_{}", -ray)):
        assert [float(a[name.format(axis)]) for axis in "xyz"] == pytest.approx(vector.tolist(), abs=0.05)
    # Back to the camera from the right of its axis: towards image left, and downwards from above it.
    assert float(a["optical_yaw_deg"]) == pytest.approx(np.degrees(np.arctan(0.1)), abs=0.1)
    assert float(a["optical_pitch_deg"]) == pytest.approx(-np.degrees(np.arctan(0.0995)), abs=0.1)
    assert float(a["gaze_sigma_deg"]) == pytest.approx(np.degrees(0.05), abs=1e-3)
    assert (a["camera_known"], deep["camera_known"]) == ("1", "0")
    solid = [
        name for name in COLUMNS if name.endswith("_mm") or name.startswith(("optical", "visual", "gaze"))
    ]
    assert {blank[name] for name in solid} == {""}  # no pupil, no gaze
    assert deep["optical_x"] and not deep["visual_x"]  # without a side


def test_large_frames_make_smaller_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MAX_BATCH_PIXELS", 250)
    source = Source("image", "a.png", "a")
    items = [Frame(source, n, None, np.zeros((10, 10), dtype=np.uint8)) for n in range(5)]
    assert [len(batch) for batch in batched(items, 4)] == [2, 2, 1]  # type: ignore[arg-type]


def test_problems_keep_their_place_and_frames_their_order() -> None:
    source = Source("image", "a.png", "a")
    frame = Frame(source, 0, None, np.zeros((10, 10), dtype=np.uint8))
    problem = Problem(source, "bad", skipped=True)
    assert list(batched([frame, problem, frame, frame], 2)) == [problem, [frame, frame], [frame]]


def test_decoding_runs_only_a_little_ahead() -> None:
    produced: list[int] = []

    def source() -> Iterator[int]:
        for number in range(1000):
            produced.append(number)
            yield number

    stream = prefetched(source(), 2)
    for expected in range(20):
        assert next(stream) == expected
        assert len(produced) <= expected + 5
    stream.close()
    assert len(produced) < 30


def test_what_decoding_raises_is_raised_where_it_is_consumed() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise ZooError("the camera is gone")

    stream = prefetched(source(), 2)
    assert next(stream) == 1
    with pytest.raises(ZooError, match="the camera is gone"):
        next(stream)


def test_a_camera_streams_until_it_is_stopped(
    model: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def camera(device: int) -> Iterator[Any]:
        for number in range(5):
            yield number, number / 30, disc(48, 64, 30, 20, 8)
        yield "gives no more frames after frame 5"

    monkeypatch.setattr(frames, "read_camera", camera)
    summary, shown = predict("camera:0", out=tmp_path / "out")
    assert (summary.frames, summary.skipped) == (5, 1) and "camera:0: gives no more" in shown
    assert rows(tmp_path / "out")[4]["time_s"] == "0.133333"
    assert probe(tmp_path / "out" / "overlays" / "camera0.mp4")[0] == 5
