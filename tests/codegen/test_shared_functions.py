"""erf and Phi serve closed forms and kets alike: numbers, samples, kets on grids."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.polynomial.hermite_e import hermegauss
from scipy import special

import tpc

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "erf": special.erf,
    "Phi": special.ndtr,
    "gelu": lambda x: x * special.ndtr(x),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_kets_beside_closed_forms(name: str) -> None:
    """The module takes these functions for its closed forms, and applies them to kets on grids."""
    text = (
        "dim n\nvector v[2] : n ~ normal(0.3, [[1, 0.4], [0.4, 0.8]])\n"
        "output K = <relu(v)|relu(v)>\n"
        f"output c = avg(tanh(v[0]) * {name}(v[1] - v[0]))\n"
    )
    source = tpc.emit(tpc.derive(tpc.parse(text)))
    assert "def erfc(" in source  # which only closed forms need
    nodes, weights = hermegauss(120)
    weights = weights / weights.sum()
    pair = (
        0.3
        + np.stack(np.meshgrid(nodes, nodes), axis=-1)
        @ np.linalg.cholesky([[1, 0.4], [0.4, 0.8]]).T
    )
    integrand = np.tanh(pair[..., 0]) * FUNCTIONS[name](pair[..., 1] - pair[..., 0])
    expected = weights @ integrand @ weights
    module = tpc.evaluator(tpc.parse(text))
    found = module.evaluate(samples=2**14, method="quadrature")
    assert found["c"] == pytest.approx(expected, rel=0, abs=1e-9)
    sampled = module.evaluate(samples=2**14, method="qmc")
    assert abs(sampled["c"] - expected) < 6 * sampled.stderr["c"]
