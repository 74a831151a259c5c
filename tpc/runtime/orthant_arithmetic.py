"""The functions of closed forms on NumPy arrays: two and three Gaussians with signs.

See `arithmetic.py`.
"""

from __future__ import annotations

from functools import cache
from math import gamma

import numpy as np

from tpc.runtime.arithmetic import det2, gram, mean_sign, multiples, quotient
from tpc.runtime.arrays import Array
from tpc.runtime.elementwise import Phi, erf


def arcsine(v1: Array, v2: Array, c: Array, det: Array) -> Array:
    """Return the arc sine of the correlation c / sqrt(v1 v2), with det = v1 v2 - c^2."""
    return np.arctan2(c, np.sqrt(np.maximum(det, 0.0)))


def wedge(c: Array, det: Array) -> Array:
    """Return the angle of the cone y1, y2 > 0: pi minus the arc cosine of the correlation."""
    root = np.sqrt(np.maximum(det, 0.0))
    certain = np.equal(root, 0) & np.equal(c, 0)
    return np.where(certain, np.pi / 2, np.arctan2(root, np.negative(c)))


def relu_moment(m: int, n: int, v1: Array, v2: Array, c: Array, det: Array) -> Array:
    """Return E relu(y1)^m relu(y2)^n of centred Gaussians, a step where the power is 0.

    In polar coordinates it is a radial moment times the integral of sin(u)^m sin(s - u)^n, u from 0
    to s, where s is the angle of the cone y1, y2 > 0. No term of it is negative.
    """
    s = wedge(c, det)
    radial = 2 ** ((m + n) / 2) * gamma((m + n) / 2 + 1) / (2 * np.pi)
    scale = np.sqrt(v1) ** m * np.sqrt(v2) ** n
    return np.asarray(radial * scale * cone_integral(m, n, s))


def cone_integral(m: int, n: int, s: Array) -> Array:
    """Return the integral of sin(u)^m sin(s - u)^n, u from 0 to s."""
    if m == n == 0:
        return s
    if m + n == 1:
        return 2 * np.sin(s / 2) ** 2
    if m == n == 1:
        return 0.5 * np.where(s < 1, odd_series(s, True), np.sin(s) - s * np.cos(s))
    if (m, n) in ((2, 0), (0, 2)):
        return 0.25 * np.where(s < 0.5, odd_series(2 * s, False), 2 * s - np.sin(2 * s))
    total = np.zeros(np.shape(s))
    for node, weight in legendre_rule(12 + 2 * (m + n)):
        total += weight * np.sin(node * s) ** m * np.sin((1 - node) * s) ** n
    return s * total


@cache
def legendre_rule(points: int) -> tuple[tuple[float, float], ...]:
    """Return nodes and weights of Gauss and Legendre for integrals from 0 to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(points)
    halved = (1 + nodes) / 2, weights / 2
    return tuple(zip(*(part.tolist() for part in halved), strict=True))


def odd_series(x: Array, weighted: bool) -> Array:
    """Return sin x - x cos x (weighted) or x - sin x, for small x.

    The terms are (-1)^(k+1) x^(2k+1) / (2k+1)!, times 2 k where weighted.
    """
    square, total = x * x, np.zeros(np.shape(x))
    term = x * square / 6
    for k in range(1, 11):
        total += term * (2 * k if weighted else 1)
        term = term * (-square / ((2 * k + 2) * (2 * k + 3)))
    return total


def owens_t(h: Array, a: Array) -> Array:
    """Return Owen's T(h, a), for |a| > 1 by its reflection T(a h, 1/a)."""
    given = np.abs(np.asarray(h, dtype=float)), np.asarray(a, dtype=float)
    h, a = np.broadcast_arrays(*given)
    slope = np.abs(a)
    flat = slope <= 1
    product = np.where(flat, 0.0, np.where(h == 0, 0.0, h * np.where(flat, 1.0, slope)))
    short = owens_integral(h, np.where(flat, slope, 0.0))
    inverse = 1 / np.where(flat, 1.0, slope)
    tails = 0.5 * (Phi(-h) + Phi(-product)) - Phi(-h) * Phi(-product)
    return np.sign(a) * np.where(flat, short, tails - owens_integral(product, inverse))


def owens_integral(h: Array, slope: Array) -> Array:
    """Return T(h, a) for 0 <= a <= 1, by Gauss-Legendre where the integrand matters."""
    h = np.minimum(h, 100.0)  # exp(-h^2 / 2) is zero long before
    end = np.minimum(slope, 9.0 / np.maximum(h, 9.0))
    total = np.zeros(np.shape(end))
    for node, weight in legendre_rule(40):
        x = node * end
        total += weight * np.exp(-0.5 * (h * x) ** 2) / (1 + x * x)
    return end * total * np.exp(-0.5 * h * h) / (2 * np.pi)


