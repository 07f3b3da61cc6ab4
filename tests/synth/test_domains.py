"""Domains, rigs and the pool of rendered samples."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from zoo.config.rendering import load_domain, load_rig
from zoo.data.pool import Pool
from zoo.data.sample import check_eye_batch
from zoo.errors import ZooError
from zoo.geometry.cameras import project
from zoo.synth.eyes.families import FAMILIES, FAMILY_NAMES
from zoo.synth.eyes.pool import render_pool
from zoo.synth.eyes.renderer import EyeRenderer
from zoo.synth.eyes.rig import FixedRig, RandomRig
from zoo.synth.eyes.scene import draw_scene


def test_exams_share_no_people_with_training_and_the_shifted_one_no_family() -> None:
    train, unseen, shifted = (load_domain(name) for name in ("train", "unseen", "shifted"))
    assert len({train.people, unseen.people, shifted.people}) == 3
    for group in FAMILY_NAMES:
        assert not set(getattr(train, group)) & set(getattr(shifted, group)), group
        assert set(getattr(train, group)) == set(getattr(unseen, group)), group


def test_families_only_name_parameters_that_exist_and_ordered_ranges() -> None:
    for group, (families, defaults) in FAMILIES.items():
        for family, ranges in families.items():
            assert set(ranges) <= set(defaults), (group, family)
            assert all(low <= high for low, high in ranges.values()), (group, family)


def test_other_people_have_other_eyes() -> None:
    index = torch.arange(8)
    train, unseen = (EyeRenderer(load_domain(name), 0).render(index) for name in ("train", "unseen"))
    assert (train["cornea_mm"] != unseen["cornea_mm"]).any()


def test_a_misspelt_family_names_the_nearest(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "conf/domain/train.yaml").read_text().replace("almond", "almnod")
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ZooError, match="almond"):
        load_domain(str(path))


@pytest.mark.parametrize(
    ("line", "instead", "message"),
    [
        ("eye_mm: [1.0, -2.0, 42.0]", "eye_mm: [0.001, -0.002, 0.042]", "millimetres"),
        ("slip_mm: [2.0, 2.0, 2.5]", "slip_mm: [0.002, 0.002, 0.0025]", "slip_mm is 0.0025.*metres"),
        ("slip_mm: [2.0, 2.0, 2.5]", "slip_mm: [2.0, -2.0, 2.5]", "slip_mm.1=-2.0.*equal to 0"),
        ("  - [0.0, 4.0, -1.0]", "  - [0.0, 0.004, -0.001]", "leds_mm.5 lies 0.00412 .*metres"),
        ("led_radius_mm: 0.8", "led_radius_mm: 0.0008", "led_radius_mm is 0.0008.*metres"),
        ("azimuth_deg: [4.0, 12.0]", "azimuth_deg: [364.0, 372.0]", "azimuth_deg.0=364.0.*equal to 90"),
    ],
)
def test_lengths_and_angles_of_another_unit_are_refused(
    tmp_path: Path, line: str, instead: str, message: str
) -> None:
    text = (Path(__file__).parents[2] / "conf/rig/headset.yaml").read_text()
    assert line in text
    path = tmp_path / "rig.yaml"
    path.write_text(text.replace(line, instead))
    with pytest.raises(ZooError, match=message):
        load_rig(str(path))


def test_a_head_that_does_not_move_and_light_through_a_beam_splitter_are_rigs(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "conf/rig/headset.yaml").read_text()
    path = tmp_path / "rig.yaml"
    path.write_text(text.replace("[2.0, 2.0, 2.5]", "[0, 0, 0]").replace("[0.0, 4.0, -1.0]", "[0, 0, 0]"))
    assert isinstance(load_rig(str(path)), FixedRig)


def test_a_rig_of_a_file_puts_the_eye_where_it_says() -> None:
    rig = load_rig("headset")
    assert isinstance(rig, FixedRig)
    still = rig.model_copy(update={"slip_mm": (0.0, 0.0, 0.0), "eye_side": "right"})
    batch = EyeRenderer(load_domain("train"), 0, still).render(torch.arange(6))
    check_eye_batch(batch, "rig")
    torch.testing.assert_close(batch["eyeball_mm"], torch.tensor([still.eye_mm]).expand(6, 3))
    assert (batch["eye_side"] == 1).all()
    native = project(
        batch["eyeball_mm"], torch.tensor([[still.fx, 0, still.cx], [0, still.fy, still.cy], [0, 0, 1]])
    )
    torch.testing.assert_close(project(batch["eyeball_mm"], batch["camera"]), 0.5 * (native + 0.5) - 0.5)


def test_a_rig_with_a_lens_is_drawn_as_its_pinhole(tmp_path: Path) -> None:
    rig = load_rig("headset")
    path = tmp_path / "rig.yaml"
    text = (Path(__file__).parents[2] / "conf/rig/headset.yaml").read_text()
    path.write_text(text + "distortion: {model: radtan, coefficients: [-0.2, 0.0, 0.0, 0.0]}\n")
    bent = load_rig(str(path))
    assert isinstance(bent, FixedRig) and bent.distortion is not None
    images = [EyeRenderer(load_domain("train"), 0, each).render(torch.arange(1)) for each in (rig, bent)]
    assert torch.equal(images[0]["image"], images[1]["image"])
    render_pool(tmp_path / "pool", load_domain("train"), rig, 1, seed=0, workers=1)
    render_pool(tmp_path / "pool", load_domain("train"), bent, 1, seed=0, workers=1)  # the same recipe


def test_a_pool_cut_short_goes_on_to_the_same_samples(tmp_path: Path) -> None:
    domain, rig = load_domain("train"), load_rig("random")

    class Cut(Exception):
        pass

    def stop(done: int) -> None:
        if done:
            raise Cut

    with pytest.raises(Cut):
        render_pool(tmp_path / "pool", domain, rig, 40, seed=3, height=48, width=64, workers=1, progress=stop)
    assert 0 < len(Pool(tmp_path / "pool")) < 40
    render_pool(tmp_path / "pool", domain, rig, 40, seed=3, height=48, width=64, workers=1)
    pool = Pool(tmp_path / "pool")
    assert len(pool) == 40
    direct = EyeRenderer(domain, 3, rig, 48, 64).render(torch.arange(40))
    stored = pool.batch(torch.arange(40).numpy())
    check_eye_batch(stored, "pool")
    torch.testing.assert_close(stored["pupil_ellipse"], direct["pupil_ellipse"], rtol=1e-3, atol=1e-2)
    assert (stored["image"] - direct["image"]).abs().max() < 2.5 / 255
    with pytest.raises(ZooError, match="seed"):
        render_pool(tmp_path / "pool", domain, rig, 40, seed=4, height=48, width=64, workers=1)


def test_frames_of_a_recording_share_person_and_camera_and_look_about() -> None:
    domain = load_domain("unseen")
    groups = torch.tensor([5, 5, 5, 6])
    scene = draw_scene(3, torch.arange(4), domain, RandomRig(), 120, 160, groups)
    for field in (scene.subject, scene.view.eyeball, scene.view.camera, scene.eye.cornea_radius):
        assert (field[:3] == field[0]).all() and not (field[3] == field[0]).all()
    assert len(scene.eye.optical.unique(dim=0)) == 4
    again = draw_scene(3, torch.tensor([2]), domain, RandomRig(), 120, 160, groups[2:3])
    assert (again.eye.optical == scene.eye.optical[2]).all()
