from __future__ import annotations

import math

import polars as pl
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.model.batches import random_eye_batch
from zoo.conventions import IGNORE
from zoo.data.sample import EyeBatch
from zoo.evaluate import baseline, rows, summarise, summarise_by
from zoo.model.config import (
    BlinkConfig,
    ByobConfig,
    KeypointsConfig,
    NeckConfig,
    NetworkConfig,
    SegmentationConfig,
)
from zoo.model.network import Network

SIZE = 32


@pytest.fixture(scope="module")
def network() -> Network:
    return Network(
        NetworkConfig(
            backbone=ByobConfig(stem=(8,), widths=(8,), depths=(1,)),
            neck=NeckConfig(width=8, depth=1),
            heads={
                "blink": BlinkConfig(),
                "segmentation": SegmentationConfig(),
                "keypoints": KeypointsConfig(),
            },
        )
    ).eval()


def perfect(batch: EyeBatch) -> dict[str, dict[str, Tensor]]:
    labels = batch["segmentation"].long()
    return {
        "blink": {"openness": batch["openness"], "blink": batch["blink"]},
        "segmentation": {
            "logits": F.one_hot(labels.where(labels != IGNORE, 0), 4).permute(0, 3, 1, 2).float()
        },
        "keypoints": {
            "pupil_px": batch["pupil_ellipse"][:, :2],
            "pupil_present": batch["pupil_present"],
            "glints_px": batch["glints_px"],
            "glint_scores": batch["glints_visible"].float(),
        },
    }


def test_rows_of_a_perfect_prediction(network: Network) -> None:
    batch = random_eye_batch(6, SIZE, SIZE)
    metrics = summarise(rows(perfect(batch), batch, network))
    assert metrics["frames"] == 6
    for name in ("segmentation/miou", "segmentation/miou_image", "blink/blink_accuracy"):
        assert metrics[name] == 1
    for name in ("keypoints/glint_precision", "keypoints/glint_recall", "keypoints/pupil_px_within_2px"):
        assert metrics[name] == 1
    for name in ("keypoints/pupil_px_p95", "blink/openness_mae", "keypoints/glint_px_median"):
        assert metrics[name] == 0


def test_rows_measure_the_prediction_of_the_network(network: Network) -> None:
    """From a forward pass: columns of every head, and errors that agree with the labels' geometry."""
    batch = random_eye_batch(4, SIZE, SIZE)
    with torch.no_grad():
        prediction = network(batch["image"])
    table = rows(prediction, batch, network)
    assert len(table) == 4
    distance = (prediction["keypoints"]["pupil_px"] - batch["pupil_ellipse"][:, :2]).norm(dim=1)
    assert table["keypoints/pupil_px"].to_list() == pytest.approx(distance.tolist())
    assert {"blink/blink_score", "keypoints/pupil_present_label", "segmentation/iris_union"} <= set(
        table.columns
    )


def test_invalid_labels_are_null_and_do_not_count(network: Network) -> None:
    batch = random_eye_batch(3, SIZE, SIZE)
    batch["openness_valid"] = torch.tensor([True, False, True])
    batch["segmentation_valid"][:] = False
    prediction = perfect(batch)
    prediction["blink"]["openness"] = batch["openness"] + torch.tensor([0.1, 5.0, 0.3])
    table = rows(prediction, batch, network)
    assert table["blink/openness_error"].null_count() == 1
    assert table["openness"].null_count() == 1
    metrics = summarise(table)
    assert metrics["blink/openness_mae"] == pytest.approx(0.2)
    assert not any(name.startswith("segmentation/miou") for name in metrics)


def test_pixel_errors_are_native(network: Network) -> None:
    batch = random_eye_batch(2, SIZE, SIZE)
    prediction = perfect(batch)
    prediction["keypoints"]["pupil_px"] = batch["pupil_ellipse"][:, :2] + torch.tensor([3.0, 4.0])
    table = rows(prediction, batch, network, scale=torch.tensor([1.0, 0.25]))
    assert table["keypoints/pupil_px"].to_list() == pytest.approx([5.0, 1.25])
    assert summarise(table)["keypoints/pupil_px_within_2px"] == 0.5


def test_slices(network: Network) -> None:
    batch = random_eye_batch(2, SIZE, SIZE)
    batch["cornea_mm"] = torch.tensor([[0.0, 0.0, 40.0], [30.0, 0.0, 30.0]])
    batch["optical"] = torch.tensor([[0.0, 0.0, -1.0], [0.0, 0.0, -1.0]])
    batch["eye_side_valid"] = torch.tensor([True, False])
    table = rows(perfect(batch), batch, network)
    assert table["gaze_eccentricity_deg"].to_list() == pytest.approx([0, 45], abs=1e-4)
    assert table["focal_over_width"].to_list() == [1.5, 1.5]
    assert table["eye_side"].to_list() == ["left", None]
    assert table["domain"].to_list() == ["real", "real"]


def test_pupil_mask_stands_in_for_a_segmentation(network: Network) -> None:
    batch = random_eye_batch(1, SIZE, SIZE)
    batch["segmentation_valid"][:] = False
    logits = torch.zeros(1, 4, SIZE, SIZE)
    logits[:, 3, 10:14, 10:14] = 1
    truth = torch.zeros(1, SIZE, SIZE, dtype=torch.bool)
    truth[:, 10:14, 12:16] = True
    table = rows({"segmentation": {"logits": logits}}, batch, network, pupil_mask=truth)
    metrics = summarise(table)
    assert metrics["segmentation/iou_pupil"] == pytest.approx(8 / 24)
    assert "segmentation/miou" not in metrics


