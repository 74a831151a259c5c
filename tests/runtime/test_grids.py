"""Kets on grids, against integrals that are known and against the same formulas on samples."""

from math import erf, exp, sqrt

import numpy as np
import pytest
from scipy import integrate, stats

from tpc.runtime import elementwise
from tpc.runtime.grids import GridNodes, normal_rule
from tpc.runtime.kets import Ket
from tpc.runtime.random_nodes import Nodes


def make_grid(points: int = 64, floats: int = 2**20) -> GridNodes:
    return GridNodes(points, floats)


@pytest.mark.parametrize("points", [6, 12, 16])
def test_few_nodes_are_exact_for_polynomials(points: int) -> None:
    nodes, weights = normal_rule(points)
    for power in range(2 * points):
        moment = stats.norm.moment(power)
        scale = weights @ np.abs(nodes) ** power
        assert weights @ nodes**power == pytest.approx(moment, abs=1e-13 * scale)


def test_many_nodes_beat_those_of_gauss_and_hermite() -> None:
    def f(x: np.ndarray) -> np.ndarray:
        return np.tanh(x) ** 2

    exact, _ = integrate.quad(lambda x: f(x) * stats.norm.pdf(x), -12, 12, epsabs=1e-15, limit=400)
    nodes, weights = normal_rule(48)
    gauss, gauss_weights = np.polynomial.hermite_e.hermegauss(48)
    hermite = gauss_weights @ f(gauss) / gauss_weights.sum()
    assert weights @ f(nodes) == pytest.approx(exact, abs=1e-10)
    assert abs(hermite - exact) > 1e-9


def test_an_expectation_sums_over_what_it_depends_on() -> None:
    nodes = make_grid()
    x, y, z = nodes.normal(), nodes.normal(), nodes.normal()
    left, right = np.sin(x + y), np.sin(y + 2 * z)
    assert isinstance(left, Ket)
    assert isinstance(right, Ket)
    # x + y is one direction, y + 2 z another and the part of x + y in it.
    assert (left.directions, right.directions) == ((0,), (0, 1))
    # E sin a sin b = exp(-(E a^2 + E b^2) / 2) sinh(E a b).
    expected = exp(-(2 + 5) / 2) * np.sinh(1)
    assert nodes.inner(left, right) == pytest.approx(expected, abs=1e-14)
    assert nodes.mean(np.cos(x + y)) == pytest.approx(exp(-1), abs=1e-14)


def test_what_is_affine_needs_no_grid() -> None:
    nodes = make_grid(points=6, floats=10)
    u = 0.5 + nodes.normal((30,))
    h = (u @ np.full((30, 2), 0.1) - 1) / 2
    assert isinstance(h, Ket)
    assert h.directions is None
    np.testing.assert_allclose(nodes.mean(h), [0.25, 0.25])
    np.testing.assert_allclose(nodes.inner(h, h), 0.0625 + 0.075 * np.ones((2, 2)))
    assert nodes.mean(np.sum(u, axis=-1)) == pytest.approx(15)


def functions(nodes: Nodes) -> list[np.ndarray]:
    """Expectations through every kind of operation that generated code has."""
    a = np.array([[0.5, -1.0], [0.3, 0.2]])
    b = np.array([[1.0, -0.4]])
    u, v, s = nodes.normal((2,)), nodes.normal(), nodes.normal((1, 2))
    h = np.tanh(u @ a) * v[..., None]
    g = np.swapaxes(s, -1, -2) @ b + np.sin(h)[..., None, :]
    x = np.cos(g).sum(axis=-1) / (1 + h[..., 0, None] ** 2)
    t = np.tensordot(np.sin(s), np.ones((1, 2, 3)), 2)
    far = np.moveaxis(np.exp(-(s**2))[..., None], (-1, -3), (-3, -2))
    return [
        nodes.mean(h),
        nodes.inner(h, h),
        nodes.inner(x, h),
        nodes.inner(u, h + u),
        nodes.inner(v * h[..., 1], u),
        nodes.mean(x),
        nodes.inner(t, t - 1),
        nodes.mean(far),
    ]


