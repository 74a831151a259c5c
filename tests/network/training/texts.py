"""Multi-layer perceptrons as texts, with what they are trained by."""

from collections.abc import Sequence

A = [[1.0, 0.5], [-0.4, 0.9]]
"""Two inputs."""

B = [[1.0, 0.5], [0.6, -0.8]]
"""Two others."""

TARGETS = [1.0, -0.5]


def perceptron(
    phi: str,
    layers: int,
    optimizer: str,
    parametrization: str = "mup",
    steps: int = 3,
    inputs: Sequence[Sequence[float]] = A,
    targets: Sequence[object] = TARGETS,
    more: Sequence[str] = (),
    outputs: str = "",
    weights: str = "",
) -> str:
    """Return the text of a network and its training.

    Args:
        phi: Its nonlinearity.
        layers: How many hidden layers.
        optimizer: As in the `train` block.
        parametrization: Likewise.
        steps: How many updates.
        inputs: The data.
        targets: Their targets.
        more: Further lines of the block.
        outputs: The shape of the readout, `[2]`, or nothing.
        weights: Options of all weights, `(lr=2)`.
    """
    lines = ["dim n", f"input xi[{len(inputs[0])}]"]
    lines += [f"weight U[{len(inputs[0])}] : n {weights}"]
    lines += [f"weight W{layer} : n x n {weights}" for layer in range(2, layers + 1)]
    lines += [f"weight v{outputs} : n {weights}", "h1 = U @ xi", f"x1 = {phi}(h1)"]
    for layer in range(2, layers + 1):
        lines += [f"h{layer} = W{layer} @ x{layer - 1}", f"x{layer} = {phi}(h{layer})"]
    last = f"x{layers}" if not outputs else f"sum(x{layers})"
    lines += [f"readout f = v * {last}", "train f:"]
    block = [
        f"data {[list(row) for row in inputs]}, {list(targets)}",
        *([] if any(line.startswith("loss") for line in more) else ["loss mse"]),
        f"optimizer {optimizer}",
        f"parametrization {parametrization}",
        f"steps {steps}",
        *more,
    ]
    return "\n".join([*lines, *(f"    {line}" for line in block), ""])


def tracks(layers: int) -> list[str]:
    """Return lines that track the second moments of every layer."""
    names = [f"{kind}{layer}" for layer in range(1, layers + 1) for kind in "hx"]
    return [f"track {name}{name} = <{name}|{name}>" for name in names]
