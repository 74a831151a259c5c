"""Trained networks of finite width, extrapolated, against another's in tests/reference."""

import json
from pathlib import Path

import numpy as np
import pytest

import tpc
from tpc.simulation.fit import fit_inverse_width

REFERENCE = json.loads(
    (Path(__file__).parents[2] / "reference" / "training.json").read_text(encoding="utf-8")
)
SHALLOW = """\
dim n
input xi[2]
weight U[2] : n
weight v : n
h1 = U @ xi
x1 = tanh(h1)
readout f = v * x1
"""
DEEP = """\
dim n
input xi[2]
weight U[2] : n
weight W : n x n
weight v : n
h1 = U @ xi
x1 = tanh(h1)
h2 = W @ x1
x2 = tanh(h2)
readout f = v * x2
"""
TRAIN = """\
train f:
    data [[1.0, 0.5], [-0.4, 0.9]], [1.0, -0.5]
    loss mse
    optimizer {optimizer}
    parametrization mup
    steps {steps}
"""
SGD, SIGN = ("sgd(lr=0.5)", 4), ("signsgd(lr=0.1)", 3)
SIGMAS = 4.0
TRACKS = {
    1: {"h": "<h1|h1>", "x": "<x1|x1>"},
    2: {"L1_h": "<h1|h1>", "L1_x": "<x1|x1>", "L2_h": "<h2|h2>", "L2_x": "<x2|x2>"},
}


@pytest.mark.parametrize(
    ("case", "architecture", "optimizer", "widths", "draws"),
    [
        ("1hl_tanh_sgd", SHALLOW, SGD, (64, 128, 256, 512), 8_000),
        ("1hl_tanh_signsgd", SHALLOW, SIGN, (64, 128, 256, 512), 8_000),
        pytest.param("2hl_tanh_sgd", DEEP, SGD, (48, 96, 192, 384), 8_000, marks=pytest.mark.slow),
    ],
    ids=["shallow sgd", "shallow signsgd", "deep sgd"],
)
def test_trained_networks_go_to_the_same_limits(
    case: str,
    architecture: str,
    optimizer: tuple[str, int],
    widths: tuple[int, ...],
    draws: int,
) -> None:
    """Within 4 combined errors, every output and second moment at every step."""
    layers = 2 if architecture == DEEP else 1
    name, steps = optimizer
    tracks = "".join(f"    track {key} = {text}\n" for key, text in TRACKS[layers].items())
    network = tpc.parse(architecture + TRAIN.format(optimizer=name, steps=steps) + tracks)
    runs = [tpc.simulate(network, n, trials=draws // n, seed=7) for n in widths]
    for output in runs[0].values.keys() - {"loss", "loss_all"}:
        values, errors = (
            np.array([getattr(run, kind)[output] for run in runs]) for kind in ("values", "stderr")
        )
        shape, rows = values.shape[1:], (len(widths), -1)
        fit = fit_inverse_width(widths, values.reshape(rows), errors.reshape(rows))
        own = np.sqrt(fit.variances.sum(axis=0)).reshape(shape)
        intercept = fit.intercept.reshape(shape)
        for step, published in enumerate(REFERENCE["cases"][case]["steps"]):
            for label, index in entries(output):
                wanted = published[label]
                error = np.hypot(own[(step, *index)], wanted["se"])
                off = abs(intercept[(step, *index)] - wanted["value"])
                assert off <= SIGMAS * error + 1e-12, (label, step, off / error)


def entries(output: str) -> list[tuple[str, tuple[int, ...]]]:
    """Return the names that the reference gives to entries of an output at one step."""
    if output == "f":
        return [("f1", (0,)), ("f2", (1,))]
    pairs = {"11": (0, 0), "22": (1, 1), "12": (0, 1)}
    prefix, letter = output[:-1], output[-1]
    return [(f"{prefix}{letter}{key[0]}{letter}{key[1]}", index) for key, index in pairs.items()]
