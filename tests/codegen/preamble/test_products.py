"""Hats by regression and bras by Stein: laws, linear relations, derivatives."""

import numpy as np
import pytest

from tpc.codegen.preamble.nodes import Nodes
from tpc.codegen.preamble.products import Products


def make_nodes(samples: int, seed: int = 0) -> Nodes:
    return Nodes(np.random.SeedSequence(seed).spawn(2), samples)


def test_hats_have_the_stated_covariance() -> None:
    nodes = make_nodes(200_000)
    x, y = nodes.normal((2,)), nodes.normal()
    y = y + x[:, 0]
    products = Products(nodes, 1.7, "W")
    hats = np.column_stack([products.hat(x), products.hat(y)])
    kets = np.column_stack([x, y])
    expected = 1.7 * kets.T @ kets / nodes.samples
    found = hats.T @ hats / nodes.samples
    # Var of a sample covariance: (c_ii c_jj + c_ij^2) / N.
    scale = np.diag(expected)
    error = np.sqrt((np.outer(scale, scale) + expected**2) / nodes.samples)
    assert (np.abs(found - expected) < 4.5 * error).all()
    assert np.abs(hats.T @ kets / nodes.samples).max() < 4.5 * np.sqrt(
        scale.max() * 2 / nodes.samples
    )


def test_linear_relations_hold_sample_by_sample() -> None:
    nodes = make_nodes(1000)
    x, y = nodes.normal((3,)), nodes.normal((3,))
    products = Products(nodes, 2.0, "W")
    of_x, of_y = products.hat(x), products.hat(y)
    np.testing.assert_allclose(products.hat(x - 0.3 * y), of_x - 0.3 * of_y, rtol=0, atol=1e-10)
    # Within one multi-vector, and for the repeated product itself.
    both = products.hat(np.column_stack([x[:, 0], y[:, 0], x[:, 0] + y[:, 0]]))
    np.testing.assert_allclose(both[:, 2], both[:, 0] + both[:, 1], rtol=0, atol=1e-10)
    np.testing.assert_allclose(products.hat(x), of_x, rtol=0, atol=1e-10)
    lone = nodes.hat(1.0, np.column_stack([x[:, 0], y[:, 0], x[:, 0] - 2 * y[:, 0]]))
    np.testing.assert_allclose(lone[:, 2], lone[:, 0] - 2 * lone[:, 1], rtol=0, atol=1e-10)


def test_small_differences_keep_their_digits() -> None:
    nodes = make_nodes(4000)
    x, z = nodes.normal(), nodes.normal()
    products = Products(nodes, 1.0, "W")
    difference = (products.hat(x + 1e-6 * z) - products.hat(x)) / 1e-6
    assert difference.std() == pytest.approx(np.sqrt(nodes.inner(z, z)), rel=0.1)


def test_bras_are_derivatives() -> None:
    nodes = make_nodes(400_000)
    x = nodes.normal((2,))
    products = Products(nodes, 1.3, "W")
    first, second = products.hat(x), products.hat(nodes.normal() + x[:, 1])
    ket = np.sin(first) * second[:, None]
    bras = products.bras(ket)
    assert [bra.shape for bra in bras] == [(2, 2), (2,)]
    expected = np.diag((np.cos(first) * second[:, None]).mean(axis=0))
    np.testing.assert_allclose(bras[0], expected, rtol=0, atol=0.02)
    np.testing.assert_allclose(bras[1], np.sin(first).mean(axis=0), rtol=0, atol=0.02)
    assert nodes.stein_load == {"W": 3 / nodes.samples}


def test_bras_of_dependent_hats_are_right_after_contraction() -> None:
    nodes = make_nodes(400_000)
    x = nodes.normal()
    products = Products(nodes, 1.0, "W")
    h = products.hat(x)
    products.hat(2 * x)
    bras = products.bras(np.sin(h))
    dot = x * bras[0] + 2 * x * bras[1]
    np.testing.assert_allclose(dot, x * np.cos(h).mean(), rtol=0, atol=0.03)


def test_a_matrix_without_variance() -> None:
    nodes = make_nodes(64)
    products = Products(nodes, 0.0, "W")
    assert (products.hat(nodes.normal()) == 0).all()
    assert all((bra == 0).all() for bra in products.bras(nodes.normal((2,))))
    assert (nodes.hat(0.0, nodes.normal((2,))) == 0).all()


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_a_hat_of_what_is_not_finite_is_no_number(value: float) -> None:
    nodes = make_nodes(64)
    x = nodes.normal((2,))
    products = Products(nodes, 1.0, "W")
    assert np.isfinite(products.hat(x)).all()
    infinite = nodes.normal((2,))
    infinite[0, 1] = value
    with np.errstate(invalid="ignore"):
        assert np.isnan(products.hat(infinite)).all()
    assert np.isfinite(products.hat(x + 1)).all()
    assert all(np.isnan(bra).all() for bra in products.bras(x))