def orthant(m1: Array, m2: Array, v1: Array, v2: Array, c: Array, det: Array) -> Array:
    """Return P(y1 > 0, y2 > 0) of Gaussians with means m1, m2, after Owen (1956).

    Each variable contributes the mass between a ray and its axis; that is all of one sign
    where both means are negative.
    """
    given = (np.asarray(x, dtype=float) for x in (m1, m2, v1, v2, c, det))
    m1, m2, v1, v2, c, det = np.broadcast_arrays(*given)
    h, k = quotient(m1, np.sqrt(v1)), quotient(m2, np.sqrt(v2))
    root = np.sqrt(np.maximum(det, 0.0))
    alike = multiples(m1, m2, v1, v2, c, det)
    rest = -np.sign(c) * quotient(det, np.sqrt(v1 * v2) + np.abs(c))
    one = mass_of_ray(m1, h, np.where(alike, m1 * rest, det2(m1, c, m2, v1)), root)
    two = mass_of_ray(m2, k, np.where(alike, m2 * rest, det2(m2, c, m1, v2)), root)
    inside = np.where(m1 < 0, one, -one) + np.where(m2 < 0, two, -two)
    inside = np.clip(np.where((m1 < 0) | (m2 < 0), inside, 1 + inside), 0.0, 1.0)
    inside = np.where((m1 == 0) & (m2 == 0), wedge(c, det) / (2 * np.pi), inside)
    first = np.where(v1 == 0, np.heaviside(m1, 0.5), Phi(h))
    second = np.where(v2 == 0, np.heaviside(m2, 0.5), Phi(k))
    return np.where(c == 0, first * second, inside)


def mass_of_ray(m: Array, h: Array, across: Array, root: Array) -> Array:
    """Return Phi(-|h|)/2 - T(|h|, a) for the slope a = across / (|m| root)."""
    steep, slope = np.sign(across) * 1e300, quotient(across, np.abs(m) * root)
    a = np.where(root * m == 0, steep, slope)
    return mass_above(np.abs(h), np.clip(np.where(across == 0, 0.0, a), -1e300, 1e300))


def mass_above(h: Array, a: Array) -> Array:
    """Return Phi(-h)/2 - T(h, a), the mass beyond h between slope a and infinity."""
    steep = np.maximum(a, 1.0)
    product = np.where(h == 0, 0.0, h * steep)
    # Phi(-h)/2 - T(h, a) = T(a h, 1/a) - Phi(-a h) (1/2 - Phi(-h)) for a > 1
    beyond = 0.5 * erf(h / np.sqrt(2)) * Phi(-product)
    reflected = owens_integral(product, 1 / steep) - beyond
    plain = 0.5 * Phi(-h) - owens_t(h, np.minimum(a, 1.0))
    small = np.where(a > 1, np.maximum(reflected, 0.0), plain)
    tail = mass_in_tail(np.maximum(h, 1.0), np.clip(a, 0, 1e3))
    return np.where((h < 1) | (a < 0), small, tail)


def mass_in_tail(h: Array, a: Array) -> Array:
    """Return the same for h >= 1, a >= 0: (1/2pi) int_a^inf exp(-h^2 (1+x^2)/2) / (1+x^2) dx."""
    span = 81 / (h * h)
    length = span / (a + np.sqrt(a * a + span))
    total = np.zeros(np.shape(length))
    for node, weight in legendre_rule(40):
        x = a + node * length
        total += weight * np.exp(-0.5 * h * h * (x - a) * (x + a)) / (1 + x * x)
    return length * total * np.exp(-0.5 * h * h * (1 + a * a)) / (2 * np.pi)


def sign_product(
    m1: Array,
    m2: Array,
    v1: Array,
    v2: Array,
    c: Array,
    det: Array,
) -> Array:
    """Return E sign(y1) sign(y2) of Gaussians with means m1, m2.

    At moderate correlations it is the product of the means of the signs, plus their covariance by
    Plackett's integral over the angle, which is small where the correlation is.
    """
    root = np.sqrt(np.maximum(det, 0.0))
    near = np.abs(c) < root
    angle = np.where(near, np.arctan2(c, root), 0.0)
    h, k = quotient(m1, np.sqrt(v1)), quotient(m2, np.sqrt(v2))
    total = np.zeros(np.shape(angle + h + k))
    for node, weight in legendre_rule(30):
        sine = np.sin(node * angle)
        distance = (h * h + k * k - 2 * h * k * sine) / (1 - sine * sine)
        total += weight * np.exp(-0.5 * distance)
    signs = mean_sign(m1, v1), mean_sign(m2, v2)
    moderate = signs[0] * signs[1] + 2 / np.pi * angle * total
    strong = 4 * orthant(m1, m2, v1, v2, c, det) - signs[0] - signs[1] - 1
    return np.where(near | np.equal(c, 0), moderate, strong)


def orthant3(
    v1: Array, v2: Array, v3: Array, c12: Array, c13: Array, c23: Array, det: Array
) -> Array:
    """Return P(y1, y2, y3 > 0) of centred Gaussians: the area of a spherical triangle.

    By its angles where it is large, else by the tangent of half the area, which keeps the
    digits of a small one.
    """
    d12, d13, d23 = gram(v1, v2, c12), gram(v1, v3, c13), gram(v2, v3, c23)
    angles = wedge(c12, d12) + wedge(c13, d13) + wedge(c23, d23)
    by_angles = (angles - np.pi) / (4 * np.pi)
    r12, r13, r23 = np.sqrt(d12), np.sqrt(d13), np.sqrt(d23)
    cosines = r12 * det2(c13, c23, c12, v3) + r13 * det2(c12, c23, c13, v2)
    cosines = cosines + r23 * det2(c12, c13, c23, v1)
    half_area = np.arctan2(np.maximum(det, 0.0), r12 * r13 * r23 + cosines)
    return np.where(by_angles > 0.02, by_angles, half_area / (2 * np.pi))
