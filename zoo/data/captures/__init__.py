"""Posed captures in the layouts that users have: one file a layout, one dataclass for all of them.

A layout's file converts units, pose direction and axes; `assemble` makes the checks that all share. A new
layout is such a file (``NAME``, ``LOOKS_LIKE``, ``matches``, ``read``) and its name in `detect`.
"""
