"""Numbers and arrays as people write them: 2, 0.5, 1/3, sqrt(2), [1, 0.5].

A decimal, a fraction or a root stands for the float next to it, also where products of such numbers
have gathered an error of rounding. A larger array is known by its name in the program or by its
shape.
"""

import re
from fractions import Fraction
from math import e, isfinite, pi, sqrt

import numpy as np
import numpy.typing as npt

from tpc.program.nodes import Constant
from tpc.report.formula import (
    ArrayOf,
    Call,
    Formula,
    Listing,
    Name,
    Number,
    divide,
    multiply,
    negate,
)

_LONG = 8
"""Numbers with a longer decimal expansion are tried as fractions and roots."""

_LARGEST_DENOMINATOR = 64

_ROUNDING = 2.0**-50

_LARGEST_LISTING = 6
"""Arrays with more entries are not printed."""

_NAMED = r"[A-Za-z_]\w*(\[\d+(, ?\d+)*\])?(\.T)?"
"""Source text that says which array it is wherever it stands: `X`, `X[0]`, `X.T`."""


def number(value: float) -> Formula:
    """Return the formula of a number."""
    if value < 0:
        return negate(number(-value))
    if not isfinite(value) or len(decimal(value)) <= _LONG:
        return Number(value)
    rounded = float(f"{value:.12g}")
    is_short = _same(rounded, value)
    if is_short and len(decimal(rounded)) <= _LONG:
        return Number(rounded)
    simple = Fraction(value).limit_denominator(_LARGEST_DENOMINATOR)
    if _same(float(simple), value):
        return _fraction(simple)
    known = {
        pi: Name("pi"),
        e: Name("e"),
        1 / sqrt(pi): divide(Number(1), _root(Name("pi"))),
        2 / sqrt(pi): divide(Number(2), _root(Name("pi"))),
        1 / sqrt(2 * pi): divide(Number(1), _root(multiply("times", Number(2), Name("pi")))),
    }
    return known.get(value) or _as_root(value) or Number(rounded if is_short else value)


def _same(simple: float, value: float) -> bool:
    """Whether a number differs from a simple one by rounding only."""
    return abs(simple - value) <= _ROUNDING * value


def decimal(value: float) -> str:
    """Write a number >= 0 so that it reads back exactly: an integer without a point."""
    exact = float(value)
    return str(int(exact)) if exact < 1e15 and exact.is_integer() else repr(exact)


def _as_root(value: float) -> Formula | None:
    """Return sqrt(p/q) or 1/sqrt(q) where that is the number."""
    square = Fraction(value * value).limit_denominator(_LARGEST_DENOMINATOR)
    if not _same(sqrt(square), value):
        return None
    if square.numerator == 1:
        return divide(Number(1), _root(Number(float(square.denominator))))
    return _root(_fraction(square))


def _root(x: Formula) -> Formula:
    return Call("sqrt", (x,))


def _fraction(value: Fraction) -> Formula:
    return divide(Number(float(value.numerator)), Number(float(value.denominator)))


def is_uniform(array: npt.NDArray[np.float64]) -> bool:
    """Whether an array has axes and one value everywhere."""
    return bool(array.shape) and array.size > 0 and bool((array == array.flat[0]).all())


class Arrays:
    """Says what arrays are called: as in the source text, where that names one array only."""

    def __init__(self, source: str, taken: set[str]) -> None:
        self._source = source
        self._taken = taken
        self._bytes: dict[str, bytes] = {}

    def formula(self, node: Constant) -> Formula:
        """Return the formula of a constant."""
        array = node.value
        if not array.shape:
            return number(float(array))
        if is_uniform(array):
            return ArrayOf(array.shape, float(array.flat[0]))
        text = node.span.text(self._source)
        if re.fullmatch(_NAMED, text) and re.split(r"\W", text)[0] not in self._taken:
            content = array.tobytes() + repr(array.shape).encode()
            if self._bytes.setdefault(text, content) == content:
                return Name(text)
        return _listing(array) if array.size <= _LARGEST_LISTING else ArrayOf(array.shape)


def _listing(array: npt.NDArray[np.float64]) -> Formula:
    if not array.shape:
        return number(float(array))
    return Listing(tuple(map(_listing, array)))
