"""The command line, a file for each group of commands: parses, then calls the package."""

from zoo.cli import checkpoints, draw, export, predict, render, train
from zoo.cli.app import app, main

__all__ = ["app", "checkpoints", "draw", "export", "main", "predict", "render", "train"]
