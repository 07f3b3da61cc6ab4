"""The page itself: what stands where, and what happens when. gradio is imported when it is needed."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any, Final

from rich.console import Console

from zoo.errors import ZooError
from zoo.page.eye_tabs import image_tab, live_tab, video_tab
from zoo.page.models import Offered, offered
from zoo.page.room_tab import room_tab
from zoo.page.workspace import Workspace

LOCAL_HOSTS: Final = ("127.0.0.1", "localhost", "::1")
"""On these alone the page takes folders of the machine that it runs on."""

_CSS: Final = """
.told { padding: 0.6em 0.9em; border-radius: 6px; white-space: pre-wrap; border-left: 4px solid #8a8f98;
  background: color-mix(in srgb, currentColor 6%, transparent); overflow-wrap: anywhere; }
.told.error { border-left-color: #d6457f; }
table.numbers { width: 100%; border-collapse: collapse; border: none !important; font-size: 0.92em; }
table.numbers tr, table.numbers td { border: none !important; }
table.numbers td { padding: 0.16em 0.5em !important; }
table.numbers tr:nth-child(even) { background: color-mix(in srgb, currentColor 5%, transparent); }
table.numbers td:nth-child(1) { white-space: nowrap; }
table.numbers td:nth-child(2) { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
table.numbers td:nth-child(4) { opacity: 0.7; }
"""
_INTRO: Final = """# Eyes and rooms
Everything runs on the machine that shows this page; what you give it is deleted when the page ends."""


def serve(name_or_path: str | None, host: str, port: int, console: Console) -> None:
    """Serve the page until Ctrl-C.

    Raises:
        ZooError: no such checkpoint, gradio is not installed, or the port is taken.
    """
    workspace = Workspace()
    try:
        app = build(offered(name_or_path), workspace, local=host in LOCAL_HOSTS)
        url = launch(app, host, port)
        console.print(f"{url} is the page; Ctrl-C ends it", highlight=False)
        app.block_thread()
    finally:
        workspace.close()


def launch(app: Any, host: str, port: int) -> str:
    """Start to serve a page, and return its address. It is not shared, and asks nothing of the network.

    Raises:
        ZooError: the port is taken, or the page does not answer.
    """
    gradio = _gradio()
    theme = gradio.themes.Default(
        font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"], primary_hue="blue"
    )
    try:
        _, url, _ = app.launch(
            server_name=host,
            server_port=port,
            theme=theme,
            css=_CSS,
            share=False,
            inbrowser=False,
            quiet=True,
            ssr_mode=False,
            run_history=False,
            enable_monitoring=False,
            footer_links=[],
            prevent_thread_lock=True,
        )
    except OSError as error:
        raise ZooError(f"no page on {host}:{port}: {error}; try another --port") from None
    except ValueError:  # gradio asks its own server, and proposes to share the page where that fails
        app.close()
        raise ZooError(
            f"no page on {host}:{port}: it does not answer within a few seconds; is the machine busy, or "
            "does a proxy stand between (NO_PROXY=127.0.0.1,localhost)?"
        ) from None
    return str(url)


def build(offer: Offered, workspace: Workspace, local: bool = True) -> Any:
    """The page as gradio's Blocks.

    Args:
        offer: the checkpoints to choose from.
        workspace: where uploads and answers lie.
        local: whether who sees the page may read folders of this machine.

    Raises:
        ZooError: gradio is not installed.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # it asks for its newest version too
    os.environ["GRADIO_TEMP_DIR"] = str(workspace.uploads)
    gradio = _gradio()
    page = gradio.Blocks(title="Eyes and rooms", analytics_enabled=False)
    with page:
        gradio.Markdown(_INTRO)
        with gradio.Tabs(selected="room" if offer.opens_rooms else "image"):
            if offer.eyes:
                with gradio.Tab("Eye: image", id="image"):
                    image_tab(gradio, offer, workspace)
                with gradio.Tab("Eye: video", id="video"):
                    video_tab(gradio, offer, workspace)
                with gradio.Tab("Eye: live", id="live"):
                    live_tab(gradio, offer)
            if offer.rooms:
                with gradio.Tab("Room", id="room"):
                    room_tab(gradio, offer, workspace, local)
    return page


def _gradio() -> Any:
    try:
        return import_module("gradio")
    except ModuleNotFoundError:
        raise ZooError(
            "the page needs gradio, which is not installed: pip install 'eye-room-zoo[demo]'. "
            "`zoo predict` does the same without it"
        ) from None
