"""What a checkpoint says of itself: `model.json`. Imports no torch.

Everything that a reader needs in order to use the weights rightly is required, and conventions that this
version does not implement are refused, so a checkpoint never runs with other preprocessing than it was
trained with.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, ValidationError

from zoo import conventions
from zoo.errors import ZooError
from zoo.model.config import NetworkConfig

FORMAT_VERSION: Final = 1
"""Raised when an older reader could not use a newer file rightly."""

WEIGHTS_FILE: Final = "model.safetensors"
METADATA_FILE: Final = "model.json"
CARD_FILE: Final = "README.md"

_FILE_OPTIONS: Final = frozenset({"checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"})
"""Arguments of timm.create_model that name files or addresses to load from."""

_LARGEST_METADATA = 4 << 20  # bytes; a real one has a few thousand


def _nan_is_unknown(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Metric = Annotated[FiniteFloat | None, BeforeValidator(_nan_is_unknown)]
"""A measured value; None (a NaN is taken for it) where nothing could be measured."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Preprocessing(_Frozen):
    """How a frame becomes the network's input (`zoo.data.letterbox`)."""

    height: Annotated[int, Field(gt=0)]
    width: Annotated[int, Field(gt=0)]
    resize: Literal["letterbox"]
    standardisation: Literal["per_image"]


class Conventions(_Frozen):
    """Labels and frames that the outputs follow (`zoo.conventions`)."""

    classes: tuple[str, ...]
    pixels: Literal["first_pixel_centre_is_zero"]
    camera_frame: Literal["opencv_x_right_y_down_z_forward"]


class SourceSeen(_Frozen):
    """What a run on a mixture has seen of one of its sources."""

    kind: str
    """eyes or views."""
    name: str
    type: str
    """Of the source, as in the config."""
    samples: Annotated[int, Field(ge=0)]
    distinct: Annotated[int, Field(ge=0)]
    """Different ones among them."""
    of: Annotated[int, Field(ge=1)] | None
    """How many the run could see; None: the source never ends."""


class Training(_Frozen):
    """Where the weights come from."""

    data: str
    """What was trained on, in a sentence."""
    samples_seen: Annotated[int, Field(ge=0)]
    command: str
    """The one command that reproduces the run."""
    commit: str | None = None
    seed: int | None = None
    sources: tuple[SourceSeen, ...] = ()
    """Of a mixture."""


class Changes(_Frozen):
    """What differs from the parent, each as (then, now); None: nothing, or of the config: unknown."""

    data: tuple[str, str] | None = None
    command: tuple[str, str] | None = None
    commit: tuple[str | None, str | None] | None = None
    config: dict[str, tuple[Any, Any]] | None = None
    """By dotted key; None where the parent recorded no config."""


class Licences(_Frozen):
    """Licence of the weights, and of the data that they were trained on."""

    weights: str
    training_data: str


class Weights(_Frozen):
    """Identity of the weights file."""

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    size_bytes: Annotated[int, Field(gt=0)]
    parameters: Annotated[int, Field(ge=0)]


class ModelMetadata(_Frozen):
    """The content of `model.json`; build one with `describe`."""

    format_version: int
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
    network: NetworkConfig
    preprocessing: Preprocessing
    conventions: Conventions
    training: Training
    licences: Licences
    metrics: dict[str, dict[str, Metric]] = {}
    """Part of the exam -> metric -> value, as `zoo.evaluate.summarise` names them."""
    parent: str | None = None
    """Name of the checkpoint that training started from."""
    other_parents: tuple[str, ...] = ()
    """What else gave weights: of a merge, or of several checkpoints to start from."""
    changes: Changes | None = None
    """What differs from the parent; None where there is none, or nobody recorded it."""
    config: dict[str, Any] | None = None
    """Of the run, by dotted key, without what changes nothing that is learnt."""
    weights: Weights | None = None
    """Filled in by `zoo.hub.checkpoint.save`."""