COUNTS = {
    "background": ([90.0, 80.0], [100.0, 90.0]),
    "sclera": ([4.0, 0.0], [10.0, 0.0]),
    "iris": ([0.0, 5.0], [10.0, 10.0]),
    "pupil": ([2.0, 1.0], [2.0, 4.0]),
}


def test_iou_by_hand() -> None:
    columns: dict[str, list[float]] = {}
    for name, (intersection, union) in COUNTS.items():
        columns |= {f"segmentation/{name}_intersection": intersection, f"segmentation/{name}_union": union}
    metrics = summarise(pl.DataFrame(columns))
    ious = [170 / 190, 4 / 10, 5 / 20, 3 / 6]
    assert [metrics[f"segmentation/iou_{name}"] for name in COUNTS] == pytest.approx(ious)
    assert metrics["segmentation/miou"] == pytest.approx(sum(ious) / 4)
    # In the second image there is no sclera, neither labelled nor predicted.
    images = [(0.9 + 0.4 + 0.0 + 1.0) / 4, (8 / 9 + 0.5 + 0.25) / 3]
    assert metrics["segmentation/miou_image"] == pytest.approx(sum(images) / 2)


def test_average_precision_by_hand() -> None:
    table = pl.DataFrame(
        {
            "blink/blink_score": [0.9, 0.8, 0.7, 0.6, None],
            "blink/blink_label": [True, False, True, False, None],
        }
    )
    metrics = summarise(table)
    assert metrics["blink/blink_ap"] == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert metrics["blink/blink_accuracy"] == 0.5
    without = table.with_columns(pl.lit(False).alias("blink/blink_label"))
    assert "blink/blink_ap" not in summarise(without)


def test_counts_and_distances_by_hand() -> None:
    table = pl.DataFrame(
        {
            "keypoints/glint_matched": [1.0, 2.0],
            "keypoints/glint_predicted": [2.0, 2.0],
            "keypoints/glint_labelled": [1.0, 4.0],
            "keypoints/pupil_px": [1.0, None],
        }
    )
    metrics = summarise(table)
    assert metrics["keypoints/glint_precision"] == 3 / 4
    assert metrics["keypoints/glint_recall"] == 3 / 5
    assert metrics["keypoints/pupil_px_median"] == metrics["keypoints/pupil_px_mean"] == 1


def test_visible_frames_are_reported_apart() -> None:
    table = pl.DataFrame(
        {"pupil_visible": [0.1, 0.3, 0.9, None], "keypoints/pupil_px": [9.0, 1.0, 3.0, 50.0]}
    )
    metrics = summarise(table)
    assert metrics["keypoints/pupil_px_median"] == 6
    assert metrics["keypoints/pupil_px_median@visible30"] == 2
    assert (metrics["frames"], metrics["frames@visible30"]) == (4, 2)


def test_summarise_by_values_and_bins() -> None:
    table = pl.DataFrame(
        {
            "subject": [7, 3, 7],
            "openness": [0.05, 0.3, None],
            "keypoints/pupil_px": [1.0, 2.0, 3.0],
        }
    )
    people = summarise_by(table, "subject")
    assert people["subject"].to_list() == ["3", "7"]
    assert people["keypoints/pupil_px_mean"].to_list() == [2, 2]
    lids = summarise_by(table, "openness")
    assert lids["openness"].to_list() == ["below 0.1", "0.3 to 0.6", "unknown"]
    assert lids["frames"].to_list() == [1, 1, 1]
    assert summarise_by(table, "openness", edges=[0.5])["openness"].to_list() == ["below 0.5", "unknown"]
    with pytest.raises(ValueError, match="no column 'gaze'"):
        summarise_by(table, "gaze")


def test_baseline(network: Network) -> None:
    batch = random_eye_batch(4, SIZE, SIZE)
    batch["pupil_ellipse"][:, :2] = torch.tensor([[10.0, 10.0], [14.0, 10.0], [10.0, 10.0], [14.0, 10.0]])
    batch["openness"] = torch.tensor([0.0, 1.0, 0.0, 1.0])
    batch["blink"] = torch.tensor([1.0, 0.0, 0.0, 0.0])
    table = rows(perfect(batch), batch, network)
    metrics = summarise(baseline(table))
    assert metrics["keypoints/pupil_px_median"] == 2
    assert metrics["blink/openness_mae"] == 0.5
    assert metrics["blink/blink_accuracy"] == 0.75
    assert metrics["blink/blink_ap"] == pytest.approx(0.25)
    known = batch["segmentation"] != IGNORE
    share = float((batch["segmentation"] == 0).sum() / known.sum())
    assert metrics["segmentation/miou"] == pytest.approx(share / 4)
    assert "keypoints/glint_recall" not in metrics
    assert math.isfinite(metrics["keypoints/pupil_present_accuracy"])


def test_tables_concatenate(network: Network) -> None:
    """Also where one batch knows a label and another does not."""
    known, unknown = random_eye_batch(2, SIZE, SIZE), random_eye_batch(2, SIZE, SIZE)
    for key in unknown:
        if key.endswith("_valid"):
            unknown[key] = torch.zeros(2, dtype=torch.bool)  # type: ignore[literal-required]
    tables = [rows(perfect(batch), batch, network) for batch in (known, unknown)]
    assert summarise(pl.concat(tables))["segmentation/miou"] == 1
