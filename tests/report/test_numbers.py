"""Numbers with errors read back as what they were, to the digits shown."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tpc.report.numbers import format_array, format_number, format_parameters, to_lists


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (1.23456, 0.0012, "1.2346(12)"),
        (-0.5, 0.25, "-0.50(25)"),
        (0.5, 0.0999, "0.50(10)"),
        (0.5, 0.00996, "0.500(10)"),
        (1.0, 0.0, "1"),
        (1 / 3, 0.0, "0.3333333333"),
        (1 / 3, float("nan"), "0.333333(?)"),
        (1.2342e-7, 2.4e-9, "1.234(24)e-07"),
        (1.2345e9, 3.2e6, "1.2345(32)e+09"),
        (12345.6, 678.9, "12346(679)"),
        (0.0, 0.001, "0.0000(10)"),
        (-1e-9, 0.5, "0.00(50)"),
        (1.0, 1e-18, "1"),
        (float("inf"), 1.0, "inf"),
        (float("nan"), 0.0, "nan"),
    ],
)
def test_format_number(value: float, error: float, shown: str) -> None:
    assert format_number(value, error) == shown


@given(
    st.floats(-1e12, 1e12).filter(lambda x: x == 0 or abs(x) > 1e-12),
    st.floats(1e-10, 1e10),
)
@pytest.mark.slow
def test_shown_digits_are_within_half_a_digit_of_the_error(value: float, error: float) -> None:
    shown = format_number(value, error)
    if "(" not in shown:  # all digits of a float
        assert float(shown) == pytest.approx(value, rel=1e-14)
        return
    number, rest = shown.split("(")
    digits, power = rest.split(")")
    assert abs(float(number + power) - value) <= 0.06 * error + 1e-14 * abs(value)
    decimals = len(number.partition(".")[2])
    assert float(f"{digits}e-{decimals}") * float("1" + power) == pytest.approx(error, rel=0.06)


def test_small_arrays_show_every_error() -> None:
    shown = format_array([[1.0, 2.5], [0.25, 0.0]], [[0.1, 0.25], [0.01, 0.0]])
    assert shown == "[[ 1.00(10)  2.50(25)]\n [0.250(10)         0]]"


def test_large_arrays_show_corners_and_the_largest_error() -> None:
    errors = np.zeros((30, 40))
    errors[3, 4] = 0.125
    shown = format_array(np.arange(1200.0).reshape(30, 40), errors)
    assert "30 x 40, largest standard error 0.12" in shown
    assert "1199" in shown
    assert len(shown.splitlines()) < 12
    assert "exact" in format_array(np.zeros(100), np.zeros(100))
    assert len(format_array(np.zeros((9, 9, 9, 9)), np.zeros((9,) * 4)).splitlines()) < 40


def test_parameters_take_one_line_each() -> None:
    assert format_parameters({"s": 1.5, "C": np.eye(2)}) == ["s = 1.5", "C = [[1 0] [0 1]]"]


def test_to_lists_is_strict_json() -> None:
    value = {"a": to_lists(np.array([[1.0, np.nan], [np.inf, 2.0]])), "b": to_lists(np.array(3.0))}
    text = json.dumps(value, allow_nan=False)
    assert json.loads(text) == {"a": [[1.0, None], [None, 2.0]], "b": 3.0}
    with pytest.raises(TypeError):
        to_lists({1, 2})
