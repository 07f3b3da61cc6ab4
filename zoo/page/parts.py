"""What the tabs of the page share: fields, answers as HTML, and messages instead of stack traces."""

from __future__ import annotations

import functools
import html
import sys
import traceback
from collections.abc import Callable
from typing import Any, Final

from zoo.errors import ZooError
from zoo.page.camera import SIDES, UNKNOWN_SIDE
from zoo.page.models import Offered
from zoo.page.numbers import Row
from zoo.predict.report import Reached

_FAULT: Final = "This is a fault of the zoo, not of your input; the terminal says more."


def choices(gradio: Any, offer: Offered) -> tuple[Any, list[Any]]:
    """The checkpoint of eyes, and the fields of `zoo.page.camera.CameraFields`."""
    name = checkpoint(gradio, offer.eyes, offer.chosen)
    with gradio.Row():
        intrinsics = gradio.Textbox(
            label="Camera: fx, fy, cx, cy",
            info="pixels of the image",
            placeholder="unknown",
            max_lines=1,
            scale=3,
        )
        fov = gradio.Number(
            label="or field of view, °", info="horizontal", value=None, scale=2, min_width=120
        )
        side = gradio.Dropdown(
            list(SIDES),
            value=UNKNOWN_SIDE,
            label="The subject's eye",
            info="for the visual axis",
            scale=2,
            min_width=120,
        )
    return name, [intrinsics, fov, side]


def checkpoint(gradio: Any, names: list[str], chosen: str) -> Any:
    """A choice of these checkpoints, beginning with `chosen` where it is one of them."""
    return gradio.Dropdown(names, value=chosen if chosen in names else names[0], label="Checkpoint")


def dropped_file(gradio: Any, label: str, elem_id: str) -> Any:
    """A field for one file, which is handed over as its path."""
    return gradio.File(label=label, type="filepath", height=140, elem_id=elem_id)


def told(answers: list[Any]) -> Callable[[Callable[..., list[Any]]], Callable[..., list[Any]]]:
    """Instead of an exception, empty answers and its text in the last of them."""

    def decorate(function: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
        @functools.wraps(function)
        def guarded(*arguments: Any, **options: Any) -> list[Any]:
            try:
                return function(*arguments, **options)
            except ZooError as error:
                text = str(error)
            except Exception:
                traceback.print_exc(file=sys.stderr)
                text = _FAULT
            return [*[None] * (len(answers) - 1), box(text, "error")]

        return guarded

    return decorate


def with_progress(gradio: Any, function: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """Hand `function` a progress bar as `progress`: gradio fills in the default of a leading parameter."""

    def handler(progress: Any = gradio.Progress(), *arguments: Any) -> list[Any]:  # noqa: B008
        return function(*arguments, progress=progress)

    return handler


def shown_by(progress: Any) -> Reached:
    """What moves a progress bar of gradio's."""

    def reached(frames: int, total: int | None) -> None:
        progress((frames, total or None), desc="frames", unit="frames")

    return reached


def box(text: str, kind: str = "") -> str:
    """A message as HTML; nothing where there is none."""
    return f'<div class="told {kind}">{html.escape(text)}</div>' if text else ""


def table(rows: list[Row]) -> str:
    """Rows as an HTML table."""
    lines = ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows]
    return f'<table class="numbers">{"".join(f"<tr>{line}</tr>" for line in lines)}</table>' if lines else ""
