"""What every generated module starts with: nodes, hats, and the estimator.

This file is ordinary code, tested where it stands; `tpc.codegen.module` copies the parts
that a program needs into its module. Arrays of kets have the sample axis first, then the
constant axes. Its lines are laid out so that formatters leave them alone at any width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Outputs = dict[tuple[str, str], Array]

# <part Nodes>


class Nodes:
    """Random nodes of one replicate: every expectation is an average over its samples.

    Two streams of random numbers fill its halves, so that a half can be run by itself.
    """

    def __init__(self, streams: Sequence[np.random.SeedSequence], samples: int) -> None:
        self._streams = [np.random.default_rng(stream) for stream in streams]
        self._each = samples // len(streams)
        self.samples = self._each * len(streams)
        self.stein_load: dict[str, float] = {}

    def normal(self, shape: tuple[int, ...] = ()) -> Array:
        """Draw independent standard normals, of shape (samples, *shape)."""
        drawn = np.empty((self.samples, *shape))
        for half, stream in enumerate(self._streams):
            rows = slice(half * self._each, (half + 1) * self._each)
            stream.standard_normal(out=drawn[rows])
        return drawn

    def gaussian(self, covariance: Array, shape: tuple[int, ...]) -> Array:
        """Draw centred Gaussians; the covariance has shape + shape."""
        root = factor(np.reshape(covariance, (prod(shape), prod(shape))))
        return (self.normal((len(root),)) @ root).reshape(self.samples, *shape)

    def mean(self, ket: Array) -> Array:
        """Return E|x>."""
        return np.asarray(ket.mean(axis=0))

    def inner(self, left: Array, right: Array) -> Array:
        """Return <x|y>, of shape k_x + k_y."""
        if left.ndim == right.ndim == 1:
            return np.asarray(left @ right / self.samples)
        return np.tensordot(left, right, (0, 0)) / self.samples

    def hat(self, gain: float | Array, ket: Array) -> Array:
        """Draw hat(W x): Gaussian of covariance gain <x|x>, independent of all before."""
        if ket.ndim == 1:
            return np.sqrt(gain * self.inner(ket, ket)) * self.normal()
        return self.gaussian(gain * self.inner(ket, ket), ket.shape[1:])


def factor(covariance: Array) -> Array:
    """Return R with R.T @ R = covariance; directions without variance are left out."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > 1e-13 * max(values[-1], 0.0)
    root: Array = np.sqrt(values[kept])[:, None] * vectors[:, kept].T
    return root


# <part Products>


class Products:
    """All products with one side of a matrix: their hats are jointly Gaussian.

    With an orthonormal basis Q of the operands, <Q|Q> = 1, a hat is sqrt(gain) Z <Q|x>
    where Z are independent normals, one for each column of Q. This is the regression on
    the earlier hats plus a fresh Gaussian. It is linear in x, so that linear relations
    between operands hold for their hats.
    """

    def __init__(self, nodes: Nodes, gain: float | Array, name: str) -> None:
        self._nodes = nodes
        self._root = np.sqrt(gain)
        self._name = name
        self._basis = np.empty((nodes.samples, 0))
        self._normals = np.empty((nodes.samples, 0))
        self._coordinates: list[Array] = []
        self._shapes: list[tuple[int, ...]] = []

    def hat(self, ket: Array) -> Array:
        """Draw hat(W x) given the hats of all earlier products."""
        nodes, shape = self._nodes, ket.shape[1:]
        x = ket.reshape(nodes.samples, -1)
        known = nodes.inner(self._basis, x)
        rest = x - self._basis @ known
        # Once is not enough where x is nearly in the span of the basis.
        again = nodes.inner(self._basis, rest)
        known, rest = known + again, rest - self._basis @ again
        values, vectors = np.linalg.eigh(nodes.inner(rest, rest))
        scale = np.einsum("nk,nk->", x, x) / nodes.samples
        kept = values > max(1e-13 * values[-1], 1e-22 * scale)
        fresh = rest @ (vectors[:, kept] / np.sqrt(values[kept]))
        self._basis = np.concatenate([self._basis, fresh], axis=1)
        normals = nodes.normal((fresh.shape[1],))
        self._normals = np.concatenate([self._normals, normals], axis=1)
        coordinates = np.concatenate([known, nodes.inner(fresh, x)])
        self._coordinates.append(coordinates)
        self._shapes.append(shape)
        hat: Array = self._normals @ (self._root * coordinates)
        return hat.reshape(nodes.samples, *shape)

    def bras(self, ket: Array) -> list[Array]:
        """Return the bras <nabla|x> in all hats q so far: pinv(<q|q>) E[q |x>]."""
        nodes, shape = self._nodes, ket.shape[1:]
        rank = self._basis.shape[1]
        nodes.stein_load[self._name] = rank / nodes.samples
        rows = [np.pad(c, ((0, rank - len(c)), (0, 0))) for c in self._coordinates]
        moments = nodes.inner(self._normals, ket.reshape(nodes.samples, -1))
        inverse = np.linalg.pinv(np.concatenate(rows, axis=1), rcond=1e-11)
        solved = inverse @ moments / self._root if self._root > 0 else 0 * moments
        ends = np.cumsum([prod(known) for known in self._shapes])[:-1]
        pieces = zip(np.split(solved, ends), self._shapes, strict=True)
        return [piece.reshape(known + shape) for piece, known in pieces]


