from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from zoo.model.config import ByobConfig, NetworkConfig
from zoo.model.network import Network

CONFIGS = Path(__file__).resolve().parents[2] / "conf" / "network"


@pytest.mark.parametrize(("name", "limit"), [("eyenet_nano", 0.5e6), ("eyenet_s", 4e6)])
def test_shipped_networks_keep_their_budget(name: str, limit: float) -> None:
    config = NetworkConfig.model_validate(yaml.safe_load((CONFIGS / f"{name}.yaml").read_text()))
    assert set(config.heads) == {"blink", "segmentation", "keypoints", "eye3d", "gaze"}
    assert sum(parameter.numel() for parameter in Network(config).parameters()) < limit


def test_stages_must_agree() -> None:
    with pytest.raises(ValidationError, match="one number per stage"):
        ByobConfig(widths=(16, 32), depths=(1, 1, 1))


@pytest.mark.parametrize(
    "wrong",
    [
        {"heads": {}},
        {"heads": {"blink": {"type": "blnk"}}},
        {"heads": {"blink": {"type": "blink", "hiden": 3}}},
        {"heads": {"blink": {"type": "blink"}}, "backbone": {"type": "byob", "stem": [8, 8, 8]}},
        {"heads": {"blink": {"type": "blink"}}, "neck": {"width": 12}},
    ],
)
def test_refuses_what_it_does_not_know(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        NetworkConfig.model_validate(wrong)


def test_reading_a_configuration_imports_no_torch() -> None:
    code = "import sys, zoo.model.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
