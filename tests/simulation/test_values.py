"""The elementwise functions, those of finite networks and all others, against mpmath."""

from collections.abc import Callable
from typing import TypeAlias

import mpmath
import numpy as np
import pytest

from tpc.functions import FUNCTIONS
from tpc.program import operations
from tpc.simulation import values


def normal_cdf(x: float) -> mpmath.mpf:
    return mpmath.ncdf(x)


TRUTH = {
    "relu": lambda x: max(x, 0),
    "gelu": lambda x: x * normal_cdf(x),
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "tanh": mpmath.tanh,
    "erf": mpmath.erf,
    "Phi": normal_cdf,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "exp": mpmath.exp,
    "log": lambda x: mpmath.log(x) if x > 0 else (-mpmath.inf if x == 0 else mpmath.nan),
    "sqrt": lambda x: mpmath.sqrt(x) if x >= 0 else mpmath.nan,
    "square": lambda x: x * x,
    "abs": abs,
    "sign": lambda x: (x > 0) - (x < 0),
    "step": lambda x: 0.5 if x == 0 else float(x > 0),
    "neg": lambda x: -x,
    "leaky_relu": lambda x, a: x if x > 0 else a * x,
    "elu": lambda x, a: x if x > 0 else a * mpmath.expm1(x),
    "max": max,
    "min": min,
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "pow": lambda x, y: mpmath.power(x, y) if x >= 0 else mpmath.nan,
    "equal": lambda x, y: float(x == y),
    "clip": lambda x, low, high: min(max(x, low), high),
}


Elementwise: TypeAlias = Callable[..., np.ndarray]

SIDES = (values.elementwise, operations.elementwise)


def test_every_function_is_covered() -> None:
    assert set(TRUTH) == set(FUNCTIONS) - {"delta"}


@pytest.mark.parametrize("elementwise", SIDES)
@pytest.mark.parametrize("function", sorted(TRUTH))
def test_function_against_mpmath(function: str, elementwise: Elementwise) -> None:
    others = {1: (), 2: (0.75,), 3: (-1.0, 0.5)}[FUNCTIONS[function].arity]
    for x in (-30.0, -1.25, -1e-3, 0.0, 1e-3, 0.5, 0.75, 2.0, 30.0):
        with np.errstate(all="ignore"):
            found = elementwise(function, np.array([x]), *(np.array(y) for y in others))
        wanted = float(TRUTH[function](x, *others))
        np.testing.assert_allclose(found, [wanted], rtol=1e-13, atol=0, err_msg=str(x))


@pytest.mark.parametrize("elementwise", SIDES)
@pytest.mark.parametrize("function", sorted(TRUTH))
def test_ordinary_values_raise_no_flag(function: str, elementwise: Elementwise) -> None:
    """A static is refused where NumPy signals overflow or an invalid operation."""
    others = {1: (), 2: (0.75,), 3: (-1.0, 0.5)}[FUNCTIONS[function].arity]
    large = 800.0 if function not in ("exp", "pow") else 80.0
    for x in (1e-3, large) if function in ("log", "sqrt", "pow") else (-large, 1e-3, large):
        with np.errstate(divide="raise", over="raise", invalid="raise", under="ignore"):
            value = elementwise(function, np.array(x), *(np.array(y) for y in others))
        assert np.isfinite(value), x


def test_delta_is_refused() -> None:
    with pytest.raises(AssertionError, match="delta"):
        values.elementwise("delta", np.zeros(2))
