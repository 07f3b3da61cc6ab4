"""Filter checkpoints by an expression: `params < 2e6 and pupil_px < 0.6`. Parsed, never run.

    expression  = all ("or" all)*
    all         = one ("and" one)*
    one         = "not" one | operand (("<" | "<=" | ">" | ">=" | "==" | "=" | "!=") operand)*
                | operand ["not"] "in" operand
    operand     = "(" expression ")" | number | 'text' | field

Fields are those of `zoo.hub.fields`. Comparisons may be chained: `1e5 < params <= 2e6`. What is unknown of a
checkpoint is neither true nor false: `pupil_px < 1` and `not pupil_px < 1` both leave out one without it.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from zoo.errors import ZooError
from zoo.hub.fields import Kind, Row, Value, field

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.])"
    r"|(?P<text>'[^']*'|\"[^\"]*\")"
    r"|(?P<word>[A-Za-z_][\w.@/]*)"
    r"|(?P<sign><=|>=|==|!=|[<>=()-]))"
)
_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "=": operator.eq,
    "!=": operator.ne,
}
_WORDS: Final = ("and", "or", "not", "in")
_KINDS: Final[dict[Kind, str]] = {
    "number": "a number",
    "text": "a text",
    "texts": "a list",
    "truth": "true or false",
}
_DEEPEST: Final = 50


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


@dataclass(frozen=True)
class _Node:
    kind: Kind
    at: int
    value: Callable[[Row], Value]


def where(expression: str, rows: Sequence[Row]) -> list[Row]:
    """The rows for which the expression is true, in their order.

    Raises:
        ZooError: it is not an expression; names the position, and the nearest field for an unknown one.
    """
    condition = _Parser(expression, rows).whole()
    return [row for row in rows if condition.value(row) is True]


def ordered(key: str, rows: Sequence[Row]) -> list[Row]:
    """The rows by a field, ascending; descending after a minus, as in `-params`. Unknown ones come last.

    Raises:
        ZooError: no such field.
    """
    name = key.removeprefix("-").strip()
    try:
        chosen = field(name, rows)
    except KeyError as error:
        raise ZooError(f"--sort {key}: {error.args[0]}") from None
    values = [(chosen.value(row), row) for row in rows]
    known = [(value, row) for value, row in values if value is not None]
    known.sort(key=lambda pair: cast(Any, pair[0]), reverse=key.startswith("-"))  # all of one kind
    return [row for _, row in known] + [row for value, row in values if value is None]


class _Parser:
    def __init__(self, text: str, rows: Sequence[Row]) -> None:
        self._text = text
        self._rows = rows
        self._tokens = self._split()
        self._next = 0
        self._depth = 0

    def whole(self) -> _Node:
        node = self._expression()
        if (token := self._peek()).kind != "end":
            raise self._wrong(token.at, f"{token.text!r} is too much; expected 'and', 'or' or the end")
        return self._truth(node)

    def _split(self) -> list[_Token]:
        tokens, at = [], 0
        end = len(self._text.rstrip())
        while at < end:
            match = _TOKEN.match(self._text, at)
            if match is None:
                at = len(self._text) - len(self._text[at:].lstrip())
                what = "a text that does not end" if self._text[at] in "'\"" else f"{self._text[at]!r}"
                raise self._wrong(at, f"{what} is not understood")
            kind = match.lastgroup or ""
            word = match[kind]
            kind = word if kind == "word" and word in _WORDS else word if kind == "sign" else kind
            tokens.append(_Token(kind, word, match.start(match.lastgroup or 0)))
            at = match.end()
        return [*tokens, _Token("end", "", end)]

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self, *kinds: str) -> _Token | None:
        token = self._peek()
        if token.kind not in kinds:
            return None
        self._next += 1
        return token

    def _expression(self) -> _Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._wrong(self._peek().at, "is nested too deeply")
        node = self._joined("or", lambda: self._joined("and", self._one))
        self._depth -= 1
        return node

    def _joined(self, word: str, part: Callable[[], _Node]) -> _Node:
        nodes = [part()]
        while self._take(word):
            nodes.append(part())
        if len(nodes) == 1:
            return nodes[0]
        parts = [self._truth(node) for node in nodes]
        decisive = word == "or"

        def value(row: Row) -> Value:
            values = [node.value(row) for node in parts]
            return decisive if decisive in values else None if None in values else not decisive

        return _Node("truth", nodes[0].at, value)

    def _one(self) -> _Node:
        turns = 0
        while token := self._take("not"):
            turns, first = turns + 1, token
        if turns:
            node = self._truth(self._comparison())

            def value(row: Row) -> Value:
                known = node.value(row)
                return None if known is None else bool(known) != (turns % 2 == 1)

            return _Node("truth", first.at, value)
        return self._comparison()

    def _comparison(self) -> _Node:
        left = self._operand()
        if self._peek().kind == "in" or (
            self._peek().kind == "not" and self._tokens[self._next + 1].kind == "in"
        ):
            return self._membership(left)
        links = []
        while sign := self._take(*_COMPARE):
            right = self._operand()
            links.append(self._link(left, sign, right))
            left = right
        if not links:
            return left

        def value(row: Row) -> Value:
            values = [link(row) for link in links]
            return False if False in values else None if None in values else True

        return _Node("truth", left.at, value)

    def _link(self, left: _Node, sign: _Token, right: _Node) -> Callable[[Row], bool | None]:
        if left.kind != right.kind or left.kind not in ("number", "text"):
            hint = "; use 'x' in ..." if "texts" in (left.kind, right.kind) else ""
            raise self._wrong(
                sign.at, f"{sign.text!r} cannot compare {_KINDS[left.kind]} with {_KINDS[right.kind]}{hint}"
            )
        compare = _COMPARE[sign.text]

        def link(row: Row) -> bool | None:
            a, b = left.value(row), right.value(row)
            return None if a is None or b is None else compare(a, b)

        return link

    def _membership(self, left: _Node) -> _Node:
        negative = self._take("not") is not None
        sign = self._take("in")
        assert sign is not None
        right = self._operand()
        if left.kind != "text" or right.kind not in ("text", "texts"):
            raise self._wrong(
                sign.at,
                "'in' looks for a text in a list or in a text, "
                f"not for {_KINDS[left.kind]} in {_KINDS[right.kind]}",
            )

        def value(row: Row) -> Value:
            a, b = left.value(row), right.value(row)
            if not isinstance(a, str) or not isinstance(b, str | tuple):
                return None
            return (a in b) != negative

        return _Node("truth", left.at, value)

    def _operand(self) -> _Node:
        if opening := self._take("("):
            node = self._expression()
            if not self._take(")"):
                raise self._wrong(self._peek().at, f"expected ')' for the '(' at position {opening.at + 1}")
            return node
        if minus := self._take("-"):
            token = self._take("number")
            if token is None:
                raise self._wrong(self._peek().at, "expected a number after '-'")
            return _constant("number", minus.at, -float(token.text))
        if token := self._take("number"):
            return _constant("number", token.at, float(token.text))
        if token := self._take("text"):
            return _constant("text", token.at, token.text[1:-1])
        if token := self._take("word"):
            return self._field(token)
        token = self._peek()
        found = "the end" if token.kind == "end" else repr(token.text)
        raise self._wrong(token.at, f"expected a field, a number or a 'text', not {found}")

    def _field(self, token: _Token) -> _Node:
        try:
            chosen = field(token.text, self._rows)
        except KeyError as error:
            before = self._peek().kind in ("in", "not") or (
                self._next >= 2 and self._tokens[self._next - 2].kind in ("==", "=", "!=")
            )
            hint = f" (a text is written {token.text!r})" if before else ""
            raise self._wrong(token.at, f"{error.args[0]}{hint}") from None
        return _Node(chosen.kind, token.at, chosen.value)

    def _truth(self, node: _Node) -> _Node:
        if node.kind != "truth":
            raise self._wrong(node.at, f"expected a comparison, not {_KINDS[node.kind]} alone")
        return node

    def _wrong(self, at: int, message: str) -> ZooError:
        return ZooError(f"--where, position {at + 1}: {message}\n  {self._text}\n  {' ' * at}^")


def _constant(kind: Kind, at: int, value: Value) -> _Node:
    return _Node(kind, at, lambda _: value)
