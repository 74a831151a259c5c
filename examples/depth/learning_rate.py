"""Which learning rate is best, by depth and width, in Depth-muP.

    python examples/depth/learning_rate.py          # learning_rate.png and learning_rate.json
    python examples/depth/learning_rate.py --small  # the size that the tests run

Residual networks of centred ReLUs are trained for three steps of sgd. In Depth-muP the best rate
goes to that of infinite width and depth, so that a rate tuned on a shallow network serves a deep
one.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import tpc

HERE = Path(__file__).parent

TEXT = """
dim n
depth L
param eta = 0.1
input xi[4]
weight U[4] : n (mult=0.5)
weight v : n
x[0] = U @ xi
for l in range(L):
    weight W : n x n
    h = relu(W @ x[l])
    x[l + 1] = x[l] + L^(-1/2) * (h - avg(h))
readout f = v * x[L]
train f:
    data {rows}, {targets}
    loss mse
    reduce mean
    optimizer {optimizer}
    parametrization {parametrization}
    steps 3
"""

RUNS = {
    "sgd": ("sgd(lr=eta)", "mup(depth=1/2)", (0.1, 2.0)),
}
"""By label: the optimizer, the parametrization, and where the best rate is looked for."""


@dataclass(frozen=True)
class Size:
    """How much to compute: widths, depths, runs at each, rates in a sweep."""

    widths: tuple[int, ...]
    depths: tuple[int, ...]
    trials: int
    rates: int
    limit: bool


FULL = Size((64, 192), (2, 4, 8, 16, 32), trials=6, rates=9, limit=True)
SMALL = Size((32, 64), (2, 16), trials=2, rates=5, limit=False)


def network(optimizer: str, parametrization: str, depth: float):
    """Return a network with six rows of data."""
    rng = np.random.default_rng(3)
    rows = rng.standard_normal((6, 4)).round(2)
    targets = np.tanh(rows @ [1.0, -0.5, 0.3, 0.8]).round(2)
    text = TEXT.format(
        rows=rows.tolist(), targets=targets.tolist(), optimizer=optimizer,
        parametrization=parametrization,
    )  # fmt: skip
    return tpc.parse(text, depth=depth)


def lowest(rates: np.ndarray, losses: list[float]) -> float:
    """Return where a parabola through the three least losses, over log rates, has its bottom."""
    finite = np.nan_to_num(losses, nan=1e9, posinf=1e9)
    at = int(np.clip(np.argmin(finite), 1, len(rates) - 2))
    x, y = np.log(rates[at - 1 : at + 2]), finite[at - 1 : at + 2]
    a, b, _ = np.polyfit(x, y, 2)
    best = -b / (2 * a) if a > 0 else x[1]
    return float(np.exp(np.clip(best, x[0], x[2])))


def sweep(size: Size) -> dict[str, dict[str, list[float]]]:
    """Return the best rate by label, width and depth, and at infinity where there are flows."""
    found: dict[str, dict[str, list[float]]] = {}
    for label, (optimizer, parametrization, bounds) in RUNS.items():
        rates, best = np.geomspace(*bounds, size.rates), dict[str, list[float]]()
        for width in size.widths:
            best[str(width)] = []
            for depth in size.depths:
                deep = network(optimizer, parametrization, depth)
                losses = [
                    float(tpc.simulate(deep, width, size.trials, eta=rate)["loss_all"][-1])
                    for rate in rates
                ]
                best[str(width)].append(lowest(rates, losses))
        if size.limit and label == "sgd":
            deep = network(optimizer, parametrization, np.inf)
            rates = best[str(size.widths[-1])][-1] * np.geomspace(0.6, 1.6, 5)
            losses = [float(tpc.train(deep, eta=rate)["loss_all"][-1]) for rate in rates]
            best["infinite"] = [lowest(rates, losses)]
        found[label] = best
    return found


def draw(found: dict[str, dict[str, list[float]]], size: Size, path: Path) -> None:
    """Draw the best rates against the depth."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5.4, 3.8), layout="constrained")
    best = found["sgd"]
    for width in size.widths:
        axes.plot(size.depths, best[str(width)], "o-", label=f"n = {width}", markersize=4)
    if "infinite" in best:
        axes.axhline(best["infinite"][0], color="k", linestyle="--", linewidth=1,
                     label="infinite width and depth")  # fmt: skip
    axes.set(title="sgd in mup(depth=1/2), three steps", xlabel="depth L",
             ylabel="best learning rate", xscale="log", ylim=(0, 0.7))  # fmt: skip
    axes.set_xticks(size.depths, [str(depth) for depth in size.depths])
    axes.minorticks_off()
    axes.legend(fontsize=8, loc="lower right")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main() -> None:
    """Sweep, and write the figure with its numbers."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--small", action="store_true", help="the size that the tests run")
    size = SMALL if parser.parse_args().small else FULL
    found = sweep(size)
    numbers = {"depths": list(size.depths), "best": found}
    (HERE / "learning_rate.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    draw(found, size, HERE / "learning_rate.png")


if __name__ == "__main__":
    main()
