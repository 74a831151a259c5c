"""Vectors with other laws than the normal one: limits against sums and integrals over their law."""

from itertools import product

import numpy as np
import pytest

import tpc

HEAD = "dim n\nparam p = 0.3\nvector v, w : n\nmatrix W : n x n\n"
POINTS = np.linspace(-12, 12, 2001)
WEIGHTS = np.exp(-(POINTS**2) / 2) / np.exp(-(POINTS**2) / 2).sum()
LEGENDRE, SHARES = np.polynomial.legendre.leggauss(60)


def value(text: str, output: str, method: str = "quadrature") -> float:
    program = tpc.parse(f"{HEAD}{text}\noutput K = {output}\n")
    return float(tpc.evaluator(program).evaluate(method=method)["K"])


def over_two(f: object, low: float, p: float) -> float:
    """Return E f(r, z) for r = 1 with probability p, else `low`, and z normal."""
    assert callable(f)
    total = p * f(1.0, POINTS) + (1 - p) * f(low, POINTS)
    return float(WEIGHTS @ (total * np.ones_like(POINTS)))


@pytest.mark.parametrize(("law", "low", "p"), [("bernoulli(p)", 0, 0.3), ("rademacher", -1, 0.5)])
@pytest.mark.slow
def test_functions_of_two_values(law: str, low: float, p: float) -> None:
    draw = f"vector r : n ~ {law}"
    found = value(draw, "avg(tanh(r * v + r))")
    assert found == pytest.approx(over_two(lambda r, z: np.tanh(r * z + r), low, p), abs=1e-10)
    found = value(draw, "avg(r * r * r * square(r + v))", "exact")
    assert found == pytest.approx(over_two(lambda r, z: r**3 * (r + z) ** 2, low, p), abs=1e-12)
    found = value(draw, "<exp(r)|r>", "exact")
    assert found == pytest.approx(over_two(lambda r, _: np.exp(r) * r, low, p), abs=1e-12)


@pytest.mark.slow
def test_rows_and_products_of_independent_entries() -> None:
    draw = "vector r[2] : n ~ bernoulli(p)\nvector s : n ~ rademacher"
    assert value(draw, "<r[0]|r[1]>", "exact") == pytest.approx(0.09)
    assert value(draw, "<r[0]|r[0]>", "exact") == pytest.approx(0.3)
    assert value(draw, "sum(<r|r>)", "exact") == pytest.approx(2 * 0.3 + 2 * 0.09)
    assert value(draw, "avg(r[0] * r[1] * square(s + r[0]))", "exact") == pytest.approx(0.18)
    mixed = sum(
        np.prod([0.3 if r else 0.7 for r in pair]) * np.exp(sum(pair)) ** 0.5
        for pair in product((0, 1), repeat=2)
    )
    assert value(draw, "avg(exp(0.5 * sum(r)))", "exact") == pytest.approx(mixed)
    wide = draw.replace("[2]", "[6]")
    found = tpc.evaluator(tpc.parse(f"{HEAD}{wide}\noutput K = avg(exp(0.5 * sum(r)))\n"))
    result = found.evaluate(samples=2**16)
    assert abs(result["K"] - mixed**3) < 5 * result.stderr["K"]


@pytest.mark.slow
def test_uniform_vectors() -> None:
    draw = "vector u : n ~ uniform(-1, 2)"
    nodes = 0.5 + 1.5 * LEGENDRE
    expected = SHARES @ np.exp(nodes) / 2
    assert value(draw, "avg(exp(u))") == pytest.approx(expected, abs=1e-9)
    expected = (SHARES / 2) @ np.array([WEIGHTS @ np.tanh(x * POINTS) ** 2 for x in nodes])
    assert value(draw, "avg(tanh(u * v)^2)") == pytest.approx(expected, abs=1e-7)
    assert value(draw, "<W @ u|W @ u>", "exact") == pytest.approx(1.0)


@pytest.mark.slow
def test_student_and_sparse_vectors() -> None:
    draw = "vector t : n ~ student_t(9)\nvector z : n ~ sparse(0.25)"
    assert value(draw, "<t|t> + <z|z> + <t|z>", "exact") == pytest.approx(2)
    assert value(draw, "avg(square(square(z)))", "exact") == pytest.approx(12)
    text = f"{HEAD}{draw}\noutput K = avg(square(t) * square(t))\n"
    found = tpc.evaluator(tpc.parse(text)).evaluate(samples=2**17, method="qmc")
    assert abs(found["K"] - 3 * (9 - 2) / (9 - 4)) < 0.3  # 3 (k - 2) / (k - 4)


def test_finite_draws_have_the_law() -> None:
    text = "vector r : n ~ bernoulli(p)\nvector s : n ~ rademacher\nvector u : n ~ uniform(1, 3)\n"
    text += "vector t : n ~ student_t(9)\noutput a = avg(r)\noutput b = avg(square(square(s)))\n"
    text += "output c = avg(square(u))\noutput d = <t|t>\noutput gap = <r|1 - r>\n"
    found = tpc.simulate(tpc.parse(f"{HEAD}{text}"), width=2000, trials=20)
    assert found["b"] == 1 and found["gap"] == 0
    for name, expected in (("a", 0.3), ("c", 4 + 1 / 3), ("d", 1)):
        assert abs(found[name] - expected) < 5 * found.stderr[name]


@pytest.mark.slow
def test_dots_of_masked_vectors() -> None:
    draw = "vector r : n ~ bernoulli(p)\ny = W.T @ tanh(W @ (r * v))"
    text = f"{HEAD}{draw}\noutput K = <y|r * v * v>\noutput L = <square(y)|r>\n"
    program = tpc.parse(text)
    limit = tpc.evaluator(program).evaluate(samples=2**15)
    finite = tpc.simulate(program, width=1500, trials=30)
    for name in ("K", "L"):
        error = np.hypot(limit.stderr[name], finite.stderr[name])
        assert abs(limit[name] - finite[name]) < 5 * error + 0.01


def test_weights_of_other_laws() -> None:
    text = """
dim n
input xi[2]
weight U[2] : n (law=uniform, init=0.5)
weight W : n x n (law=rademacher)
weight v : n (law=student_t(5))
readout f = v * (W @ (U @ xi))
"""
    x = np.array([[1.0, 0.5], [0.0, 2.0]])
    found = tpc.kernel(tpc.parse(text), x)
    np.testing.assert_allclose(found["nngp"], 0.25 * x @ x.T, rtol=1e-12)
    np.testing.assert_allclose(found["ntk"], 1.5 * x @ x.T, rtol=1e-12)


@pytest.mark.slow
def test_a_vector_that_starts_at_a_number_is_that_number() -> None:
    text = """
dim n
input xi[2]
weight U[2], v : n
weight g : n (start=2)
h = U @ xi
readout f = v * tanh(g * h)
"""
    x = np.array([[0.3, 0.5], [0.1, 0.4]])
    plain = text.replace("weight g : n (start=2)\n", "").replace("g * h", "2 * h")
    one, other = (tpc.kernel(tpc.parse(t), x, kind="nngp") for t in (text, plain))
    np.testing.assert_allclose(one["nngp"], other["nngp"], rtol=1e-12)
    assert tpc.kernel(tpc.parse(text), x, method="quadrature")["ntk"].shape == (2, 2)
