"""Deltas in the derivatives of kinks, and where their expectations vanish."""

import numpy as np

import tpc
from tpc.limit.equations import DotEquation

BACKWARD = """
dim n
vector h, v : n
matrix W : n x n
g = W @ relu(h)
dg = v * step(g)
back = W.T @ dg
"""


def dots(text: str) -> list[DotEquation]:
    limit = tpc.derive(tpc.parse(text))
    return [equation for equation in limit.equations if isinstance(equation, DotEquation)]


def test_a_delta_times_an_independent_weight_makes_no_dot() -> None:
    """E[v delta(g)] = 0: what flows back through a ReLU is Gaussian."""
    assert not dots(BACKWARD + "output back\n")
    result = tpc.evaluator(tpc.parse(BACKWARD + "output back\n")).evaluate(method="exact")
    np.testing.assert_allclose(result["back"]["cov"], 0.5, rtol=1e-14)


def test_a_delta_that_does_not_vanish_takes_the_stein_form() -> None:
    """E[delta(g)] > 0: Stein's lemma serves."""
    (dot,) = dots(BACKWARD.replace("v * step(g)", "h + step(g)") + "output back\n")
    assert dot.form == "stein"
