"""Formula -> text in one alphabet: precedence and parentheses, the same for every alphabet.

Levels, loosest first: sums, products, marks and powers, atoms. A formula is put in parentheses
where it binds looser than its place asks for. Where a long line may be broken, a break mark stands
in front of an operator; `fill` turns some of them into new lines.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, assert_never

from tpc.report import formula as expr
from tpc.report.formula import Formula

SUM, PRODUCT, POWER, ATOM = range(1, 5)
"""Levels of precedence, loosest first."""

BREAK, SOFT_BREAK, LAST_BREAK = "\x1f", "\x1e", "\x1d"
"""Where a line may be broken: before a sign of addition, of multiplication, between bare factors.

Never part of what is printed.
"""

_COSTS = {BREAK: 0.0, SOFT_BREAK: 0.5, LAST_BREAK: 1.25}
"""What a break costs, in brackets around it."""


_MARKS = f"[{''.join(_COSTS)}]"


@dataclass(frozen=True, slots=True)
class Piece:
    """A formula written out.

    Attributes:
        text: The text, with break marks.
        level: Its precedence.
    """

    text: str
    level: int = ATOM


class Alphabet(Protocol):
    """How one output format writes each kind of formula, given its parts.

    What most of them write alike is written here.
    """

    def group(self, text: str) -> str:
        """Write parentheses."""
        return f"({text})"

    def number(self, value: float) -> Piece:
        """Write a number."""

    def name(self, text: str) -> str:
        """Write a name."""

    def array(self, array: expr.ArrayOf) -> Piece:
        """Write an array by its shape."""

    def space(self, shape: tuple[int, ...]) -> Piece:
        """Write R^shape."""

    def listing(self, items: tuple[str, ...]) -> str:
        """Write the items of an array in a row."""
        return f"[{', '.join(items)}]"

    def ket(self, ket: expr.Ket) -> Piece:
        """Write a ket, its hat, its dot or a copy of it."""

    def braket(self, braket: expr.BraKet) -> str:
        """Write an inner product, or a generalised bra applied to a ket."""

    def expectation(self, operand: str, copies: tuple[int, ...]) -> str:
        """Write an expectation."""

    def call(self, call: expr.Call, arguments: tuple[str, ...]) -> Piece:
        """Write a function of its arguments."""

    def indicator(self, left: str, right: str) -> str:
        """Write 1 where two values are equal."""
        return f"[{left} = {right}]"

    def indexed(self, operand: str, keys: tuple[object, ...]) -> str:
        """Write an array at some indices."""

    def raised(self, operand: str, mark: str) -> str:
        """Write a transposed, inverted or pseudo-inverted operand."""

    def power(self, base: str, exponent: Piece) -> str:
        """Write a power."""

    def quotient(self, numerator: Piece, denominator: Piece) -> Piece:
        """Write a quotient."""

    def contraction(self, left: str, right: str, axes: int) -> str:
        """Write a tensordot over several axes."""

    def total(self, operand: str, inclusive: bool) -> str:
        """Write a sum over the rounds before t, or up to t."""

    def rate(self, operand: str, over: tuple[str, ...]) -> Piece:
        """Write a derivative in the depth, or in two depths."""

    def between(self, kind: str, left: str, right: str) -> str:
        """Write the sign of multiplication between two factors."""


def spell(formula: Formula, alphabet: Alphabet) -> str:
    """Write a formula, with break marks."""
    return _piece(formula, alphabet).text


def _piece(formula: Formula, a: Alphabet) -> Piece:
    def of(part: Formula) -> str:
        return _piece(part, a).text

    def at(part: Formula, level: int) -> str:
        return _at(_piece(part, a), level, a)

    match formula:
        case expr.Number(value=value):
            return a.number(value)
        case expr.Name(text=text):
            return Piece(a.name(text))
        case expr.ArrayOf():
            return a.array(formula)
        case expr.Space(shape=shape):
            return a.space(shape)
        case expr.Listing(items=items):
            return Piece(a.listing(tuple(map(of, items))))
        case expr.Ket():
            return a.ket(formula)
        case expr.BraKet():
            return Piece(a.braket(formula))
        case expr.Expectation(operand=operand, copies=copies):
            return Piece(a.expectation(of(operand), copies))
        case expr.Call(arguments=arguments):
            return a.call(formula, tuple(map(of, arguments)))
        case expr.Indicator(left=left, right=right):
            return Piece(a.indicator(of(left), of(right)))
        case expr.Indexed(operand=operand, keys=keys):
            return Piece(a.indexed(at(operand, ATOM), keys))
        case expr.Raised(operand=operand, mark=mark):
            return Piece(a.raised(at(operand, ATOM), mark), POWER)
        case expr.Power(base=base, exponent=exponent):
            return Piece(a.power(at(base, ATOM), _piece(exponent, a)), POWER)
        case expr.Quotient(numerator=numerator, denominator=denominator):
            return a.quotient(_piece(numerator, a), _piece(denominator, a))
        case expr.Contraction(left=left, right=right, axes=axes):
            return Piece(a.contraction(at(left, POWER), at(right, POWER), axes), PRODUCT)
        case expr.Rate(operand=operand, over=over):
            return a.rate(at(operand, ATOM), over)
        case expr.Product():
            return Piece(_product(formula, a), PRODUCT)
        case expr.Sum():
            return Piece(_sum(formula, a), SUM)
        case expr.SumOver(operand=operand, inclusive=inclusive):
            return Piece(a.total(at(operand, PRODUCT), inclusive), PRODUCT)
        case _:
            assert_never(formula)


def _at(piece: Piece, level: int, a: Alphabet) -> str:
    return piece.text if piece.level >= level else a.group(piece.text)


def _product(product: expr.Product, a: Alphabet) -> str:
    """Write the factors; only a multiple may stand bare inside a product of another kind."""
    written = ""
    for position, factor in enumerate(product.factors):
        bare = position == 0 and isinstance(factor, expr.Product) and factor.kind == "times"
        text = _at(_piece(factor, a), PRODUCT if bare else POWER, a)
        written += (a.between(product.kind, written, text) if written else "") + text
    return written


def _sum(terms: expr.Sum, a: Alphabet) -> str:
    written = ""
    for negative, term in terms.terms:
        text = _at(_piece(term, a), PRODUCT, a)
        if written:
            written += f" {BREAK}{'-' if negative else '+'} {text}"
        else:
            written = f"-{text}" if negative else text
    return written


def plain(text: str) -> str:
    """Return a text without break marks."""
    return re.sub(_MARKS, "", text)


def fill(text: str, width: int, measure: Callable[[str], int] = len) -> tuple[str, ...]:
    """Break a text into lines no wider than `width`, where its marks allow it.

    Of the places that fit, the one that costs least is taken, then the last.
    """
    chunks = re.split(f"({_MARKS})", text)
    marks, chunks = [BREAK, *chunks[1::2]], chunks[::2]
    depth = 0
    costs = []
    for mark, chunk in zip(marks, chunks, strict=True):
        costs.append(depth + _COSTS[mark])
        depth += sum(map(chunk.count, "([")) - sum(map(chunk.count, ")]"))
    lines = []
    start = 0
    while start < len(chunks):
        stop = _line_end(chunks, costs, start, lambda line: measure(line) <= width)
        lines.append("".join(chunks[start:stop]).rstrip())
        start = stop
    return tuple(lines)


def _line_end(
    chunks: list[str], costs: list[float], start: int, fits: Callable[[str], bool]
) -> int:
    """Return the index of the first chunk of the next line."""
    stop = start + 1
    line = chunks[start]
    while stop < len(chunks) and fits((line + chunks[stop]).rstrip()):
        line += chunks[stop]
        stop += 1
    if stop == len(chunks):
        return stop
    return min(range(start + 1, stop + 1), key=lambda end: (costs[end], -end))
