"""The one metric path: predictions and labels become a table with a row per sample, and metrics come from it.

Training logs, evaluation reports and comparisons all aggregate the table of `rows`.
"""

from __future__ import annotations

from zoo.evaluate.baseline import baseline
from zoo.evaluate.rows import rows
from zoo.evaluate.summary import SLICES, slices, summarise, summarise_by

__all__ = ["SLICES", "baseline", "rows", "slices", "summarise", "summarise_by"]
