"""The study of matching: what the two runs share, and how their frames are compared."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
import study_matching as script


def test_the_runs_differ_in_the_matching_alone(tmp_path: Path) -> None:
    ours, theirs = (
        script.config_of(name, 320, 0, tmp_path, Path("pools")).model_dump() for name in script.NETWORKS
    )
    matching = [config["network"]["heads"]["depth"].pop("matching") for config in (ours, theirs)]
    assert [m["type"] for m in matching] == ["joint", "classic"]
    for config in (ours, theirs):
        del config["name"], config["run_dir"]
    assert ours == theirs
    assert ours["samples"] == 320 * 8 and ours["ema"]["half_life_samples"] == 256


def test_frames_are_paired_and_seeds_do_not_make_more_of_them() -> None:
    def table(values: list[float]) -> pl.DataFrame:
        columns = dict.fromkeys(script.METRICS, values)
        return pl.DataFrame({"row": [0, 1, 2], "domain": ["real"] * 3, **columns})

    seed = {"deltas_s": table([0.1, 0.2, 0.3]), "deltas_classic": table([0.2, 0.2, 0.6])}
    one, two = script.compared([seed]), script.compared([seed, seed])
    apart = one["difference"]["depth/absrel_ratio"]
    assert apart["value"] == pytest.approx(0.4 / 3)
    assert apart["standard_error"] == pytest.approx(pl.Series([0.1, 0.0, 0.3]).std() / 3**0.5)
    assert one["frames"] == two["frames"] == 3
    again = two["difference"]["depth/absrel_ratio"]
    assert again["value"] == pytest.approx(apart["value"])
    assert again["standard_error"] > 0.8 * apart["standard_error"]
