"""The whole exam of one checkpoint: writes what the tables of the README are rendered from.

    python scripts/measure.py eyenet_s --meye path/to/meye

Every part goes to ``metrics/<name>/<part>.json``; without ``--meye`` only the rendered parts are taken.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from zoo.config import compose
from zoo.data.perturb import KINDS
from zoo.exam.run import evaluate
from zoo.files import write_text

RENDERED = ("unseen", "shifted", "headset")
SLICES = "by=[focal_over_width,openness,pupil_visible,gaze_eccentricity_deg,eye_side]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint")
    parser.add_argument("--meye", type=Path, help="folder with labels.csv, images/, masks/")
    parser.add_argument("--only", action="append", default=[], help="one part by name; can be repeated")
    parser.add_argument("--output", type=Path, default=Path("metrics"))
    arguments = parser.parse_args()
    parts = {name: [f"exam={name}", SLICES] for name in RENDERED}
    if arguments.meye is not None:
        real = ["data=meye", f"data.root={arguments.meye}"]
        parts["meye"] = real
        parts |= {f"meye_{kind}": [*real, f"data.perturb={kind}", "seed=4203"] for kind in KINDS}
    for name, overrides in parts.items():
        if arguments.only and name not in arguments.only:
            continue
        report = evaluate(compose("eval", [f"checkpoint={arguments.checkpoint}", *overrides]))
        write_text(arguments.output / report.checkpoint / f"{name}.json", report.to_json())
        print(name, {k: round(v, 4) for k, v in report.metrics.items() if "@" not in k})


if __name__ == "__main__":
    main()
