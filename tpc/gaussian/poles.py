"""Expression -> how fast it grows at its poles, and whether its Gaussian moments are finite there.

Near a surface where f grows like |t|^p, t the distance, E |f| is finite for p > -1 alone, and
E f^2 for p > -1/2; near a point of k Gaussians for p > -k and p > -k/2. The surfaces are those
where the base of a negative power changes its sign; p is the slope of log |f| along a line through
one of them, at distances so small, with so many digits, that nothing else is left of f.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

import mpmath  # type: ignore[import-untyped]
from sympy import (
    Abs,
    Add,
    Expr,
    Float,
    Mul,
    Pow,
    Rational,
    S,
    Symbol,
    factor_list,
    lambdify,
    nan,
    oo,
    pi,
    sqrt,
    zoo,
)

from tpc.gaussian.refusal import InfiniteExpectation

DIGITS = 500

DISTANCES = ("1e-50", "1e-100", "1e-150")
"""How far from the surface f is computed."""

REACH = 6
"""So many standard deviations from the middle poles are looked for."""

STEPS = 48
"""How many places along a line are looked at for changes of sign."""

LINES = 3
"""How many lines are looked along."""

_FUNCTIONS: dict[str, Any] = {
    "mpmath": mpmath,
    "relu": lambda x: max(x, 0),
    "step": lambda x: (1 + mpmath.sign(x)) / 2,
    "leaky_relu": lambda x, a: x if x > 0 else a * x,
    "Phi": mpmath.ncdf,
    "gelu": lambda x: x * mpmath.ncdf(x),
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "Max": max,
    "Min": min,
    "Abs": abs,
    "clip": lambda x, a, b: min(max(x, a), b),
}
"""What mpmath calls otherwise."""


@dataclass(frozen=True, slots=True)
class Pole:
    """What an integrand is like near a surface, or near a point of several Gaussians.

    Attributes:
        power: It grows like this power of the distance.
        dimension: How many directions lead away from it.
        is_exact: Whether it is a power alone, without a logarithm.
    """

    power: float
    dimension: int
    is_exact: bool

    def is_infinite(self, moment: int) -> bool:
        """Whether E |f|^moment is infinite."""
        excess = moment * self.power + self.dimension
        return excess < (1e-9 if self.is_exact else -1e-2)


def infinite_variance(expression: Expr, symbols: Sequence[Symbol]) -> bool:
    """Whether the second moment is infinite at a pole.

    Args:
        expression: Of Gaussian symbols, and symbols of positive constants.
        symbols: The Gaussian ones, of any regular joint law.

    Raises:
        InfiniteExpectation: The first moment is infinite.
    """
    found = list(poles(_with_exact_roots(expression), symbols))
    worst = next((pole for pole in found if pole.is_infinite(1)), None)
    if worst is not None:
        power, count = round(worst.power, 6), worst.dimension
        where = "a pole" if count == 1 else f"a point of {count} Gaussians"
        condition = f"E |x|^p is finite for p > -{count} alone, x the distance from {where}"
        raise InfiniteExpectation(
            expression, f"infinite, for the power {power:g} at {where}", condition
        )
    return any(pole.is_infinite(2) for pole in found)


ROOTS = {
    float(root): root
    for scale in (1, 2, Rational(1, 2))
    for root in (scale / sqrt(pi), scale / sqrt(2 * pi), scale * sqrt(2))
}
"""Numbers in derivatives of erf and Phi: where poles of terms cancel, all their digits count."""


def _with_exact_roots(expression: Expr) -> Expr:
    """Return an expression with roots in place of numbers that are these in double precision."""
    floats = {number: float(number) for number in expression.atoms(Float)}
    signs = {x: (1 if value > 0 else -1) for x, value in floats.items()}
    known = {x: ROOTS.get(abs(value)) for x, value in floats.items()}
    return expression.xreplace({x: signs[x] * root for x, root in known.items() if root})


def in_independent(
    covariance: Mapping[tuple[Symbol, Symbol], Expr], mean: Mapping[Symbol, Symbol]
) -> dict[Symbol, Expr]:
    """Return Gaussians as combinations of independent ones, where all covariances are numbers.

    Elsewhere, where they have none in common, they stay what they are.
    """
    symbols = list(dict.fromkeys(z for z, _ in covariance))
    if not all(entry.is_number for entry in covariance.values()):
        return {z: z for z in symbols}
    found: dict[Symbol, Expr] = {}
    rows: list[dict[Symbol, Expr]] = []
    known: dict[Symbol, Expr] = {}
    for i, z in enumerate(symbols):
        row: dict[Symbol, Expr] = {}
        for x, other in zip(symbols[:i], rows, strict=True):
            if x in known:
                shared = sum(row[y] * other[y] * known[y] for y in row.keys() & other.keys())
                entry = covariance.get((x, z), covariance.get((z, x), S.Zero))
                row[x] = (Rational(entry) - shared) / known[x]
        own = Rational(covariance[z, z])
        rest = own - sum(a**2 * known[y] for y, a in row.items())
        if rest > own * Rational(1, 10**9):
            row[z], known[z] = S.One, rest
        rows.append(row)
        found[z] = sum((a * y for y, a in row.items()), mean.get(z, S.Zero))
    return found


def has_poles(expression: Expr, symbols: Sequence[Symbol]) -> bool:
    """Whether it has negative powers of Gaussians that may vanish."""
    return bool(zeros_below(expression, set(symbols))) and not expression.has(nan, oo, zoo)


def poles(expression: Expr, symbols: Sequence[Symbol]) -> Iterator[Pole]:
    """Yield the poles of an integrand that are found where its negative powers have zeros."""
    if not has_poles(expression, symbols):
        return
    gaussians = set(symbols)
    bases = zeros_below(expression, gaussians)
    chosen = sorted(expression.free_symbols, key=str)
    spots = dict.fromkeys(frozenset(base.free_symbols & gaussians) for base in bases)
    spots |= {frozenset().union(*spots): None}
    try:
        with mpmath.workdps(DIGITS):
            f = _function(expression, chosen)
            for line in map(Random, range(LINES)):
                middle = [_place(line, x in gaussians) for x in chosen]
                for base in bases:
                    varied = base.free_symbols & gaussians
                    ahead = [line.uniform(0.5, 1) * (x in varied) for x in chosen]
                    yield from _along(f, _function(base, chosen), middle, ahead)
                for spot in (spot for spot in spots if len(spot) > 1):
                    start = [x * (y not in spot) for x, y in zip(middle, chosen, strict=True)]
                    ahead = [line.gauss(0, 1) * (x in spot) for x in chosen]
                    yield from _slopes(partial(_at, f, start, ahead), len(spot))
    except (ArithmeticError, ValueError, TypeError, NameError):
        return  # nothing is said of what mpmath cannot compute


def _place(line: Random, is_gaussian: bool) -> float:
    """Return where a line starts: constants are positive."""
    return line.gauss(0, 1) if is_gaussian else line.uniform(0.5, 1.5)


def _at(f: Callable[..., Any], start: Sequence[Any], ahead: Sequence[float], t: Any) -> Any:
    """Return f at a place of a line."""
    return f(*(x + t * step for x, step in zip(start, ahead, strict=True)))


def _function(expression: Expr, symbols: Sequence[Symbol]) -> Callable[..., Any]:
    found: Callable[..., Any] = lambdify(symbols, expression, modules=[_FUNCTIONS, "mpmath"])
    return found


def _along(
    f: Callable[..., Any], base: Callable[..., Any], start: list[float], ahead: list[float]
) -> Iterator[Pole]:
    """Yield the poles of a function along a line, where a base changes its sign."""
    on_line = partial(_at, base, start, ahead)
    places = [REACH * (2 * k / STEPS - 1) + 0.01 for k in range(STEPS + 1)]
    with mpmath.workdps(20):
        positive = [on_line(mpmath.mpf(t)) > 0 for t in places]
    for k in range(STEPS):
        if positive[k] != positive[k + 1]:
            ends = (mpmath.mpf(places[k]), mpmath.mpf(places[k + 1]))
            root = mpmath.findroot(on_line, ends, solver="anderson", verify=False, maxsteps=60)
            there = [x + root * step for x, step in zip(start, ahead, strict=True)]
            yield from _slopes(partial(_at, f, there, ahead), 1)


def _slopes(f: Callable[..., Any], dimension: int) -> Iterator[Pole]:
    """Yield the powers by which f(t) grows on both sides of t = 0."""
    distances = [mpmath.mpf(text) for text in DISTANCES]
    for side in (1, -1):
        values = [mpmath.fabs(f(side * t)) for t in distances]
        if all(values):
            steps = zip(values[1:], values, distances[1:], distances, strict=False)
            far, near = (float(mpmath.log(v / w) / mpmath.log(t / s)) for v, w, t, s in steps)
            yield Pole(near, dimension, abs(near - far) < 1e-9)


def zeros_below(expression: Expr, symbols: set[Symbol]) -> list[Expr]:
    """Return what is raised to negative powers, without powers and absolute values around it."""
    found: dict[Expr, None] = {}
    for power in sorted(expression.atoms(Pow), key=str):
        if power.exp.has(*symbols) or power.base.free_symbols.isdisjoint(symbols):
            continue
        if not power.exp.is_number:
            return []
        if power.exp.is_negative:
            found |= dict.fromkeys(_cores(power.base, symbols))
    return list(found)


def _cores(base: Expr, symbols: set[Symbol]) -> list[Expr]:
    """Return of what a zero makes a base zero."""
    if base.free_symbols.isdisjoint(symbols) or base.is_positive:
        return []
    match base:
        case Abs(args=(inner,)):
            return _cores(inner, symbols)
        case Pow(base=inner, exp=power) if power.is_number and power > 0:
            return _cores(inner, symbols)
        case Mul(args=parts):
            return [core for part in parts for core in _cores(part, symbols)]
        case Add() if base.is_polynomial(*symbols):
            return [part for part, _ in factor_list(base)[1] if part.free_symbols & symbols]
        case _:
            return [base]
