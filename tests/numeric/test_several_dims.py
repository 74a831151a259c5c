"""Networks of several dims: kernels against recursions and NumPy networks, training against NumPy.

The finite networks here know their formulas by themselves; they share the draws of `tpc.simulate`.
"""

import numpy as np
import pytest

import tpc
from tests.numeric.test_convolutions import step
from tpc.simulation.streams import stream

Array = np.ndarray
HEAD = "dim n\ndim m = 3 * n\ndim k = n / 2\ninput xi[3]\n"

PERCEPTRON = f"""{HEAD}
weight U[3] : k
weight V : m x k (mult=1.2)
weight W : n x m
weight b : m (mult=0.4, lr=2)
weight v : n
readout f = v * relu(W @ relu(V @ relu(U @ xi) + b))
"""

BOTH_SIDES = f"""{HEAD}
weight U[3] : n
weight A : m x n
weight v : n
y = A @ (U @ xi)
readout f = v * (A.T @ tanh(y))
"""


@pytest.mark.slow
def test_kernels_of_a_perceptron_do_not_depend_on_its_widths() -> None:
    x = np.random.default_rng(1).standard_normal((4, 3))
    found = tpc.kernel(tpc.parse(PERCEPTRON), x)
    k = t = x @ x.T
    for gain, bias, rate in ((1.44, 0.16, 2), (1, 0, 0)):
        a = np.diag(k)
        value, slope = step(k, a[:, None], a, t)
        k, t = gain * value + bias, gain * (value + slope) + rate * bias
    a = np.diag(k)
    value, slope = step(k, a[:, None], a, t)
    np.testing.assert_allclose(found["nngp"], value, rtol=1e-10)
    np.testing.assert_allclose(found["ntk"], value + slope, rtol=1e-10)