@pytest.mark.slow
def test_the_same_arithmetic_on_samples_and_on_grids() -> None:
    samples = 2**18
    on_grid = functions(make_grid(points=12, floats=2**22))
    replicates = [
        functions(Nodes(np.random.SeedSequence(seed).spawn(2), samples // 8)) for seed in range(8)
    ]
    for index, found in enumerate(on_grid):
        each = np.array([replicate[index] for replicate in replicates])
        error = each.std(axis=0, ddof=1) / np.sqrt(8)
        assert found.shape == each[0].shape
        assert (np.abs(found - each.mean(axis=0)) < 7 * error + 2e-4).all()


def test_hats_of_one_side_have_their_covariance() -> None:
    nodes = make_grid()
    x = np.tanh(nodes.normal())
    y = x * nodes.normal() + 0.3 * x
    products = nodes.products(1.7, "W")
    first, second = products.hat(x), products.hat(y)
    both = 1.7 * np.array([[nodes.inner(a, b) for a in (x, y)] for b in (x, y)])
    found = [[nodes.inner(a, b) for a in (first, second)] for b in (first, second)]
    np.testing.assert_allclose(found, both, rtol=1e-12)
    # Jointly Gaussian: E cos of a combination.
    combined = nodes.mean(np.cos(first - 2 * second))
    assert combined == pytest.approx(exp(-(both @ [1, -2] @ [1, -2]) / 2), rel=1e-11)
    assert nodes.inner(first, x) == 0
    assert nodes.mean(np.abs(products.hat(x - 0.5 * y) - first + 0.5 * second)) < 1e-7


def test_dependent_operands_have_dependent_hats() -> None:
    nodes = make_grid()
    x, y = np.tanh(nodes.normal()), np.sin(nodes.normal())
    products = nodes.products(1.0, "W")
    h = products.hat(x)
    g = products.hat(y)
    both = products.hat(2 * x - y)
    assert nodes.mean((both - 2 * h + g) ** 2) < 1e-20


@pytest.mark.slow
def test_bras_are_derivatives() -> None:
    nodes = make_grid()
    x = np.tanh(nodes.normal((2,)))
    products = nodes.products(1.3, "W")
    first = products.hat(x)
    y = np.sin(nodes.normal()) + x[..., 1]
    second = products.hat(y)
    others = nodes.products(0.7, "W.T")
    others.hat(np.sin(first) * second[..., None], products)
    bras = others.bras(products)
    slopes = nodes.mean(np.cos(first) * second[..., None])
    np.testing.assert_allclose(bras[0], np.diag(slopes), atol=1e-12)
    np.testing.assert_allclose(bras[1], nodes.mean(np.sin(first)), atol=1e-12)
    rest = others.dot(products) - (x @ bras[0] + y[..., None] * bras[1])
    assert (nodes.mean(rest**2) < 1e-20).all()
    assert nodes.stein_load == {}


def test_what_does_not_fit_is_refused() -> None:
    nodes = make_grid(points=10, floats=2000)
    u, v = nodes.normal((2,)), nodes.normal((2,))
    few, other = np.tanh(u).sum(axis=-1), np.tanh(v).sum(axis=-1)
    assert np.isfinite(nodes.inner(few, few + u[..., 0]))
    assert nodes.inner(few, other) == pytest.approx(0)
    assert not nodes.refusal
    assert np.isnan(nodes.mean(few * other))
    assert nodes.refusal == "4 Gaussians together, 10 nodes for each"
    assert np.isnan(nodes.hat(1.0, few * other)).all()
    products = nodes.products(1.0, "W")
    assert np.isnan(products.hat((few * other)[..., None])).all()
    assert np.isfinite(nodes.mean(products.hat(few) ** 2))
    others = nodes.products(1.0, "W.T")
    others.hat(few, products)
    assert np.isnan(others.bras(products)[0]).all()
    assert np.isnan(others.dot(products)).all()


def test_a_wide_product_is_refused_before_it_is_made() -> None:
    nodes = make_grid(points=10, floats=2000)
    x = np.tanh(nodes.normal((2,)))
    assert np.isfinite(nodes.mean(x @ np.ones((2, 20)))).all()
    assert np.isnan(nodes.mean(x @ np.ones((2, 21)))).all()


def test_the_error_function_on_a_grid() -> None:
    nodes = make_grid()
    x = nodes.normal()
    kets = [
        elementwise.erf(x),
        elementwise.gelu(x),
        elementwise.silu(x),
        elementwise.softmax(nodes.normal((2,))),
    ]
    assert all(isinstance(ket, Ket) for ket in kets)
    assert nodes.inner(kets[0], x) == pytest.approx(2 / sqrt(3 * np.pi), rel=1e-12)
    assert nodes.mean(elementwise.Phi(0.7 + x)) == pytest.approx((1 + erf(0.35)) / 2, rel=1e-12)
    np.testing.assert_allclose(nodes.mean(kets[3]), [0.5, 0.5], rtol=1e-12)


def test_what_was_refused_is_no_number_beside_zeros() -> None:
    """0 times NaN: some products of matrices make 0 of it."""
    nodes = make_grid(points=10, floats=500)
    v = nodes.normal((3,))
    refused = np.tanh(v).sum(axis=-1)[..., None] * np.ones(3)
    zero = np.tanh(v[..., 0]) * 0
    assert isinstance(refused, Ket)
    for other in (v, v[..., 0], zero):
        for one, two in ((refused, other), (other, refused)):
            assert np.isnan(nodes.inner(one, two)).all()


def body(g: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.cos(g + x[..., None] * y[..., None])


@pytest.mark.slow
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


@pytest.mark.slow
def test_an_operator_on_a_grid() -> None:
    nodes = GridNodes(32, 2**22)
    u = nodes.normal((2,))
    ket = nodes.mean_over_copies(
        lambda g, x: np.cos(nodes.inner_of_pairs(g, x)), (u,), ((u,),), u**2
    )
    # E^x cos(g.x) x_i^2 = (1 - g_i^2) exp(-|g|^2 / 2).
    expected = (1 - u**2) * np.exp(-(u**2).sum(axis=-1) / 2)[..., None]
    assert np.abs(np.asarray(ket - expected)).max() < 1e-8


def test_loops_ask_grids_for_room_as_they_do_nodes() -> None:
    grid = GridNodes(8, 1000)
    assert grid.room((2, 3)).shape == (2, 3)


def test_grids_have_room_as_other_nodes_have() -> None:
    nodes = GridNodes(8, 10**6)
    assert [nodes.room(shape).shape for shape in ((3,), (2, 4))] == [(3,), (2, 4)]
