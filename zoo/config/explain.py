"""Turns pydantic's errors into sentences: the dotted key, the value given, what is valid, the nearest key."""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails


class Key(NamedTuple):
    """A key that the schema knows: its dotted name, its type, and what is given for it (None: nothing)."""

    name: str
    annotation: Any
    given: Any


def explain(error: ValidationError, schema: type[BaseModel], given: dict[str, Any]) -> str:
    """One line for each mistake in `given`.

    Args:
        error: what `schema.model_validate(given)` raised.
        given: the composed config, plain containers.
    """
    valid = [key.name for key in known_keys(schema, given)]
    return "\n".join(_sentence(detail, given, valid) for detail in error.errors(include_url=False))


def misplaced_booleans(schema: type[BaseModel], given: dict[str, Any]) -> list[str]:
    """One line for each true or false in place of a number, which pydantic would take for 1 or 0."""
    return [
        f"{key.name}={str(key.given).lower()}: true and false are not valid here"
        for key in known_keys(schema, given)
        if isinstance(key.given, bool) and "bool" not in str(key.annotation)
    ]


def known_keys(annotation: Any, given: Any, prefix: str = "") -> Iterator[Key]:
    """Every key that the schema knows, following the `type` that `given` chose in each union."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is dict and isinstance(given, dict):
        for name, value in given.items():
            yield from known_keys(get_args(annotation)[1], value, f"{prefix}{name}.")
        return
    model = _model(annotation, given)
    if model is None:
        return
    for name, field in model.model_fields.items():
        value = given.get(name) if isinstance(given, dict) else None
        yield Key(f"{prefix}{name}", field.annotation, value)
        yield from known_keys(field.annotation, value, f"{prefix}{name}.")


def _model(annotation: Any, given: Any) -> type[BaseModel] | None:
    """The pydantic model that `given` is validated against, if the annotation holds one."""
    models = [o for o in _options(annotation) if isinstance(o, type) and issubclass(o, BaseModel)]
    if len(models) < 2:
        return models[0] if models else None
    tag = given.get("type") if isinstance(given, dict) else None
    return next((m for m in models if tag in get_args(m.model_fields["type"].annotation)), None)


def _options(annotation: Any) -> Iterator[Any]:
    """The members of a union and of the unions within it."""
    if get_origin(annotation) is Annotated:
        yield from _options(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, types.UnionType):
        for option in get_args(annotation):
            yield from _options(option)
    else:
        yield annotation


def _sentence(detail: ErrorDetails, given: dict[str, Any], valid: list[str]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "zoo":
        key = _dotted((*detail["loc"], context["key"]), given)
        return f"{key}={context['given']}: {context['message']}"
    key = _dotted(detail["loc"], given)
    value = _short(detail["input"])
    if kind == "extra_forbidden":
        return f"{key}={value}: there is no key {key!r}; {nearest(key, valid)}"
    if kind == "missing":
        return f"{key}: required, but not given"
    if kind == "union_tag_invalid":
        tag, tags = str(context["tag"]), str(context["expected_tags"])
        return f"{key}.type={tag}: valid: {tags.replace(chr(39), '')}{_similar(tag, tags)}"
    if kind == "union_tag_not_found":
        return f"{key}.type: required, but not given"
    reason = detail["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    hint = _similar(str(detail["input"]), str(context["expected"])) if kind == "literal_error" else ""
    return f"{key}={value}: {reason}{hint}" if key else f"{reason}{hint}"


def nearest(key: str, valid: Sequence[str]) -> str:
    """A hint for an unknown key: a close sibling, the same name elsewhere, a close key, or all siblings."""
    parent, _, name = key.rpartition(".")
    siblings = [k.rpartition(".")[2] for k in valid if k.rpartition(".")[0] == parent]
    prefix = f"{parent}." if parent else ""
    close = [prefix + match for match in get_close_matches(name, siblings, n=1)]
    elsewhere = [k for k in valid if k.rpartition(".")[2] == name]
    match = close or elsewhere or get_close_matches(key, valid, n=1, cutoff=0.75)
    if match:
        return f"did you mean {' or '.join(repr(m) for m in match[:3])}?"
    return f"valid in {parent or 'the config'}: {', '.join(sorted(siblings)) or 'nothing'}"


def _similar(value: str, expected: str) -> str:
    options = [part.strip("' ") for part in expected.replace(" or ", ", ").split(",")]
    close = get_close_matches(value, options, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _dotted(location: tuple[int | str, ...], given: Any) -> str:
    """The location as the user writes it: pydantic also puts the chosen `type` of a union into it."""
    parts = []
    for position, part in enumerate(location):
        container = isinstance(given, dict | list | tuple)
        try:
            given = given[part]
        except (KeyError, IndexError, TypeError):
            if position < len(location) - 1 or not container:
                continue
        parts.append(str(part))
    return ".".join(parts)


def _short(value: Any) -> str:
    text = str(value) if isinstance(value, str | int | float) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
