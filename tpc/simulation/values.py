"""The elementwise functions of finite networks: name and float64 arguments -> float64 values.

They say a second time what `tpc.functions` says, on purpose: finite networks are the referee of
limits, kernels and generated modules, so they share no formula with them. Special functions are
SciPy's. Where a function is not defined (the logarithm of a negative number) the value is NaN, and
NumPy warns as it is set to.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]


def elementwise(function: str, *arguments: Floats) -> Floats:
    """Return a function of `tpc.functions`, entry by entry; arguments broadcast."""
    return np.asarray(_elementwise(function, *arguments), dtype=np.float64)


def _elementwise(function: str, *arguments: Floats) -> Floats:
    match function, arguments:
        case "add", (x, y):
            return x + y
        case "sub", (x, y):
            return x - y
        case "mul", (x, y):
            return x * y
        case "div", (x, y):
            return x / y
        case "pow", (x, y):
            return np.power(x, y)
        case "max", (x, y):
            return np.maximum(x, y)
        case "min", (x, y):
            return np.minimum(x, y)
        case "clip", (x, low, high):
            return np.minimum(np.maximum(x, low), high)
        case "equal", (x, y):
            return np.equal(x, y).astype(np.float64)
        case "leaky_relu", (x, slope):
            return np.where(x > 0, x, slope * x)
        case "elu", (x, scale):
            return np.where(x > 0, x, scale * np.expm1(np.minimum(x, 0)))
        case _, (x,):
            return _of_one(function, x)
    raise AssertionError(f"{function} of {len(arguments)} arguments has no values")


def _of_one(function: str, x: Floats) -> Floats:
    match function:
        case "neg":
            return -x
        case "relu":
            return np.maximum(x, 0)
        case "softplus":
            return np.logaddexp(0, x)
        case "step":
            return np.heaviside(x, 0.5)
        case "tanh" | "sin" | "cos" | "exp" | "log" | "sqrt" | "square" | "abs" | "sign":
            plain: Floats = getattr(np, function)(x)
            return plain
        case _:
            return _special(function, x)


def _special(function: str, x: Floats) -> Floats:
    from scipy.special import erf, expit, ndtr

    result: Floats
    match function:
        case "sigmoid":
            result = expit(x)
        case "silu":
            result = x * expit(x)
        case "gelu":
            result = x * ndtr(x)
        case "Phi":
            result = ndtr(x)
        case "erf":
            result = erf(x)
        case _:
            raise AssertionError(f"{function} has no values")
    return result