def describe(
    name: str,
    network: NetworkConfig,
    training: Training,
    licences: Licences,
    metrics: Mapping[str, Mapping[str, float | None]] | None = None,
    parent: str | None = None,
    other_parents: Sequence[str] = (),
    changes: Changes | None = None,
    config: Mapping[str, Any] | None = None,
) -> ModelMetadata:
    """The metadata of a network trained with this version's preprocessing and conventions."""
    return ModelMetadata.model_validate(
        {
            "format_version": FORMAT_VERSION,
            "name": name,
            "network": network,
            "preprocessing": {
                "height": network.input.height,
                "width": network.input.width,
                "resize": "letterbox",
                "standardisation": "per_image",
            },
            "conventions": {
                "classes": conventions.CLASSES,
                "pixels": "first_pixel_centre_is_zero",
                "camera_frame": "opencv_x_right_y_down_z_forward",
            },
            "training": training,
            "licences": licences,
            "metrics": metrics or {},
            "parent": parent,
            "other_parents": tuple(other_parents),
            "changes": changes,
            "config": None if config is None else dict(config),
        }
    )


def read_metadata(folder: Path) -> ModelMetadata:
    """Read and check `model.json` of a checkpoint folder.

    Raises:
        ZooError: it is missing, damaged, of a newer format, or asks for what is not installed here.
    """
    path = folder / METADATA_FILE
    try:
        if path.stat().st_size > _LARGEST_METADATA:
            raise ZooError(f"{path}: {path.stat().st_size} bytes is too large for a {METADATA_FILE}")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ZooError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError:
        raise ZooError(f"{path}: not valid JSON: damaged, or of something else") from None
    return parse_metadata(text, path)


def parse_metadata(text: str, path: Path | str) -> ModelMetadata:
    """Check the content of a `model.json`; `path` says in errors where it stands.

    Raises:
        ZooError: as `read_metadata`.
    """
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        raise ZooError(f"{path}: not valid JSON: damaged, or of something else") from None
    version = raw.get("format_version") if isinstance(raw, dict) else None
    if not isinstance(version, int) or version < 1:
        raise ZooError(f"{path}: has no format_version, so it is not a checkpoint's {METADATA_FILE}")
    if version > FORMAT_VERSION:
        raise ZooError(
            f"{path}: format version {version} is newer than {FORMAT_VERSION}, the newest that this version "
            "of zoo reads; upgrade zoo to use this checkpoint"
        )
    try:
        metadata = ModelMetadata.model_validate(raw)
    except ValidationError as error:
        raise ZooError(
            f"{path}: cannot be used by this version of zoo\n" + "\n".join(complaints(error))
        ) from None
    _check_agreement(path, metadata)
    return metadata


def _check_agreement(path: Path | str, metadata: ModelMetadata) -> None:
    if metadata.conventions.classes != conventions.CLASSES:
        raise ZooError(
            f"{path}: its classes are {list(metadata.conventions.classes)}; this version of zoo uses "
            f"{list(conventions.CLASSES)}"
        )
    size, made = metadata.network.input, metadata.preprocessing
    if (size.height, size.width) != (made.height, made.width):
        raise ZooError(
            f"{path}: preprocessing makes {made.height}x{made.width} pixels "
            f"but the network takes {size.height}x{size.width}"
        )
    backbone = metadata.network.backbone
    if backbone.type == "timm" and (named := sorted(_FILE_OPTIONS & set(backbone.options))):
        raise ZooError(f"{path}: network.backbone.options.{named[0]} would load another file: refused")
    if metadata.weights is None:
        raise ZooError(f"{path}: does not name the checksum of its weights")


def complaints(error: ValidationError) -> Iterator[str]:
    """What is wrong with a file, a line each, for the user."""
    for item in error.errors(include_url=False):
        where = ".".join(str(part) for part in item["loc"]) or "(top)"
        text = item["msg"]
        if item["type"] == "union_tag_invalid":
            context = item.get("ctx", {})
            tag = str(context.get("tag", ""))
            valid = str(context.get("expected_tags", ""))
            close = get_close_matches(tag, [part.strip(" '") for part in valid.split(",")], n=1)
            text = f"type {tag!r} is not installed here (installed: {valid})"
            text += f"; did you mean {close[0]!r}?" if close else ""
        elif item["type"] == "extra_forbidden":
            text = "unknown key"
        yield f"  {where}: {text}"
