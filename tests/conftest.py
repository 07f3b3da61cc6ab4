"""What every test shares: one thread, no network, quick property tests, and the real sample data where it is.

Imports nothing of `zoo`: pytest loads this file before jaxtyping's import hook stands.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

# Set before anything imports torch, wandb or timm.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["WANDB_MODE"] = "disabled"
os.environ["HF_HUB_OFFLINE"] = "1"

import pytest
import torch
from hypothesis import settings

torch.set_num_threads(1)

# Deadlines measure the machine, not the code; fixed examples make a red run repeatable.
settings.register_profile("zoo", deadline=None, max_examples=40, derandomize=True, print_blob=True)
settings.load_profile("zoo")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Path of a real sample below $ZOO_DATA, else ../shared/data; skips the test where it is absent."""

    def found(path: str) -> Path:
        place = Path(os.environ.get("ZOO_DATA") or ROOT.parent / "shared" / "data") / path
        if not place.exists():
            pytest.skip(f"no {place}; set ZOO_DATA to a folder that holds sample data")
        return place

    return found
