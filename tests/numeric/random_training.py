"""Random trainings of networks with one hidden layer, each with its limit by brute force.

In the maximal update parametrization such a network is a cloud of neurons (u, b, v), which start
as standard normals and see of each other nothing but f(xi) = E[v phi(u . xi + b)]. So the limit is
a sum over very many Sobol points that are trained as they stand, by the textbook's optimizers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special, stats

from tests.network.optimizers.textbook import TEXTBOOK
from tests.numeric.random_limits import RandomLimit

Array = np.ndarray

OPTIMIZERS = (
    "adadelta", "adafactor", "adagrad", "adam", "adamax", "adamw", "lion", "momentum", "nadam",
    "nesterov", "rmsprop", "sgd", "signsgd",
)  # fmt: skip
"""Those whose direction depends on gradients alone."""

POINTS, REPLICATES = 16, 16
"""The logarithm of the number of points, and how many sets of them there are."""


@dataclass(frozen=True)
class Activation:
    """A function with its derivative."""

    name: str
    of: Callable[[Array], Array]
    slope: Callable[[Array], Array]


def _gaussian(x: Array) -> Array:
    return np.exp(-x * x / 2) / np.sqrt(2 * np.pi)


ACTIVATIONS = (
    Activation("tanh", np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    Activation("relu", lambda x: np.maximum(x, 0), lambda x: np.heaviside(x, 0.5)),
    Activation("erf", special.erf, lambda x: 2 / np.sqrt(np.pi) * np.exp(-x * x)),
    Activation("sigmoid", special.expit, lambda x: special.expit(x) * special.expit(-x)),
    Activation("sin", np.sin, np.cos),
    Activation(
        "silu",
        lambda x: x * special.expit(x),
        lambda x: special.expit(x) * (1 + x * special.expit(-x)),
    ),
    Activation("gelu", lambda x: x * special.ndtr(x), lambda x: special.ndtr(x) + x * _gaussian(x)),
)


@dataclass(frozen=True)
class Training:
    """What is trained on what, and how."""

    activation: Activation
    optimizer: str
    options: dict[str, Any]
    rate: float
    steps: int
    inputs: Array
    targets: Array
    biased: bool

    @property
    def text(self) -> str:
        """The network and its training as they are written."""
        size = self.inputs.shape[1]
        words = [f"lr={self.rate}"]
        words += [f"{key}={str(value).lower()}" for key, value in self.options.items()]
        name = self.activation.name
        return "\n".join(
            [
                "dim n",
                f"input xi[{size}]",
                f"weight U[{size}] : n",
                *(["weight b : n"] if self.biased else []),
                "weight v : n",
                f"x = {name}(U @ xi{' + b' if self.biased else ''})",
                "readout f = v * x",
                "train f:",
                f"    data {self.inputs.tolist()}, {self.targets.tolist()}",
                "    loss mse",
                f"    optimizer {self.optimizer}({', '.join(words)})",
                "    parametrization mup",
                f"    steps {self.steps}",
                "    track k = <x|x>",
                "    track s = avg(v^2)",
                "",
            ]
        )

    def on(self, normals: Sequence[Array]) -> dict[str, Array]:
        """Return what becomes of neurons that start there."""
        size = self.inputs.shape[1]
        # One column for each entry of the constant axis, as adafactor's averages want it.
        weights = {"U": np.array(normals[:size]).T, "v": np.array(normals[-1:]).T}
        if self.biased:
            weights["b"] = np.array(normals[size : size + 1]).T
        gradients: dict[str, list[Array]] = {name: [] for name in weights}
        f, k, s = [], [], []
        for step in range(self.steps + 1):
            h = weights["U"] @ self.inputs.T + weights.get("b", 0.0)
            x, v = self.activation.of(h), weights["v"]
            # Before training the output is 0: what it is at width n is 1 / sqrt(n) in size.
            f.append(np.mean(v * x, axis=0) * (step > 0))
            k.append(x.T @ x / len(x))
            s.append(np.mean(v**2))
            off = f[-1] - self.targets
            back = off * v * self.activation.slope(h)
            found = {"U": back @ self.inputs, "b": back.sum(axis=1, keepdims=True)}
            found["v"] = (off * x).sum(axis=1, keepdims=True)
            for name, own in gradients.items():
                own.append(found[name])
                *_, direction = TEXTBOOK[self.optimizer](own, **self.options)
                weights[name] = weights[name] - self.rate * direction
        return {"f": np.array(f), "k": np.array(k), "s": np.array(s)}


def random_training(seed: int) -> RandomLimit:
    """Return the training of a seed."""
    random = np.random.default_rng([seed, 77])
    training = _training(random, OPTIMIZERS[seed % len(OPTIMIZERS)])
    neurons = training.inputs.shape[1] + 1 + training.biased
    runs = []
    for replicate in range(REPLICATES):
        sobol = stats.qmc.Sobol(neurons, rng=np.random.default_rng([seed, replicate]))
        points = sobol.random(2**POINTS)
        runs.append(training.on(special.ndtri(points + 2.0**-31).T))
    stacked = {name: np.stack([run[name] for run in runs]) for name in runs[0]}
    errors = {name: array.std(axis=0, ddof=1) / np.sqrt(REPLICATES)
              for name, array in stacked.items()}  # fmt: skip
    means = {name: array.mean(axis=0) for name, array in stacked.items()}
    return RandomLimit(training.text, {}, means, errors, True)


def _training(random: np.random.Generator, optimizer: str) -> Training:
    size, rows = int(random.integers(1, 3)), int(random.integers(1, 3))
    signed = optimizer in ("signsgd", "lion")
    options: dict[str, Any] = {}
    if optimizer not in ("sgd", "momentum", "nesterov", "lion") and random.random() < 0.6:
        options["eps"] = float(random.choice([1e-4, 1e-2, 0.1]))
    if optimizer == "adadelta":
        options["eps"] = 0.1
    rate = float(random.choice([0.1, 0.2, 0.3] if signed or "ada" in optimizer else [0.2, 0.5]))
    return Training(
        ACTIVATIONS[int(random.integers(len(ACTIVATIONS)))],
        optimizer,
        options,
        rate,
        int(random.integers(1, 4)),
        random.uniform(-1.2, 1.2, (rows, size)).round(2),
        random.choice([-1, 1], rows) * random.uniform(0.3, 1.2, rows).round(2),
        bool(random.random() < 0.5),
    )
