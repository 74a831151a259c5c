"""The elementwise functions on NumPy arrays: name and float64 arguments -> float64 values.

`step(0) = 1/2` and `sign(0) = 0`; `Phi(x) = erfc(-x / sqrt(2)) / 2`; `gelu(x) = x Phi(x)`.
"""

from collections.abc import Callable
from math import erf, erfc, sqrt
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]


def elementwise(function: str, *arguments: Floats) -> Floats:
    """Return a function of `tpc.program.functions` of arrays that broadcast."""
    return np.asarray(_elementwise(function, *arguments), dtype=np.float64)


def _elementwise(function: str, x: Floats, *more: Floats) -> Floats:
    match function:
        case "add" | "sub" | "mul" | "div" | "pow":
            return _arithmetic(function, x, more[0])
        case "leaky_relu":
            return np.where(x > 0, x, more[0] * x)
        case "elu":
            return np.where(x > 0, x, more[0] * np.expm1(np.minimum(x, 0)))
        case "max":
            return np.maximum(x, more[0])
        case "min":
            return np.minimum(x, more[0])
        case "clip":
            return np.minimum(np.maximum(x, more[0]), more[1])
        case "equal":
            return np.equal(x, more[0]).astype(np.float64)
        case _:
            return _of_one(function, x)


def _arithmetic(function: str, x: Floats, y: Floats) -> Floats:
    match function:
        case "add":
            return x + y
        case "sub":
            return x - y
        case "mul":
            return x * y
        case "div":
            return x / y
        case _:
            return np.power(x, y)


def _of_one(function: str, x: Floats) -> Floats:
    match function:
        case "neg":
            return -x
        case "relu":
            return np.maximum(x, 0)
        case "gelu":
            return x * _of_one("Phi", x)
        case "silu":
            return x * _of_one("sigmoid", x)
        case "sigmoid":
            return np.exp(-np.logaddexp(0, -x))
        case "softplus":
            return np.logaddexp(0, x)
        case "erf":
            return _entry_by_entry(erf, x)
        case "Phi":
            return 0.5 * _entry_by_entry(erfc, -x / sqrt(2))
        case "step":
            return np.heaviside(x, 0.5)
        case "tanh" | "sin" | "cos" | "exp" | "log" | "sqrt" | "square" | "abs" | "sign":
            plain: Floats = getattr(np, function)(x)
            return plain
        case _:
            raise ValueError(f"{function} has no values")


def _entry_by_entry(function: Callable[[float], float], x: Floats) -> Floats:
    values: Floats = np.vectorize(function, otypes=[np.float64])(x)
    return values
