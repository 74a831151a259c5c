"""Closed forms against formulas of the literature, exact singular cases, and refusals."""

import pytest
import sympy as sp

from tpc.gaussian import NoClosedForm, Phi, expect, gelu, leaky_relu, relu, step

X, Y, Z, W = sp.symbols("x y z w")
P, Q, R, C, D, E, A = sp.symbols("p q r c d e a")
PAIR = {(X, X): P, (X, Y): C, (Y, Y): Q}
TRIPLE = {**PAIR, (Z, Z): R, (X, Z): D, (Y, Z): E}
POINT = {
    P: sp.Rational(7, 5), Q: sp.Rational(2, 3), R: sp.Rational(9, 8),
    C: sp.Rational(-2, 5), D: sp.Rational(1, 3), E: sp.Rational(1, 7), A: sp.Rational(1, 5),
}  # fmt: skip
ANGLE = sp.acos(C / sp.sqrt(P * Q))
ROOT = sp.sqrt(P * Q)
G = (1 + P) * (1 + Q) - C**2


def assert_equal(closed: sp.Expr, formula: sp.Expr) -> None:
    """Compare in 40 digits at a point, the closed form also by its printed formula."""
    expected = formula.subs(POINT).evalf(40)
    for found in (closed, closed.doit()):
        assert abs(found.subs(POINT).evalf(40) - expected) < 1e-35


def arc_cosine(order: int) -> sp.Expr:
    """Return J of Cho and Saul (2009)."""
    t = ANGLE
    return {
        0: sp.pi - t,
        1: sp.sin(t) + (sp.pi - t) * sp.cos(t),
        2: 3 * sp.sin(t) * sp.cos(t) + (sp.pi - t) * (1 + 2 * sp.cos(t) ** 2),
    }[order]


@pytest.mark.parametrize("order", [0, 1, 2])
def test_arc_cosine_kernels(order: int) -> None:
    f = step if order == 0 else lambda x: relu(x) ** order
    assert_equal(expect(f(X) * f(Y), PAIR), ROOT**order * arc_cosine(order) / (2 * sp.pi))


