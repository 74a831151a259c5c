"""Losses that are recorded, and what tracks make of outputs, against a training in NumPy."""

from pathlib import Path

import numpy as np
import pytest

import tpc
from tpc.simulation.streams import stream

Array = np.ndarray
WIDTH = 10
ROWS, LABELS = np.array([[1.0, 0.5], [-0.4, 0.9], [0.3, -0.7]]), np.eye(3)[[0, 2, 1]]
EXAMPLE = Path(__file__).parents[2] / "examples" / "training" / "label_smoothing.tp"


def smoothed(f: Array, labels: Array) -> tuple[float, Array]:
    """Return the mean loss and its derivative."""
    wanted = 0.9 * labels + 0.1 / 3
    e = np.exp(f - f.max(axis=1, keepdims=True))
    share = e / e.sum(axis=1, keepdims=True)
    loss = -(wanted * np.log(share)).sum(axis=1).mean()
    return float(loss), (share - wanted) / len(f)


def drawn(name: str, *shape: int) -> Array:
    found: Array = stream(0, WIDTH, 0, name).standard_normal(shape)
    return found


@pytest.mark.slow
def test_label_smoothing_with_all_that_goes_with_it() -> None:
    """The example at width 10: its batches, schedule, common norm, decay, roles and tracks."""
    found = tpc.simulate(tpc.load(EXAMPLE), width=WIDTH, trials=1)
    n, steps = WIDTH, 4
    w = {"U": drawn("U", n, 2), "W": drawn("W", n, n) / n**0.5, "v": drawn("v", n, 3)}
    momenta = {"U": np.zeros((n, 2)), "W": np.zeros((n, n))}
    recorded: dict[str, list[Array | float]] = {k: [] for k in ("f", "loss", "loss_all", "right")}

    def forward(rows: Array) -> tuple[Array, Array, Array]:
        x1 = np.tanh(rows @ w["U"].T)
        x2 = np.tanh(x1 @ w["W"].T)
        return x1, x2, x2 @ w["v"] / n

    for t in range(steps + 1):
        f = forward(ROWS)[2]
        batch = [(2 * t + i) % 3 for i in range(2)]
        x1, x2, own = forward(ROWS[batch])
        loss, chi = smoothed(own, LABELS[batch])
        recorded["f"].append(f)
        recorded["loss"].append(loss)
        recorded["loss_all"].append(smoothed(f, LABELS)[0])
        recorded["right"].append((f.argmax(axis=1) == LABELS.argmax(axis=1)).astype(float))
        dh2 = (chi @ w["v"].T / n) * (1 - x2**2)
        dh1 = (dh2 @ w["W"]) * (1 - x1**2)
        g = {"v": x2.T @ chi / n, "W": dh2.T @ x1, "U": dh1.T @ ROWS[batch]}
        factor = min(1.0, 0.1 / np.sqrt(sum((one**2).sum() for one in g.values())))
        part = min(max((t - 2) / 10, 0), 1)
        schedule = min(1, (t + 1) / 2) * (0.1 + 0.9 * (1 + np.cos(np.pi * part)) / 2)
        for name in w:
            scaled = n * factor * g[name]  # d = 1 in mup, and c = 1 of matrices
            rate = schedule * (0.6 if name == "v" else 0.5 * (1 + t / 10))
            if name == "v":
                w[name] = w[name] - rate * scaled
                continue
            momenta[name] = 0.9 * momenta[name] + scaled
            move = rate * momenta[name] / (n if name == "W" else 1)
            w[name] = (1 - 0.02 * rate) * w[name] - move
    for name, values in recorded.items():
        np.testing.assert_allclose(found[name], values, rtol=0, atol=1e-12, err_msg=name)


@pytest.mark.slow
def test_names_of_the_file_win() -> None:
    """Over `loss`, `t` and `y`, but for what the data name the targets by."""
    text = """dim n
param t = 0.25
const y = {y}
input xi
weight u, v : n
readout out = v * tanh(u * xi)
train out:
    data [1, 2], {targets}
    loss (f - y)^2 / 2
    optimizer sgd(lr=t)
    parametrization mup
    steps 2
    track loss = t * <u|v>
    track off = out - y
"""
    given = tpc.simulate(tpc.parse(text.format(y="[1, -1]", targets="y")), width=6)
    again = text.format(y="[1, -1]", targets="[1, -1]").replace("const y = [1, -1]", "const z = 0")
    usual = tpc.simulate(tpc.parse(again), width=6)
    assert given["loss"].shape == (3,) and given["off"].shape == (3, 2)
    for name in ("out", "loss", "loss_all", "off"):
        np.testing.assert_array_equal(given[name], usual[name])
    other = tpc.simulate(tpc.parse(text.format(y="0.5", targets="[1, -1]")), width=6, trials=1)
    wanted = ((other["out"] - 0.5) ** 2).sum(axis=1) / 2
    np.testing.assert_allclose(other["loss_all"], wanted)
