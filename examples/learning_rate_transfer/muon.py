"""The loss after three steps of Muon against its learning rate, by width: `docs/muon_rates.png`.

Under `spectral` and `original` a library's rate is that of the language for a hidden matrix; under
`match_rms` it is that by 0.2 sqrt(n), so that curves of different widths part. Takes minutes.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import tpc

WIDTHS = (128, 256, 512, 1024, 2048)
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


def optimum(rates: np.ndarray, losses: np.ndarray) -> float:
    """Return the rate of the least loss, of a parabola through logarithms around it."""
    at = int(np.clip(losses.argmin(), 1, len(rates) - 2))
    near = slice(at - 1, at + 2)
    a, b, _ = np.polyfit(np.log2(rates[near]), np.log(losses[near]), 2)
    return float(2 ** np.clip(-b / (2 * a), *np.log2(rates[[at - 1, at + 1]])))


def main() -> None:
    """Draw the figure."""
    network, rates = tpc.parse(TEXT), 2.0 ** np.arange(-2, 5)

    def at_width(n: int, rate: float) -> float:
        runs = tpc.simulate(network, n, trials=24, engine="matrix-free", rate=rate)
        return loss(runs["f"])

    found = {n: np.array([at_width(n, r) for r in rates]) for n in WIDTHS}
    limit = np.array(
        [loss(tpc.train(network, samples=4096, method="qmc", rate=r)["f"]) for r in rates]
    )
    _, axes = plt.subplots(1, 3, figsize=(11.4, 3.4), layout="constrained")
    for axis, power in zip(axes, (0, 0.5), strict=False):
        shades = ("#c6dbef", "#9ecae1", "#6baed6", "#2171b5", "#08306b")
        for (n, losses), shade in zip(found.items(), shades, strict=True):
            library = rates / (n / WIDTHS[0]) ** power
            axis.loglog(library, losses, "o-", color=shade, ms=3.5, label=f"n = {n}")
        axis.loglog(rates, limit, "k--", label="infinite width")
        axis.set_xscale("log", base=2)
        axis.set_ylabel("loss after three steps")
    axes[0].legend(frameon=False, fontsize=8)
    axes[0].set(title="spectral, original", xlabel="learning rate")
    axes[1].set(title="match_rms", xlabel="learning rate x 0.2 sqrt(128)")
    best, last = [optimum(rates, found[n]) for n in WIDTHS], optimum(rates, limit)
    ends = np.array([WIDTHS[0] / 1.5, WIDTHS[-1] * 1.5])
    for scale, marker, color, power in (
        ("spectral", "o", "#084594", 0.0),
        ("original", "x", "#d94801", 0.0),
        ("match_rms", "s", "#238b45", -0.5),
    ):
        factor = 1.0 if power == 0 else 1 / 0.2
        library = [rate * factor * n**power for n, rate in zip(WIDTHS, best, strict=True)]
        axes[2].loglog(WIDTHS, library, marker, color=color, ms=6, label=scale)
        axes[2].loglog(ends, last * factor * ends**power, "--", color=color, lw=1)
    axes[2].loglog([], [], "k--", lw=1, label="infinite width")
    axes[2].legend(frameon=False, fontsize=8)
    axes[2].set(title="optimum against width", xlabel="width n", ylabel="best learning rate")
    plt.savefig(Path(__file__).parents[2] / "docs" / "muon_rates.png", dpi=130)


if __name__ == "__main__":
    main()
