"""The functions that NumPy lacks: of single numbers, and few of whole arrays.

float64 in, float64 out, all digits kept. Those of single numbers take kets on grids too.
"""

from __future__ import annotations

import numpy as np

from tpc.runtime.arrays import Array


def erf(x: Array) -> Array:
    """Return the error function, to the last digits also where it is small."""
    x = np.positive(x, dtype=float)
    near: Array = np.clip(x, -0.75, 0.75)
    series = polynomial(ERF_SERIES, near * near)
    far = np.copysign(1 - erfc(np.abs(x)), x)
    return np.where(np.abs(x) < 0.75, near * series, far)


def erfc(x: Array) -> Array:
    """Return 1 - erf(x), to the last digits also where it is small."""
    x = np.positive(x, dtype=float)
    tail = normal_tail(np.abs(x), 1.0)
    return np.where(np.less(x, 0), 2 - tail, tail)


def normal_tail(x: Array, scale: float) -> Array:
    """Return erfc(sqrt(scale) x) for x >= 0; x^2 is an exact square near it, and a small rest."""
    x = np.minimum(x, 64.0)  # exp(-scale x^2) is zero long before
    t = 2 / (2 + np.sqrt(scale) * x)
    near = np.rint(256 * x) / 256
    rest = scale * (near - x) * (near + x)
    tail: Array = t * np.exp(rest + polynomial(ERFC_SERIES, 2 * t - 1))
    return tail * np.exp(-scale * near * near)


def polynomial(coefficients: list[float], x: Array) -> Array:
    """Return the sum of coefficients[k] x^k, by Horner's scheme."""
    total: Array = coefficients[-1] + 0 * x
    for coefficient in coefficients[-2::-1]:
        total = total * x + coefficient
    return total


ERF_SERIES = [
    1.1283791670955126, -0.37612638903183754, 0.11283791670955126,
    -0.026866170645131252, 0.005223977625442188, -0.0008548327023450853,
    0.00012055332981789664, -1.492565035840625e-05, 1.6462114365889248e-06,
    -1.6365844691234924e-07, 1.4807192815879218e-08, -1.2290555301717928e-09,
    9.422759064650411e-11, -6.7113668551641105e-12, 4.4632242632864775e-13,
    -2.7835162072109215e-14,
]  # fmt: skip
"""erf(x) / x in powers of x^2, for |x| < 3/4."""

ERFC_SERIES = [
    -0.6717940840566923, 0.6726432239776567, 0.04734330684190443,
    -0.0468956102311753, -0.009872689366389959, 0.008824938557060623,
    0.001758933557799016, -0.002345812500482853, -0.00014624686337800336,
    0.000673678795580235, -9.37350311709817e-05, -0.0001743029472030762,
    7.14010141275703e-05, 3.17451797494374e-05, -3.0187884551394243e-05,
    1.3772664134464417e-07, 8.562623420121286e-06, -2.947986876998259e-06,
    -1.27231190486887e-06, 1.2500276612569754e-06, -1.6849800720653297e-07,
    -2.495832761719667e-07, 1.5334345920908177e-07, 1.4448658046252676e-09,
    -3.9171820510271855e-08, 1.1172352263623759e-08, 4.06088214696972e-09,
    -1.8902306008944537e-09,
]  # fmt: skip
"""log(erfc(z) / t) + z^2 in powers of 2 t - 1, where t = 2 / (2 + z); z >= 0."""


def Phi(x: Array) -> Array:
    """Return the standard normal distribution function, to the last digits in both tails."""
    x = np.positive(x, dtype=float)
    tail = 0.5 * normal_tail(np.abs(x), 0.5)
    return np.where(np.less(x, 0), tail, 1 - tail)


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)), to the last digits also where it is small."""
    found: Array = np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))
    return found


def gelu(x: Array) -> Array:
    """Return x Phi(x)."""
    return x * Phi(x)


def silu(x: Array) -> Array:
    """Return x sigmoid(x)."""
    return x * sigmoid(x)


def leaky_relu(x: Array, slope: float | Array) -> Array:
    """Return x where it is positive, slope times x elsewhere."""
    return np.maximum(x, 0) + slope * np.minimum(x, 0)


def elu(x: Array, scale: float | Array) -> Array:
    """Return x where it is positive, scale (exp(x) - 1) elsewhere."""
    return np.maximum(x, 0) + scale * np.expm1(np.minimum(x, 0))


def softmax(x: Array) -> Array:
    """Return the softmax over the last axis."""
    weights = np.exp(x - x.max(axis=-1, keepdims=True))
    found: Array = weights / weights.sum(axis=-1, keepdims=True)
    return found


def root(covariance: Array) -> Array:
    """Return R with R R = the covariance, of shape k + k; rounding counts as zero."""
    if not np.isfinite(covariance).all():
        return np.full_like(covariance, np.nan)
    size = int(np.sqrt(covariance.size))
    values, vectors = np.linalg.eigh(covariance.reshape(size, size))
    rounding = size * np.finfo(float).eps * np.abs(values).max(initial=0)
    found = (vectors * np.sqrt(np.where(values > rounding, values, 0.0))) @ vectors.T
    return np.asarray(found.reshape(covariance.shape))
