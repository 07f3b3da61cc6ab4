from __future__ import annotations

import pytest
import torch

from zoo.errors import ZooError
from zoo.model.config import (
    BackboneConfig,
    BlinkConfig,
    ByobConfig,
    Eye3dConfig,
    GazeConfig,
    InputConfig,
    KeypointsConfig,
    NeckConfig,
    NetworkConfig,
    SegmentationConfig,
    TimmConfig,
)
from zoo.model.fuse import fused
from zoo.model.network import Network

TINY = ByobConfig(stem=(8, 8), widths=(8, 16), depths=(1, 1))


def network(
    backbone: BackboneConfig, height: int = 64, width: int = 64, detail: int | None = None
) -> Network:
    """All heads on `backbone`, with batch statistics that are not those it was made with."""
    torch.manual_seed(0)
    result = Network(
        NetworkConfig(
            input=InputConfig(height=height, width=width),
            backbone=backbone,
            neck=NeckConfig(width=8, depth=1, detail=detail),
            heads={
                "blink": BlinkConfig(),
                "segmentation": SegmentationConfig(),
                "keypoints": KeypointsConfig(),
                "gaze": GazeConfig(hidden=8, points=3),
                "eye3d": Eye3dConfig(hidden=8, points=3),
            },
        )
    )
    with torch.no_grad():
        result.train()(torch.randn(2, 1, height, width))
    return result.eval()


@pytest.fixture(scope="module")
def tiny() -> Network:
    return network(TINY)


@pytest.mark.parametrize("size", [(64, 64), (120, 160), (33, 47), (35, 90)])
@pytest.mark.parametrize("detail", [None, 8])
def test_any_size(size: tuple[int, int], detail: int | None) -> None:
    prediction = network(TINY, detail=detail)(torch.randn(2, 1, *size))
    assert prediction["segmentation"]["logits"].shape == (2, 4, *size)
    height, width = -(-size[0] // 4), -(-size[1] // 4)
    assert prediction["keypoints"]["pupil_heatmap_logits"].shape == (2, height, width)
    assert prediction["keypoints"]["glints_px"].shape == (2, 8, 2)
    assert prediction["blink"]["openness"].shape == (2,)


def test_padding_inside_does_not_move_the_picture(tiny: Network) -> None:
    """Zeros below and to the right, ours or the caller's, leave the upper left where it was."""
    image = torch.randn(1, 1, 62, 61)
    padded = torch.nn.functional.pad(image, (0, 3, 0, 2))
    ours = tiny(image)["segmentation"]["logits"]
    theirs = tiny(padded)["segmentation"]["logits"][:, :, :62, :61]
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_a_subset_of_heads_predicts_the_same(tiny: Network) -> None:
    image = torch.randn(2, 1, 64, 64)
    whole = tiny(image)
    for name in whole:
        alone = tiny(image, heads=[name])
        assert list(alone) == [name]
        for key, value in alone[name].items():
            torch.testing.assert_close(value, whole[name][key])


@pytest.mark.parametrize("stem", [(8,), (8, 8)])
def test_maps_have_the_strides_they_claim(stem: tuple[int] | tuple[int, int]) -> None:
    backbone = network(ByobConfig(stem=stem, widths=(8, 8, 8), depths=(1, 1, 1))).backbone
    maps = backbone(torch.randn(1, 3, 120, 160))
    sizes = [tuple(m.shape[2:]) for m in maps]
    assert sizes == [(-(-120 // stride), -(-160 // stride)) for stride in backbone.strides]


def test_unknown_head_names_the_nearest(tiny: Network) -> None:
    with pytest.raises(ValueError, match="did you mean 'keypoints'"):
        tiny(torch.zeros(1, 1, 64, 64), heads=["keypoint"])


@pytest.mark.parametrize("name", ["resnet10t", "vit_tiny_patch16_224", "swin_s3_tiny_224"])
def test_backbones_of_timm(name: str) -> None:
    """Convolutional, transformer, and transformer with its channels last; also at another size."""
    options = {"depth": 3} if name.startswith("vit") else {}
    if name.startswith("swin"):
        options = {"depths": (1, 1, 1, 1), "embed_dim": 24, "num_heads": (1, 1, 1, 1), "window_size": 2}
    net = network(TimmConfig(name=name, options=options))
    assert net(torch.randn(1, 1, 64, 64))["segmentation"]["logits"].shape == (1, 4, 64, 64)
    assert net(torch.randn(1, 1, 70, 96))["segmentation"]["logits"].shape == (1, 4, 70, 96)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (TimmConfig(name="resnet1o"), "did you mean 'resnet1"),
        (TimmConfig(name="resnet18.no_such_tag"), "resnet18.no_such_tag"),
        (TimmConfig(name="resnet10t", options={"no_such_option": 1}), "no_such_option"),
        (TimmConfig(name="mixer_b16_224"), "mixer_b16_224"),
    ],
)
def test_what_timm_lacks_is_an_error_of_the_user(config: TimmConfig, message: str) -> None:
    with pytest.raises(ZooError, match=message):
        network(config)


@pytest.mark.parametrize(
    "backbone", [TINY, ByobConfig(stem=(8,), widths=(8, 16), depths=(2, 1), first_stride=2, shortcut="none")]
)
def test_fused_network_predicts_the_same(backbone: ByobConfig) -> None:
    net = network(backbone)
    for parameter in net.parameters():  # the last norm of a block starts at zero
        parameter.data.add_(0.05 * torch.randn_like(parameter))
    quick = fused(net)
    image = torch.randn(2, 1, 50, 70)
    expected, ours = net(image), quick(image)
    for name, prediction in expected.items():
        for key, value in prediction.items():
            torch.testing.assert_close(ours[name][key], value, atol=1e-3, rtol=1e-3)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in quick.modules())
    assert any(isinstance(module, torch.nn.BatchNorm2d) for module in net.modules())


def test_config_survives_json() -> None:
    config = network(TINY).config
    assert NetworkConfig.model_validate_json(config.model_dump_json()) == config
