"""The functions of closed forms on NumPy arrays: determinants, quotients, one Gaussian.

float64 in, float64 out, all digits kept. Everything broadcasts. Variances may be zero,
correlations +-1; products of two variances must not leave the range of float64.
"""

from __future__ import annotations

from math import factorial, prod

import numpy as np

from tpc.runtime.arrays import Array
from tpc.runtime.elementwise import Phi, erf


def det2(a: Array, b: Array, c: Array, d: Array) -> Array:
    """Return a b - c d, rounded once: both products carry their rounding errors (Dekker)."""
    p, p_error = two_product(a, b)
    q, q_error = two_product(c, d)
    return (p - q) + (p_error - q_error)


def two_product(a: Array, b: Array) -> tuple[Array, Array]:
    """Return the rounded product and its rounding error."""
    product = np.multiply(a, b)
    (a_high, a_low), (b_high, b_low) = split(a), split(b)
    lost = ((product - a_high * b_high) - a_low * b_high) - a_high * b_low
    error = a_low * b_low - lost
    return product, error


def split(a: Array) -> tuple[Array, Array]:
    """Return halves of 26 bits each whose sum is a (Veltkamp)."""
    scaled = np.multiply(134217729.0, a)
    high = scaled - (scaled - a)
    return high, a - high


def gram(p: Array, q: Array, c: Array) -> Array:
    """Return p q - c^2, at least 0."""
    return np.maximum(det2(p, q, c, c), 0.0)


def quotient(a: Array, b: Array) -> Array:
    """Return a / b, and 0 where b = 0."""
    a, b = np.broadcast_arrays(np.asarray(a, dtype=float), np.asarray(b, dtype=float))
    return np.divide(a, b, out=np.zeros(a.shape), where=b != 0)


def mean_given(m: Array, k: Array, p: Array, q: Array, c: Array, det: Array) -> Array:
    """Return m - c k / q, the mean of x given y = 0."""
    size = np.sqrt(np.multiply(p, q))
    nearly = m * quotient(det, size * (size + np.abs(c)))
    return np.where(multiples(m, k, p, q, c, det), nearly, m - quotient(c * k, q))


def multiples(m: Array, k: Array, p: Array, q: Array, c: Array, det: Array) -> Array:
    """Whether x is a multiple of y, also in its mean, but for rounding.

    Then m sqrt(q) - k sqrt(p) counts as 0. Exchanging x and y changes no bit of the answer, so
    that what is on one side of x = 0 is on the other one of y = 0.
    """
    left, right = np.multiply(m * m, q), np.multiply(k * k, p)
    small = np.less_equal(det, COLLINEAR * np.multiply(p, q))
    collinear = small & (np.multiply(m * k, c) > 0)
    return np.asarray(collinear & (np.abs(left - right) <= COLLINEAR * (left + right)))


COLLINEAR = 2.0**-47
"""What rounding leaves of a difference of products, relative to them."""


class InfiniteExpectation(ArithmeticError):
    """The expectation of an exponential of a quadratic that is infinite."""


def finite(*pairs: Array) -> Array:
    """Return the last of the determinants D_1, D_2, ..., behind the curvatures that they add.

    Raises:
        InfiniteExpectation: One step to the next turns a sign, and no later one turns it back.
    """
    negative, before, least = np.zeros(()), np.ones(()), np.inf
    for curvature, last in zip(pairs[::2], pairs[1::2], strict=True):
        edge = np.less(curvature, 0) & np.equal(last, 0)
        turned = (np.multiply(last, before) < 0) | edge
        negative = negative - np.where(turned, np.sign(curvature), 0)
        before = np.asarray(last, dtype=float)
        least = min(least, float(np.min(before, initial=np.inf)))
    if np.any(negative > 0):
        raise InfiniteExpectation(f"infinite, for 1 - 2 c q = {least:.6g}")
    return before


def mean_sign(m: Array, v: Array) -> Array:
    """Return E sign(y) of y ~ N(m, v)."""
    spread = erf(quotient(m, np.sqrt(2 * np.asarray(v))))
    return np.where(np.equal(v, 0), np.sign(m), spread)


def bell(m: Array, v: Array) -> Array:
    """Return exp(-m^2 / (2 v)), and for v = 0 whether m is 0."""
    possible = np.not_equal(v, 0) | np.equal(m, 0)
    return np.exp(-0.5 * quotient(np.square(m), v)) * possible


def tail_moment(n: int, m: Array, v: Array) -> Array:
    """Return E relu(y)^n of y ~ N(m, v), for n = 0 the probability of y > 0."""
    m, v = np.broadcast_arrays(np.asarray(m, dtype=float), np.asarray(v, dtype=float))
    root = np.sqrt(v)
    x = quotient(m, root)
    certain = np.heaviside(m, 0.5) if n == 0 else np.maximum(m, 0.0) ** n
    return np.where(v == 0, certain, root**n * unit_tail_moment(n, x))


