"""Hats by regression and bras by Stein: laws, linear relations, derivatives."""

import numpy as np
import pytest

from tpc.runtime.matrix_products import Products
from tpc.runtime.random_nodes import Nodes


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


@pytest.mark.slow
def test_bras_are_derivatives() -> None:
    nodes = make_nodes(400_000)
    x = nodes.normal((2,))
    products, others = Products(nodes, 1.3, "W"), Products(nodes, 1.0, "W.T")
    first, second = products.hat(x), products.hat(nodes.normal() + x[:, 1])
    others.hat(np.sin(first) * second[:, None], products)
    bras = others.bras(products)
    assert [bra.shape for bra in bras] == [(2, 2), (2,)]
    expected = np.diag((np.cos(first) * second[:, None]).mean(axis=0))
    np.testing.assert_allclose(bras[0], expected, rtol=0, atol=0.02)
    np.testing.assert_allclose(bras[1], np.sin(first).mean(axis=0), rtol=0, atol=0.02)
    assert nodes.stein_load == {"W": 3 / nodes.samples}


@pytest.mark.slow
def test_bras_of_dependent_hats_are_right_after_contraction() -> None:
    nodes = make_nodes(400_000)
    x = nodes.normal()
    products, others = Products(nodes, 1.0, "W"), Products(nodes, 1.0, "W.T")
    h = products.hat(x)
    products.hat(2 * x)
    others.hat(np.sin(h), products)
    bras = others.bras(products)
    dot = x * bras[0] + 2 * x * bras[1]
    np.testing.assert_allclose(dot, x * np.cos(h).mean(), rtol=0, atol=0.03)
    np.testing.assert_allclose(dot, others.dot(products), rtol=1e-10)


def test_a_dot_is_that_of_its_position() -> None:
    nodes = make_nodes(100_000)
    x = nodes.normal((2,))
    products, others = Products(nodes, 1.3, "W"), Products(nodes, 0.7, "W.T")
    h = products.hat(x)
    others.hat(np.sin(h[:, 0]), products)
    one = others.dot(products)
    others.hat(np.tanh(h), products)
    products.hat(np.cos(h))
    np.testing.assert_allclose(others.dot(products, 0), one, rtol=1e-10)
    expected = x * (1 - np.tanh(h) ** 2).mean(axis=0)
    error = np.sqrt(nodes.inner(x, x).trace() * 3 / nodes.samples)
    assert np.abs(others.dot(products) - expected).std() < 2 * error


def test_what_is_independent_has_no_dot_at_all() -> None:
    """A ket drawn before the hats, or said not to depend on them, leaves no noise in later dots."""
    nodes = make_nodes(1000)
    x, z = nodes.normal(), nodes.normal((3,))
    products, others = Products(nodes, 1.0, "W"), Products(nodes, 1.0, "W.T")
    others.hat(z, products)
    assert (others.dot(products) == 0).all()
    h = products.hat(x)
    small = z[:, 0] + 1e-6 * np.sin(h)
    others.hat(small, products)
    dot = others.dot(products)
    np.testing.assert_allclose(dot, 1e-6 * x * np.cos(h).mean(), rtol=0, atol=1e-6)
    assert np.abs(dot).max() > 1e-7


def test_dots_are_linear_sample_by_sample() -> None:
    nodes = make_nodes(1000)
    products, others = Products(nodes, 2.0, "W"), Products(nodes, 1.0, "W.T")
    h = products.hat(nodes.normal((2,)))
    kets = [np.sin(h), np.tanh(h), np.sin(h) - 0.3 * np.tanh(h)]
    dots = []
    for ket in kets:
        others.hat(ket, products)
        dots.append(others.dot(products))
    np.testing.assert_allclose(dots[2], dots[0] - 0.3 * dots[1], rtol=0, atol=1e-10)


def test_inner_products_by_coordinates() -> None:
    nodes = make_nodes(500)
    x, y = nodes.normal((2, 3)), nodes.normal()
    products = Products(nodes, 1.3, "W")
    for ket in (x, y, x[:, 0]):
        products.hat(ket)
    np.testing.assert_allclose(products.inner(0, 1), nodes.inner(x, y), atol=1e-12)
    np.testing.assert_allclose(products.inner(2, 0), nodes.inner(x[:, 0], x), atol=1e-12)
    with np.errstate(invalid="ignore"):
        products.hat(np.inf * y)
    assert np.isnan(products.inner(0, 1)).all()


def test_small_directions_are_left_out() -> None:
    nodes = Nodes(np.random.SeedSequence(0).spawn(2), 2000, rank_tolerance=1e-4)
    x, z = nodes.normal((3,)), nodes.normal((3,))
    products, others = Products(nodes, 1.0, "W"), Products(nodes, 1.0, "W.T")
    h = products.hat(x)
    again = products.hat(x + 1e-3 * z)
    assert np.abs(again - h).std() < 1e-3
    assert np.abs(products.hat(x + 0.1 * z) - h).std() > 0.05
    others.hat(z, products)
    others.dot(products)
    assert nodes.stein_load == {"W": 6 / nodes.samples}


def test_a_matrix_without_variance() -> None:
    nodes = make_nodes(64)
    products = Products(nodes, 0.0, "W")
    assert (products.hat(nodes.normal()) == 0).all()
    others = Products(nodes, 1.0, "W.T")
    others.hat(nodes.normal((2,)), products)
    assert all((bra == 0).all() for bra in others.bras(products))
    assert (others.dot(products) == 0).all()
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
    others = Products(nodes, 1.0, "W.T")
    others.hat(x, products)
    assert all(np.isnan(bra).all() for bra in others.bras(products))
    assert np.isnan(others.dot(products)).all()
