"""Symmetric matrices: state evolution, Wigner's moments, finite draws."""

from pathlib import Path

import numpy as np
import pytest

import tpc

EXAMPLE = Path(__file__).parents[2] / "examples" / "algorithms" / "approximate_message_passing.tp"


@pytest.mark.slow
def test_message_passing_follows_state_evolution() -> None:
    found = tpc.evaluator(tpc.load(EXAMPLE)).evaluate(method="quadrature")
    z, w = np.polynomial.hermite_e.hermegauss(120)
    w = w / w.sum()
    tau = w @ np.tanh(z) ** 2
    for t in range(1, 4):
        assert abs(found[f"tau[{t}]"] - tau) < 1e-8 + 4 * found.stderr[f"tau[{t}]"]
        tau = w @ np.tanh(np.sqrt(tau) * z) ** 2


POWERS = """\
dim n
vector v : n
matrix S : n x n ~ goe(4 / n)
y[0] = v
for t in range(4):
    y[t + 1] = S.T @ y[t] / 2
output wigner = <y[4]|y[4]>
output second = <v|y[2]>
output odd = <v|y[3]>
"""


def test_moments_are_catalan_numbers() -> None:
    found = tpc.evaluator(tpc.parse(POWERS)).evaluate(method="exact")
    values = [found[name] for name in ("wigner", "second", "odd")]
    np.testing.assert_allclose(values, [14, 1, 0], atol=1e-12)


@pytest.mark.slow
def test_finite_draws_are_symmetric_with_twice_the_variance_on_the_diagonal() -> None:
    text = "dim n\nvector v, w : n\nmatrix S : n x n ~ goe(3 / n)\n"
    text += "output apart = <v|S @ w> - <w|S @ v>\noutput size = <S @ v|S @ v>\n"
    found = tpc.simulate(tpc.parse(text), width=12, trials=4000)
    assert abs(found["apart"]) < 1e-14
    # E |S v|^2 / n = 3 (n - 1 + 2) / n
    assert abs(found["size"] - 3 * 13 / 12) < 5 * found.stderr["size"]
