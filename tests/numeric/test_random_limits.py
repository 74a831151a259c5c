"""Random programs by every method, against limits by brute force; the benchmark judges more."""

import numpy as np
import pytest

from tests.benchmarks.random_programs import judged
from tests.numeric.gaussian_kets import Process, apply
from tests.numeric.random_limits import random_limit


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1024))
def test_stated_errors_of_random_programs(seed: int) -> None:
    """No value without random numbers is off by more than it states; estimates scatter as stated."""
    findings = list(judged(random_limit(seed), seeds=8))
    assert findings
    for one in findings:
        assert not one.wrong, one
        if one.z.size:  # the mean of 8 squares of about 1, and the largest of all
            assert one.spread < 3
            assert np.max(np.abs(one.z)) < 7


def test_brute_force_knows_an_orthant_and_a_transpose() -> None:
    """P(u > 0, w > 0) = 1/4 + arcsin(c) / 2 pi, and <v|W.T tanh(W v)> = E tanh'(v)."""
    process = Process()
    u, w = process.vector(np.zeros(2), np.array([[1.0, 0.6], [0.6, 1.0]]))
    steps = [apply(lambda x: np.heaviside(x, 0.5), ket, points=(0.0,)) for ket in (u, w)]
    exact = 0.25 + np.arcsin(0.6) / (2 * np.pi)
    assert abs(process.expect(steps[0] * steps[1]) - exact) < 1e-14
    h = process.product("W", False, 1.0, np.array(u, dtype=object))[()]
    x = np.array(apply(np.tanh, h), dtype=object)
    y = process.product("W", True, 1.0, x)[()]
    slope = process.expect(apply(lambda s: 1 - np.tanh(s) ** 2, h))
    assert abs(process.expect(y * u) - slope) < 1e-13
