"""Random programs by every method, against limits by brute force; the benchmark judges more."""

from collections.abc import Sequence

import numpy as np
import pytest

from tests.benchmarks.random_programs import PARTS, judged
from tests.numeric.gaussian_kets import Process, apply
from tests.numeric.random_axes import random_axes
from tests.numeric.random_limits import RandomLimit, random_limit
from tests.numeric.random_training import random_training

MEMBERS = [64, 157, 228, 494, 609, *range(1000, 1016), *range(1017, 1025)]
"""Seeds; 1016 has a closed form that takes seconds."""

AXES = [1, 3, 4, 5, 6, 7, 8, 10]
TRAININGS = range(13)
"""Seeds of the other families; of trainings one for each optimizer."""


@pytest.mark.slow
@pytest.mark.parametrize("seed", MEMBERS)
def test_stated_errors_of_random_programs(seed: int) -> None:
    """No value without random numbers is off by more than stated; estimates scatter as stated."""
    assert_as_stated(random_limit(seed), PARTS)


@pytest.mark.slow
@pytest.mark.parametrize("seed", AXES)
def test_stated_errors_over_constant_axes(seed: int) -> None:
    """The same of what moves, joins and adds entries, and of arrays of matrices."""
    assert_as_stated(random_axes(seed), PARTS)


@pytest.mark.slow
@pytest.mark.parametrize("seed", TRAININGS)
def test_stated_errors_of_random_trainings(seed: int) -> None:
    """Estimates of training scatter as stated, by every optimizer."""
    assert_as_stated(random_training(seed), ["sampled"])


def assert_as_stated(member: RandomLimit, parts: Sequence[str]) -> None:
    """Fail where an error is smaller than it should be."""
    findings = list(judged(member, 4, parts))
    assert findings or member.sampled
    for one in findings:
        assert not one.wrong, one
        if one.z.size:  # four squares of about 1, the largest one of all
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
