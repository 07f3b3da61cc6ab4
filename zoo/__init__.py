"""A zoo of models that look at eyes and at rooms.

`zoo.load(name_or_path)` gives a network with its preprocessing and conventions as one object; importing the
package itself imports no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoo.predict.predictor import load as load

__all__ = ["load"]


def __getattr__(name: str) -> object:
    if name == "load":
        from zoo.predict.predictor import load

        return load
    raise AttributeError(f"module 'zoo' has no attribute {name!r}")
