"""The estimators that every generated module carries, against formulas and brute force."""

from itertools import product

import numpy as np
import pytest
from scipy import special

from tpc.codegen import preamble
from tpc.codegen.preamble import Nodes, Products


def make_nodes(samples: int, seed: int = 0) -> Nodes:
    return Nodes(np.random.SeedSequence(seed).spawn(2), samples)


def test_halves_are_the_streams_by_themselves() -> None:
    streams = np.random.SeedSequence(3).spawn(2)
    whole = Nodes(streams, 10)
    first, second = Nodes(streams[:1], 5), Nodes(streams[1:], 5)
    for shape in ((), (2,)):
        halves = np.concatenate([first.normal(shape), second.normal(shape)])
        np.testing.assert_array_equal(whole.normal(shape), halves)


@pytest.mark.parametrize("name", ["erf", "Phi", "sigmoid", "gelu", "silu"])
def test_functions_against_scipy(name: str) -> None:
    reference = {
        "erf": special.erf,
        "Phi": special.ndtr,
        "sigmoid": special.expit,
        "gelu": lambda x: x * special.ndtr(x),
        "silu": lambda x: x * special.expit(x),
    }[name]
    x = np.concatenate([np.linspace(-40, 40, 4001), np.linspace(-1, 1, 1001), [0.0]])
    np.testing.assert_allclose(getattr(preamble, name)(x), reference(x), rtol=0, atol=1e-14)


def test_piecewise_functions() -> None:
    x = np.array([-2.0, 0.0, 3.0])
    np.testing.assert_allclose(preamble.leaky_relu(x, 0.1), [-0.2, 0, 3])
    np.testing.assert_allclose(preamble.elu(x, 2.0), [2 * np.expm1(-2), 0, 3])
    np.testing.assert_allclose(
        preamble.softmax(np.array([[1.0, 1.0], [1e4, 0]])), [[0.5, 0.5], [1, 0]]
    )


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


@pytest.mark.parametrize("copies", [1, 2])
@pytest.mark.parametrize("block", [1, 7, 2**17])
def test_averages_over_copies_leave_out_the_free_sample(
    copies: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preamble, "PAIRS_IN_BLOCK", block)
    rng = np.random.default_rng(1)
    n = 11
    g, x, y = rng.normal(size=(n, 2)), rng.normal(size=(n, 2)), rng.normal(size=n)
    if copies == 1:
        found = preamble.mean_over_copies(lambda g, x: np.maximum(g, x), (g,), ((x,),))
        expected = [
            np.mean([np.maximum(g[i], x[j]) for j in range(n) if j != i], axis=0) for i in range(n)
        ]
    else:
        found = preamble.mean_over_copies(
            lambda g, x, y: np.maximum(g, x) * y[..., None], (g,), ((x,), (y,))
        )
        pairs = [(j, (j + 1) % n) for j in range(n)]
        expected = [
            np.mean([np.maximum(g[i], x[j]) * y[k] for j, k in pairs if i not in (j, k)], axis=0)
            for i in range(n)
        ]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def fourth_power(nodes: Nodes, params: dict[str, float]) -> preamble.Outputs:
    """The square of a second moment: biased by 2/N at N samples."""
    x = nodes.normal()
    return {("c", "value"): np.asarray(nodes.inner(x, x) ** 2)}


def test_bias_is_taken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preamble, "limit", fourth_power)
    monkeypatch.setattr(preamble, "BIASED", True)
    found = [preamble.evaluate(samples=256, seed=seed) for seed in range(400)]
    values = np.array([result["c"] for result in found])
    error = values.std() / np.sqrt(len(values))
    # N = 32 a replicate: without the correction the mean would be 1 + 2/32.
    assert abs(values.mean() - 1) < 4 * error < 2 / 32
    stated = np.array([result.stderr["c"] for result in found])
    assert values.std() == pytest.approx(np.sqrt(np.mean(stated**2)), rel=0.25)


def test_evaluate_refuses_what_it_cannot_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preamble, "limit", fourth_power)
    monkeypatch.setattr(preamble, "PARAMS", {"sw": 1.0})
    with pytest.raises(ValueError, match="unknown parameter 'sv'; this program has: sw"):
        preamble.evaluate(sv=1)
    with pytest.raises(ValueError, match="shape"):
        preamble.evaluate(sw=[1, 2])
    with pytest.raises(ValueError, match="at least 32"):
        preamble.evaluate(samples=31)
    with pytest.raises(ValueError, match="unknown method 'qmc'"):
        preamble.evaluate(method="qmc")


def test_equal_seeds_give_equal_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preamble, "limit", fourth_power)
    one, same, other = (preamble.evaluate(samples=1000, seed=seed)["c"] for seed in (1, 1, 2))
    assert one == same != other


def test_factor_is_a_root() -> None:
    rng = np.random.default_rng(0)
    for rank, size in product((1, 2, 4), (4, 6)):
        half = rng.normal(size=(rank, size))
        root = preamble.factor(half.T @ half)
        assert len(root) == rank
        np.testing.assert_allclose(root.T @ root, half.T @ half, rtol=0, atol=1e-12)


def test_an_operator_of_pairs_is_a_product_of_matrices() -> None:
    rng = np.random.default_rng(2)
    n = 13
    g, x, z = rng.normal(size=(n, 3)), rng.normal(size=(n, 3)), rng.normal(size=(n, 2))
    found = preamble.mean_over_copies(
        lambda g, x: np.sign(preamble.inner_of_pairs(g, x)), (g,), ((x,),), z
    )
    expected = [
        np.mean([np.sign(g[i] @ x[j]) * z[j] for j in range(n) if j != i], axis=0) for i in range(n)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
