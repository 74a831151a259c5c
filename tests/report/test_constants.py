"""Printed numbers are the numbers they stand for."""

from fractions import Fraction
from math import pi, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tpc.diagnostics import Span
from tpc.program.nodes import Constant
from tpc.report.constants import Arrays, number
from tpc.report.formula import ArrayOf, Call, Formula, Name, Number, Product, Quotient, Sum
from tpc.report.spelling import plain, spell
from tpc.report.unicode import Unicode


def _value(formula: Formula) -> float:
    match formula:
        case Number(value=value):
            return value
        case Name(text="pi"):
            return pi
        case Name(text="e"):
            return float(np.e)
        case Quotient(numerator=x, denominator=y):
            return _value(x) / _value(y)
        case Call(function="sqrt", arguments=(x,)):
            return sqrt(_value(x))
        case Product(factors=(x, y)):
            return _value(x) * _value(y)
        case Sum(terms=((True, x),)):
            return -_value(x)
        case _:
            raise AssertionError(formula)


FLOATS = st.floats(allow_nan=False, allow_infinity=False)
FRACTIONS = st.builds(Fraction, st.integers(-99, 99), st.integers(1, 64)).map(float)
ROOTS = st.builds(lambda p, q: sqrt(p / q), st.integers(1, 64), st.integers(1, 64))


@given(st.one_of(FLOATS, FRACTIONS, ROOTS))
@pytest.mark.slow
def test_a_number_is_what_is_printed(value: float) -> None:
    assert _value(number(value)) == pytest.approx(value, rel=2**-49, abs=0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.0, "2"),
        (0.5, "0.5"),
        (-0.25, "-0.25"),
        (1 / 3, "1/3"),
        (-2 / 3, "-2/3"),
        (sqrt(2), "sqrt(2)"),
        (1 / sqrt(2), "1 / sqrt(2)"),
        (2 / sqrt(pi), "2 / sqrt(π)"),
        (1 / sqrt(2 * pi), "1 / sqrt(2 π)"),
        (5.000000000000002, "5"),
        (0.1234567891, "0.1234567891"),
        (1e-5, "1e-05"),
        (1e20, "1e+20"),
        (float("inf"), "inf"),
    ],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert plain(spell(number(value), Unicode())) == text


SOURCE = "x @ X.T + y @ X.T + y @ Y[s] + z @ W"


def _constant(start: int, end: int, value: object) -> Constant:
    array = np.array(value, dtype=np.float64)
    return Constant((), array.shape, Span(start, end, 1, start + 1), array)


def test_arrays_are_called_as_in_the_source_where_that_names_one_array() -> None:
    arrays = Arrays(SOURCE, {"W"})
    large = np.arange(8.0)
    assert arrays.formula(_constant(4, 7, large)) == Name("X.T")
    assert arrays.formula(_constant(14, 17, large)) == Name("X.T")
    assert arrays.formula(_constant(14, 17, large + 1)) == ArrayOf((8,))
    assert arrays.formula(_constant(24, 28, large)) == ArrayOf((8,))
    assert arrays.formula(_constant(35, 36, large)) == ArrayOf((8,))


def test_small_and_uniform_arrays_are_written_out() -> None:
    arrays = Arrays("", set())
    assert arrays.formula(_constant(0, 0, np.ones((2, 4)))) == ArrayOf((2, 4), 1.0)
    listing = arrays.formula(_constant(0, 0, [[1, -2], [0.5, 4]]))
    assert plain(spell(listing, Unicode())) == "[[1, -2], [0.5, 4]]"
