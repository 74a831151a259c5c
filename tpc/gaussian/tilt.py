"""Exponentials of quadratics: a tilted law, and the expectation of the exponential.

With squares completed, exp(-kappa l^2 / 2) is sqrt(2 pi / kappa) times the density at zero of
l + e, e ~ N(0, 1/kappa) independent. So it conditions on l + e = 0, and with m, v of l

    E[exp(-kappa l^2 / 2) g] = exp(-m^2 / (2 (v + 1/kappa))) / sqrt(1 + kappa v) E[g | l + e = 0],

and the roots of several squares multiply to sqrt(det) of Gram's matrix times their kappas.

What is left is linear, with E[exp(b) g] = exp(E b + Var(b) / 2) E_b[g] and the mean shifted to
E_b[x] = E[x] + Cov(x, b), all under the conditioned law: then no digits cancel.

The expectation is finite where 1 + kappa v > 0 for one square after the other, each v under the law
that the squares before it have tilted; the products of these numbers are determinants,

    D_k = det(1 + K G_k) = sum over sets I of the first k squares of (product of kappas) Gr(I).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from sympy import Add, Dummy, Expr, Mul, S, Symbol, cancel, exp, sqrt

from tpc.gaussian.algebra import finite
from tpc.gaussian.forms import Form, Monomial
from tpc.gaussian.law import Law
from tpc.gaussian.refusal import InfiniteExpectation
from tpc.gaussian.single_functions import bell


@dataclass(frozen=True, slots=True)
class Square:
    """The factor exp(-curvature form^2 / 2), with the noise coordinate that stands for it."""

    curvature: Expr
    form: Form
    noise: Dummy


@dataclass(frozen=True, slots=True)
class Exponent:
    """An exponent with its squares completed: -1/2 sum of curvature form^2, plus a linear form."""

    squares: tuple[Square, ...]
    linear: Form

    def noises(self) -> dict[Symbol, Expr]:
        """Return the variances of the noise coordinates."""
        return {square.noise: 1 / square.curvature for square in self.squares}


def complete_squares(
    exponent: Sequence[tuple[Monomial, Expr]], symbols: Sequence[Symbol]
) -> Exponent:
    """Return a polynomial of degree two without constant as squares and a linear form."""
    linear = Form(())
    matrix: dict[tuple[int, int], Expr] = {}
    for monomial, coefficient in exponent:
        places = [i for i, power in enumerate(monomial) for _ in range(power)]
        match places:
            case [i]:
                linear = linear.plus(Form(((symbols[i], coefficient),)))
            case [i, j] if i == j:
                matrix[i, i] = -2 * coefficient
            case [i, j]:
                matrix[i, j] = matrix[j, i] = -coefficient
    squares = []
    while matrix:
        squares.append(_take_square(matrix, symbols))
    squares.sort(key=lambda square: not square.curvature.is_positive)  # these keep it finite
    return Exponent(tuple(squares), linear)


def _take_square(matrix: dict[tuple[int, int], Expr], symbols: Sequence[Symbol]) -> Square:
    """Take one square out of a symmetric matrix, after Lagrange."""
    diagonal = [i for i, j in matrix if i == j]
    if diagonal:
        i = diagonal[0]
        curvature = matrix[i, i]
        row = {j: a / curvature for (k, j), a in matrix.items() if k == i}
    else:  # x y = ((x + y)^2 - (x - y)^2) / 4; the second square is then on the diagonal
        i, j = next(iter(matrix))
        curvature = matrix[i, j] / 2
        row = {i: S.One, j: S.One}
    for j, a in row.items():
        for k, b in row.items():
            rest = cancel(matrix.get((j, k), S.Zero) - curvature * a * b)
            if rest == 0:
                matrix.pop((j, k), None)
            else:
                matrix[j, k] = rest
    form = Form(tuple((symbols[j], a) for j, a in row.items()))
    return Square(curvature, form, Dummy("bump"))


def tilt(law: Law, exponent: Exponent) -> tuple[Expr, Law]:
    """Return the expectation of the exponential, and the law weighted by it.

    Args:
        law: Unconditioned, with the noise coordinates of the exponent.
        exponent: Its squares and its linear form.

    Raises:
        InfiniteExpectation: The expectation is infinite.
    """
    value = S.One
    plain = law
    for square in exponent.squares:
        blurred = square.form.with_noise(square.noise)
        value *= bell(law.mean(square.form), law.var(blurred))
        law = law.conditioned(blurred)
    if exponent.squares:
        curvature = Mul(*(square.curvature for square in exponent.squares))
        guarded = determinant(plain, exponent.squares)
        value /= sqrt(curvature * plain.gram(law.given) if guarded is None else guarded)
    if exponent.linear.terms:
        value *= exp(law.mean(exponent.linear) + law.var(exponent.linear) / 2)
        law = law.tilted(exponent.linear)
    return value, law


def determinant(law: Law, squares: Sequence[Square]) -> Expr | None:
    """Return det(1 + K G), guarded where it may not be positive; None where it certainly is.

    Raises:
        InfiniteExpectation: The expectation is infinite.
    """
    if all(square.curvature.is_positive for square in squares):
        return None
    pairs: list[Expr] = []
    for k, square in enumerate(squares, 1):
        pairs += [square.curvature, _determinant(law, squares[:k])]
    try:
        return finite(*pairs)
    except InfiniteExpectation as refusal:
        exponent = Add(*(-s.curvature * s.form.expression() ** 2 / 2 for s in squares))
        raise InfiniteExpectation(exp(exponent), refusal.reason) from None


def _determinant(law: Law, squares: Sequence[Square]) -> Expr:
    """Return det(1 + K G) without a division by curvatures."""
    terms = [S.One]
    for size in range(1, len(squares) + 1):
        for chosen in combinations(squares, size):
            curvature = Mul(*(square.curvature for square in chosen))
            terms.append(curvature * law.gram(tuple(square.form for square in chosen)))
    return Add(*terms)
