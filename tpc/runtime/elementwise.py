"""The elementwise functions that NumPy lacks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

# <part erf>


def erf(x: Array) -> Array:
    """Return the error function to within 5e-16, by a Chebyshev series of erfc."""
    size = np.abs(x)
    t = 2 / (2 + size)
    series = np.polynomial.chebyshev.chebval(2 * t - 1, ERFC_SERIES)
    found: Array = np.sign(x) * (1 - t * np.exp(series - size * size))
    return found


# log(erfc(z) / t) + z^2, t = 2 / (2 + z), in Chebyshev polynomials of 2 t - 1.
ERFC_SERIES = [
    -0.6513268598908547, 0.6419697923564902, 0.019476473204185836,
    -0.009561514786808632, -0.0009465953444820329, 0.00036683949785276145,
    4.252332480690777e-05, -2.0278578112534242e-05, -1.6242900046470256e-06,
    1.3036558355805232e-06, 1.5626441722066142e-08, -8.523809591492654e-08,
    6.5290544390988515e-09, 5.059343495551469e-09, -9.91364156493033e-10,
    -2.273651222931836e-10, 9.646791102015527e-11, 2.3940380830391146e-12,
    -6.886027526497553e-12, 8.944879273090725e-13, 3.130921399342958e-13,
    -1.1270822361367252e-13, 3.810905255189232e-16, 7.106097613609237e-15,
    -1.5230282014571043e-15, -9.457494571291233e-17, 1.210237189224279e-16,
    -2.816663087747177e-17,
]  # fmt: skip

# <part Phi>


def Phi(x: Array) -> Array:  # noqa: N802
    """Return the standard normal distribution function."""
    return 0.5 * (1 + erf(x / np.sqrt(2)))


# <part root>


def root(covariance: Array) -> Array:
    """Return R with R R = the covariance, of shape k + k; below zero is rounding."""
    if not np.isfinite(covariance).all():
        return np.full_like(covariance, np.nan)
    size = int(np.sqrt(covariance.size))
    values, vectors = np.linalg.eigh(covariance.reshape(size, size))
    found = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return np.asarray(found.reshape(covariance.shape))


# <part sigmoid>


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)) without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * x))


# <part gelu>


def gelu(x: Array) -> Array:
    """Return x Phi(x)."""
    return x * Phi(x)


# <part silu>


def silu(x: Array) -> Array:
    """Return x sigmoid(x)."""
    return x * sigmoid(x)


# <part leaky_relu>


def leaky_relu(x: Array, slope: float | Array) -> Array:
    """Return x where it is positive, slope times x elsewhere."""
    return np.maximum(x, 0) + slope * np.minimum(x, 0)


# <part elu>


def elu(x: Array, scale: float | Array) -> Array:
    """Return x where it is positive, scale (exp(x) - 1) elsewhere."""
    return np.maximum(x, 0) + scale * np.expm1(np.minimum(x, 0))


# <part softmax>


def softmax(x: Array) -> Array:
    """Return the softmax over the last axis."""
    weights = np.exp(x - x.max(axis=-1, keepdims=True))
    found: Array = weights / weights.sum(axis=-1, keepdims=True)
    return found
