"""Limits of training keep an eps of any size beside the gradients, as finite networks do.

One layer with v started at 0 has gradients (f - y) tanh(u), u ~ N(0, 1), so that every step is an
integral over u: here by Gauss-Legendre rules on panels that shrink towards the spike at 0.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

import tpc

TEXT = """
dim n
input xi
weight u : n (train=false)
weight v : n (init=0)
readout f = v * tanh(u * xi)
optimizer own(g; m=0; eps=1e-4):
    m = 0.5 * m + 0.5 * g
    return m / (abs(m) + eps)
train f:
    data [1], [TARGET]
    loss mse
    optimizer NAME(lr=0.2, eps=EPS)
    parametrization mup
    steps 2
"""

Update = Callable[[np.ndarray, int, dict[str, np.ndarray]], np.ndarray]

MEMBERS = [
    (name, eps, target)
    for name in ("adam", "nadam", "adamax", "rmsprop", "adagrad", "signsgd", "own")
    for eps, target in ((1e-4, 1e-4), (1e-4, 1e-12), (1e-8, 1e-6), (1e-3, 1.0), (1e-8, 3e-8))
]


def averaged(name: str, eps: float) -> Update:
    """Return the textbook update of a gradient at step t, with its states."""

    def kept(states: dict[str, np.ndarray], key: str, rate: float, new: np.ndarray) -> np.ndarray:
        states[key] = rate * states.get(key, np.zeros_like(new)) + (1 - rate) * new
        return states[key]

    def adam(g: np.ndarray, t: int, states: dict[str, np.ndarray]) -> np.ndarray:
        mean = kept(states, "m", 0.9, g) / (1 - 0.9 ** (t + 1))
        if name == "adamax":
            states["u"] = np.maximum(0.999 * states.get("u", 0 * g), np.abs(g))
            return mean / np.maximum(states["u"], eps)
        second = kept(states, "v", 0.999, g * g) / (1 - 0.999 ** (t + 1))
        if name == "nadam":
            mean = 0.9 * mean + 0.1 * g / (1 - 0.9 ** (t + 1))
        return mean / np.sqrt(second + eps**2)

    def others(g: np.ndarray, t: int, states: dict[str, np.ndarray]) -> np.ndarray:
        match name:
            case "rmsprop":
                return g / np.sqrt(kept(states, "v", 0.99, g * g) + eps**2)
            case "adagrad":
                states["v"] = states.get("v", 0 * g) + g * g
                return g / np.sqrt(states["v"] + eps**2)
            case "signsgd":
                return g / np.sqrt(g * g + eps**2)
            case _:
                mean = kept(states, "m", 0.5, g)
                return mean / (np.abs(mean) + eps)

    return adam if name.startswith(("ada", "nadam")) and name != "adagrad" else others


def outputs(update: Update, target: float) -> Iterator[float]:
    """Yield the output before the first step and after every one."""
    edges = np.concatenate([[0.0], np.geomspace(1e-14, 12.0, 1200)])
    points, weights = np.polynomial.legendre.leggauss(24)
    half = np.diff(edges)[:, None] / 2
    u = (half * points + edges[:-1, None] + half).ravel()
    measure = (half * weights).ravel() * np.exp(-(u**2) / 2) * np.sqrt(2 / np.pi)
    v, f, states = np.zeros_like(u), 0.0, {}
    yield f
    for t in range(2):
        v = v - 0.2 * update((f - target) * np.tanh(u), t, states)
        f = float(measure @ (v * np.tanh(u)))  # even in u
        yield f


@pytest.mark.parametrize(
    ("name", "eps", "target"),
    [
        pytest.param(*case, marks=pytest.mark.slow) if case[1] != 1e-3 or "ada" in case[0] else case
        for case in MEMBERS
    ],
)
def test_updates_are_those_of_the_gradients_that_there_are(
    name: str, eps: float, target: float
) -> None:
    text = TEXT.replace("TARGET", str(target)).replace("EPS", str(eps)).replace("NAME", name)
    found = tpc.train(tpc.parse(text), samples=2**15)
    wanted = np.array(list(outputs(averaged(name, eps), target)))
    allowed = 5 * found.stderr["f"].ravel() + 1e-12 * np.abs(wanted)
    if found.methods["f"] == "qmc":
        allowed += 2e-7  # the common tail of all replicates
    assert (np.abs(found["f"].ravel() - wanted) <= allowed).all()


@pytest.mark.slow
def test_the_smallest_of_gradients_make_no_sign() -> None:
    text = TEXT.replace("TARGET", "1e-4").replace("NAME", "adam").replace("EPS", "1e-4")
    assert tpc.train(tpc.parse(text))["f"][1, 0] == pytest.approx(0.0621424, abs=1e-7)


DEEP = """
dim n
input xi
weight u : n
weight W : n x n
weight v : n (init=0)
readout f = v * tanh(W @ tanh(u * xi))
train f:
    data [1, -0.5], [1e-3, 0]
    loss mse
    optimizer adam(lr=0.1, eps=3e-4)
    parametrization mup
    steps 3
"""


@pytest.mark.slow
def test_through_products_with_matrices_too() -> None:
    """Dots through the updates are by Stein's lemma, so that no derivative sees the spike."""
    found = tpc.verify(tpc.parse(DEEP), widths=(128, 256, 512), trials=48, samples=2**12)
    assert found.agrees
