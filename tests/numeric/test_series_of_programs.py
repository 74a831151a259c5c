"""Expectations of programs that have Hermite series, against other ways to get them."""

from textwrap import dedent

import numpy as np
import pytest

import tpc
from tpc.gaussian import pair_moment


def evaluate(text: str, method: str = "quadrature", **given: object) -> object:
    module = tpc.evaluator(tpc.parse("dim n\n" + dedent(text)))
    return module.evaluate(method=method, samples=2**14, **given)


def line() -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights of Simpson's rule for a standard normal, fine and far enough."""
    nodes = np.linspace(-12, 12, 801)
    weights = np.where(np.arange(801) % 2, 4.0, 2.0) * np.exp(-(nodes**2) / 2)
    return nodes, weights / weights.sum()


def plane(correlation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes of a plane and weights, for two Gaussians with a covariance."""
    nodes, weights = line()
    root = np.linalg.cholesky(correlation)
    grid = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), axis=-1) @ root.T
    return grid, np.outer(weights, weights)


@pytest.mark.slow
def test_a_kernel_of_many_inputs() -> None:
    """Three layers over 120 inputs: two hundred Gaussians more than grids keep track of."""
    inputs = np.random.default_rng(0).standard_normal((120, 5))
    rows = ", ".join(str(row.tolist()) for row in inputs)
    result = evaluate(f"""
        const X = [{rows}]
        vector U[5] : n
        matrix W, V : n x n
        x1 = tanh(U @ X.T)
        x2 = tanh(W @ x1)
        x3 = tanh(V @ x2)
        output K = <x3|x3>
        output F = <1 - square(x3)|1 - square(x2)>
        """)
    kernel = inputs @ inputs.T
    for _ in range(3):
        before, (kernel, _) = (
            kernel,
            pair_moment(np.tanh, np.tanh, kernel.diagonal(), kernel.diagonal(), kernel),
        )
    np.testing.assert_allclose(result["K"], kernel, rtol=0, atol=1e-12)
    assert result.methods == {"K": "quadrature", "F": "quadrature"}
    assert result.stderr["K"].max() < 1e-11
    assert before.shape == kernel.shape


@pytest.mark.slow
def test_entries_of_one_ket() -> None:
    """E f(z1) g(z2) with pairs entry by entry, constants of functions, and means."""
    result = evaluate(
        """
        param s = 0.8
        const a = [0.5, 1.5]
        vector z[2] : n ~ normal([0.3, -0.2], [[1, 0.6], [0.6, 2]])
        vector y[2] : n
        output c = avg(tanh(s * z[0]) * sigmoid(z[1]))
        output d = avg(tanh(a * z) * silu(y))
        output p = <tanh(z + a)|softplus(z)>
        """,
        s=1.1,
    )
    grid, weights = plane(np.array([[1, 0.6], [0.6, 2]]))
    z = grid + np.array([0.3, -0.2])
    sigmoid = 1 / (1 + np.exp(-z))
    expected = (weights * np.tanh(1.1 * z[..., 0]) * sigmoid[..., 1]).sum()
    assert result["c"] == pytest.approx(expected, abs=1e-12)
    a = np.array([0.5, 1.5])
    nodes, shares = line()
    silu = shares @ (nodes / (1 + np.exp(-nodes)))
    tanh = np.einsum("ij,ijk->k", weights, np.tanh(a * z))
    np.testing.assert_allclose(result["d"], tanh * silu, rtol=0, atol=1e-12)
    pairs = np.einsum("ij,ija,ijb->ab", weights, np.tanh(z + a), np.logaddexp(0, z))
    np.testing.assert_allclose(result["p"], pairs, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_products_are_taken_apart() -> None:
    """A backward pass: independent factors are integrated each by itself."""
    text = """
        vector u, v : n
        matrix W : n x n
        x1 = tanh(u)
        x2 = tanh(W @ x1)
        k = W.T @ (v * (1 - square(x2)) + x2)
        d = k * (1 - square(x1))
        output G = <d|d>
        output C = <k|x1>
        """
    found = evaluate(text)
    assert set(found.methods.values()) == {"quadrature"}
    sampled = evaluate(text, "qmc")
    for name in "GC":
        assert found.stderr[name] < 1e-11
        assert abs(found[name] - sampled[name]) < 6 * sampled.stderr[name] + 1e-11
        assert sampled.stderr[name] > 1e-9


@pytest.mark.slow
def test_random_nodes_average_what_has_a_series() -> None:
    text = "vector u : n\noutput c = <tanh(u)|tanh(u)>\n"
    sampled = evaluate(text, "mc")
    assert sampled.methods == {"c": "mc"} and sampled.stderr["c"] > 1e-4
    assert abs(sampled["c"] - evaluate(text)["c"]) < 6 * sampled.stderr["c"]
    with pytest.raises(ValueError, match="for which there is no closed form"):
        evaluate(text, "exact")


@pytest.mark.parametrize(
    "ket",
    ["log(u)", "exp(40 * u)", "cos(exp(9 * u))"],
)
@pytest.mark.slow
def test_what_has_no_series_is_not_called_precise(ket: str) -> None:
    with pytest.raises(ValueError, match="use 'qmc'"):
        evaluate(f"vector u : n\noutput c = <{ket}|tanh(u)>\n")


def test_what_is_infinite_is_refused() -> None:
    with pytest.raises(tpc.ProgramError) as refusal:
        evaluate("vector u : n\noutput c = <exp(square(u))|tanh(u)>\n")
    assert [found.code for found in refusal.value.diagnostics] == ["TP305"]


@pytest.mark.slow
def test_correlations_of_one() -> None:
    """The same Gaussian by two names, its negative, and one without variance."""
    result = evaluate("""
        vector u : n
        vector z : n ~ normal(0.5, 0)
        const s = [1.0, -2.0, 0.0]
        x = tanh(s * u)
        output K = <x|x>
        output Z = <tanh(z)|sin(z) * tanh(z)>
        """)
    nodes, shares = line()
    x = np.tanh(np.array([1.0, -2.0, 0.0]) * nodes[:, None])
    expected = np.einsum("n,na,nb->ab", shares, x, x)
    np.testing.assert_allclose(result["K"], expected, rtol=0, atol=1e-11)
    assert result["Z"] == pytest.approx(np.tanh(0.5) ** 2 * np.sin(0.5), abs=1e-13)
