"""Trust ratios and a common norm of gradients under entrywise optimizers, against NumPy networks.

Pairs of networks differ by the sign of v, so that the noise of the outputs at the start leaves.
"""

import numpy as np
import pytest

import tpc
from tests.numeric.dense_training import X, Y
from tests.numeric.optimizer_cases import read_cases, text_of

Array = np.ndarray
INIT = {"U": 1.0, "W": 0.7, "v": 1.5}


def trained(n: int, seed: int, rates: dict[str, float], ratios: bool, theta: float) -> Array:
    """Return the outputs of a pair of networks after two steps of adam with eps inside the root."""
    rng, outputs = np.random.default_rng(seed), np.zeros(3)
    shapes = {"U": (n, 2), "W": (n, n), "v": (n,)}
    start = {name: INIT[name] * rng.standard_normal(shape) for name, shape in shapes.items()}
    start["W"] /= np.sqrt(n)
    for sign in (1, -1):
        w = start | {"v": sign * start["v"]}
        m, square = ({name: np.zeros(shape) for name, shape in shapes.items()} for _ in range(2))
        for t in range(3):
            x1 = np.tanh(w["U"] @ X.T)
            x2 = np.tanh(w["W"] @ x1)
            f = w["v"] @ x2 / n
            if t == 2:
                break
            chi, x1, x2 = f[:2] - Y, x1[:, :2], x2[:, :2]
            dh = w["v"][:, None] * (1 - x2**2) * chi / n
            below = (w["W"].T @ dh) * (1 - x1**2)
            g = {"v": x2 @ chi / n, "W": dh @ x1.T, "U": below @ X[:2]}
            nu = np.sqrt(sum((x**2).sum() for x in g.values()))
            for name, each in g.items():
                each = n * each * min(1, theta / nu)
                m[name] = 0.9 * m[name] + 0.1 * each
                square[name] = 0.999 * square[name] + 0.001 * each**2
                below = np.sqrt(square[name] / (1 - 0.999 ** (t + 1)) + 0.2**2)
                step = m[name] / (1 - 0.9 ** (t + 1)) / below
                ratio = np.linalg.norm(w[name]) / np.linalg.norm(step) if ratios else 1.0
                w = w | {name: w[name] - rates[name] * ratio * step}
        outputs += f / 2
    return outputs


@pytest.mark.slow
@pytest.mark.parametrize("lines", [
    "optimizer lamb(lr=0.2, eps=0.2)",
    "optimizer adam(lr=0.1, eps=0.2); clip_global 0.3",
])  # fmt: skip
def test_their_limit_is_that_of_finite_networks(lines: str) -> None:
    text = text_of(read_cases()["tanh2.adam"]["network"] | {"lines": lines})
    for name, dims in (("W", "n x n"), ("v", "n")):
        text = text.replace(f"{name} : {dims}", f"{name} : {dims} (init={INIT[name]})")
    found = tpc.train(tpc.parse(text), samples=4096, method="qmc")
    n, ratios = 128, "lamb" in lines
    rates = dict.fromkeys(INIT, 0.2 if ratios else 0.1)
    rates["W"] *= n**-0.5 if ratios else 1 / n
    theta = np.inf if ratios else 0.3
    runs = np.array([trained(n, seed, rates, ratios, theta) for seed in range(300)])
    error = np.hypot(runs.std(0) / np.sqrt(len(runs)), found.stderr["f"][-1])
    assert (error < 8e-3).all()
    assert (np.abs(found["f"][-1] - runs.mean(0)) <= 4 * error + 2e-3).all()
