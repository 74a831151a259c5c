"""Powers and logarithms of absolute values against integrals in 20 digits."""

from collections.abc import Callable

import mpmath
import numpy as np
import pytest
import sympy as sp

import tpc
from tests.marks import slow_where
from tpc.driver import compiler
from tpc.gaussian import NoClosedForm, evaluate, expect, leaky_relu, relu, step

X, Y = sp.symbols("x y", real=True)
P, Q, C = sp.symbols("p q c")

Plain = Callable[[mpmath.mpf], mpmath.mpf]

ALONE: dict[str, tuple[sp.Expr, Plain]] = {
    "|x|^0.7": (sp.Abs(X) ** sp.Rational(7, 10), lambda x: abs(x) ** mpmath.mpf("0.7")),
    "|x|^-0.6": (sp.Abs(X) ** sp.Rational(-3, 5), lambda x: abs(x) ** mpmath.mpf("-0.6")),
    "|x|^-0.9": (sp.Abs(X) ** sp.Rational(-9, 10), lambda x: abs(x) ** mpmath.mpf("-0.9")),
    "|x|^3.5": (sp.Abs(X) ** sp.Rational(7, 2), lambda x: abs(x) ** mpmath.mpf("3.5")),
    "sqrt |x|": (sp.sqrt(sp.Abs(X)), lambda x: mpmath.sqrt(abs(x))),
    "sqrt relu": (sp.sqrt(relu(X)), lambda x: mpmath.sqrt(max(x, 0))),
    "relu^1.5 x": (relu(X) ** sp.Rational(3, 2) * X, lambda x: mpmath.sqrt(max(x, 0)) ** 3 * x),
    "log |x|": (sp.log(sp.Abs(X)), lambda x: mpmath.log(abs(x))),
    "log 3|x|": (sp.log(3 * sp.Abs(X)), lambda x: mpmath.log(3 * abs(x))),
    "log^2": (sp.log(sp.Abs(X)) ** 2, lambda x: mpmath.log(abs(x)) ** 2),
    "log^3": (sp.log(sp.Abs(X)) ** 3, lambda x: mpmath.log(abs(x)) ** 3),
    "x^2 log": (X**2 * sp.log(sp.Abs(X)), lambda x: x**2 * mpmath.log(abs(x))),
    "step log": (step(X) * sp.log(sp.Abs(X)), lambda x: (x > 0) * mpmath.log(abs(x))),
    "|x|^0.3 log": (
        sp.Abs(X) ** sp.Rational(3, 10) * sp.log(sp.Abs(X)),
        lambda x: abs(x) ** mpmath.mpf("0.3") * mpmath.log(abs(x)),
    ),
    "|x|^0.4 sign x": (
        sp.Abs(X) ** sp.Rational(2, 5) * sp.sign(X) * X,
        lambda x: abs(x) ** mpmath.mpf("1.4"),
    ),
    "leaky^0.7": (
        leaky_relu(X, sp.Rational(-1, 5)) ** sp.Rational(7, 10),
        lambda x: (x if x > 0 else -x / 5) ** mpmath.mpf("0.7"),
    ),
    "1 + 2 sqrt": (1 + 2 * sp.sqrt(sp.Abs(X)) - X**2, lambda x: 1 + 2 * mpmath.sqrt(abs(x)) - x**2),
}


def integral(f: Plain, q: float) -> mpmath.mpf:
    """Return E f(x), x ~ N(0, q): by x = +-sqrt(q) exp(t), which no power is singular in."""
    with mpmath.workdps(20):
        root = mpmath.sqrt(mpmath.mpf(q))

        def density(t: mpmath.mpf) -> mpmath.mpf:
            z = mpmath.exp(t)
            return (f(root * z) + f(-root * z)) * mpmath.npdf(z) * z

        return mpmath.quad(density, [-480, -100, -30, -8, -2, 0, 1, 2, 2.4])


@pytest.mark.parametrize("name", slow_where(lambda name: name not in ("|x|^0.7", "log |x|"), ALONE))
@pytest.mark.slow
def test_functions_of_one_gaussian(name: str) -> None:
    expression, plain = ALONE[name]
    form = expect(expression, {(X, X): Q})
    for q in (0.01, 50.0):
        truth = float(integral(plain, q))
        size = max(abs(truth), 1.0)
        assert float(evaluate(form, {Q: q})) == pytest.approx(truth, abs=1e-13 * size)


@pytest.mark.parametrize(
    ("product", "truth"),
    [
        (sp.sqrt(sp.Abs(X * Y)), 0.6759782400672847),
        (sp.log(sp.Abs(X * Y)), -1.2703628454614782),
        (sp.sqrt(sp.Abs(X)) * sp.exp(Y), 0.8221789586623885 * np.exp(0.5)),
        (sp.sqrt(sp.Abs(X)) * Y**2, 0.8221789586623885),
        (sp.sqrt(sp.Abs(X)) * (1 + relu(Y)), 0.8221789586623885 * (1 + 1 / np.sqrt(2 * np.pi))),
        (sp.log(sp.Abs(X)) * sp.cos(Y), -0.6351814227307391 * np.exp(-0.5)),
    ],
)
def test_independent_factors(product: sp.Expr, truth: float) -> None:
    form = expect(product, {(X, X): Q, (Y, Y): P})
    assert float(evaluate(form, {P: 1.0, Q: 1.0})) == pytest.approx(truth, rel=1e-14)


@pytest.mark.parametrize(
    "expression",
    [
        sp.sqrt(sp.Abs(X)) * sp.sqrt(sp.Abs(Y)),
        sp.sqrt(sp.Abs(X) + 1),
        sp.log(1 + sp.Abs(X)),
        sp.Abs(X) ** sp.Rational(-6, 5),
        sp.sqrt(X),
        sp.sqrt(sp.Abs(X)) * sp.tanh(X),
    ],
)
def test_others_are_left_alone(expression: sp.Expr) -> None:
    with pytest.raises(NoClosedForm):
        expect(expression, {(X, X): Q, (X, Y): C, (Y, Y): P})


PROGRAM = "dim n\nvector v, w : n\nmatrix W : n x n\nh = W @ (1.3 * relu(v))\noutput o = avg({})\n"

VARIANCE = 1.3**2 / 2


@pytest.mark.parametrize(
    ("body", "plain", "q"),
    [
        ("abs(v)^0.7", lambda x: abs(x) ** mpmath.mpf("0.7"), 1),
        ("log(square(h))", lambda x: mpmath.log(x**2), VARIANCE),
        ("abs(h)^(-0.6)", lambda x: abs(x) ** mpmath.mpf("-0.6"), VARIANCE),
        ("rsqrt(abs(h))", lambda x: 1 / mpmath.sqrt(abs(x)), VARIANCE),
        ("square(h)^0.3", lambda x: abs(x) ** mpmath.mpf("0.6"), VARIANCE),
        ("abs(h)^0.5 * abs(h)^0.2", lambda x: abs(x) ** mpmath.mpf("0.7"), VARIANCE),
    ],
)
@pytest.mark.slow
def test_programs_have_them_exactly(body: str, plain: Plain, q: float) -> None:
    found = compiler.run(tpc.parse(PROGRAM.format(body)), 64)
    assert found.methods["o"] == "exact"
    assert float(found["o"]) == pytest.approx(float(integral(plain, q)), rel=1e-14)
