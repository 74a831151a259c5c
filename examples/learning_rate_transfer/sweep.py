"""Which learning rate is best after two steps, by width, in three parametrizations.

    python examples/learning_rate_transfer/sweep.py          # figure.png and numbers.json
    python examples/learning_rate_transfer/sweep.py --small  # the size that the tests run

A deep linear network is trained from independent draws of its weights, and the learning rate that
leaves the least training loss is found for each draw. In mup it goes to one number, that of the
infinite-width limit, so that a rate tuned on a narrow network serves a wide one. In ntp the output
before training stays random, and with it the best rate. In sp the best rate falls like 1/n, and
`tpc train` refuses: there is no limit.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize_scalar

import tpc

HERE = Path(__file__).parent
SOURCE = (HERE / "network.tp").read_text(encoding="utf-8")
TARGETS = np.loadtxt(HERE / "targets.csv")
RATES = {"mup": (0.05, 2.0), "ntp": (0.03, 2.0), "sp": (0.3, 12.0)}
"""Where the best rate is looked for; in sp it is divided by the width."""

COLOURS = {"mup": "tab:blue", "ntp": "tab:orange", "sp": "tab:green"}

QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Size:
    """How much to compute: widths, draws at each, rates in a sweep, nodes of the limit."""

    widths: tuple[int, ...]
    draws: int
    rates: int
    samples: int


FULL = Size((16, 32, 64, 128, 256, 512, 1024), draws=16, rates=13, samples=1 << 14)
SMALL = Size((16, 64, 256), draws=4, rates=9, samples=1 << 10)


def network(parametrization: str):
    """Return the network in a parametrization."""
    return tpc.parse(SOURCE.replace("mup", parametrization), str(HERE / "network.tp"))


def training_loss(outputs: np.ndarray) -> float:
    """Return the mean squared error of the last step, halved; infinite where it overflows."""
    with np.errstate(all="ignore"):
        loss = float(np.mean((outputs[-1] - TARGETS) ** 2) / 2)
    return loss if np.isfinite(loss) else np.inf


def best_rate(loss: Callable[[float], float], low: float, high: float, rates: int) -> float:
    """Return where a loss is least: by a sweep, then by a search between its neighbours."""
    sweep = np.geomspace(low, high, rates)
    best = int(np.argmin([loss(rate) for rate in sweep]))
    bounds = (np.log(sweep[max(best - 1, 0)]), np.log(sweep[min(best + 1, rates - 1)]))
    found = minimize_scalar(
        lambda x: loss(float(np.exp(x))), bounds=bounds, method="bounded", options={"xatol": 1e-3}
    )
    return float(np.exp(found.x))


def at_width(parametrization: str, width: int, size: Size) -> list[float]:
    """Return the best rates of independent draws of a finite network."""
    trained = network(parametrization)
    low, high = RATES[parametrization]
    scale = 1 / width if parametrization == "sp" else 1.0

    def loss_of(draw: int) -> Callable[[float], float]:
        return lambda rate: training_loss(
            tpc.simulate(trained, width, trials=1, seed=draw, eta=rate)["f"]
        )

    return [
        best_rate(loss_of(draw), low * scale, high * scale, size.rates)
        for draw in range(size.draws)
    ]


def at_infinity(parametrization: str, size: Size) -> list[float] | str:
    """Return the best rates of the limit, one for each draw of its output, or why there is none."""
    trained = network(parametrization)
    try:
        found = tpc.classify(trained)
        draws = size.draws if found.output_is_random else 1
        return [
            best_rate(
                lambda rate, draw=draw: training_loss(
                    tpc.train(trained, samples=size.samples, seed=draw, eta=rate)["f"]
                ),
                *RATES[parametrization],
                size.rates,
            )
            for draw in range(draws)
        ]
    except tpc.ProgramError as refused:
        return refused.diagnostics[0].message


def sweep(size: Size) -> dict[str, dict[str, object]]:
    """Return, by parametrization, the quartiles of best rates by width, and those of the limit."""
    numbers: dict[str, dict[str, object]] = {}
    for name in RATES:
        finite = {
            str(width): np.quantile(at_width(name, width, size), QUARTILES).tolist()
            for width in size.widths
        }
        limit = at_infinity(name, size)
        numbers[name] = {
            "widths": finite,
            "limit": limit if isinstance(limit, str) else np.quantile(limit, QUARTILES).tolist(),
        }
    return numbers


def draw(numbers: dict[str, dict[str, object]], path: Path) -> None:
    """Draw the best rate against the width, its median and quartiles over draws.

    Left all parametrizations, right those with a limit, whose quartiles stand at the right end.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4), layout="constrained")
    for name, found in numbers.items():
        _draw_widths(left, name, found)
        if isinstance(found["limit"], list):
            _draw_widths(right, name, found)
            _draw_limit(right, name, found)
    left.set(yscale="log", title="all of them")
    right.set(title="those with a limit, and the limit")
    for axes in (left, right):
        axes.set(xscale="log", xlabel="width n", ylabel="best learning rate")
        axes.legend(fontsize=8)
    figure.suptitle("Best learning rate of a deep linear network after two steps", fontsize=11)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _draw_widths(axes, name: str, found: dict[str, object]) -> None:
    widths = np.array([int(width) for width in found["widths"]])
    low, median, high = np.array(list(found["widths"].values())).T
    axes.fill_between(widths, low, high, color=COLOURS[name], alpha=0.2, linewidth=0)
    axes.plot(widths, median, "o-", color=COLOURS[name], markersize=4, label=name)


def _draw_limit(axes, name: str, found: dict[str, object]) -> None:
    widths = [int(width) for width in found["widths"]]
    low, median, high = found["limit"]
    axes.plot([widths[0], 2 * widths[-1]], [median] * 2, "--", color=COLOURS[name], linewidth=1)
    axes.errorbar(
        2 * widths[-1], median, [[median - low], [high - median]], fmt="s", color=COLOURS[name],
        capsize=4, label=f"{name}, infinite width",
    )  # fmt: skip


def main() -> None:
    """Sweep, and write the figure with its numbers."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--small", action="store_true", help="the size that the tests run")
    parser.add_argument("-o", "--output", type=Path, default=HERE, help="a folder")
    arguments = parser.parse_args()
    numbers = sweep(SMALL if arguments.small else FULL)
    (arguments.output / "numbers.json").write_text(json.dumps(numbers, indent=1) + "\n")
    draw(numbers, arguments.output / "figure.png")


if __name__ == "__main__":
    main()
