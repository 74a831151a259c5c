"""Finite multi-layer perceptrons, trained with NumPy alone: the formulas written out.

h1 = U xi, x1 = phi(h1), h_l = n^-a W_l x_(l-1), ..., f = n^-a_out v . x_L, mean squared error
w <- (1 - lambda) w - eta n^-c Q(n^d dL/dw)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

Array = np.ndarray

EXPONENTS = {
    "mup": {"U": (0, 0, 1), "W": (0, 1, 1), "v": (0, 0, 1), "out": 1},
    "ntp": {"U": (0, 0.5, 0.5), "W": (0.5, 1, 1), "v": (0, 0.5, 0.5), "out": 0.5},
}
"""a, c and d; in mup matrices have entries of variance 1/n, all else is drawn with variance 1."""

FUNCTIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "relu": (lambda x: np.maximum(x, 0), lambda x: np.heaviside(x, 0.5)),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
}


@dataclass
class Optimizer:
    """One of a few optimizers, with its options."""

    name: str
    lr: float
    decay: float = 0.0
    weight_decay: float = 0.0
    clip: float = np.inf
    normalize: bool = False
    states: dict[str, tuple[Array, Array]] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """How a `train` block names it."""
        options = f"lr={self.lr}, decay={self.decay}"
        if self.weight_decay:
            options = f"lr={self.lr}, weight_decay={self.weight_decay}"
        options += f", clip={self.clip}" if self.clip < np.inf else ""
        options += ", normalize=true" if self.normalize else ""
        options += ", beta2=0.99, eps=0.001" if self.name == "adam" else ""
        return f"{self.name}({options})"

    def direction(self, weight: str, g: Array, t: int) -> Array:
        """Return Q, normalised and clipped."""
        m, v = self.states.get(weight, (np.zeros_like(g), np.zeros_like(g)))
        match self.name:
            case "sgd":
                q = g
            case "momentum":
                q = m = 0.9 * m + g
            case "signsgd":
                q = np.sign(g)
            case "adam":
                m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g**2
                below = np.sqrt(v / (1 - 0.99 ** (t + 1)) + 1e-6)
                q = m / (1 - 0.9 ** (t + 1)) / below
        self.states[weight] = m, v
        rows, columns = (*g.shape, 1)[:2]
        size = np.sqrt((q**2).sum() / rows / (columns if weight.startswith("W") else 1))
        if self.normalize:
            q, size = q / size, 1.0
        return q / max(1.0, size / self.clip)


def train(
    draws: dict[str, Array],
    layers: int,
    phi: str,
    parametrization: str,
    optimizer: Optimizer,
    steps: int,
    inputs: Array,
    targets: Array,
    test: Array | None = None,
    center: bool = False,
    batches: Sequence[Sequence[int]] | None = None,
    bound: Callable[[dict[str, Array]], dict[str, Array]] = dict,
    schedule: Callable[[int], float] = lambda _: 1.0,
) -> Array:
    """Return f of data rows, then test rows, at every step.

    Args:
        draws: The trainable tensors before training: U, W2, ..., v.
        bound: What becomes of the gradients before optimizers see them.
        schedule: The factor of the learning rate at each step.
    """
    w = dict(draws)
    n = len(w["v"])
    exponents = EXPONENTS[parametrization]
    scale = n ** -float(exponents["W"][0])
    out = n ** -float(exponents["out"])
    activation, slope = FUNCTIONS[phi]
    rows = inputs if test is None else np.concatenate([inputs, test])

    def forward(z: Array) -> tuple[list[Array], list[Array], Array]:
        h = [z @ w["U"].T]
        x = [activation(h[0])]
        for layer in range(2, layers + 1):
            h.append(scale * x[-1] @ w[f"W{layer}"].T)
            x.append(activation(h[-1]))
        return h, x, out * x[-1] @ w["v"]

    start = forward(rows)[2] if center else np.zeros(len(rows))
    recorded = []
    for t in range(steps + 1):
        recorded.append(forward(rows)[2] - start)
        if t == steps:
            break
        batch = list(range(len(inputs)) if batches is None else batches[t])
        z = inputs[batch]
        h, x, f = forward(z)
        chi = f - start[batch] - targets[batch]
        gradients = {"v": out * chi @ x[-1]}
        dx = out * chi[:, None] * w["v"]
        for layer in range(layers, 1, -1):
            dh = dx * slope(h[layer - 1])
            gradients[f"W{layer}"] = scale * dh.T @ x[layer - 2]
            dx = scale * dh @ w[f"W{layer}"]
        gradients["U"] = (dx * slope(h[0])).T @ z
        rate = optimizer.lr * schedule(t)
        kept = 1 - optimizer.decay - rate * optimizer.weight_decay
        for name, g in bound(gradients).items():
            _, c, d = exponents[name[0]]
            q = optimizer.direction(name, n ** float(d) * g, t)
            w[name] = kept * w[name] - rate * n ** -float(c) * q
    return np.array(recorded)


def draw(seed: int, n: int, inputs: int, layers: int, parametrization: str) -> dict[str, Array]:
    """Return random trainable tensors."""
    rng = np.random.default_rng(seed)
    found = {"U": rng.normal(size=(n, inputs)), "v": rng.normal(size=n)}
    deviation = n**-0.5 if parametrization == "mup" else 1.0
    for layer in range(2, layers + 1):
        found[f"W{layer}"] = deviation * rng.normal(size=(n, n))
    return found
