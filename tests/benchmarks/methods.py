"""Error against time for random nodes, Sobol points and grids, on six programs, of one run.

    python tests/benchmarks/methods.py [--samples N] [--seeds S]

The error of a method is the root mean square over seeds, entries and outputs of what its values are
off the finest quadrature. `gain` is the smallest ratio of the errors of mc and qmc over the outputs
that are sampled. The error of quadrature is the largest that it states. Times are of one
evaluation, the first ones left out.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from time import perf_counter
from types import ModuleType
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import tpc

EXAMPLES = Path(__file__).parents[2] / "examples"

PROGRAMS = {
    "two steps of SGD, one hidden layer": (EXAMPLES / "mup_sgd_shallow.tp").read_text("utf-8"),
    "backpropagation with W.T": """
        vector u, v : n
        matrix W : n x n
        x1 = tanh(u)
        x2 = tanh(W @ x1)
        k1 = W.T @ (v * (1 - square(x2)) + x2)
        d1 = k1 * (1 - square(x1))
        output G = <d1|d1>
        output C = <k1|x1>
        """,
    "weights shared by three layers": """
        vector x : n
        matrix W : n x n
        h1 = W @ x
        h2 = W @ gelu(h1)
        h3 = W @ sin(h2)
        d = W.T @ (h3 * sigmoid(h1))
        output a = <d|x>
        output b = <d|d>
        output c = <tanh(h3)|sin(h3) * square(h1)>
        """,
    "two layer norms": """
        vector u : n
        matrix W, V : n x n
        def layernorm(h) = (h - avg(h)) / sqrt(avg(square(h - avg(h))) + 1e-5)
        x = layernorm(silu(W @ tanh(u)) + u)
        y = layernorm(silu(V @ x) + x)
        output K = <y|tanh(y)>
        """,
    "an outer nonlinearity": """
        vector u, g : n
        matrix W : n x n
        h = W @ tanh(u)
        y = mean[j](tanh(h * g[j] + g))
        k = W.T @ y
        output c = <k|u>
        output d = <tanh(k)|k>
        """,
    "two inputs, six Gaussians": """
        const X = [[1.0, 0.5], [-0.4, 0.9]]
        vector U[2] : n
        matrix W : n x n
        vector v : n
        x1 = tanh(U @ X.T)
        x2 = tanh(W @ x1)
        d2 = v * (1 - square(x2))
        k = W.T @ (d2[0] + d2[1])
        output G = <k * (1 - square(x1))|k>
        output F = <x2 + 0.5 * d2|x2 + 0.5 * d2>
        """,
}


def build(text: str) -> ModuleType:
    head = "" if "dim n" in text else "dim n\n"
    return tpc.evaluator(tpc.parse(head + dedent(text)))


def sampled_outputs(values: dict[str, Any], methods: dict[str, str]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if methods[name] != "exact":
            yield name, np.asarray(value)


def errors_and_time(
    module: ModuleType, method: str, truth: dict[str, Any], samples: int, seeds: int
) -> tuple[dict[str, float], float]:
    """Return the root mean square error of each output, and seconds."""
    module.evaluate(method=method, samples=samples)
    squares: dict[str, list[float]] = {name: [] for name in truth}
    start = perf_counter()
    results = [module.evaluate(method=method, samples=samples, seed=seed) for seed in range(seeds)]
    seconds = (perf_counter() - start) / seeds
    for result in results:
        for name, value in truth.items():
            squares[name].append(float(np.mean((result[name] - value) ** 2)))
    return {name: float(np.sqrt(np.mean(square))) for name, square in squares.items()}, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--samples", type=int, default=2**16)
    parser.add_argument("--seeds", type=int, default=8)
    options = parser.parse_args()
    table = Table("program", "mc", "s", "qmc", "s", "gain", "quadrature", "s")
    for title, text in PROGRAMS.items():
        module = build(text)
        start = perf_counter()
        grids = module.evaluate(method="quadrature", samples=options.samples)
        seconds = perf_counter() - start
        finest = module.evaluate(method="quadrature", samples=4 * options.samples)
        truth = dict(sampled_outputs(finest.values, finest.methods))
        cells = []
        errors = {}
        for method in ("mc", "qmc"):
            errors[method], time = errors_and_time(
                module, method, truth, options.samples, options.seeds
            )
            size = np.sqrt(np.mean(np.square(list(errors[method].values()))))
            cells += [f"{size:.1e}", f"{time:.2f}"]
        gain = min(errors["mc"][name] / errors["qmc"][name] for name in truth)
        stated = max(np.max(grids.stderr[name]) for name in truth)
        table.add_row(title, *cells, f"{gain:.0f}", f"{stated:.0e}", f"{seconds:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
