"""Kets of earlier rounds: their sums against the same written out."""

import numpy as np

from tpc.runtime.random_nodes import Nodes
from tpc.runtime.stacked_rounds import Rounds, sum_over_rounds

SAMPLES, ROUNDS = 12, 4


def test_a_sum_over_rounds_is_that_of_its_terms() -> None:
    nodes = Nodes([np.random.SeedSequence(3)], SAMPLES)
    left, right = Rounds(nodes, ROUNDS, (2, 3)), Rounds(nodes, ROUNDS, (2, 3))
    factors, ket = np.array([0.5, -1.0, 2.0, 7.0]), nodes.normal((5,))
    expected = np.zeros((SAMPLES, 5))
    for factor in factors[:3]:
        x, y = nodes.normal((2, 3)), nodes.normal((2, 3))
        left.append(x)
        right.append(y)
        expected += factor * np.tensordot(x, nodes.inner(y, ket), 2)
    found = sum_over_rounds(nodes, factors, left, right, ket)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_there_is_nothing_before_the_first_round() -> None:
    nodes = Nodes([np.random.SeedSequence(3)], SAMPLES)
    empty, ket = Rounds(nodes, ROUNDS, ()), nodes.normal()
    assert not sum_over_rounds(nodes, np.ones(ROUNDS), empty, empty, ket).any()
