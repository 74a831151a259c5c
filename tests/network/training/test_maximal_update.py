"""The maximal update limit: against finite networks, a Gaussian integral, a scalar recursion."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student

import tpc
from tests.network.training.finite_perceptrons import Optimizer, train
from tests.network.training.texts import TARGETS, A, B, perceptron, tracks
from tpc.network.classification import classify
from tpc.network.network import Network
from tpc.network.training.maximal_update import maximal_update
from tpc.program.program import Program
from tpc.simulation.streams import stream

REFERENCE = json.loads((Path(__file__).parents[2] / "reference/training.json").read_text())
OPTIMIZERS = {
    "sgd": ("sgd(lr=0.5)", 4),
    "signsgd": ("signsgd(lr=0.1)", 3),
    "adam": ("adam(lr=0.1, beta2=0.99, eps=0.001, eps_outside=true)", 3),
}
ROUNDING = 5e-7
"""Reference values have seven digits."""

SCORE = student.isf(norm.sf(4), 7)
"""What is to eight replicates what four standard errors are to many."""


def unrolled(text: str) -> Program:
    """Return the program of a network in mup."""
    network = tpc.parse(text)
    assert isinstance(network, Network) and network.training is not None
    training = network.training
    own = dict(training.own_optimizers)
    return maximal_update(
        network, classify(network, training.parametrization, training.optimizer, own)
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "samples", "method", "precision"),
    [
        ("1hl_tanh_sgd", 65536, "quadrature", 1e-3),
        ("1hl_tanh_signsgd", 65536, "qmc", 1e-3),
        ("2hl_tanh_sgd", 65536, "qmc", 5e-3),
    ],
)
def test_published_values(case: str, samples: int, method: str, precision: float) -> None:
    kind, phi, optimizer = case.split("_")
    layers = int(kind[0])
    use, steps = OPTIMIZERS[optimizer]
    inputs = B if "B" in kind else A
    text = perceptron(phi, layers, use, "mup", steps, inputs, more=tracks(layers))
    found = tpc.train(tpc.parse(text), samples=samples, method=method)
    for t, quantities in enumerate(REFERENCE["cases"][case]["steps"]):
        for name, reference in quantities.items():
            if name in ("f1", "f2"):
                key, at = "f", (t, int(name[1]) - 1)
            else:
                layer, moment = (name[1], name[3:]) if name.startswith("L") else ("1", name)
                key = f"{moment[0]}{layer}" * 2
                at = (t, int(moment[1]) - 1, int(moment[3]) - 1)
            error = float(found.stderr[key][at])
            assert error < precision
            allowed = np.hypot(SCORE * error, 4 * reference["se"]) + ROUNDING
            assert abs(float(found[key][at]) - reference["value"]) < allowed, (t, name)


@pytest.mark.slow
def test_one_hidden_layer_is_a_gaussian_integral() -> None:
    """Every weight is a function of u and v, two normals: five steps on 200^2 nodes."""
    steps, rate, inputs = 5, 0.5, [[1.0], [-0.6]]
    text = perceptron("tanh", 1, f"sgd(lr={rate})", "mup", steps, inputs, more=tracks(1))
    found = tpc.train(tpc.parse(text), samples=65536, method="quadrature")
    nodes = np.linspace(-8, 8, 200)
    weights = np.exp(-(nodes**2) / 2)
    weights /= weights.sum()
    u, v = np.meshgrid(nodes, nodes, indexing="ij")
    density = np.outer(weights, weights)
    for t in range(steps + 1):
        x = [np.tanh(u * xi) for (xi,) in inputs]
        f = np.array([(density * v * one).sum() for one in x])
        np.testing.assert_allclose(found["f"][t], f, rtol=0, atol=1e-8)
        assert np.max(found.stderr["f"][t]) < 1e-8
        moments = [[(density * one * other).sum() for other in x] for one in x]
        np.testing.assert_allclose(found["x1x1"][t], moments, rtol=0, atol=1e-8)
        chi = f - TARGETS
        dh = [c * v * (1 - one**2) for c, one in zip(chi, x, strict=True)]
        v = v - rate * sum(c * one for c, one in zip(chi, x, strict=True))
        u = u - rate * sum(d * xi for d, (xi,) in zip(dh, inputs, strict=True))


@pytest.mark.slow
def test_deep_linear_networks_follow_a_recursion_of_inner_products() -> None:
    """Two hidden linear layers, one input: coefficients in words of W and W.T, written out.

    At every step the kets over columns of W are combinations of (W.T W)^i u and (W.T W)^i W.T v,
    those over rows of (W W.T)^i W u and (W W.T)^i v. Powers of W W.T have Catalan numbers for
    moments, and what begins with u is orthogonal to what begins with v.
    """
    steps, rate, target = 4, 0.3, 1.0
    text = perceptron("1 * ", 2, f"sgd(lr={rate})", "mup", steps, [[1.0]], [target], tracks(2))
    found = tpc.train(tpc.parse(text), samples=512)
    size = 2 * steps + 4
    left, right = _gram(size)
    u, v = np.zeros(size), np.zeros(size)
    u[0] = v[0] = 1.0
    us = {"u": u, "v": np.zeros(size)}
    vs = {"u": np.zeros(size), "v": v}
    updates: list[tuple[dict, dict]] = []

    def inner(x: dict, y: dict, grams: dict) -> float:
        return sum(float(x[k] @ grams[k] @ y[k]) for k in "uv")

    def forward(x: dict) -> dict:
        image = {"u": x["u"].copy(), "v": np.roll(x["v"], 1)}
        for a, b in updates:
            overlap = inner(b, x, right)
            image = {k: image[k] + overlap * a[k] for k in "uv"}
        return image

    def backward(y: dict) -> dict:
        image = {"u": np.roll(y["u"], 1), "v": y["v"].copy()}
        for a, b in updates:
            overlap = inner(a, y, left)
            image = {k: image[k] + overlap * b[k] for k in "uv"}
        return image

    for t in range(steps + 1):
        h = forward(us)
        f = inner(vs, h, left)
        assert f == pytest.approx(float(found["f"][t, 0]), abs=1e-9)
        assert inner(h, h, left) == pytest.approx(float(found["h2h2"][t, 0, 0]), abs=1e-9)
        assert inner(us, us, right) == pytest.approx(float(found["h1h1"][t, 0, 0]), abs=1e-9)
        chi = f - target
        du = backward(vs)
        step = {k: -rate * chi * vs[k] for k in "uv"}, us
        vs = {k: vs[k] - rate * chi * h[k] for k in "uv"}
        us = {k: us[k] - rate * chi * du[k] for k in "uv"}
        updates.append(step)


def _gram(size: int) -> tuple[dict, dict]:
    """Return inner products of (W W.T)^i W u, (W W.T)^i v and of (W.T W)^i u, (W.T W)^i W.T v."""
    catalan = [1.0]
    for i in range(2 * size + 2):
        catalan.append(catalan[-1] * 2 * (2 * i + 1) / (i + 2))
    moments = np.array([[catalan[i + j] for j in range(size)] for i in range(size)])
    shifted = np.array([[catalan[i + j + 1] for j in range(size)] for i in range(size)])
    return {"u": shifted, "v": moments}, {"u": moments, "v": shifted}


@pytest.mark.parametrize(
    ("layers", "phi", "optimizer", "options"),
    [
        (1, "relu", "sgd", {}),
        (2, "tanh", "sgd", {"decay": 0.1}),
        (3, "relu", "momentum", {"clip": 0.2}),
        (2, "relu", "momentum", {"normalize": True, "decay": 0.05}),
        (2, "tanh", "signsgd", {}),
        (2, "relu", "adam", {}),
        (3, "tanh", "adam", {"decay": 0.1, "clip": 0.3}),
    ],
)
@pytest.mark.parametrize("center", [False, True])
def test_the_program_is_training_at_every_width(
    layers: int, phi: str, optimizer: str, options: dict[str, float], center: bool
) -> None:
    """In mup the unrolled program at width n is the finite network, draw by draw."""
    n, steps, test = 20, 3, [[0.6, -0.8]]
    batches = [[0, 1], [1], [1, 0]]
    used = Optimizer(optimizer, 0.2, **options)
    more = [f"test {test}", f"batch {batches}", f"center {str(center).lower()}"]
    program = unrolled(perceptron(phi, layers, used.text, "mup", steps, more=more))
    found = tpc.simulate(program, n, trials=1, seed=3)["f"]
    draws = {"U": stream(3, n, 0, "U").standard_normal((n, 2))}
    draws["v"] = stream(3, n, 0, "v").standard_normal(n)
    for layer in range(2, layers + 1):
        draws[f"W{layer}"] = stream(3, n, 0, f"W{layer}").standard_normal((n, n)) / n**0.5
    arrays = np.array(A), np.array(TARGETS), np.array(test)
    wanted = train(draws, layers, phi, "mup", used, steps, *arrays, center, batches)
    np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["signsgd(lr=0.1)", "adam(lr=0.1, beta2=0.99, eps=0.001)"])
def test_two_hidden_layers_with_nonlinear_updates(optimizer: str) -> None:
    """The limit, dots and pairs included, against trained networks of finite width."""
    text = perceptron("relu", 2, optimizer, "mup", 3, more=["center true"])
    found = tpc.verify(
        tpc.parse(text), widths=(128, 256, 512), trials=32, samples=8192, method="qmc"
    )
    assert found.agrees
    (outputs,) = (x for x in found.comparisons if x.output == "f")
    assert outputs.allowed.max() < 0.4 * abs(outputs.limit[-1]).max()
