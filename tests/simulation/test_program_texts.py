"""Finite runs of programs written as text, against the same computation in NumPy."""

import numpy as np
import pytest

from tpc.program.checking.build import build_program
from tpc.simulation.result import Result
from tpc.simulation.simulate import simulate
from tpc.simulation.streams import stream
from tpc.syntax.parse import parse_source

WIDTH = 11


def run(text: str, **params: object) -> Result:
    """Simulate one trial of a program text."""
    return simulate(build_program(parse_source(text)), WIDTH, trials=1, params=params)


def draw(name: str, *shape: int) -> np.ndarray:
    """Return the standard normal numbers behind a declared name."""
    return stream(0, WIDTH, 0, name).standard_normal(shape)


def test_layers_with_two_dims_and_a_transpose() -> None:
    result = run(
        "dim n\n"
        "dim m = 3/2 * n\n"
        "param s = 1.5\n"
        "matrix A : n x m ~ normal(0, s^2 / m)\n"
        "matrix B : n x m ~ normal(0, 2 / n)\n"
        "vector x[2] : m\n"
        "h = A @ x\n"
        "g = -A.T @ tanh(h) / 2 + B.T @ h\n"
        "output K = <g|x>\n"
        "output norm = avg(square(g[0]))\n",
        s=2.0,
    )
    m = 17  # 16.5, rounded
    a = draw("A", WIDTH, m) * 2 / np.sqrt(m)
    b = draw("B", WIDTH, m) * np.sqrt(2 / WIDTH)
    x = draw("x", m, 2)
    g = -a.T @ np.tanh(a @ x) / 2 + b.T @ (a @ x)
    np.testing.assert_allclose(result["K"], g.T @ x / m, rtol=1e-12)
    np.testing.assert_allclose(result["norm"], np.mean(g[:, 0] ** 2), rtol=1e-12)


def test_outer_nonlinearity_with_rows_and_families() -> None:
    result = run(
        "dim n\n"
        "vector x, y : n\n"
        "vector z[3] : n\n"
        "c = avg(x)\n"
        "for t in range(2):\n"
        "    h[t] = mean[j, l](sin(x * y[j] + (t + 1) * z[0][l]) * c + z[1])\n"
        "    output q[t] = <h[t]|y>\n"
        "output r = mean[j](z[j] @ [[1, 2], [0, 1], [3, 0]] * x[j])\n"
    )
    x, y, z = draw("x", WIDTH), draw("y", WIDTH), draw("z", WIDTH, 3)
    for t in range(2):
        inside = np.sin(
            x[:, None, None] * y[None, :, None] + (t + 1) * z[None, None, :, 0]
        ) * x.mean() + z[:, 1, None, None]  # fmt: skip
        h = inside.mean(axis=(1, 2))
        np.testing.assert_allclose(result[f"q[{t}]"], h @ y / WIDTH, rtol=1e-12)
    r = (z @ np.array([[1, 2], [0, 1], [3, 0]]) * x[:, None]).mean(axis=0)
    np.testing.assert_allclose(result["r"], r, rtol=1e-12)


def test_readout_and_initial_laws() -> None:
    result = run(
        "dim n\n"
        "scalar c -> 0.25\n"
        "vector u[2] : n ~ normal([1, -1], [[1, 0.5], [0.5, 1]])\n"
        "vector v : n ~ normal(0, 4)\n"
        "readout f = v * u * c\n"
        "output total = avg(u)\n"
    )
    plus, minus = np.sqrt(1.5) / 2, np.sqrt(0.5) / 2  # along (1, 1) and along (1, -1)
    root = np.array([[plus + minus, plus - minus], [plus - minus, plus + minus]])
    u = np.array([1, -1]) + draw("u", WIDTH, 2) @ root
    f = (2 * draw("v", WIDTH)) @ u / 4 / np.sqrt(WIDTH)
    np.testing.assert_allclose(result["f"], np.outer(f, f), rtol=1e-12)
    np.testing.assert_allclose(result["total"], u.mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_smallest_widths(width: int) -> None:
    text = "dim n\ndim m = n / 4\nmatrix A : n x m\nvector x : m\nh = A @ x\noutput h\n"
    result = simulate(build_program(parse_source(text)), width, trials=2)
    assert np.isfinite(result["h"]["cov"])
