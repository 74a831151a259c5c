"""The elementwise functions of the language on NumPy arrays.

Conventions: step(0) = 1/2, sign(0) = 0, gelu(x) = x Phi(x). Where a function is not defined (the
logarithm of a negative number) the result is NaN, without a warning.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def apply_function(function: str, arguments: Sequence[Array]) -> Array:
    """Return a function of `tpc.program.functions`, entry by entry, arguments broadcast."""
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
        case "neg", (x,):
            return -x
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
            return _apply_unary(function, x)
    raise AssertionError(f"{function} of {len(arguments)} arguments cannot be computed")


def _apply_unary(function: str, x: Array) -> Array:
    match function:
        case "relu":
            return np.maximum(x, 0)
        case "tanh":
            return np.tanh(x)
        case "square":
            return np.square(x)
        case "softplus":
            return np.logaddexp(0, x)
        case "sin":
            return np.sin(x)
        case "cos":
            return np.cos(x)
        case "exp":
            return np.exp(x)
        case "log":
            return np.log(x)
        case "sqrt":
            return np.sqrt(x)
        case "abs":
            return np.abs(x)
        case "sign":
            return np.sign(x)
        case "step":
            return np.heaviside(x, 0.5)
    return _apply_special(function, x)


def _apply_special(function: str, x: Array) -> Array:
    from scipy.special import erf, expit, ndtr

    result: Array
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
            raise AssertionError(f"{function} cannot be computed")
    return result
