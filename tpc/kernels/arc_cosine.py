"""The arc cosine kernels of orders 0 and 1, which the ReLU and its derivative need, in few passes.

For centred Gaussians with variances v1, v2, covariance c, correlation rho = cos(t) and the angle
s = pi - t of the cone y1, y2 > 0,

    2 pi E step(y1) step(y2) = s,
    2 pi E relu(y1) relu(y2) = sqrt(v1 v2) (sin(t) + (pi - t) cos(t)) = root + s c,

where root = sqrt(v1 v2 - c^2) = sqrt(v1 v2) w with w = sin(t). NumPy's arc functions go entry by
entry; this takes additions and divisions of whole arrays. From

    s = pi/2 + arcsin(rho) = pi/2 + rho G(w),
    G(w) = arccos(w) / sqrt(1 - w^2) = the integral of dx / ((x + w) sqrt(x^2 - 1)), x from 1 on,

G is a positive sum of poles left of -1, and so is its best rational approximation on a <= w <= 1:
no term cancels another. Six poles leave 1.7e-16 from a = 0, five 1.1e-16 from a = 0.4, four 2.0e-16
from a = 0.72; most correlations are small. The numbers are those of Remez's exchange in 60 digits:
solve P(w_i) = (G(w_i) + (-1)^i E) Q(w_i) at 2k + 1 nodes by Newton's method, take the extrema of
P/Q - G for nodes, repeat until these are level; then split P/Q into partial fractions.

Away from correlations +-1 nothing cancels in root either. The few entries near them, such as the
diagonal of a kernel, are computed once more by the careful functions of the runtime.

Reference:
    Cho and Saul, Kernel Methods for Deep Learning (2009), equations 3 to 6.
"""

import numpy as np

from tpc.kernels.plan import Array
from tpc.kernels.scratch import Scratch
from tpc.runtime import arithmetic, orthant_arithmetic

POLES = {
    0.72: ((23.07766707369263, 2.593730087181385), (4.2363863931129355, 1.2018205536118656),
           (1.7104306728251426, 0.8446912438708783), (1.0648067473509626, 0.724991881401731)),
    0.4: ((32.15785421283814, 2.577859332771573), (6.0227923883296475, 1.1629269608437107),
          (2.4447643608544394, 0.7773561791967813), (1.3888439438937993, 0.6180548162528311),
          (1.0380563539551, 0.5549079574312276)),
    0.0: ((39.2234268439852, 2.567271379909483), (7.461050156979237, 1.1374947143274683),
          (3.085805568392065, 0.7350318335551193), (1.748831518005364, 0.5551293837128016),
          (1.2210604163876078, 0.4648865531783374), (1.0224265069655871, 0.42587746865580794)),
}  # fmt: skip
"""Poles and their residues, by the least w that they are for."""

NEAR = 0.1
"""sin(t) below which entries are computed with care; 1e-16 / NEAR^2 is what else is lost."""

SAME = 2e-15
"""sin(t)^2 that is no more than the rounding of a covariance, and counts as 0."""


def arc_cosine(
    c: Array,
    v1: Array,
    v2: Array,
    over1: Array,
    over2: Array,
    scratch: Scratch | None = None,
    same: float = SAME,
) -> tuple[Array, Array]:
    """Return 2 pi E step(y1) step(y2) and 2 pi E relu(y1) relu(y2).

    Args:
        c: The covariance.
        v1: The variance of y1.
        v2: That of y2.
        over1: 1 / sqrt(v1).
        over2: 1 / sqrt(v2).
        scratch: Where results and temporary arrays come from.
        same: sin(t)^2 that counts as 0.
    """
    scratch = scratch or Scratch()
    shape = np.broadcast_shapes(c.shape, v1.shape, v2.shape)
    c = np.broadcast_to(c, shape)
    root, w, rho = (scratch.take(shape) for _ in range(3))
    np.multiply(v1, v2, out=root)
    np.square(c, out=w)
    root -= w
    np.sqrt(root, out=root)
    np.multiply(over1, over2, out=rho)
    np.multiply(root, rho, out=w)
    rho *= c
    least = w.min(initial=1.0)
    s = arc_sine_ratio(w, least, scratch)
    s *= rho
    s += np.pi / 2
    moment = np.multiply(s, c, out=rho)
    moment += root
    if not least >= NEAR:  # also where there is no number
        near = np.nonzero(~(w >= NEAR))
        given = (np.broadcast_to(x, shape)[near] for x in (c, v1, v2))
        s[near], moment[near] = careful(*given, same=same)
    scratch.give(root, w)
    return s, moment


def arc_sine_ratio(w: Array, least: float, scratch: Scratch) -> Array:
    """Return arccos(w) / sqrt(1 - w^2), which is arcsin(rho) / rho of rho = sqrt(1 - w^2).

    Args:
        w: Numbers from 0 to 1.
        least: The least of them, which says how many poles it takes.
        scratch: Where results and temporary arrays come from.
    """
    total, term = scratch.take(w.shape), scratch.take(w.shape)
    (pole, residue), *others = next((POLES[a] for a in POLES if least >= a), POLES[0.0])
    np.divide(residue, np.add(w, pole, out=total), out=total)
    for pole, residue in others:
        total += np.divide(residue, np.add(w, pole, out=term), out=term)
    scratch.give(term)
    return total


def careful(c: Array, v1: Array, v2: Array, *, same: float = SAME) -> tuple[Array, Array]:
    """Return the same where determinants cancel: near 0 the cone's moment is a series."""
    det = careful_gram(v1, v2, c, same=same)
    s = orthant_arithmetic.wedge(c, det)
    moment = s * c + np.sqrt(det)
    small = s < NEAR
    if small.any():
        scale = 2 * np.sqrt(v1[small]) * np.sqrt(v2[small])
        moment[small] = scale * orthant_arithmetic.cone_integral(1, 1, s[small])
    return s, moment


def gram(p: Array, q: Array, c: Array) -> Array:
    """Return p q - c^2, at least 0."""
    product = np.multiply(p, q)
    det = np.asarray(product - np.square(c))
    near = ~(det > NEAR**2 * product)
    if near.any():
        det[near] = careful_gram(*(np.broadcast_to(x, near.shape)[near] for x in (p, q, c)))
    return det


def careful_gram(p: Array, q: Array, c: Array, *, same: float = SAME) -> Array:
    """Return p q - c^2 to the last digits, or 0 where that is no more than rounding."""
    det = arithmetic.gram(p, q, c)
    return np.where(det <= same * p * q, 0.0, det)
