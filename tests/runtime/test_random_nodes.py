"""Random and Sobol nodes: moments, streams, roots of covariances, means over copies."""

from itertools import product

import numpy as np
import pytest
from scipy import special

from tpc.runtime import random_nodes, sobol_nodes
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
    nodes = SobolNodes([np.random.SeedSequence(5)], 2**12, 1e-22, gaussians)
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
    nodes = SobolNodes([np.random.SeedSequence(5)], 1024, 1e-22, 40)
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


def make_nodes(samples: int, seed: int = 0) -> Nodes:
    return Nodes(np.random.SeedSequence(seed).spawn(2), samples)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("block", [1, 7, 2**17])
def test_averages_over_copies_leave_out_the_free_sample(
    count: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random_nodes, "PAIRS_IN_BLOCK", block)
    rng = np.random.default_rng(1)
    n = 12
    nodes = make_nodes(n)
    g, x, y = rng.normal(size=(n, 2)), rng.normal(size=(n, 2)), rng.normal(size=n)
    if count == 1:
        found = nodes.mean_over_copies(np.maximum, (g,), ((x,),))
        expected = [
            np.mean([np.maximum(g[i], x[j]) for j in range(n) if j != i], axis=0) for i in range(n)
        ]
    else:
        found = nodes.mean_over_copies(
            lambda g, x, y: np.maximum(g, x) * y[..., None], (g,), ((x,), (y,))
        )
        pairs = list(enumerate(nodes.partners(1)))
        assert sorted(k for _, k in pairs) == list(range(n))
        assert all(j != k for j, k in pairs)
        expected = [
            np.mean([np.maximum(g[i], x[j]) * y[k] for j, k in pairs if i not in (j, k)], axis=0)
            for i in range(n)
        ]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("shape", [(), (2,), (2, 3)])
def test_an_operator_of_pairs_is_a_product_of_matrices(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(2)
    n = 14
    nodes = make_nodes(n)
    g, x, z = rng.normal(size=(n, 3)), rng.normal(size=(n, 3)), rng.normal(size=(n, *shape))
    found = nodes.mean_over_copies(
        lambda g, x: np.sign(nodes.inner_of_pairs(g, x)), (g,), ((x,),), z
    )
    expected = [
        np.mean([np.sign(g[i] @ x[j]) * z[j] for j in range(n) if j != i], axis=0) for i in range(n)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("gaussians", [2, 20])
def test_copies_on_sobol_points(gaussians: int) -> None:
    """Consecutive Sobol points are far apart: as pairs they would give the wrong mean."""
    expected = float(np.exp(-1))
    found = []
    for seed in range(20):
        nodes = SobolNodes([np.random.SeedSequence(seed)], 2**9, 1e-22, gaussians)
        g, x = nodes.normal(), nodes.normal()
        ket = nodes.mean_over_copies(
            lambda g, x, y: np.cos(x) * np.cos(y) + 0 * g, (g,), ((x,), (x,))
        )
        found.append(nodes.mean(ket))
    error = np.std(found, ddof=1) / np.sqrt(len(found))
    assert abs(np.mean(found) - expected) < 5 * error + 0.5 / 2**9
