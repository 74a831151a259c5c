"""The loss after three steps of Muon against its learning rate, by width: `docs/muon_rates.png`.

Under `spectral` and `original` a library's rate is that of the language for a hidden matrix; under
`match_rms` it is that by 0.2 sqrt(n), so that curves of different widths part. Takes minutes.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import tpc

WIDTHS = (128, 512, 2048)
TARGETS = np.array([1.0, -0.5])
TEXT = """
dim n
param rate = 0.3
input xi[2]
weight U[2] : n
weight W : n x n
weight v : n
x1 = tanh(U @ xi)
x2 = tanh(W @ x1)
readout f = v * x2
train f:
    data [[1.0, 0.5], [-0.4, 0.9]], [1.0, -0.5]
    loss mse
    optimizer sgd(lr=0.3)
    optimizer W: muon(lr=rate, steps=5)
    parametrization mup
    steps 3
"""


def loss(outputs: np.ndarray) -> float:
    """Return the loss after the last step."""
    return float(0.5 * ((outputs[-1] - TARGETS) ** 2).sum())


def main() -> None:
    """Draw the figure."""
    network, rates = tpc.parse(TEXT), 2.0 ** np.arange(-2, 5)

    def at_width(n: int, rate: float) -> float:
        runs = tpc.simulate(network, n, trials=6, engine="matrix-free", rate=rate)
        return loss(runs["f"])

    limit = [loss(tpc.train(network, samples=4096, method="qmc", rate=r)["f"]) for r in rates]
    _, axes = plt.subplots(1, 2, figsize=(8.6, 3.4), sharey=True, layout="constrained")
    for axis, power in zip(axes, (0, 0.5), strict=True):
        for n, shade in zip(WIDTHS, ("#9ecae1", "#4292c6", "#084594"), strict=True):
            found = [at_width(n, r * (n / WIDTHS[0]) ** power) for r in rates]
            axis.loglog(rates, found, "o-", color=shade, ms=4, label=f"n = {n}")
        axis.loglog(rates, limit, "k--", label="infinite width")
        axis.set_xscale("log", base=2)
        axis.legend(frameon=False)
    axes[0].set(title="spectral, original", xlabel="learning rate", ylabel="loss after three steps")
    axes[1].set(title="match_rms", xlabel="learning rate x 0.2 sqrt(128)")
    plt.savefig(Path(__file__).parents[2] / "docs" / "muon_rates.png", dpi=130)


if __name__ == "__main__":
    main()
