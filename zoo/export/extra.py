"""The libraries of the extra `export`, imported when they are needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from zoo.errors import ZooError


def needed(name: str) -> Any:
    """The module of that name.

    Raises:
        ZooError: it is not installed.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        raise ZooError(
            f"ONNX needs {missing.split('.')[0]}, which is not installed: pip install 'eye-room-zoo[export]'"
        ) from None