# <part mean_over_copies>


def mean_over_copies(
    body: Callable[..., Array],
    free: Sequence[Array],
    copies: Sequence[Sequence[Array]],
    onto: Array | None = None,
) -> Array:
    """Average body(*free, *copies) over iid copies, for every sample of the free kets.

    Node p of the c-th copy is sample p + c - 1. Pairs in which a copy is the free sample
    itself are left out, so that no ket meets itself. With `onto`, a ket of the first copy,
    the body is an operator without constant axes and this is its product with that ket.
    """
    samples = len(copies[0][0])
    rolled: list[Array] = []
    for c, kets in enumerate(copies):
        rolled += [np.roll(ket, -c, axis=0)[None] for ket in kets]
    rows = max(1, PAIRS_IN_BLOCK // samples)
    sums: list[Array] = []
    for start in range(0, samples, rows):
        index = np.arange(start, min(start + rows, samples))
        values = body(*(ket[index, None] for ket in free), *rolled)
        for c in range(len(copies)):
            values[index - start, index - c] = 0
        sums.append(values.sum(axis=1) if onto is None else values @ onto)
    return np.concatenate(sums) / (samples - len(copies))


PAIRS_IN_BLOCK = 2**17
"""How many pairs of samples are held at a time: a block should stay in cache."""

# <part inner_of_pairs>


def inner_of_pairs(left: Array, right: Array) -> Array:
    """Sum the products of a free ket and a copy over their last axis, for every pair."""
    return np.asarray(left[:, 0] @ right[0].T)


# <part erf>


def erf(x: Array) -> Array:
    """Return the error function to within 5e-16, by a Chebyshev series of erfc."""
    size = np.abs(x)
    t = 2 / (2 + size)
    series = np.polynomial.chebyshev.chebval(2 * t - 1, ERFC_SERIES)
    return np.asarray(np.sign(x) * (1 - t * np.exp(series - size * size)))


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
    return np.asarray(np.where(x > 0, x, slope * x))


# <part elu>


def elu(x: Array, scale: float | Array) -> Array:
    """Return x where it is positive, scale (exp(x) - 1) elsewhere."""
    return np.asarray(np.where(x > 0, x, scale * np.expm1(np.minimum(x, 0))))


# <part softmax>


def softmax(x: Array) -> Array:
    """Return the softmax over the last axis."""
    weights = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


# <part evaluate>


@dataclass(frozen=True)
class Result:
    """Outputs with one standard error each.

    Attributes:
        values: Arrays by output name: a scalar's limit, a readout's covariance; for a
            vector a dict of the mean and cov of its ket.
        stderr: The same for standard errors: the spread of the replicates and the bias
            that was taken off.
        method: How expectations were computed.
        samples: How many nodes in all.
        seed: Of the random streams.
        params: The parameters' values.
        stein_load: For each matrix side whose bras came from Stein's lemma, k/N: hats
            over nodes of a replicate. Its root is the relative size of their noise.
    """

    values: dict[str, Any]
    stderr: dict[str, Any]
    method: str
    samples: int
    seed: int
    params: dict[str, Any]
    stein_load: dict[str, float]

    def __getitem__(self, name: str) -> Any:
        return self.values[name]


def evaluate(
    *,
    samples: int = 65536,
    seed: int = 0,
    method: str = "mc",
    _progress: Callable[[int, int], None] | None = None,
    **params: Any,
) -> Result:
    """Estimate the limit of every output.

    Args:
        samples: How many nodes; eight independent replicates share them.
        seed: Equal seeds give equal numbers.
        method: "mc", Monte Carlo.
        _progress: Called with (replicates done, replicates in all).
        **params: Values for `PARAMS`; the others keep their defaults.

    Raises:
        ValueError: An unknown method or parameter, or too few samples.
    """
    if method != "mc":
        raise ValueError(f"unknown method {method!r}: this module has 'mc'")
    if samples < 4 * REPLICATES:
        raise ValueError(f"samples must be at least {4 * REPLICATES}, not {samples}")
    merged = merge_params(params)
    estimates: list[Outputs] = []
    shifts: list[Outputs] = []
    load: dict[str, float] = {}
    for replicate in range(REPLICATES):
        estimate, shift, load = run(replicate, samples // REPLICATES, seed, merged)
        estimates.append(estimate)
        shifts.append(shift)
        if _progress is not None:
            _progress(replicate + 1, REPLICATES)
    values: dict[str, Any] = {}
    stderr: dict[str, Any] = {}
    for name, part in estimates[0]:
        each = np.array([estimate[name, part] for estimate in estimates])
        bias = np.array([shift[name, part] for shift in shifts]).mean(axis=0)
        error = np.hypot(each.std(axis=0, ddof=1) / np.sqrt(REPLICATES), bias)
        if part == "value":
            values[name], stderr[name] = each.mean(axis=0), error
        else:
            values.setdefault(name, {})[part] = each.mean(axis=0)
            stderr.setdefault(name, {})[part] = error
    return Result(values, stderr, method, samples, seed, merged, load)


REPLICATES = 8
"""Independent replicates, whose spread gives the standard errors."""


def run(
    replicate: int, samples: int, seed: int, params: dict[str, Any]
) -> tuple[Outputs, Outputs, dict[str, float]]:
    """Return the outputs of one replicate, the bias taken off them, and Stein loads.

    Where moments of N samples enter later equations, results are biased by b/N. The two
    halves of a replicate are biased by 2 b/N, so that full - mean(halves) = -b/N.
    """
    keys = [(replicate, half) for half in range(2)]
    halves = [np.random.SeedSequence(seed, spawn_key=key) for key in keys]
    nodes = Nodes(halves, samples)
    full = limit(nodes, params)
    if not BIASED:
        return full, {key: np.zeros_like(full[key]) for key in full}, nodes.stein_load
    one, two = (limit(Nodes([half], nodes.samples // 2), params) for half in halves)
    shift = {key: full[key] - (one[key] + two[key]) / 2 for key in full}
    return {key: full[key] + shift[key] for key in full}, shift, nodes.stein_load


def merge_params(params: dict[str, Any]) -> dict[str, Any]:
    """Return the defaults overridden by `params`."""
    for name, value in params.items():
        if name not in PARAMS:
            known = ", ".join(PARAMS) or "none"
            raise ValueError(f"unknown parameter {name!r}; this program has: {known}")
        if np.shape(value) != np.shape(PARAMS[name]):
            shape = np.shape(PARAMS[name])
            raise ValueError(f"parameter {name!r} must have the shape {shape}")
    return PARAMS | params


# <part program>

PARAMS: dict[str, Any] = {}
"""The program's parameters with their defaults."""

BIASED = True
"""Whether estimated moments enter later equations."""


def limit(nodes: Nodes, params: dict[str, Any]) -> Outputs:
    """Compute every output once: the program's equations, in a generated module."""
    raise NotImplementedError
