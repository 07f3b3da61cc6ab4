"""The command line, a file for each group of commands: parses, then calls the package."""

from zoo.cli import (
    check,
    checkpoints,
    draw,
    export,
    gallery,
    page,
    predict,
    pseudolabel,
    render,
    sweep,
    sync,
    train,
    versions,
)
from zoo.cli.app import app, main

__all__ = [
    "app",
    "check",
    "checkpoints",
    "draw",
    "export",
    "gallery",
    "main",
    "page",
    "predict",
    "pseudolabel",
    "render",
    "sweep",
    "sync",
    "train",
    "versions",
]
