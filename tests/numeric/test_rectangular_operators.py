"""Optimizers of operators on m x n matrices: limits against dense networks, in mup in NumPy."""

from collections.abc import Callable

import numpy as np
import pytest

import tpc
from tests.numeric.dense_training import TEXT, extrapolated

Array = np.ndarray
RATE = 0.3


def polar(g: Array) -> Array:
    u, s, v = np.linalg.svd(g, full_matrices=False)
    return (u * (s > 1e-7 * s[:, :1])[:, None]) @ v


def newton_schulz(g: Array) -> Array:
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g / (np.linalg.norm(g, axis=(1, 2), keepdims=True) + 1e-7)
    for _ in range(5):
        y = x @ np.swapaxes(x, 1, 2)
        x = a * x + (b * y + c * y @ y) @ x
    return x


def root(square: Array, eps: float) -> Array:
    values, vectors = np.linalg.eigh(square)
    powers = (np.maximum(values, 0) + eps) ** -0.25
    return (vectors * powers[:, None]) @ np.swapaxes(vectors, 1, 2)


def of_direction(of: Callable[[Array], Array], beta: float = 0.0) -> Callable[..., Array]:
    """Return a function of m = beta m + g."""

    def update(t: int, states: dict[str, Array], g: Array) -> Array:
        m = states["m"] = beta * states.get("m", 0) + g
        return RATE * of(m)

    return update


def shampoo(t: int, states: dict[str, Array], g: Array) -> Array:
    turned = np.swapaxes(g, 1, 2)
    left = states["L"] = states.get("L", 0) + g @ turned
    right = states["R"] = states.get("R", 0) + turned @ g
    return RATE * root(left, 1e-3) @ g @ root(right, 1e-3)


def soap(t: int, states: dict[str, Array], g: Array) -> Array:
    """Adam in eigenbases by descending eigenvalue, of the averages with the present gradient."""
    turned = np.swapaxes(g, 1, 2)
    squares = {"m": g, "L": g @ turned, "R": turned @ g}
    beta = {"m": 0.9, "L": 0.95, "R": 0.95}
    for name, new in squares.items():
        states[name] = beta[name] * states.get(name, 0) + (1 - beta[name]) * new
    above, below = (np.linalg.eigh(states[side])[1][..., ::-1] for side in "LR")
    above = np.swapaxes(above, 1, 2)
    states["v"] = 0.95 * states.get("v", 0) + 0.05 * (above @ g @ below) ** 2
    mhat = above @ states["m"] @ below / (1 - 0.9 ** (t + 1))
    moved = mhat / (np.sqrt(states["v"] / (1 - 0.95 ** (t + 1))) + 1e-2)
    return RATE * np.swapaxes(above, 1, 2) @ moved @ np.swapaxes(below, 1, 2)


def spectral(g: Array) -> Array:
    return g / np.linalg.norm(g, 2, axis=(1, 2), keepdims=True)


def lars(g: Array) -> Array:
    """m times |W| / |m|, |W| = sqrt(m) its norm at first, of a rate of n^(-1/2)."""
    rows, columns = g.shape[1:]
    return np.sqrt(rows / columns) * g / np.linalg.norm(g, axis=(1, 2), keepdims=True)


def scaled(of: Callable[[Array], Array], scale: Callable[[float], float]) -> Callable:
    return lambda g: scale(g.shape[1] / g.shape[2]) * of(g)


PLAIN = "momentum=0, nesterov=false"
CASES = {
    f"muon(lr={RATE}, {PLAIN}, steps=exact)": of_direction(scaled(polar, np.sqrt)),
    f"muon(lr={RATE}, {PLAIN}, steps=exact, scale=original)": of_direction(
        scaled(polar, lambda height: max(1, height) ** 0.5)
    ),
    f"muon(lr={RATE}, momentum=0.9, nesterov=false, scale=match_rms)": of_direction(
        scaled(newton_schulz, lambda height: 0.2 * max(1, height) ** 0.5), 0.9
    ),
    f"muon(lr={RATE}, {PLAIN}, steps=exact, layout=transposed)": of_direction(
        scaled(polar, lambda height: height**-0.5)
    ),
    f"shampoo(lr={RATE}, eps=1e-3)": shampoo,
    f"soap(lr={RATE}, beta1=0.9, eps=1e-2)": soap,
    f"sgd(lr={RATE}, spectral_normalize=true)": of_direction(spectral),
    f"lars(lr={RATE}, momentum=0.9)": of_direction(lars, 0.9),
}


@pytest.mark.slow
@pytest.mark.parametrize("height", [3, 0.5])
@pytest.mark.parametrize("optimizer", CASES)
def test_their_limit_is_that_of_whole_matrices(optimizer: str, height: float) -> None:
    text = TEXT.format(declared="", optimizer=optimizer, others="sgd(lr=0.3)", steps=2)
    text = text.replace("dim n", f"dim n\ndim m = {height} * n").replace("W : n x n", "W : m x n")
    network = tpc.parse(text.replace("weight v : n", "weight v : m"))
    found = tpc.train(network, samples=16384, method="qmc")
    widths = (16, 32, 64) if height > 1 else (32, 64, 128)
    wanted, errors = extrapolated(CASES[optimizer], 2, widths, height=height)
    errors = np.hypot(errors, found.stderr["f"][-1])
    assert (errors < 0.02).all()
    assert (np.abs(found["f"][-1] - wanted) <= 4 * errors).all()


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", [
    "sgd(lr=0.3, spectral_normalize=true)", "lars(lr=0.5, momentum=0)",
    f"muon(lr=0.3, {PLAIN}, steps=exact)",
])  # fmt: skip
def test_operator_regimes_are_those_of_finite_networks(optimizer: str) -> None:
    text = TEXT.format(declared="", optimizer=optimizer, others="sgd(lr=0.3)", steps=1)
    text = text.replace("dim n", "dim n\ndim m = 2 * n").replace("weight v : n", "weight v : m")
    text = text.replace("W : n x n", "W : m x n (init=0.7)").replace("mup", "ntp\n    center true")
    network = tpc.parse(text)
    found = tpc.train(network, samples=4096, method="qmc")
    finite = tpc.simulate(network, 128, 200, engine="dense")
    errors = np.hypot(found.stderr["f"][1], finite.stderr["f"][1])
    assert (np.abs(found["f"][1] - finite["f"][1]) <= 4 * errors + 5e-3).all()