FORMULAS: dict[str, tuple[sp.Expr, sp.Expr]] = {
    "erf, Williams (1997)": (
        sp.erf(X) * sp.erf(Y),
        2 / sp.pi * sp.asin(2 * C / sp.sqrt((1 + 2 * P) * (1 + 2 * Q))),
    ),
    "sign": (sp.sign(X) * sp.sign(Y), 2 / sp.pi * sp.asin(C / ROOT)),
    "abs": (
        sp.Abs(X) * sp.Abs(Y),
        2 / sp.pi * (sp.sqrt(P * Q - C**2) + C * sp.asin(C / ROOT)),
    ),
    "Phi": (
        Phi(X) * Phi(Y),
        sp.Rational(1, 4) + sp.asin(C / sp.sqrt((1 + P) * (1 + Q))) / (2 * sp.pi),
    ),
    "leaky relu": (
        leaky_relu(X, A) * leaky_relu(Y, A),
        A * C + (1 - A) ** 2 * ROOT * arc_cosine(1) / (2 * sp.pi),
    ),
    "Isserlis": (X * Y * Z**2, C * R + 2 * D * E),
    "powers": (X**2 * Y**4, 3 * P * Q**2 + 12 * C**2 * Q),
    "lognormal": (sp.exp(X + Y), sp.exp((P + 2 * C + Q) / 2)),
    "bumps": (sp.exp(-(X**2) / 2 - Y**2 / 2), 1 / sp.sqrt(G)),
    "saddle": (sp.exp(X * Y / 2), 1 / sp.sqrt((1 - C / 2) ** 2 - P * Q / 4)),
    "sines": (sp.sin(X) * sp.sin(Y), sp.exp(-(P + Q) / 2) * sp.sinh(C)),
    "sine squared": (sp.sin(X) ** 2, (1 - sp.exp(-2 * P)) / 2),
    "Stein": (X * sp.erf(Y), 2 * C / sp.sqrt(sp.pi * (1 + 2 * Q))),
    "max of two": (sp.Max(X, Y), sp.sqrt((P + Q - 2 * C) / (2 * sp.pi))),
    "step of three, Sheppard": (
        step(X) * step(Y) * step(Z),
        sp.Rational(1, 8)
        + (
            sp.asin(C / ROOT) + sp.asin(D / sp.sqrt(P * R)) + sp.asin(E / sp.sqrt(Q * R))
        ) / (4 * sp.pi),
    ),
    "linear in a third": (Z * step(X), D / sp.sqrt(2 * sp.pi * P)),
    "independent groups": (
        (relu(X) * relu(Y)).subs(Y, X) * W**2,
        P * sp.Rational(3, 2),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMULAS)
def test_formula(name: str) -> None:
    integrand, formula = FORMULAS[name]
    assert_equal(expect(integrand, {**TRIPLE, (W, W): 3}), formula)


@pytest.mark.slow
def test_gelu_is_price() -> None:
    """d/dc E gelu(x) gelu(y) = E gelu'(x) gelu'(y), and at c = 0 it is the product of means."""
    slope = [Phi(x) + x * sp.exp(-(x**2) / 2) / sp.sqrt(2 * sp.pi) for x in (X, Y)]
    closed = expect(gelu(X) * gelu(Y), PAIR).doit()
    assert_equal(expect(slope[0] * slope[1], PAIR), sp.diff(closed, C))
    product = expect(gelu(X), {(X, X): P}) * expect(gelu(Y), {(Y, Y): Q})
    assert abs((closed.subs(C, 0) - product).subs(POINT).evalf(40)) < 1e-35


def test_readable() -> None:
    closed = expect(relu(X) * relu(Y), PAIR)
    assert str(closed) == "(c*(pi - acos(c/sqrt(p*q))) + sqrt(-c**2 + p*q))/(2*pi)"
    assert str(expect(relu(X), PAIR, {X: C})) == (
        "c*Phi(c/sqrt(p)) + sqrt(2)*sqrt(p)*exp(-c**2/(2*p))/(2*sqrt(pi))"
    )
    assert r"\operatorname{acos}" in sp.latex(closed)
    names = [sp.latex(f(X)) for f in (relu, step, Phi, gelu)] + [sp.latex(leaky_relu(X, A))]
    assert names == [
        r"\mathrm{relu}\left(x\right)", r"\mathrm{step}\left(x\right)", r"\Phi\left(x\right)",
        r"\mathrm{gelu}\left(x\right)", r"\mathrm{leaky\_relu}\left(x, a\right)",
    ]  # fmt: skip


def test_singular_and_zero_covariances_are_exact() -> None:
    same = {(X, X): P, (X, Y): P, (Y, Y): P}
    opposite = {(X, X): P, (X, Y): -P, (Y, Y): P}
    assert expect(relu(X) * relu(Y), same).subs(P, 3) == sp.Rational(3, 2)
    assert expect(relu(X) * relu(Y), opposite).subs(P, 3) == 0
    assert expect(relu(X) * relu(-X), {(X, X): P}) == 0
    assert expect(relu(-2 * X) * relu(-X), {(X, X): P}) == P
    assert expect(sp.Abs(X) * sp.Abs(Y), opposite).subs(P, 3) == 3
    three = {(X, X): 4, (X, Y): -2, (Y, Y): 1}
    assert expect(step(X) * step(Y), three) == 0
    assert expect(sp.sign(X) * sp.sign(Y), three) == -1
    assert expect(sp.Max(X, Y), {(X, X): 4, (X, Y): 2, (Y, Y): 1}) == 1 / sp.sqrt(2 * sp.pi)


def test_values_at_zero_are_those_of_the_functions() -> None:
    """step(0) = 1/2 and sign(0) = 0, also where the argument has no variance."""
    q = sp.Symbol("q", positive=True)
    zero = {(X, X): 0, (Y, Y): q, (X, Y): 0}
    assert expect(step(X) * step(Y), zero) == sp.Rational(1, 4)
    assert expect(step(X) ** 2, zero) == sp.Rational(1, 4)
    assert expect(sp.sign(X) ** 2, zero) == 0
    assert expect(step(Y) ** 2, zero) == sp.Rational(1, 2)
    assert expect(sp.sign(X) ** 2, {(X, X): P}) == sp.sign(P)
    assert expect(sp.erf(X) * Y + sp.cos(X) + relu(X) * relu(Y), zero) == 1
    assert expect(relu(X + 2) * step(X - 1), zero) == 0
    assert expect(step(X) * step(Y) * step(Z), {**zero, (Z, Z): 1}) == sp.Rational(1, 8)


def test_known_numbers() -> None:
    independent = {(x, x): 1 for x in (X, Y, Z)}
    assert expect(sp.Max(X, Y, Z), independent) == 3 / (2 * sp.sqrt(sp.pi))
    assert expect(step(X) * step(Y), {(X, X): 1, (X, Y): sp.Rational(1, 2), (Y, Y): 1}) == (
        sp.Rational(1, 3)
    )
    assert expect(sp.erf(X), {(X, X): 2}) == 0
    assert expect(sp.exp(X**2 / 4), {(X, X): 1}) == sp.sqrt(2)


def test_floats_lose_no_digits() -> None:
    """At these numbers 18 digits of the formula cancel; the exact value follows from fractions."""
    c = -0.999999999999
    found = expect(relu(X) * relu(Y), {(X, X): 1.0, (X, Y): c, (Y, Y): 1.0})
    rho = sp.Rational(c)
    exact = (sp.sqrt(1 - rho**2) + rho * (sp.pi - sp.acos(rho))) / (2 * sp.pi)
    assert abs(found / exact.evalf(60) - 1) < 1e-14


@pytest.mark.parametrize(
    ("integrand", "factor"),
    [
        (sp.tanh(X) * relu(Y), sp.tanh(X)),
        (relu(X**2), relu(X**2)),
        (relu(X) / Y, 1 / Y),
        (sp.sqrt(X) * Y, sp.sqrt(X)),
        (sp.exp(X**3), sp.exp(X**3)),
        (sp.erf(sp.sin(X)), sp.erf(sp.sin(X))),
        (X**A, X**A),
        (sp.log(X), sp.log(X)),
        (sp.sin(X) * relu(Y) * sp.erf(Z), sp.sin(X)),
        (sp.sin(X) * relu(Y + 1), sp.sin(X)),
        (relu(X + 1) * relu(Y) * relu(Z), relu(Z)),
        (step(X) * step(Y) * step(Z) * step(X + Y + Z), step(Z)),
    ],
)
def test_refusals_name_the_factor(integrand: sp.Expr, factor: sp.Expr) -> None:
    with pytest.raises(NoClosedForm) as caught:
        expect(integrand, TRIPLE)
    assert caught.value.factor == factor
    assert str(factor) in str(caught.value)


def test_infinite_expectations_are_refused() -> None:
    with pytest.raises(NoClosedForm, match="infinite") as caught:
        expect(sp.exp(X**2 / 2) * Y, {(X, X): 1, (Y, Y): 1})
    assert caught.value.factor == sp.exp(X**2 / 2)


def test_inputs_are_checked() -> None:
    with pytest.raises(ValueError, match="y has no variance"):
        expect(X * Y, {(X, X): 1, (X, Y): 1})
    with pytest.raises(ValueError, match="y has no variance"):
        expect(X, {(X, X): 1}, {Y: 1})


def test_what_is_no_gaussian_is_a_constant() -> None:
    assert expect(sp.tanh(A) * X**2, {(X, X): P}) == P * sp.tanh(A)