def unit_tail_moment(n: int, x: Array) -> Array:
    """Return I(n) = E relu(x + Z)^n by I(n) = x I(n-1) + (n-1) I(n-2).

    Below x = -1 the recurrence loses digits. There the ratios r(k) of I(k)/k! to I(k-1)/(k-1)!
    are computed downwards, by r(k-1) = 1 / (|x| + k r(k)).
    """
    if n == 0:
        return Phi(x)
    before, last = Phi(x), x * Phi(x) + np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi)
    for k in range(2, n + 1):
        before, last = last, x * last + (k - 1) * before
    size = np.maximum(np.abs(x), 1.0)
    ratio, product = np.zeros(x.shape), np.ones(x.shape)
    for k in range(n + 400, 1, -1):
        ratio = 1 / (size + k * ratio)
        if k <= n + 1:
            product *= ratio
    return np.where(x < -1, factorial(n) * Phi(np.minimum(x, -1.0)) * product, last)


def damped(a: Array, k: int, *arguments: Array) -> Array:
    """Return exp(-a) times sinh of the first k arguments and cosh of the others.

    One argument is a covariance, and a the mean of the variances: below it by rounding alone.
    """
    exponent, product = -np.asarray(a, dtype=float), np.asarray(1.0)
    for i, c in enumerate(arguments):
        exponent = exponent + np.abs(c)
        shrunk = np.expm1(-2 * np.abs(c))
        product = product * (-0.5 * np.sign(c) * shrunk if i < k else 1 + 0.5 * shrunk)
    if len(arguments) == 1:
        exponent = np.minimum(exponent, 0.0)
    return np.asarray(np.exp(exponent) * product)


def dawson(n: int, x: Array) -> Array:
    """Return the n-th derivative of Dawson's function.

    Up to 6 by Rybicki's rule, the sum over odd k of exp(-(x - k/4)^2) / k over sqrt(pi), and
    D(n+1) = -2 x D(n) - 2 n D(n-1); beyond by the asymptotic series in 1/x, term by term.
    """
    x = np.asarray(x, dtype=float)
    near, far = np.clip(x, -6.0, 6.0), np.where(np.abs(x) > 6, x, np.copysign(6.0, x))
    total = np.zeros(x.shape)
    size = np.abs(near)
    for k in range(1, 51, 2):
        total -= np.exp(-((size - 0.25 * k) ** 2)) * np.expm1(-k * size) / k
    before, last = np.zeros(x.shape), np.sign(near) * total / np.sqrt(np.pi)
    for k in range(n):
        source = 1.0 if k == 0 else 0.0
        before, last = last, source - 2 * near * last - 2 * k * before
    # D = sum of (2k-1)!! / (2^(k+1) x^(2k+1)); its n-th derivative multiplies by (2k+1)...(2k+n)
    series = np.zeros(x.shape)
    term = (-1) ** n * factorial(n) / (2 * far ** (n + 1))
    for k in range(36):
        series = series + term
        above = (2 * k + 1) * (2 * k + n + 1) * (2 * k + n + 2)
        growth = above / ((2 * k + 1) * (2 * k + 2))
        term = term * growth / (2 * far * far)
    return np.where(np.abs(x) > 6, series, last)


def wave_moment(sines: int, count: int, *covariances: Array) -> Array:
    """Return E of sines, then cosines, of centred Gaussians with these covariances.

    The covariances come row by row, each from its diagonal. Where one is large the waves are
    averaged over the signs of their arguments, else over the choices of pairs with a sinh.
    """
    rows, at = [], 0
    for i in range(count):
        rows.append(covariances[at : at + count - i])
        at += count - i
    pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
    half = 0.5 * sum((np.asarray(row[0], dtype=float) for row in rows), np.zeros(()))
    between = [np.asarray(rows[i][j - i], dtype=float) for i, j in pairs]
    by_signs, by_pairs = np.zeros(np.shape(half)), np.zeros(np.shape(half))
    for pattern in range(2 ** (count - 1)):
        signs = [1 - 2 * (pattern >> i & 1) for i in range(count)]
        exponent = -half
        for (i, j), c in zip(pairs, between, strict=True):
            exponent = exponent - signs[i] * signs[j] * c
        by_signs = by_signs + prod(signs[:sines]) * np.exp(exponent)
    small = [np.clip(c, -1.0, 1.0) for c in between]
    for pattern in range(2 ** len(pairs)):
        degrees, term = [0] * count, np.exp(-half)
        for k, (i, j) in enumerate(pairs):
            taken = pattern >> k & 1
            degrees[i] += taken
            degrees[j] += taken
            term = term * (-np.sinh(small[k]) if taken else np.cosh(small[k]))
        if all(degree % 2 == (i < sines) for i, degree in enumerate(degrees)):
            by_pairs = by_pairs + term
    sizes = [np.broadcast_to(np.abs(c), np.shape(by_pairs)) for c in between]
    largest = np.max(sizes, axis=0)
    chosen = np.where(largest > 0.5, by_signs / 2 ** (count - 1), by_pairs)
    return np.asarray((-1) ** (sines // 2) * chosen)
