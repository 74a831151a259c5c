"""Finite networks of two hidden layers trained in NumPy, with whole matrices, in mup.

    x1 = tanh(U xi),  h2 = W x1,  x2 = tanh(h2),  f = avg(v x2),    L = sum (f - y)^2 / 2

with W m x n, of height m / n.
U and v take steps of sgd. Networks come in pairs that differ by the sign of v, so that the noise of
the outputs at the start, which is odd in v, leaves their means.
"""

from collections.abc import Callable

import numpy as np

X = np.array([[1.0, 0.5], [-0.4, 0.9], [0.6, -0.8]])
Y = np.array([1.0, -0.5])
"""Two rows of data; the third row of inputs is a test row."""

TEXT = """
dim n
input xi[2]
weight U[2] : n
weight W : n x n
weight v : n
x1 = tanh(U @ xi)
h2 = W @ x1
x2 = tanh(h2)
readout f = v * x2
{declared}
train f:
    data [[1.0, 0.5], [-0.4, 0.9]], [1.0, -0.5]
    test [[0.6, -0.8]]
    loss mse
    optimizer {others}
    optimizer W: {optimizer}
    parametrization mup
    steps {steps}
"""

Update = Callable[[int, dict[str, np.ndarray], np.ndarray], np.ndarray]
"""Returns what a step t takes off matrices (runs, m, n), from states and gradients n^0 dL/dW."""


def plain(t: int, states: dict[str, np.ndarray], g: np.ndarray) -> np.ndarray:
    """Return a step of sgd for a vector-like weight, from gradients n dL/dw."""
    return 0.3 * g


def outputs(
    update: Update,
    n: int,
    runs: int,
    steps: int,
    seed: int,
    height: float = 1.0,
    of_vectors: Update = plain,
) -> np.ndarray:
    """Return f after the last step, of shape (runs / 2, rows), averaged over pairs.

    What `of_vectors` takes off U, of shape (runs, n, 2), and off v.T, (runs, 1, m), is alike.
    """
    rng, half = np.random.default_rng(seed), runs // 2
    m = round(height * n)
    u, w, v = (rng.standard_normal((half, *shape)) for shape in ((n, 2), (m, n), (m, 1)))
    u, w, v = np.tile(u, (2, 1, 1)), np.tile(w, (2, 1, 1)) / np.sqrt(n), np.concatenate([v, -v])
    states: dict[str, np.ndarray] = {}
    above: dict[str, np.ndarray] = {}
    last: dict[str, np.ndarray] = {}
    for t in range(steps + 1):
        x1 = np.tanh(u @ X.T)
        x2 = np.tanh(w @ x1)
        f = (v * x2).mean(1)
        if t == steps:
            return f.reshape(2, half, -1).mean(0)
        chi = np.zeros_like(f)
        chi[:, :2] = f[:, :2] - Y
        chi = chi[:, None]
        dh = v * (1 - x2**2) * chi
        below = (np.swapaxes(w, 1, 2) @ dh) * (1 - x1**2) / height
        moved = update(t, states, dh @ np.swapaxes(x1, 1, 2) / m)
        u, w, v = (
            u - of_vectors(t, above, below @ X),
            w - moved,
            v - np.swapaxes(of_vectors(t, last, np.swapaxes(x2 * chi, 1, 2).sum(1)[:, None]), 1, 2),
        )
    raise AssertionError


def extrapolated(
    update: Update,
    steps: int,
    widths: tuple[int, ...] = (48, 96, 192),
    seed: int = 0,
    height: float = 1.0,
    of_vectors: Update = plain,
) -> tuple[np.ndarray, np.ndarray]:
    """Return a of a + b / n fitted to means over runs, and its standard errors."""
    runs = [24 * widths[-1] ** 2 // n**2 + 40 for n in widths]
    found = [
        outputs(update, n, count, steps, seed + n, height, of_vectors)
        for n, count in zip(widths, runs, strict=True)
    ]
    means = np.array([f.mean(0) for f in found])
    errors = np.array([f.std(0, ddof=1) / np.sqrt(len(f)) for f in found])
    at, spread = np.empty(means.shape[1]), np.empty(means.shape[1])
    for row in range(means.shape[1]):
        design = np.stack([np.ones(len(widths)), 1 / np.array(widths)], 1) / errors[:, row, None]
        cov = np.linalg.inv(design.T @ design)
        at[row] = (cov @ design.T @ (means[:, row] / errors[:, row]))[0]
        spread[row] = np.sqrt(cov[0, 0])
    return at, spread
