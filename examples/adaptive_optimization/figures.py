"""Adam at finite and at infinite width, in the operator regime and with feature learning.

    python examples/adaptive_optimization/figures.py          # figure.png and numbers.json
    python examples/adaptive_optimization/figures.py --small  # the size that the tests run

Random networks are trained on 100 random targets, and the output on four test inputs is followed
over the steps, as in Section 5.1 of Tensor Programs IVb (arXiv:2308.01814). The wider the network,
the closer its curves come to those of `tpc train`: the distance beside the figure is the root mean
square over runs, steps and test inputs.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import tpc

HERE = Path(__file__).parent
TEST_INPUTS = 4
REGIMES = {"operator_regime": "neural tangent limit, 4 layers", "feature_learning": "mup, 2 layers"}


@dataclass(frozen=True)
class Size:
    """How much to compute.

    Attributes:
        steps: Of training.
        rows: How many of the 100 inputs are trained on.
        widths: Of finite networks.
        trials: Runs at each width.
        samples: Nodes of the limit, which two replicates share.
    """

    steps: int
    rows: int
    widths: tuple[int, ...]
    trials: int
    samples: int


FULL = Size(20, 100, (64, 512, 2048), 10, 12288)
SMALL = Size(2, 6, (32, 128), 4, 2048)


Curves = tuple[np.ndarray, np.ndarray, dict[int, np.ndarray]]
"""The limit's outputs on test inputs with their errors, and those of runs by width."""


def network(regime: str, size: Size):
    """Return a network with its training, of fewer rows and steps where the size has fewer."""
    text = (HERE / f"{regime}.tp").read_text(encoding="utf-8")
    text = text.replace("steps 20", f"steps {size.steps}")
    for name in ("inputs", "targets"):
        array = np.loadtxt(HERE / f"{name}.csv", delimiter=",")[: size.rows]
        if size.rows < 100:
            text = text.replace(f'load("{name}.csv")', json.dumps(array.tolist()), 1)
    return tpc.parse(text, str(HERE / f"{regime}.tp"))


def curves(regime: str, size: Size) -> Curves:
    """Return the limit's outputs on test inputs with their errors, and those of runs by width."""
    trained = network(regime, size)
    limit = tpc.train(trained, samples=size.samples, method="mc", replicates=2, rank_tolerance=1e-6)
    finite = {
        width: np.array(
            [
                tpc.simulate(trained, width, trials=1, seed=seed)["f"][:, -TEST_INPUTS:]
                for seed in range(size.trials)
            ]
        )
        for width in size.widths
    }
    return limit["f"][:, -TEST_INPUTS:], limit.stderr["f"][:, -TEST_INPUTS:], finite


def distances(limit: np.ndarray, finite: dict[int, np.ndarray]) -> dict[str, object]:
    """Return root mean square distances to the limit by width, and their rate n^-rate."""
    found = {
        n: float(np.sqrt(np.mean((runs[:, 1:] - limit[1:]) ** 2))) for n, runs in finite.items()
    }
    slope = np.polyfit(np.log(list(found)), np.log(list(found.values())), 1)[0]
    return {"distance": {str(n): round(d, 4) for n, d in found.items()}, "rate": round(-slope, 3)}


def draw(
    found: dict[str, tuple[np.ndarray, np.ndarray, dict[int, np.ndarray]]], path: Path
) -> None:
    """Draw the curves: a panel for each regime, a colour for each test input."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, len(found), figsize=(11, 4.2), layout="constrained")
    for axes, (regime, (limit, _, finite)) in zip(panels, found.items(), strict=True):
        steps = np.arange(len(limit))
        styles = dict(zip(finite, (":", "--", "-."), strict=False))
        for test in range(TEST_INPUTS):
            colour = f"C{test}"
            axes.plot(steps, limit[:, test], color=colour, linewidth=2.2)
            for width, runs in finite.items():
                mean, spread = runs[..., test].mean(axis=0), runs[..., test].std(axis=0)
                axes.plot(steps, mean, styles[width], color=colour, linewidth=1)
                if width == max(finite):
                    axes.fill_between(
                        steps, mean - spread, mean + spread, color=colour, alpha=0.15, linewidth=0
                    )
        for width, style in styles.items():
            axes.plot([], [], style, color="black", linewidth=1, label=f"width {width}, mean")
        axes.plot([], [], color="black", linewidth=2.2, label="infinite width")
        axes.set(title=REGIMES[regime], xlabel="step", ylabel="output on test inputs")
        axes.legend(fontsize=8)
    figure.suptitle("Adam: networks of finite width and their limits", fontsize=11)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def compute(size: Size) -> tuple[dict[str, Curves], dict[str, object]]:
    """Return the curves and the numbers of both regimes."""
    found = {regime: curves(regime, size) for regime in REGIMES}
    numbers = {
        regime: {
            **distances(limit, finite),
            "limit": limit[-1].round(4).tolist(),
            "limit_error": error[-1].round(4).tolist(),
        }
        for regime, (limit, error, finite) in found.items()
    }
    return found, numbers


def main() -> None:
    """Compute, draw, write and print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a size of seconds, without files")
    small = parser.parse_args().small
    found, numbers = compute(SMALL if small else FULL)
    if not small:
        draw(found, HERE / "figure.png")
        (HERE / "numbers.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(numbers, indent=1))


if __name__ == "__main__":
    main()
