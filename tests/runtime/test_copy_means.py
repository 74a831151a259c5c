"""Means over copies, against loops over pairs."""

import numpy as np
import pytest

from tpc.runtime import random_nodes
from tpc.runtime.grids import GridNodes, normal_rule
from tpc.runtime.kets import Ket
from tpc.runtime.random_nodes import Nodes
from tpc.runtime.sobol_nodes import SobolNodes


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


def body(g: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.cos(g + x[..., None] * y[..., None])


def test_copies_on_grids_are_independent() -> None:
    nodes = GridNodes(32, 2**22)
    u, v = nodes.normal((2,)), nodes.normal()
    g, x, y = np.sin(u), np.sin(v) + 0.1 * v, v
    found = nodes.mean_over_copies(body, (g,), ((x,), (y,)))
    assert isinstance(found, Ket)
    # By hand, on the grid of the free ket and two copies of v.
    z, w = normal_rule(32)
    free = np.sin(z)[:, None, None]
    product = (np.sin(z) + 0.1 * z)[:, None] * z
    expected = np.einsum("j,k,ijk->i", w, w, np.cos(free + product))
    np.testing.assert_allclose(nodes.mean(found), [w @ expected] * 2, rtol=1e-12)
    of_free = nodes.inner(found, np.exp(g))
    np.testing.assert_allclose(np.diag(of_free), w @ (expected * np.exp(np.sin(z))), rtol=1e-12)


def test_an_operator_on_a_grid() -> None:
    nodes = GridNodes(32, 2**22)
    u = nodes.normal((2,))
    ket = nodes.mean_over_copies(
        lambda g, x: np.cos(nodes.inner_of_pairs(g, x)), (u,), ((u,),), u**2
    )
    # E^x cos(g.x) x_i^2 = (1 - g_i^2) exp(-|g|^2 / 2).
    expected = (1 - u**2) * np.exp(-(u**2).sum(axis=-1) / 2)[..., None]
    assert np.abs(np.asarray(ket - expected)).max() < 1e-8


@pytest.mark.parametrize("gaussians", [2, 20])
def test_copies_on_sobol_points(gaussians: int) -> None:
    """Consecutive Sobol points are far apart: as pairs they would give the wrong mean."""
    expected = float(np.exp(-1))
    found = []
    for seed in range(20):
        nodes = SobolNodes(np.random.SeedSequence(seed), 2**9, gaussians)
        g, x = nodes.normal(), nodes.normal()
        ket = nodes.mean_over_copies(
            lambda g, x, y: np.cos(x) * np.cos(y) + 0 * g, (g,), ((x,), (x,))
        )
        found.append(nodes.mean(ket))
    error = np.std(found, ddof=1) / np.sqrt(len(found))
    assert abs(np.mean(found) - expected) < 5 * error + 0.5 / 2**9
