"""Random and Sobol nodes: moments, streams, roots of covariances."""

from itertools import product

import numpy as np
import pytest
from scipy import special

from tpc.runtime import sobol_nodes
from tpc.runtime.random_nodes import Nodes, factor
from tpc.runtime.sobol_nodes import SobolNodes


def test_halves_are_the_streams_by_themselves() -> None:
    streams = np.random.SeedSequence(3).spawn(2)
    whole = Nodes(streams, 10)
    first, second = Nodes(streams[:1], 5), Nodes(streams[1:], 5)
    for shape in ((), (2,)):
        halves = np.concatenate([first.normal(shape), second.normal(shape)])
        np.testing.assert_array_equal(whole.normal(shape), halves)


def test_factor_is_a_root() -> None:
    rng = np.random.default_rng(0)
    for rank, size in product((1, 2, 4), (4, 6)):
        half = rng.normal(size=(rank, size))
        root = factor(half.T @ half)
        assert len(root) == rank
        np.testing.assert_allclose(root.T @ root, half.T @ half, rtol=0, atol=1e-12)


@pytest.mark.parametrize("gaussians", [3, 30])
def test_sobol_nodes_have_the_moments_of_normals(gaussians: int) -> None:
    nodes = SobolNodes(np.random.SeedSequence(5), 2**12, gaussians)
    first, rest = nodes.normal(), nodes.normal((gaussians - 1,))
    both = np.column_stack([first, rest])
    error = 1e-2 if gaussians == 3 else 8e-2
    np.testing.assert_allclose(nodes.mean(both), np.zeros(gaussians), atol=error)
    np.testing.assert_allclose(nodes.inner(both, both), np.eye(gaussians), atol=error)
    assert (nodes.weights is None) == (gaussians == 30)
    # Far more even than random numbers, whose means have errors of 1/64.
    assert np.abs(nodes.mean(np.tanh(both))).max() < 1 / 640


def test_past_their_dimensions_sobol_nodes_are_random(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sobol_nodes, "SOBOL_FLOATS", 5 * 1024)
    nodes = SobolNodes(np.random.SeedSequence(5), 1024, 40)
    even = nodes.normal((3,))
    mixed = nodes.normal((7,))
    assert even.shape == (1024, 3)
    assert mixed.shape == (1024, 7)
    cells = np.sort((special.ndtr(mixed) * 1024).astype(int), axis=0)
    stratified = (cells == np.arange(1024)[:, None]).all(axis=0)
    assert stratified.tolist() == [True] * 2 + [False] * 5


def test_partners_walk_along_one_cycle() -> None:
    nodes = Nodes(np.random.SeedSequence(0).spawn(2), 50)
    one, two = nodes.partners(1), nodes.partners(2)
    assert (nodes.partners(0) == np.arange(50)).all()
    assert (one[one] == two).all()
    assert sorted(one) == list(range(50))
    assert not (one == np.arange(50)).any()
    assert not (one == np.arange(1, 51) % 50).all()


@pytest.mark.parametrize("shape", [(), (2,)])
def test_a_hat_of_what_is_not_finite_is_not_finite(shape: tuple[int, ...]) -> None:
    nodes = Nodes(np.random.SeedSequence(0).spawn(2), 64)
    for value in (np.inf, np.nan):
        ket = nodes.normal(shape)
        ket.flat[0] = value
        assert not np.isfinite(nodes.hat(1.0, ket)).any()