def finite_kernels(x: Array, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return f f.T over draws of v, and the NTK, of one wide network with `A` on both sides."""
    m = 3 * n
    u, a, v = rng.standard_normal((n, 3)), rng.standard_normal((m, n)), rng.standard_normal(n)
    wide = a / np.sqrt(n)  # the fan-in of A, for both sides
    h = u @ x.T
    y = wide @ h
    out = wide.T @ np.tanh(y)
    back = wide @ v / np.sqrt(n)
    dy = back[:, None] * (1 - np.tanh(y) ** 2)
    dh = wide.T @ dy
    ntk = out.T @ out / n + (dh.T @ dh) * (x @ x.T)
    grads = [
        (np.outer(dy[:, i], h[:, i]) + np.outer(np.tanh(y[:, i]), v / np.sqrt(n))) / np.sqrt(n)
        for i in range(len(x))
    ]
    ntk += np.array([[(g * other).sum() for other in grads] for g in grads])
    return out.T @ out / n, ntk


@pytest.mark.slow
def test_kernels_of_a_matrix_used_from_both_sides() -> None:
    x = np.random.default_rng(2).standard_normal((2, 3))
    found = tpc.kernel(tpc.parse(BOTH_SIDES), x)
    rng = np.random.default_rng(3)
    sizes, means, errors = (100, 400), [], []
    for n, trials in zip(sizes, (160, 40), strict=True):
        runs = np.array([finite_kernels(x, n, rng) for _ in range(trials)])
        means.append(runs.mean(axis=0))
        errors.append(runs.std(axis=0) / np.sqrt(trials))
    limit = (4 * means[1] - means[0]) / 3
    spread = np.sqrt(16 * errors[1] ** 2 + errors[0] ** 2) / 3
    for name, value, error in zip(("nngp", "ntk"), limit, spread, strict=True):
        assert (abs(found[name] - value) < 4.5 * error + 4 * found.stderr[name]).all(), name


TRAINED = f"""{HEAD}
weight U[3] : k
weight V : m x k (mult=1.2)
weight W : n x m
weight b : m (mult=0.4, lr=2)
weight v : n
h = V @ tanh(U @ xi) + b
readout f = v * tanh(W @ tanh(h) + W @ (V @ tanh(V.T @ tanh(h))))
train f:
    data [[1, 0.5, 0.2], [0.3, -1, 0.4]], [1, -1]
    loss mse
    optimizer {{optimizer}}
    parametrization {{parametrization}}
    steps {{steps}}
"""

A, B, C, D = range(4)
TABLE = {
    "mup": {"matrix": (0, 0.5, 1, 1), "vector": (0, 0, 0, 1), "out": 1.0},
    "ntp": {"matrix": (0.5, 0, 1, 1), "vector": (0, 0, 0.5, 0.5), "out": 0.5},
    "uniform(0.25)": {"matrix": (0, 0.5, 1.25, 0.75), "vector": (0, 0, 0.25, 0.75), "out": 0.75},
}


def trained(parametrization: str, adam: bool, width: int, seed: int, steps: int) -> Array:
    """Return the outputs at every step of one network, by NumPy alone."""
    n, m, k = width, 3 * width, width // 2
    shapes = {"U": (k, 3), "V": (m, k), "W": (n, m), "b": (m,), "v": (n,)}
    own = {"U": k, "V": k, "W": m, "b": m, "v": n}
    mult = {"U": 1.0, "V": 1.2, "W": 1.0, "b": 0.4, "v": 1.0}
    rate = {"U": 1, "V": 1, "W": 1, "b": 2, "v": 1}
    table = TABLE[parametrization]
    exponents = {w: table["matrix" if w in "VW" else "vector"] for w in shapes}
    out = float(n) ** -table["out"]
    w = {
        x: stream(seed, width, 0, x).standard_normal(shape) * own[x] ** -exponents[x][B]
        for x, shape in shapes.items()
    }
    states = {x: (np.zeros(shape), np.zeros(shape)) for x, shape in shapes.items()}
    xs, targets = np.array([[1, 0.5, 0.2], [0.3, -1, 0.4]]), np.array([1.0, -1.0])
    recorded = []
    for t in range(steps + 1):
        full = {x: mult[x] * own[x] ** -exponents[x][A] * w[x] for x in w}
        grads = {x: np.zeros(shape) for x, shape in shapes.items()}
        outputs = []
        for x, y in zip(xs, targets, strict=True):
            p = np.tanh(full["U"] @ x)
            q = np.tanh(full["V"] @ p + full["b"])
            r = np.tanh(full["V"].T @ q)
            s = q + full["V"] @ r
            z = np.tanh(full["W"] @ s)
            outputs.append(out * (full["v"] @ z))
            chi = outputs[-1] - y
            dz = chi * out * full["v"] * (1 - z**2)
            ds = full["W"].T @ dz
            dr = (full["V"].T @ ds) * (1 - r**2)
            dq = (ds + full["V"] @ dr) * (1 - q**2)
            dp = (full["V"].T @ dq) * (1 - p**2)
            found = {
                "v": chi * out * z,
                "W": np.outer(dz, s),
                "V": np.outer(ds, r) + np.outer(q, dr) + np.outer(dq, p),
                "b": dq,
                "U": np.outer(dp, x),
            }
            for name, g in found.items():
                grads[name] += mult[name] * own[name] ** -exponents[name][A] * g
        recorded.append(outputs)
        for name, e in exponents.items():
            g = own[name] ** e[D] * grads[name]
            if adam:
                first, second = states[name]
                first, second = 0.9 * first + 0.1 * g, 0.999 * second + 0.001 * g**2
                states[name] = first, second
                below = np.sqrt(second / (1 - 0.999 ** (t + 1)) + 0.09)
                g = first / (1 - 0.9 ** (t + 1)) / below
            w[name] = w[name] - 0.1 * rate[name] * own[name] ** -e[C] * g
    return np.array(recorded)


@pytest.mark.parametrize("parametrization", TABLE)
@pytest.mark.parametrize("optimizer", ["sgd(lr=0.1)", "adam(lr=0.1, eps=0.3)"])
def test_a_finite_network_is_trained_as_by_numpy(parametrization: str, optimizer: str) -> None:
    text = TRAINED.format(optimizer=optimizer, parametrization=parametrization, steps=3)
    found = tpc.simulate(tpc.parse(text), width=20, trials=1, seed=5)["f"]
    expected = trained(parametrization, optimizer.startswith("adam"), 20, 5, 3)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("steps", [2, 10])
@pytest.mark.parametrize("parametrization", TABLE)
@pytest.mark.parametrize("optimizer", ["sgd(lr=0.1)", "adam(lr=0.1, eps=0.3)"])
def test_limits_are_those_of_wide_networks(
    parametrization: str, optimizer: str, steps: int
) -> None:
    one_side = "readout f = v * tanh(W @ tanh(h))"
    text = TRAINED.format(optimizer=optimizer, parametrization=parametrization, steps=steps)
    text = "".join(
        f"{one_side}\n" if line.startswith("readout") else line
        for line in text.splitlines(keepends=True)
    ).replace("    steps", "    center true\n    steps")
    network = tpc.parse(text)
    limit = tpc.train(network, samples=2**12)
    runs = {n: tpc.simulate(network, width=n, trials=t) for n, t in ((32, 64), (128, 32))}
    power = 0.5 if parametrization == "uniform(0.25)" else 1.0
    few, many = (runs[n] for n in (32, 128))
    weight = 4**power / (4**power - 1)
    value = weight * many["f"] + (1 - weight) * few["f"]
    error = np.hypot(weight * many.stderr["f"], (weight - 1) * few.stderr["f"])
    assert (abs(value - limit["f"]) <= 4.5 * np.hypot(error, limit.stderr["f"]) + 1e-12).all()
