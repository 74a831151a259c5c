"""A polynomial beside two steps, by the regression of its variables on their arguments.

With x = a y1 + b y2 + r, r independent of the arguments y1, y2, a monomial of the x's becomes a
sum of powers of y1 and y2, whose moments on the quadrant have no negative terms, times moments of
the r's.
Stein's lemma says the same in fewer terms, which cancel where y1 and y2 are nearly opposite:
the quadrant is then a wedge of small angle s, the moment of degree k of order s^(k + 1), and
every term of Stein's of order s.
"""

from collections.abc import Iterator
from itertools import product
from math import factorial

from sympy import Expr, Mul, Symbol

from tpc.gaussian.algebra import divide
from tpc.gaussian.factors import Core, Kind
from tpc.gaussian.forms import coordinate_form
from tpc.gaussian.law import Law
from tpc.gaussian.orthant_functions import relu_moment
from tpc.gaussian.polynomials import Monomial

READABLE_DEGREE = 2
"""Up to so many powers a result prints in the few terms of Stein's lemma."""


def wants_regression(
    law: Law, symbols: tuple[Symbol, ...], monomial: Monomial, cores: tuple[Core, ...]
) -> bool:
    """Whether a monomial stands beside two centred steps that cannot be collinear.

    One at least is blurred by noise; the other vanishes with its argument, so that it does not
    matter if the regression divides by zero where that has no variance.
    """
    if not any(monomial) or len(cores) != 2:
        return False
    if not all(core.kind is Kind.STEP and law.mean(core.form) == 0 for core in cores):
        return False
    blurred = [any(x not in symbols for x, _ in core.form.terms) for core in cores]
    return any(blurred) and all(b or core.power for b, core in zip(blurred, cores, strict=True))


def regressed(
    law: Law, symbols: tuple[Symbol, ...], monomial: Monomial, cores: tuple[Core, ...]
) -> Iterator[tuple[Expr, Monomial]]:
    """Yield coefficients and the monomials of residuals whose moments they multiply."""
    first, second = (core.form for core in cores)
    variances = law.var(first), law.var(second)
    c, det = law.cov(first, second), law.det(first, second)
    slopes = []
    for symbol in symbols:
        x = coordinate_form(symbol)
        a = divide(law.minor((x, second), (first, second)), det)
        b = divide(law.minor((first, x), (first, second)), det)
        slopes.append((a, b))
    for split in product(*(_splits(power) for power in monomial)):
        factors = []
        for (i, j, k), (a, b) in zip(split, slopes, strict=True):
            ways = factorial(i + j + k) // (factorial(i) * factorial(j) * factorial(k))
            factors.append(ways * a**i * b**j)
        powers = [core.power + sum(s[at] for s in split) for at, core in enumerate(cores)]
        moment = relu_moment(*powers, *variances, c, det)
        coefficient = Mul(*factors, moment)
        if coefficient != 0:
            yield coefficient, tuple(k for _, _, k in split)


def _splits(power: int) -> list[tuple[int, int, int]]:
    return [(i, j, power - i - j) for i in range(power + 1) for j in range(power + 1 - i)]
