"""The pictures of the documentation, from rendered frames of people that no training saw.

python scripts/pictures.py docs/img
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

import zoo
from zoo.config.rendering import load_domain, load_rig, load_room_domain
from zoo.conventions import EYE_SIDES
from zoo.data.views import empty_view_batch
from zoo.draw import draw_frames, draw_labels, overlay, save_picture, sheet
from zoo.explain import conventions_picture
from zoo.hub import checkpoint
from zoo.hub.index import resolve
from zoo.predict.rooms.preview import far_of, preview
from zoo.synth.eyes.renderer import EyeRenderer
from zoo.synth.rooms.renderer import RoomRenderer

SEED = 77
ROOMS = 4


def rooms() -> list[UInt8[np.ndarray, "h w 3"]]:
    """Predictions of deltas_s on rooms that no training saw: picture, depth, uncertainty."""
    renderer = RoomRenderer(load_room_domain("unseen"), SEED, 240, 320, 3)
    scenes = renderer.render(torch.arange(ROOMS))
    batch = empty_view_batch(ROOMS, 3, 240, 320)
    batch["images"], batch["cameras"] = scenes["images"], scenes["cameras"]
    batch["cam_to_world"] = scenes["cam_to_world"]
    batch["views_valid"][:] = True
    network, _ = checkpoint.load(resolve("deltas_s"))
    with torch.inference_mode():
        found = network.eval().views(batch)["depth"]
    images = (batch["images"][:, 0].permute(0, 2, 3, 1).numpy() * 255).round().astype(np.uint8)
    depth, sigma = found["depth"].numpy(), found["sigma"].numpy()
    return [preview(*one, far_of(one[1])) for one in zip(images, depth, sigma, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    unseen = load_domain("unseen")

    # Framed as trackers frame an eye; the first twelve in which a pupil shows, good or bad.
    framed = unseen.model_copy(update={"framing": ("centred", "close")})
    frames = EyeRenderer(framed, SEED, load_rig("random"), 240, 320).render(torch.arange(24))
    chosen = frames["pupil_present"].nonzero()[:12, 0]
    images = [frames["image"][i, 0].numpy() for i in chosen.tolist()]
    cameras = [frames["camera"][i] for i in chosen.tolist()]
    sides = [EYE_SIDES[int(frames["eye_side"][i])] for i in chosen.tolist()]
    results = zoo.load("eyenet_s", "cpu").predict(images, cameras, sides)
    pictures = [overlay(image, result) for image, result in zip(images, results, strict=True)]
    save_picture(folder / "predictions.jpg", sheet(pictures, 4))

    frames = EyeRenderer(unseen, SEED, load_rig("random")).render(torch.arange(48))
    save_picture(folder / "renders.jpg", sheet(draw_frames(frames), 8))
    labels = {key: value[:24] for key, value in frames.items()}  # type: ignore[index]
    save_picture(folder / "labels.jpg", sheet(draw_labels(labels), 6))  # type: ignore[arg-type]
    save_picture(folder / "conventions.jpg", conventions_picture())
    save_picture(folder / "rooms.jpg", sheet(rooms(), 1))


if __name__ == "__main__":
    main()
