"""Depth: points of the anchor, matched along their rays in the other views, and filled to a dense map."""

from zoo.model.heads.depth.head import DepthHead

__all__ = ["DepthHead"]
