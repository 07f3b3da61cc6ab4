"""Rendered rooms: labels against independent checks, determinism, domains, pools."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor
from typer.testing import CliRunner

from zoo.cli import app
from zoo.config.choices import config_folder
from zoo.config.rendering import load_room_domain
from zoo.data.pool import Pool
from zoo.data.room_pool import RoomPool
from zoo.data.rooms import RoomBatch
from zoo.errors import ZooError
from zoo.geometry.cameras import pixel_grid, project, rays
from zoo.geometry.vectors import transform
from zoo.synth.rooms.cast import BALL, BOX, CYLINDER, NOTHING, Bundles, Caster, Solids
from zoo.synth.rooms.domain import RoomDomain
from zoo.synth.rooms.families import FAMILY_NAMES
from zoo.synth.rooms.pool import render_room_pool
from zoo.synth.rooms.renderer import RoomRenderer, Traced
from zoo.synth.rooms.scene import Scenes, draw_scenes

HEIGHT, WIDTH, COUNT, SEED = 60, 80, 6, 11


@pytest.fixture(scope="module")
def domain() -> RoomDomain:
    """The training domain with few textures, which take most of the time."""
    everything = load_room_domain("train")
    return everything.model_copy(update={"surfaces": ("plain", "tiles"), "prints": ("page",)})


@pytest.fixture(scope="module")
def renderer(domain: RoomDomain) -> RoomRenderer:
    return RoomRenderer(domain, SEED, HEIGHT, WIDTH)


@pytest.fixture(scope="module")
def batch(renderer: RoomRenderer) -> RoomBatch:
    return renderer.render(torch.arange(COUNT))


@pytest.fixture(scope="module")
def scenes(domain: RoomDomain) -> Scenes:
    return draw_scenes(domain, SEED, torch.arange(COUNT), 3, torch.device("cpu"))


@pytest.fixture(scope="module")
def traced(renderer: RoomRenderer, scenes: Scenes) -> Traced:
    return renderer.trace(scenes, renderer.cameras(scenes))


def _world_points(batch: RoomBatch) -> Tensor:
    """(B, V, H, W, 3) of what the pixels show."""
    grid = pixel_grid(HEIGHT, WIDTH)
    local = rays(grid, batch["cameras"][:, :, None, None]) * batch["depth"][..., None]
    pose = batch["cam_to_world"][:, :, None, None]
    return transform(pose[..., :3, :3], local) + pose[..., :3, 3]


def test_shapes_and_ranges(batch: RoomBatch) -> None:
    assert batch["images"].shape == (COUNT, 3, 3, HEIGHT, WIDTH)
    assert batch["depth"].shape == batch["covisible"].shape == (COUNT, 3, HEIGHT, WIDTH)
    assert batch["images"].min() >= 0 and batch["images"].max() <= 1
    assert batch["depth"].min() > 0.05 and batch["depth"].max() < 12
    rotation = batch["cam_to_world"][..., :3, :3]
    torch.testing.assert_close(rotation @ rotation.mT, torch.eye(3).expand_as(rotation), rtol=0, atol=1e-5)
    assert (torch.linalg.det(rotation) > 0).all()
    # Neither black nor white frames: the sensor meters.
    level = batch["images"].mean((2, 3, 4))
    assert (level > 0.1).all() and (level < 0.9).all()


def test_sample_depends_on_its_index_alone(renderer: RoomRenderer, batch: RoomBatch) -> None:
    again = renderer.render(torch.tensor([4, 1]))
    for key, value in again.items():
        expected = batch[key][[4, 1]]  # type: ignore[literal-required]
        torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-5, msg=key)  # type: ignore[arg-type]


def test_other_seeds_and_other_streams_have_other_scenes(domain: RoomDomain, scenes: Scenes) -> None:
    other = domain.model_copy(update={"scenes": "elsewhere"})
    index, device = torch.arange(COUNT), torch.device("cpu")
    for changed in (
        draw_scenes(domain, SEED + 1, index, 3, device),
        draw_scenes(other, SEED, index, 3, device),
    ):
        assert (changed.room != scenes.room).any(1).all()


def test_depth_is_where_every_solid_says(scenes: Scenes, traced: Traced, batch: RoomBatch) -> None:
    """Every visible point lies on the surface of a solid or of the room, and inside of none."""
    points = _world_points(batch)
    for s in range(COUNT):
        flat = points[s].reshape(-1, 3)[::7]
        room = scenes.room[s]
        wall = torch.minimum(flat.abs(), (room - flat).abs()).amin(1)
        used = scenes.solids.kind[s] != NOTHING
        local = torch.einsum(
            "pij,npj->npi", scenes.solids.to_unit[s, used], flat[:, None] - scenes.solids.centre[s, used]
        )
        kind = scenes.solids.kind[s, used]
        size = torch.where(
            kind == BOX,
            local.abs().amax(-1),
            torch.where(
                kind == BALL,
                local.norm(dim=-1),
                torch.maximum(local[..., :2].norm(dim=-1), local[..., 2].abs()),
            ),
        )
        half = 1 / scenes.solids.to_unit[s, used].norm(dim=-1).amax(-1)
        gap = (size - 1) * half  # at most the distance in metres, exact along the thinnest side
        assert (torch.minimum(gap.abs().amin(1), wall) < 3e-3).all()
        assert (gap.amin(1) > -3e-3).all()


def test_views_agree_about_the_room(batch: RoomBatch) -> None:
    """What view 0 shows has, in a view that sees it, the depth and nearly the colour that it has there."""
    points = _world_points(batch)[:, 0]
    inverse = torch.linalg.inv(batch["cam_to_world"][:, 1])[:, None, None]
    local = transform(inverse[..., :3, :3], points) + inverse[..., :3, 3]
    pixel = project(local, batch["cameras"][:, 1, None, None])
    size = torch.tensor([WIDTH, HEIGHT])
    place = (pixel + 0.5) / size * 2 - 1
    inside = (place.abs() < 0.97).all(-1) & (local[..., 2] > 0.1)

    def sampled(image: Tensor) -> Tensor:
        return torch.nn.functional.grid_sample(image, place, align_corners=False, padding_mode="border")

    depth = sampled(batch["depth"][:, 1:2])[:, 0]
    agrees = (depth - local[..., 2]).abs() < 0.02 * local[..., 2] + 0.01
    assert inside.float().mean() > 0.6
    assert agrees[inside].float().mean() > 0.8  # the rest: occlusions, and edges that bilinear weights mix
    seen = batch["covisible"][:, 0] == 2
    assert agrees[seen & inside].float().mean() > 0.9

    shown, there = batch["images"][:, 0].mean(1), sampled(batch["images"][:, 1]).mean(1)
    for s in range(COUNT):
        chosen = seen[s] & inside[s] & agrees[s]
        pair = torch.stack([shown[s][chosen], there[s][chosen]])
        shuffled = torch.stack([pair[0], pair[1].roll(len(pair[1]) // 3)])
        assert torch.corrcoef(pair)[0, 1] > 0.5
        assert torch.corrcoef(pair)[0, 1] > torch.corrcoef(shuffled)[0, 1] + 0.2


def test_normals_are_those_of_the_depth(traced: Traced, renderer: RoomRenderer, scenes: Scenes) -> None:
    """Against the cross product of the differences of neighbouring points, away from edges."""
    height, width = traced.depth.shape[-2:]
    camera = renderer.cameras(scenes).clone()
    camera[:, :2] *= 2  # of the lattice, whose sample (0, 0) is at the centre of pixel (0, 0)
    points = rays(pixel_grid(height, width), camera[:, None, None]) * traced.depth[:, 0, ..., None]
    rotation = scenes.cam_to_world[:, 0, :3, :3]
    expected = torch.linalg.cross(
        points[:, 1:-1, 2:] - points[:, 1:-1, :-2], points[:, 2:, 1:-1] - points[:, :-2, 1:-1]
    )
    expected = torch.nn.functional.normalize(transform(rotation[:, None, None], expected), dim=-1)
    found = traced.normal[:, 0].permute(0, 2, 3, 1)[:, 1:-1, 1:-1]
    instance = traced.instance[:, 0]
    flat = torch.ones_like(instance[:, 1:-1, 1:-1], dtype=torch.bool)
    for dv in (-1, 0, 1):
        for du in (-1, 0, 1):
            rows, columns = slice(1 + dv, height - 1 + dv), slice(1 + du, width - 1 + du)
            flat &= instance[:, rows, columns] == instance[:, 1:-1, 1:-1]
            near = traced.normal[:, 0, :, rows, columns].permute(0, 2, 3, 1)
            flat &= (near * found).sum(-1) > 0.999
    cosine = (found * -expected).sum(-1)[flat]
    assert flat.float().mean() > 0.4
    assert (cosine > 0.99).float().mean() > 0.98


def test_a_ray_meets_each_kind_of_solid_where_geometry_says() -> None:
    kinds = torch.tensor([[BOX, BALL, CYLINDER, NOTHING]])
    centre = torch.tensor([[[5.0, 0, 0], [0, 6.0, 0], [0, 0, 7.0], [1.0, 1.0, 0.0]]])
    half = torch.tensor([[[0.5, 1, 2], [1, 0.75, 1], [0.2, 0.2, 0.25], [1.0, 1, 1]]])
    solids = Solids(kinds, centre, torch.diag_embed(1 / half))
    directions = torch.eye(3)[:, :, None].expand(3, 3, 1)  # a tile a direction
    x, y, z = (directions[:, i][None].clone() + 1e-7 for i in range(3))
    far, none = torch.full_like(x, 50.0), torch.full(x.shape, -1, dtype=torch.int32)
    hits = Caster().cast(solids, Bundles(torch.zeros(1, 1, 3), x, y, z), far, none)
    torch.testing.assert_close(hits.t[0, :, 0], torch.tensor([4.5, 5.25, 6.75]), rtol=0, atol=1e-4)
    assert hits.slot[0, :, 0].tolist() == [0, 1, 2]


def test_bundles_miss_no_solid(scenes: Scenes, renderer: RoomRenderer) -> None:
    """Tiles skip solids that they cannot meet; with one ray a tile, none is skipped wrongly."""
    rays_ = renderer._rays(scenes, renderer.cameras(scenes))
    one = [plane[:1, ::9, ::50].reshape(1, -1, 1) for plane in rays_[1:]]
    tiles = rays_.x.shape[1] // 3
    chosen = torch.arange(rays_.x.shape[1])[::9].repeat_interleave(
        one[0].shape[1] // len(range(0, 3 * tiles, 9))
    )
    solids = Solids(*(part[:1] for part in scenes.solids))
    far, none = torch.full(rays_.x[:1].shape, 50.0), torch.full(rays_.x[:1].shape, -1, dtype=torch.int32)
    whole = Caster().cast(solids, Bundles(rays_.origin[:1], *(p[:1] for p in rays_[1:])), far, none)
    t = whole.t[:, ::9, ::50].reshape(-1)
    for view in range(3):
        mine = chosen // tiles == view
        alone = [plane[:, mine] for plane in one]
        distance, nothing = torch.full_like(alone[0], 50.0), torch.full(alone[0].shape, -1, dtype=torch.int32)
        single = Caster().cast(solids, Bundles(rays_.origin[:1, view : view + 1], *alone), distance, nothing)
        torch.testing.assert_close(single.t.reshape(-1), t[mine], rtol=1e-4, atol=1e-4)


def test_one_sample_a_pixel_has_the_same_labels(domain: RoomDomain, batch: RoomBatch) -> None:
    coarse = RoomRenderer(domain, SEED, HEIGHT, WIDTH, samples=1).render(torch.arange(2))
    torch.testing.assert_close(coarse["depth"], batch["depth"][:2], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(coarse["cam_to_world"], batch["cam_to_world"][:2])
    assert (coarse["images"] - batch["images"][:2]).abs().mean() < 0.05


def test_paths_keep_to_the_domain(domain: RoomDomain) -> None:
    scenes = draw_scenes(domain, SEED, torch.arange(40), 3, torch.device("cpu"))
    poses = scenes.cam_to_world
    baseline = (poses[:, 1:, :3, 3] - poses[:, :1, :3, 3]).norm(dim=-1)
    relative = poses[:, :1, :3, :3].mT @ poses[:, 1:, :3, :3]
    trace = relative.diagonal(dim1=-2, dim2=-1).sum(-1)
    turn = torch.rad2deg(torch.acos(((trace - 1) / 2).clamp(-1, 1)))
    assert baseline.min() > 0.029 and baseline.max() < 0.501
    assert 0.11 < baseline.median() < 0.2
    assert 5 < turn.median() < 11 and turn.max() < 25.5
    assert (poses[:, :, :3, 3] > 0).all() and (poses[:, :, :3, 3] < scenes.room[:, None]).all()


def test_noisy_poses_leave_the_anchor_and_the_labels_alone(domain: RoomDomain, batch: RoomBatch) -> None:
    noisy = domain.model_copy(update={"pose_noise_deg": 0.5, "pose_noise_m": 0.01})
    found = RoomRenderer(noisy, SEED, HEIGHT, WIDTH).render(torch.arange(2))
    assert torch.equal(found["depth"], batch["depth"][:2])
    moved = (found["cam_to_world"] - batch["cam_to_world"][:2]).abs().amax((2, 3))
    assert (moved[:, 0] == 0).all() and (moved[:, 1:] > 1e-4).all() and (moved < 0.1).all()


def test_exams_share_no_scenes_with_training_and_the_shifted_one_no_family() -> None:
    train, unseen, shifted = (load_room_domain(name) for name in ("train", "unseen", "shifted"))
    assert len({train.scenes, unseen.scenes, shifted.scenes}) == 3
    for group in FAMILY_NAMES:
        assert not set(getattr(train, group)) & set(getattr(shifted, group)), group
        assert set(getattr(train, group)) == set(getattr(unseen, group)), group


def test_all_families_can_be_drawn() -> None:
    for name in ("train", "shifted"):
        scenes = draw_scenes(load_room_domain(name), 0, torch.arange(16), 2, torch.device("cpu"))
        assert torch.isfinite(scenes.rows).all() and torch.isfinite(scenes.cam_to_world).all()


def test_a_misspelt_family_names_the_nearest(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "conf/rooms/train.yaml").read_text()
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace("cupboard", "cupbord"))
    with pytest.raises(ZooError, match="cupboard"):
        load_room_domain(str(path))
    path.write_text(text + "typical_baseline_m: 2.0\n")
    with pytest.raises(ZooError, match="typical_baseline_m"):
        load_room_domain(str(path))


def test_a_pool_cut_short_goes_on_to_the_same_samples(tmp_path: Path, domain: RoomDomain) -> None:
    class Cut(Exception):
        pass

    def stop(done: int) -> None:
        if done:
            raise Cut

    sizes = {"height": 32, "width": 40, "views": 2, "workers": 1}
    with pytest.raises(Cut):
        render_room_pool(tmp_path / "pool", domain, 10, 3, progress=stop, **sizes)
    assert 0 < len(RoomPool(tmp_path / "pool")) < 10
    render_room_pool(tmp_path / "pool", domain, 10, 3, **sizes)
    pool = RoomPool(tmp_path / "pool")
    assert len(pool) == 10
    direct = RoomRenderer(domain, 3, 32, 40, 2).render(torch.arange(10))
    stored = pool.batch(np.arange(10))
    assert set(stored) == set(direct)
    assert (stored["depth"] - direct["depth"]).abs().max() < 6e-4
    assert (stored["images"] - direct["images"]).abs().max() < 1.5 / 255
    assert torch.equal(stored["covisible"], direct["covisible"])
    with pytest.raises(ZooError, match="seed"):
        render_room_pool(tmp_path / "pool", domain, 10, 4, **sizes)
    with pytest.raises(ZooError, match="views"):
        render_room_pool(tmp_path / "pool", domain, 10, 3, height=32, width=40, views=3, workers=1)
    with pytest.raises(ZooError, match="zoo-eye-pool"):
        Pool(tmp_path / "pool")


def test_a_sheet_shows_the_views_and_the_depth(tmp_path: Path, domain: RoomDomain) -> None:
    path = tmp_path / "mine.yaml"
    OmegaConf.save(OmegaConf.create(domain.model_dump(mode="json")), path)
    sheet = tmp_path / "sheet.png"
    arguments = [
        "render",
        "rooms",
        "-n",
        "2",
        "--size",
        "40x32",
        "--domain",
        str(path),
        "--sheet",
        str(sheet),
    ]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    picture = cv2.imread(str(sheet))
    assert picture.shape == (2 * (32 + 2), 4 * 40 + 2, 3)
    assert picture[:32, :40].std() > 5 and picture[:32, 120:160].std() > 5


def test_exams_name_domains_of_their_own() -> None:
    exams = OmegaConf.load(config_folder() / "rooms_exam.yaml")
    for name, exam in exams.items():
        assert load_room_domain(exam.domain).scenes != load_room_domain("train").scenes, name
