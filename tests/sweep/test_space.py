"""What a sweep varies, as it is written on the command line."""

from __future__ import annotations

import pytest

from zoo.errors import ZooError
from zoo.sweep.space import Choice, Range, parse_space


def test_every_kind() -> None:
    texts = [
        "optimizer.lr=log(1e-4, 1e-2)",
        "optimizer.weight_decay=uniform(0,0.1)",
        "network.neck.width=int(8,32,8)",
        "batch_size=logint(4,64)",
        "network.backbone.widths=choice([8, 16],[16,32])",
        "data.path=choice('a,b', c)",
    ]
    assert parse_space(texts) == [
        Range("optimizer.lr", 1e-4, 1e-2, log=True),
        Range("optimizer.weight_decay", 0.0, 0.1),
        Range("network.neck.width", 8, 32, whole=True, step=8),
        Range("batch_size", 4, 64, log=True, whole=True),
        Choice("network.backbone.widths", ("[8, 16]", "[16,32]")),
        Choice("data.path", ("'a,b'", "c")),
    ]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "nothing to search"),
        (["optimizer.lr"], r"write KEY=KIND\(\.\.\.\)"),
        (["optimizer.lr=lgo(1,2)"], "no such kind 'lgo'; did you mean 'log'"),
        (["optimizer.lr=log(0,2)"], "starts above 0"),
        (["optimizer.lr=uniform(2,1)"], "LOW must be below HIGH"),
        (["optimizer.lr=uniform(nan,1)"], "LOW must be below HIGH"),
        (["optimizer.lr=uniform(0,inf)"], "LOW must be below HIGH"),
        (["batch_size=int(1,2.5)"], "takes whole numbers"),
        (["batch_size=int(1,8,2)"], r"STEP must divide HIGH - LOW = 7"),
        (["batch_size=log(1,2,3)"], r"write batch_size=log\(LOW,HIGH\)"),
        (["batch_size=choice(1)"], "two or more different"),
        (["batch_size=choice(1,[2)"], "'\\[2' is open|is open"),
        (["batch_size=choice(1,2])"], "closes nothing"),
        (["a=choice(1,2)", "a=int(1,2)"], "gives a twice"),
    ],
)
def test_mistakes_are_named(texts: list[str], message: str) -> None:
    with pytest.raises(ZooError, match=message):
        parse_space(texts)
