"""Generated evaluators beside hand-written NumPy of the same estimator: times as ratios of one run.

    python tests/benchmarks/evaluators.py [--samples N] [--repeats R]

Each hand-written function draws as many Gaussians in the same sizes and computes the same moments,
as one would type it; both sides run eight replicates and their halves.
"""

import argparse
from collections.abc import Callable
from time import perf_counter

import numpy as np
from rich.console import Console
from rich.table import Table

import tpc

Draw = Callable[..., np.ndarray]

RELU_NNGP = """
dim n
const X = [[1.0, -0.5, 2.0], [0.2, 1.1, -0.7]]
vector U[3] : n
matrix W1, W2 : n x n ~ normal(0, 1.69 / n)
h1 = U @ X.T
x1 = relu(h1)
h2 = W1 @ x1
x2 = relu(h2)
h3 = W2 @ x2
x3 = relu(h3)
output K = <x3|x3>
"""


def relu_nngp(draw: Draw) -> dict[str, np.ndarray]:
    x = np.array([[1.0, -0.5, 2.0], [0.2, 1.1, -0.7]])
    a = np.maximum(draw(3) @ x.T, 0)
    for _ in range(2):
        cov = 1.69 * a.T @ a / len(a)
        values, vectors = np.linalg.eigh(cov)
        a = np.maximum(draw(2) @ (np.sqrt(values)[:, None] * vectors.T), 0)
    return {"K": a.T @ a / len(a)}


BACKPROP = """
dim n
vector u, v : n
matrix W : n x n
h1 = u
x1 = tanh(h1)
h2 = W @ x1
x2 = tanh(h2)
d2 = v * (1 - square(x2)) + x2
k1 = W.T @ d2
d1 = k1 * (1 - square(x1))
output G = <d1|d1>
output C = <k1|x1>
"""


def backprop(draw: Draw) -> dict[str, np.ndarray]:
    x1 = np.tanh(draw())
    v = draw()
    x2 = np.tanh(np.sqrt(x1 @ x1 / len(x1)) * draw())
    slope = 1 - x2**2
    d2 = v * slope + x2
    bra = (slope - 2 * v * x2 * slope).mean()
    k1 = np.sqrt(d2 @ d2 / len(d2)) * draw() + x1 * bra
    d1 = k1 * (1 - x1**2)
    return {"G": d1 @ d1 / len(d1), "C": k1 @ x1 / len(x1)}


MUP_SGD = """
dim n
const X = [[1.0, 0.5], [-0.4, 0.9]]
const Y = [1.0, -0.5]
const one = [1.0, 1.0]
vector U[2] : n
vector v[1] : n
x0 = tanh(U @ X.T)
chi0 = avg(v * x0) - Y
U1 = U - 0.5 * (v * (1 - square(x0)) * chi0) @ X
v1 = v[0] - 0.5 * x0 @ chi0
x1 = tanh(U1 @ X.T)
output f1 = <v1|x1>
output K1 = <x1|x1>
"""


def mup_sgd(draw: Draw) -> dict[str, np.ndarray]:
    x, y = np.array([[1.0, 0.5], [-0.4, 0.9]]), np.array([1.0, -0.5])
    u, v = draw(2), draw()
    x0 = np.tanh(u @ x.T)
    chi = v @ x0 / len(v) - y
    u1 = u - 0.5 * (v[:, None] * (1 - x0**2) * chi) @ x
    v1 = v - 0.5 * x0 @ chi
    x1 = np.tanh(u1 @ x.T)
    return {"f1": v1 @ x1 / len(v1), "K1": x1.T @ x1 / len(x1)}


PROGRAMS = {
    "three-layer ReLU NNGP": (RELU_NNGP, relu_nngp),
    "backpropagation with W.T": (BACKPROP, backprop),
    "a mup SGD step": (MUP_SGD, mup_sgd),
}


def by_hand(
    limit: Callable[[Draw], dict[str, np.ndarray]], samples: int
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Run eight replicates and their halves, as the generated estimator does."""
    runs, shifts = [], []
    each = samples // 16
    for replicate in range(8):
        seeds = [np.random.SeedSequence(1, spawn_key=(replicate, half)) for half in range(2)]

        def run(streams: list[np.random.Generator]) -> dict[str, np.ndarray]:
            def draw(*shape: int) -> np.ndarray:
                return np.concatenate([s.standard_normal((each, *shape)) for s in streams])

            return limit(draw)

        full = run([np.random.default_rng(seed) for seed in seeds])
        halves = [run([np.random.default_rng(seed)]) for seed in seeds]
        shift = {name: full[name] - (halves[0][name] + halves[1][name]) / 2 for name in full}
        runs.append({name: full[name] + shift[name] for name in full})
        shifts.append(shift)
    result = {}
    for name in runs[0]:
        values = np.array([run[name] for run in runs])
        bias = np.mean([shift[name] for shift in shifts], axis=0)
        result[name] = (values.mean(axis=0), np.hypot(values.std(axis=0, ddof=1) / 8**0.5, bias))
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--samples", type=int, default=2**20)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    table = Table("program", "generated, s", "by hand, s", "ratio", "largest difference, errors")
    for title, (text, limit) in PROGRAMS.items():
        module = tpc.evaluator(tpc.parse(text))
        times: dict[str, list[float]] = {"generated": [], "by hand": []}
        for _ in range(options.repeats):
            start = perf_counter()
            found = module.evaluate(samples=options.samples)
            middle = perf_counter()
            expected = by_hand(limit, options.samples)
            times["by hand"].append(perf_counter() - middle)
            times["generated"].append(middle - start)
        apart = max(
            np.max(np.abs(found[name] - value) / np.hypot(error, found.stderr[name]))
            for name, (value, error) in expected.items()
        )
        ours, theirs = min(times["generated"]), min(times["by hand"])
        cells = (f"{ours:.3f}", f"{theirs:.3f}", f"{ours / theirs:.2f}", f"{apart:.1f}")
        table.add_row(title, *cells)
    Console().print(table)


if __name__ == "__main__":
    main()
