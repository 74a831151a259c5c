"""Gaussian limits by brute force: kets as functions of Gaussians, with expectations as plain sums.

A second reading of the Master Theorem, which shares nothing with the compiler. A hat is a Gaussian
with covariances to others; a ket is a function of hats that knows where its kinks are: lines on
which an affine form of hats has a certain value. Of up to two independent Gaussians expectations
are Gauss-Legendre sums between the kinks, of three trapezoidal sums. What needs more, or has kinks
along curves, is estimated from random numbers.

    W x = hat + sum over i of u_i c_i,    <u_i|u_j> c_j = E[hat(W.T u_i) x]    (Stein's lemma).

Reference:
    Tensor Programs IVb, Definition 2.6.4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

Array: TypeAlias = npt.NDArray[Any]
Coefficients: TypeAlias = tuple[tuple[int, float], ...]

REACH = 10.0
"""Standard deviations that are integrated over."""


class Unreachable(Exception):
    """An expectation is no sum over few nodes."""


class Nodes(dict[int, Array]):
    """Values of hats, with those of the kets that have been computed from them."""

    def __init__(self, values: Mapping[int, Array]) -> None:
        super().__init__(values)
        self.known: dict[Ket, Array] = {}


@dataclass(frozen=True, eq=False)
class Ket:
    """A random variable.

    Attributes:
        hats: What it is a function of.
        rule: Its values from those of hats.
        affine: Its coefficients and its constant, where it is affine in hats.
        along: An affine form without constant, and the function of it that the ket is, if any.
        kinks: Forms, and the values of theirs at which it is not smooth.
        singular: Whether a derivative is infinite at kinks.
        rough: Whether it has kinks elsewhere.
    """

    hats: frozenset[int]
    rule: Callable[[Nodes], Array]
    affine: tuple[Mapping[int, float], float] | None = None
    along: tuple[Coefficients, Callable[[Array], Array]] | None = None
    kinks: frozenset[tuple[Coefficients, float]] = frozenset()
    singular: bool = False
    rough: bool = False

    def at(self, nodes: Nodes) -> Array:
        """Return its values."""
        if self not in nodes.known:
            nodes.known[self] = self.rule(nodes)
        return nodes.known[self]

    def __add__(self, other: Any) -> Ket:
        return _sum(self, other, 1.0)

    def __radd__(self, other: Any) -> Ket:
        return _sum(self, other, 1.0)

    def __sub__(self, other: Any) -> Ket:
        return _sum(self, other, -1.0)

    def __rsub__(self, other: Any) -> Ket:
        return _sum(-1.0 * self, other, 1.0)

    def __mul__(self, other: Any) -> Ket:
        if isinstance(other, Ket) or self.affine is None:
            return apply(np.multiply, self, other)
        coefficients, constant = self.affine
        return affine({hat: c * other for hat, c in coefficients.items()}, constant * other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Ket:
        return apply(np.divide, self, other) if isinstance(other, Ket) else self * (1 / other)

    def __rtruediv__(self, other: Any) -> Ket:
        return apply(lambda x: other / x, self)


def _sum(x: Ket, y: Any, sign: float) -> Ket:
    if not isinstance(y, Ket):
        y = affine({}, float(y))
    if x.affine is None or y.affine is None:
        return apply(lambda a, b: a + sign * b, x, y)
    (left, a), (right, b) = x.affine, y.affine
    hats = {**left, **right}
    total = {hat: left.get(hat, 0.0) + sign * right.get(hat, 0.0) for hat in hats}
    return affine(total, a + sign * b)


def affine(coefficients: Mapping[int, float], constant: float = 0.0) -> Ket:
    """Return a sum of multiples of hats and a constant."""
    kept = {hat: c for hat, c in sorted(coefficients.items()) if c}

    def rule(nodes: Nodes) -> Array:
        return np.asarray(sum(c * nodes[hat] for hat, c in kept.items()) + constant)

    scale = max(kept.values(), key=abs, default=1.0)
    form = tuple((hat, c / scale) for hat, c in kept.items())
    along = (form, lambda s: scale * s + constant)
    return Ket(frozenset(kept), rule, (kept, constant), along)


def apply(
    function: Callable[..., Array], *operands: Any, points: Iterable[float] = (),
    singular: bool = False,
) -> Any:  # fmt: skip
    """Return a function of kets and numbers, which has kinks where the first one is at `points`."""
    kets = [x for x in operands if isinstance(x, Ket)]
    if not kets:
        return float(function(*operands))

    def of(value: Callable[[Ket], Array]) -> Array:
        return function(*(value(x) if isinstance(x, Ket) else x for x in operands))

    forms = {x.along and x.along[0] for x in kets if x.hats}
    along = None
    if len(forms) == 1 and None not in forms:
        along = (forms.pop(), lambda s: of(lambda x: x.along[1](s) if x.along else x.at(Nodes({}))))
    kinks = frozenset[tuple[Coefficients, float]]().union(*(x.kinks for x in kets))
    rough = any(x.rough for x in kets)
    points = tuple(points)
    if points and kets[0].along is None:
        rough = True
    elif points and kets[0].along is not None and kets[0].hats:
        form, inner = kets[0].along
        kinks |= {(form, s) for point in points for s in _crossings(inner, point)}
    hats = frozenset[int]().union(*(x.hats for x in kets))
    singular = singular or any(x.singular for x in kets)
    return Ket(hats, lambda nodes: of(lambda x: x.at(nodes)), None, along, kinks, singular, rough)


def larger(x: Any, y: Any) -> Any:
    """Return the larger one of two kets or numbers."""
    return y + apply(lambda d: np.maximum(d, 0), x - y, points=(0.0,))


def _crossings(function: Callable[[Array], Array], point: float) -> Iterable[float]:
    """Yield where a function of one number passes a value."""
    grid = np.linspace(-40.0123, 40.0234, 6001)

    def side(s: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.sign(function(s) - point)

    sides = side(grid)
    at = np.flatnonzero(sides[1:] * sides[:-1] < 0)
    low, high = grid[at], grid[at + 1]
    for _ in range(60):
        middle = (low + high) / 2
        below = side(middle) == sides[at]
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    yield from (float(s) for s in (low + high) / 2)


@dataclass
class Process:
    """The hats of a program, whose expectations are sums over nodes.

    Attributes:
        order: Nodes between kinks, for a length of 1.
        spacing: Of nodes in three dimensions.
        means: Of hats.
        covariances: Of hats.
        products: For each side of a matrix its hats, with what was multiplied.
    """

    order: int = 20
    spacing: float = 0.12
    means: list[float] = field(default_factory=list)
    covariances: Array = field(default_factory=lambda: np.zeros((0, 0)))
    products: dict[tuple[str, bool], list[tuple[int, Ket]]] = field(default_factory=dict)

    # ----------------------------------------------------------------------------------- programs

    def hat(self, covariances: Mapping[int, float], variance: float, mean: float = 0.0) -> Ket:
        """Return a new hat, with its covariances to earlier ones."""
        size = len(self.means)
        wide = np.zeros((size + 1, size + 1))
        wide[:size, :size] = self.covariances
        for other, covariance in covariances.items():
            wide[size, other] = wide[other, size] = covariance
        wide[size, size] = variance
        self.covariances = wide
        self.means.append(mean)
        return affine({size: 1.0})

    def vector(self, means: Array, covariance: Array) -> Array:
        """Return an initial vector with one constant axis, or none."""
        made: list[Ket] = []
        first = len(self.means)
        for i, mean in enumerate(np.ravel(means)):
            row = np.reshape(covariance, (np.size(means),) * 2)[i]
            made.append(self.hat({first + j: row[j] for j in range(i)}, row[i], float(mean)))
        return _shaped(made, np.shape(means))

    def product(self, name: str, transposed: bool, variance: float, x: Array) -> Array:
        """Return a square matrix of entries of variance / n, or its transpose, times a vector."""
        made = [self._product((name, transposed), variance, ket) for ket in np.ravel(x)]
        return _shaped(made, np.shape(x))

    def _product(self, side: tuple[str, bool], variance: float, x: Ket) -> Ket:
        own = self.products.setdefault(side, [])
        back = self.products.get((side[0], not side[1]), [])
        size = self.expect(x * x)
        covariances = {hat: variance * self.expect(x * y) for hat, y in own}
        total = self.hat(covariances, variance * size)
        own.append((len(self.means) - 1, x))
        met = [(hat, u) for hat, u in back if hat in x.hats]
        if met:
            gram = np.array([[self.expect(u * w) for _, w in met] for _, u in met])
            stein = np.array([self.expect(affine({hat: 1.0}) * x) for hat, _ in met])
            for c, (_, u) in zip(np.linalg.lstsq(gram, stein, rcond=1e-11)[0], met, strict=True):
                total = total + u * float(c)
        return total

    def mean(self, body: Callable[[Ket], Any], row: Ket) -> Any:
        """Return the mean over a coordinate of a smooth function of a row there."""
        hats = sorted(row.hats)
        mean, root = self._law(hats)
        if root.shape[1] != 1 or row.kinks:
            raise Unreachable
        step = 2 / self.order
        z = np.arange(-REACH, REACH, step)
        weights = np.exp(-0.5 * z * z) * step / np.sqrt(2 * np.pi)
        values = row.at(Nodes({hat: mean[i] + root[i, 0] * z for i, hat in enumerate(hats)}))
        rows = [body(Ket(frozenset(), lambda _, v=v: v)) for v in values]  # type: ignore[misc]
        kets = [ket for ket in rows if isinstance(ket, Ket)]
        if not kets:
            return float(weights @ rows)
        if len(kets[0].hats) > 1 or kets[0].kinks or kets[0].rough:
            raise Unreachable
        (hat,) = kets[0].hats
        span = 11.5 * np.sqrt(self.covariances[hat, hat])
        grid = self.means[hat] + np.linspace(-span, span, 1000 * self.order)
        table = sum(w * ket.at(Nodes({hat: grid})) for w, ket in zip(weights, rows, strict=True))
        spline = CubicSpline(grid, table)
        return Ket(frozenset({hat}), lambda nodes: np.asarray(spline(nodes[hat])))

    # ------------------------------------------------------------------------------- expectations

    def expect(self, ket: Any) -> float:
        """Return an expectation."""
        if not isinstance(ket, Ket):
            return float(ket)
        hats = sorted(ket.hats)
        mean, root = self._law(hats)
        rank = root.shape[1]
        lines = [
            (a / np.linalg.norm(a), t / np.linalg.norm(a))
            for a, t in (_line(form, level, hats, mean, root) for form, level in ket.kinks)
            if abs(t) < REACH * np.linalg.norm(a)
        ]
        if ket.rough or rank > 3 or (rank == 3 and lines):
            raise Unreachable
        if rank == 3:
            parts = self._in_space()
        elif rank == 2:
            parts = [self._in_plane(lines, ket.singular)]
        elif rank == 1:
            z, weights = self._between([np.array(t / a[0]) for a, t in lines], ket.singular)
            parts = [(z[None], weights)]
        else:
            parts = [(np.zeros((0, 1)), np.ones(1))]
        total = 0.0
        for z, weights in parts:
            values = mean[:, None] + root @ z
            nodes = Nodes(dict(zip(hats, values, strict=True)))
            total += float(np.sum(ket.at(nodes) * weights))
        return total

    def _law(self, hats: list[int]) -> tuple[Array, Array]:
        """Return the means of hats, and what their covariance is the square of."""
        values, vectors = np.linalg.eigh(self.covariances[np.ix_(hats, hats)])
        kept = values > 1e-14 * max(values.max(initial=0.0), 1e-300)
        return np.array([self.means[hat] for hat in hats]), vectors[:, kept] * np.sqrt(values[kept])

    def _between(self, breaks: list[Array], singular: bool) -> tuple[Array, Array]:
        """Return nodes and weights of the standard normal law, between breaks of any shape.

        Shapes:
            both: that of the breaks, and nodes behind.
        """
        shape = np.broadcast_shapes(*(b.shape for b in breaks if b.ndim)) if breaks else ()
        shape = () if shape == (0,) else shape
        edges = np.broadcast_to(np.arange(-REACH, REACH + 0.5), (*shape, int(2 * REACH) + 1))
        given = [np.broadcast_to(b, shape)[..., None] for b in breaks if b.size]
        edges = np.sort(np.concatenate([edges, *(np.clip(b, -REACH, REACH) for b in given)], -1))
        unit, share = _double_exponential(2 * self.order) if singular else _legendre(self.order)
        length = np.diff(edges)[..., None]
        z = (edges[..., :-1, None] + length * unit).reshape(*shape, -1)
        weights = (length * share).reshape(*shape, -1) * np.exp(-0.5 * z * z)
        return z, weights / np.sqrt(2 * np.pi)

    def _in_plane(self, lines: list[tuple[Array, float]], singular: bool) -> tuple[Array, Array]:
        """Return nodes and weights between lines of the plane."""
        turns = np.linspace(0, np.pi, 24, endpoint=False)
        steep = [min((abs(_turned(a, turn)[1]) for a, _ in lines), default=1.0) for turn in turns]
        turn = turns[int(np.argmax(steep))]
        turned = [(_turned(a, turn), t) for a, t in lines]
        crossings = []
        for i, (a, s) in enumerate(turned):
            for b, t in turned[:i]:
                if abs(det := a[0] * b[1] - a[1] * b[0]) > 1e-9:
                    crossings.append(np.array((s * b[1] - t * a[1]) / det))
        x, outer = self._between(crossings, singular)
        y, inner = self._between([(t - a[0] * x) / a[1] for a, t in turned], singular)
        y, inner = (np.broadcast_to(part, (len(x), part.shape[-1])) for part in (y, inner))
        flat = np.stack([np.broadcast_to(x[:, None], y.shape).ravel(), y.ravel()])
        weights = (outer[:, None] * inner).ravel()
        kept = weights > 1e-28
        return _rotation(turn) @ flat[:, kept], weights[kept]

    def _in_space(self) -> Iterable[tuple[Array, Array]]:
        line = np.arange(-REACH, REACH, self.spacing)
        density = np.exp(-0.5 * line**2)
        density /= density.sum()
        for x, share in zip(line, density, strict=True):
            weights = share * np.outer(density, density)
            kept = weights > 1e-24
            i, j = np.nonzero(kept)
            if len(i):
                yield np.stack([np.full(len(i), x), line[i], line[j]]), weights[kept]


@dataclass
class SampledProcess(Process):
    """The same from random numbers: hats are draws, expectations their averages."""

    size: int = 2**17
    random: np.random.Generator = field(default_factory=np.random.default_rng)
    draws: Nodes = field(default_factory=lambda: Nodes({}))

    def hat(self, covariances: Mapping[int, float], variance: float, mean: float = 0.0) -> Ket:
        """Return a new hat, drawn given the earlier ones."""
        others = sorted(covariances)
        gram = self.covariances[np.ix_(others, others)]
        cross = np.array([covariances[hat] for hat in others])
        share = np.linalg.lstsq(gram, cross, rcond=1e-11)[0] if others else np.zeros(0)
        rest = max(variance - float(share @ cross), 0.0) if others else variance
        made = super().hat(covariances, variance, mean)
        drawn = mean + np.sqrt(rest) * self.random.standard_normal(self.size)
        for c, hat in zip(share, others, strict=True):
            drawn += c * (self.draws[hat] - self.means[hat])
        self.draws[len(self.means) - 1] = drawn
        return made

    def mean(self, body: Callable[[Ket], Any], row: Ket) -> Any:
        """Refuse means over coordinates: their samples would have to be independent ones."""
        raise Unreachable

    def expect(self, ket: Any) -> float:
        """Return an average over the draws."""
        return float(np.mean(ket.at(self.draws))) if isinstance(ket, Ket) else float(ket)


def _shaped(kets: list[Ket], shape: tuple[int, ...]) -> Array:
    made = np.empty(len(kets), dtype=object)
    made[:] = kets
    return made.reshape(shape)


def _line(
    form: Coefficients, level: float, hats: list[int], mean: Array, root: Array
) -> tuple[Array, float]:
    """Return a and t where a kink is at a . z = t."""
    c = np.zeros(len(hats))
    for hat, coefficient in form:
        c[hats.index(hat)] = coefficient
    return c @ root, level - float(c @ mean)


def _rotation(turn: float) -> Array:
    return np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])


def _turned(a: Array, turn: float) -> Array:
    return np.asarray(a @ _rotation(turn))


def _legendre(order: int) -> tuple[Array, Array]:
    """Return nodes in [0, 1] with their weights."""
    x, weights = np.polynomial.legendre.leggauss(order)
    return (x + 1) / 2, weights / 2


def _double_exponential(order: int) -> tuple[Array, Array]:
    """Return nodes in [0, 1] with their weights, for functions that are singular at the ends."""
    t = np.linspace(-3.2, 3.2, order)
    inner = 0.5 * np.pi * np.sinh(t)
    weights = 0.25 * np.pi * (t[1] - t[0]) * np.cosh(t) / np.cosh(inner) ** 2
    return 1 / (1 + np.exp(-2 * inner)), weights
