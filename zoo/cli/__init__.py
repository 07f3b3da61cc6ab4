"""The command line, a file for each group of commands: parses, then calls the package."""

from zoo.cli import checkpoints, draw, predict, pseudolabel, render, train
from zoo.cli.app import app, main

__all__ = ["app", "checkpoints", "draw", "main", "predict", "pseudolabel", "render", "train"]
