"""Variables of MATLAB files."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

from zoo.errors import ZooError


def read_mat(path: Path, *names: str) -> dict[str, Any]:
    """The named variables of a ``.mat`` file of versions 5 to 7, structs as objects, arrays squeezed.

    Raises:
        ZooError: the file is missing, damaged, of version 7.3, or lacks one of them.
    """
    from scipy.io import loadmat  # slow to load, and only these data need it

    try:
        found: dict[str, Any] = loadmat(
            str(path), struct_as_record=False, squeeze_me=True, variable_names=names
        )
    except FileNotFoundError:
        raise ZooError(f"{path}: missing") from None
    except NotImplementedError:
        raise ZooError(
            f"{path}: is of MATLAB 7.3 (HDF5), which the published file is not; save it with -v7"
        ) from None
    except (OSError, ValueError, TypeError, KeyError, IndexError, zlib.error, MemoryError) as error:
        raise ZooError(f"{path}: not a readable .mat file ({error}); unpack it again") from None
    absent = [name for name in names if name not in found]
    if absent:
        raise ZooError(f"{path}: holds no variable {absent[0]}; expected: {', '.join(names)}")
    return {name: found[name] for name in names}
