"""Shares are exact at every point of a run, whatever is asked for and in whichever order."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.data.allocation import Allocation, Knots, shares_at

COUNT = 3000


def allocation(knots: list[Knots]) -> Allocation:
    return Allocation(lambda index: shares_at(index.astype(float), knots), len(knots))


def given(knots: list[Knots]) -> tuple[np.ndarray, np.ndarray]:
    """(N, K): how many samples each source has given, and what its shares add up to."""
    index = np.arange(COUNT)
    source = allocation(knots)[index].source
    count = np.cumsum(source[:, None] == np.arange(len(knots)), axis=0)
    return count, np.cumsum(shares_at(index.astype(float), knots), axis=0)


@pytest.mark.parametrize("seed", range(6))
def test_every_source_gives_its_share_within_one(seed: int) -> None:
    random = np.random.default_rng(seed)
    knots: list[Knots] = [[(0.0, 0.4)]]  # never all 0
    for _ in range(seed):
        times = np.sort(random.choice(COUNT, 3, replace=False))
        shares = random.random(3) ** 2 * (random.random(3) > 0.3)
        knots.append(list(zip(times.astype(float).tolist(), shares.tolist(), strict=True)))
    count, wanted = given(knots)
    assert np.abs(count - wanted).max() <= 1
    for window in (1, 7, 100):  # the difference of two such counts
        assert np.abs((count[window:] - count[:-window]) - (wanted[window:] - wanted[:-window])).max() < 2


def test_of_two_sources_every_window_is_within_one() -> None:
    count, wanted = given([[(0.0, 0.73)], [(0.0, 0.27)]])
    error = count - wanted
    for window in range(1, 200):
        assert np.abs(error[window:] - error[:-window]).max() <= 1 + 1e-9
    # Shares that divide a batch are exact in every batch.
    count, _ = given([[(0.0, 3.0)], [(0.0, 1.0)]])
    assert (np.diff(count[7::8], axis=0) == [6, 2]).all()


def test_shares_change_linearly_and_then_stay() -> None:
    knots: list[Knots] = [[(1000.0, 1.0), (2000.0, 0.0)], [(1000.0, 0.0), (2000.0, 1.0)]]
    count, _ = given(knots)
    assert count[999].tolist() == [1000, 0]
    assert abs(count[1499, 1] - 125) <= 1  # the mean share of these 500 is a quarter
    assert abs(count[1999, 1] - 500) <= 1
    assert count[-1, 0] == count[1999, 0]  # nothing of a source with share 0


def test_a_sample_is_where_it_is_however_it_is_asked_for() -> None:
    knots: list[Knots] = [[(0.0, 0.5)], [(0.0, 0.2), (20000.0, 0.6)], [(0.0, 0.1)]]
    whole = allocation(knots)[np.arange(20_000)]
    for number in range(3):  # a source's own samples are numbered without gaps
        mine = whole.place[whole.source == number]
        assert (mine == np.arange(len(mine))).all()
    later = allocation(knots)
    index = np.array([19_999, 8191, 8192, 0, 12_345])  # over several blocks, backwards
    found = later[index]
    assert (found.source == whole.source[index]).all()
    assert (found.place == whole.place[index]).all()
    for samples in (0, 1, 8192, 8193, 20_000):
        assert (later.counts(samples) == np.bincount(whole.source[:samples], minlength=3)).all()
