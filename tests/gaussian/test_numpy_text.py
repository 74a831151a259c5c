"""Closed forms as NumPy source: it stands alone, works on whole matrices, and is right."""

import numpy as np
import pytest
import sympy as sp

from tpc.codegen.linker import link
from tpc.gaussian import evaluate, expect, gelu, relu, step, to_numpy

X, Y, Z = sp.symbols("x y z")
P, Q, C, M = sp.symbols("p q c m")
PAIR = {(X, X): P, (X, Y): C, (Y, Y): Q}


def run_alone(closed: sp.Expr, scope: dict[str, object]) -> np.ndarray:
    """Run the text with NumPy, the runtime's source, and nothing else."""
    linked = link(f"{to_numpy(closed)}\nnp")
    scope = dict(scope)
    exec(f"{linked.imports}\n{linked.runtime}", scope)
    return np.asarray(eval(to_numpy(closed), scope))


@pytest.mark.parametrize(
    "integrand",
    [
        relu(X) * relu(Y), sp.erf(X) * sp.erf(Y), gelu(X) * gelu(Y), step(X) * relu(Y) ** 3,
        sp.sin(X) ** 2 * sp.cos(Y) ** 2, sp.cos(X) * relu(Y), sp.exp(-X**2) * gelu(Y),
        sp.Abs(X) ** 3 * sp.Abs(Y), X**2 * Y**2 + sp.sqrt(2) * sp.pi + sp.Rational(1, 3),
    ],
    ids=str,
)  # fmt: skip
def test_text_stands_alone_on_a_kernel_matrix(integrand: sp.Expr) -> None:
    data = np.random.default_rng(2).normal(size=(7, 12))
    kernel = data @ data.T / 12
    diagonal = np.diag(kernel)
    closed = expect(integrand, PAIR)
    scope = {"p": diagonal[:, None], "q": diagonal[None, :], "c": kernel}
    values = run_alone(closed, scope)
    assert values.shape == (7, 7)
    np.testing.assert_array_equal(
        values, evaluate(closed, {P: scope["p"], Q: scope["q"], C: kernel})
    )
    # against the printed formula, away from the diagonal, where that loses digits
    plain = closed.doit().subs({P: diagonal[0], Q: diagonal[1], C: kernel[0, 1]}).evalf(15)
    assert values[0, 1] == pytest.approx(float(plain), rel=1e-12)


def test_orthants_stand_alone() -> None:
    closed = expect(step(X) * relu(Y), PAIR, {X: M, Y: 1})
    scope = {"p": 1.0, "q": np.array([0.5, 2.0]), "c": 0.3, "m": np.array([[0.1], [-0.4]])}
    assert run_alone(closed, scope).shape == (2, 2)
    three = {**PAIR, (Z, Z): 1, (X, Z): C, (Y, Z): 0}
    closed = expect(step(X) * step(Y) * step(Z), three)
    assert run_alone(closed, {"p": 1.0, "q": 1.0, "c": 0.0}) == pytest.approx(1 / 8)


@pytest.mark.slow
def test_brackets_and_signs() -> None:
    a, b = sp.symbols("a b", positive=True)
    rng = np.random.default_rng(4)
    for expression in (
        -(a + b) / 2, a - (b - 1) ** 2, 1 / (a * b) ** 3, -a / (2 * b * sp.pi), a / -3,
        a ** sp.Rational(3, 2),
        a ** -sp.Rational(1, 2) * (a + b) ** -sp.Rational(5, 2), sp.sqrt(a + b) * -3, a ** (b + 1),
        -sp.exp(-a / 2) * sp.cos(b) / (1 + a), (a + b) * (a - b) / 7, sp.Max(a, b) - sp.Min(a, 1),
        sp.Float(0.1) * a, -a, sp.E**2 + sp.log(a), sp.atan(a) - sp.sign(b) * sp.Abs(a),
        -2 ** sp.Rational(1, 2) * a, (-a) * (-b - 1) / -3,
    ):  # fmt: skip
        x, y = rng.uniform(0.2, 2, 2)
        expected = float(expression.subs({a: x, b: y}))
        assert eval(to_numpy(expression), {"np": np, "a": x, "b": y}) == pytest.approx(expected)


def test_names_and_unknown_functions() -> None:
    assert to_numpy(expect(relu(X) ** 2, PAIR), {P: "K[0, 0]"}) == "K[0, 0] / 2"
    with pytest.raises(ValueError, match="besselj"):
        to_numpy(sp.besselj(1, P))
