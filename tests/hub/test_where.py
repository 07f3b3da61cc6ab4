"""Finding checkpoints by expressions. Imports no torch itself."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from zoo.errors import ZooError
from zoo.hub.fields import FIELDS, Row
from zoo.hub.index import Found
from zoo.hub.metadata import Licences, Training
from zoo.hub.schema import Canvas, Entry, FileFacts, Files, Latency
from zoo.hub.where import ordered, where


def row(name: str, parameters: int, pupil_px: float | None, ms: float | None, *aliases: str) -> Row:
    facts = FileFacts(sha256="0" * 64, size_bytes=1)
    metrics: dict[str, Any] = {"unseen": {"keypoints/pupil_px_median": pupil_px, "blink/blink_ap": 0.9}}
    entry = Entry(
        name=name,
        released=date(2026, 1, 1),
        tasks=("depth",) if pupil_px is None else ("blink", "gaze"),
        input=Canvas(height=120, width=160),
        parameters=parameters,
        latency=None if ms is None else Latency(ms=ms, on="a machine"),
        training=Training(data="Noise.", samples_seen=4, command="zoo train"),
        licences=Licences(weights="Apache-2.0", training_data="own"),
        metrics={} if pupil_px is None else metrics,
        files=Files(weights=facts, metadata=facts),
    )
    return Row(Found(entry, ()), aliases)


ROWS = [
    row("a.x@1", 100_000, 0.9, 5.0),
    row("b.x@1", 1_500_000, 0.5, 2.0, "b"),
    row("c.y@2", 3_000_000, 0.4, None, "c"),
    row("d.y@1", 1_000, None, 9.0),
]


def names(expression: str) -> str:
    return "".join(found.found.entry.name[0] for found in where(expression, ROWS))


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("params < 2e6 and pupil_px < 0.6", "b"),
        ("params < 2e6", "abd"),
        ("1e5 <= params < 2e6", "ab"),
        ("pupil_px < 0.6 or latency > 8", "bcd"),
        ("pupil_px < 0.6 or latency > 8 and params > 1e9", "bc"),
        ("(pupil_px < 0.6 or latency > 8) and params < 1e4", "d"),
        ("not pupil_px < 0.6", "a"),  # of d nothing is known
        ("not not pupil_px < 0.6", "bc"),
        ("latency > 1 or params > 2e6", "abcd"),
        ("not (latency > 1 and params > 2e6)", "abd"),  # of c it is open
        ("not (latency < 1 and params > 2e6)", "abd"),
        ("'gaze' in tasks", "abc"),
        ('"gaze" not in tasks', "d"),
        ("'b' in aliases", "b"),
        ("promoted", "bc"),
        ("not promoted", "ad"),
        ("tag == 'y' and version = 2", "c"),
        ("tag != 'y'", "ab"),
        ("'pache' in licence and name > 'c'", "cd"),
        ("unseen.pupil_px_median < .6", "bc"),
        ("unseen.keypoints/pupil_px_median < 6.e-1", "bc"),
        ("-1 < version", "abcd"),
        ("parent == 'a.x@1'", ""),
        ("released >= '2026-01-01'", "abcd"),
        ("  promoted  ", "bc"),
    ],
)
def test_an_expression_finds_what_it_says(expression: str, found: str) -> None:
    assert names(expression) == found


@pytest.mark.parametrize(
    ("expression", "position", "message"),
    [
        ("params < 2e6 and pupl_px < 0.6", 18, "no field 'pupl_px'; did you mean 'pupil_px'?"),
        ("unseen.pupil_px_meadian < 1", 1, "did you mean 'unseen.pupil_px_median'?"),
        ("tag == rendered", 8, "(a text is written 'rendered')"),
        ("gaze in tasks", 1, "(a text is written 'gaze')"),
        ("params", 1, "expected a comparison, not a number alone"),
        ("'gaze'", 1, "expected a comparison, not a text alone"),
        ("params < ", 9, "expected a field, a number or a 'text', not the end"),
        ("", 1, "expected a field"),
        ("params < 'many'", 8, "cannot compare a number with a text"),
        ("tasks == 'gaze'", 7, "use 'x' in ..."),
        ("promoted == 1", 10, "cannot compare true or false with a number"),
        ("3 in tasks", 3, "not for a number in a list"),
        ("(params < 1", 12, "expected ')' for the '(' at position 1"),
        ("params < 1)", 11, "')' is too much"),
        ("params < 1 params > 2", 12, "expected 'and', 'or' or the end"),
        ("params < 1 and", 15, "not the end"),
        ("params & 1", 8, "'&' is not understood"),
        ("tag == 'x", 8, "a text that does not end"),
        ("params < 2e6x", 10, "'2' is not understood"),
        ("params < --1", 11, "expected a number after '-'"),
        ("__import__('os')", 1, "no field '__import__'"),
        ("params < 1; params", 11, "';' is not understood"),
        ("params.__class__ == 1", 1, "no field 'params.__class__'"),
        ("(" * 1000, 51, "is nested too deeply"),
    ],
)
def test_a_mistake_is_named_with_its_position(expression: str, position: int, message: str) -> None:
    with pytest.raises(ZooError) as caught:
        where(expression, ROWS)
    first, shown, mark = str(caught.value).split("\n")
    assert message in first and f"position {position}:" in first
    assert shown[2:] == expression and mark.index("^") == position + 1


def test_rows_are_sorted_and_the_unknown_come_last() -> None:
    def order(key: str) -> str:
        return "".join(found.found.entry.name[0] for found in ordered(key, ROWS))

    assert order("latency") == "badc"
    assert order("-latency") == "dabc"
    assert order("name") == "abcd"
    assert order("unseen.pupil_px_median") == "cbad"
    with pytest.raises(ZooError, match=r"--sort latencies: no field 'latencies'; did you mean 'latency'\?"):
        ordered("latencies", ROWS)


def test_every_field_has_a_value_of_its_kind() -> None:
    kinds = {"number": (int, float), "text": (str,), "texts": (tuple,), "truth": (bool,)}
    for name, field in FIELDS.items():
        for value in (field.value(row) for row in ROWS):
            assert value is None or isinstance(value, kinds[field.kind]), name
