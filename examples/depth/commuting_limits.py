"""Width and depth commute in residual networks, and not in plain ones (arXiv:2302.00453).

    python commuting_limits.py FIGURE.png

draws how far log <x|x> fluctuates over networks, times the root of the width: in a residual network
with branches at L^(-1/2) that stays as the depth grows, in a plain ReLU network it is sqrt(5 L), so
that there the order of the limits matters.
"""

import sys

import numpy as np

WIDTHS, DEPTHS, TRIALS = (64, 128, 256), (4, 8, 16, 32, 64), 2000

COLOURS = ("#0072b2", "#d55e00", "#009e73")


def fluctuation(width, depth, plain, trials=TRIALS, seed=0):
    """Return sqrt(n) times the standard deviation of log <x|x> behind all rounds.

    A product with a fresh matrix is Gaussian given what it multiplies, so that no matrix is drawn.
    """
    rng = np.random.default_rng((seed, width, depth, plain))
    x = rng.standard_normal((trials, width))
    x *= np.sqrt(width) / np.linalg.norm(x, axis=1, keepdims=True)
    for _ in range(depth):
        relu = np.maximum(x, 0)
        size = np.sqrt(2 * (relu**2).mean(axis=1, keepdims=True))
        fresh = size * rng.standard_normal((trials, width))
        x = fresh if plain else x + depth**-0.5 * fresh
    q = (x**2).mean(axis=1)
    return np.sqrt(width) * np.log(q).std()


def main(target):
    """Draw both kinds of networks beside each other."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    for place, plain in enumerate((False, True)):
        axes = figure.add_subplot(1, 2, place + 1)
        for width, colour in zip(WIDTHS, COLOURS, strict=True):
            found = [fluctuation(width, depth, plain) for depth in DEPTHS]
            axes.plot(DEPTHS, found, "o-", color=colour, label=f"n = {width}")
        if plain:
            axes.plot(DEPTHS, np.sqrt(5 * np.array(DEPTHS)), "k:", label="√(5 L)")
        axes.set_ylim(bottom=0)
        axes.set_xscale("log", base=2)
        axes.set_xlabel("depth L")
        axes.set_ylabel("√n std log ⟨x|x⟩")
        axes.set_title("plain" if plain else "residual, branches at L^(-1/2)")
        axes.grid(True, alpha=0.25)
        axes.legend(frameon=False, fontsize="small")
    figure.savefig(target, dpi=130)


if __name__ == "__main__":
    main(sys.argv[1])
