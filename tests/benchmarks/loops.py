"""Training over many steps at infinite width: what steps cost, beside NumPy written by hand.

    python tests/benchmarks/loops.py [--steps 5 10 ...] [--rounds 20 100 ...] [--samples N]
                                     [--repeats R] [--adam 20 80 ...] [--base CHECKOUT]

A tanh network with two hidden layers on four inputs, gradient descent in the maximal update
parametrization. The program by hand is the estimator that modules use: hats by conditioning on all
that a matrix has met on that side, dots by Stein's lemma with all of them at once, updates as
stacked factors, W_t z = W_0 z - D (c * (X.T z)), so that work grows like the square of the steps.
Both sides run the same replicates and their halves, on the same random numbers; "agreement" is the
largest difference of their values. A second table has a recurrence in the text of a program. A
third has the same network with Adam on 4,096 nodes, derivation and all, beside what that takes in
another checkout, or unrolled. Times are CPU seconds, derivation apart but for the third table, the
least of a few repeats by turns.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # threads that wait count as CPU seconds

import numpy as np
from rich.console import Console
from rich.table import Table

import tpc
from tpc.driver import compiler

Array = np.ndarray
Draw = Callable[[tuple[int, ...]], Array]

INPUTS = [[1.0, 0.0, 0.5], [0.2, 0.9, -0.4], [-0.6, 0.3, 0.8], [0.1, -1.0, 0.3]]
TARGETS = [1.0, -1.0, 0.5, 0.0]
RATE = 0.2
NETWORK = """
dim n
input xi[3]
weight U[3] : n
weight W : n x n
weight v : n
x1 = tanh(U @ xi)
x2 = tanh(W @ x1)
readout f = v * x2
train f:
    data {inputs}, {targets}
    loss mse
    optimizer sgd(lr={rate})
    parametrization mup
    steps {steps}
"""
TOLERANCE = 1e-12
"""Directions with less of every <x|x> are none, as in modules."""


class Side:
    """What a matrix has multiplied on one side: an orthonormal basis Q, normals Z for its hats."""

    def __init__(self, samples: int, room: int) -> None:
        self.basis, self.normals = np.empty((samples, room)), np.empty((samples, room))
        self.slopes = np.zeros((room, room))
        self.k = 0


def times(draw: Draw, side: Side, other: Side, x: Array) -> Array:
    """Return W x = hat + dot."""
    count, k, k_other = len(x), side.k, other.k
    q = side.basis[:, :k]
    known = q.T @ x / count
    rest = x - q @ known
    sizes = (x * x).sum(axis=0)[:, None] / count + 1e-300
    values, vectors = np.linalg.eigh(rest.T @ rest / count)
    kept = values * (vectors**2 / sizes).max(axis=0) > TOLERANCE
    if (values[kept] < 1e-6 * sizes.sum()).any():
        again = q.T @ rest / count
        known += again
        rest -= q @ again
        values, vectors = np.linalg.eigh(rest.T @ rest / count)
        kept = values * (vectors**2 / sizes).max(axis=0) > TOLERANCE
        kept &= values > 1e-13 * values[-1]
    fresh = rest @ (vectors[:, kept] / np.sqrt(values[kept]))
    side.k = end = k + fresh.shape[1]
    side.basis[:, k:end], side.normals[:, k:end] = fresh, draw((end - k,))
    side.slopes[:k_other, k:end] = other.normals[:, :k_other].T @ fresh / count
    coordinates = np.concatenate([known, fresh.T @ x / count])
    hat = side.normals[:, :end] @ coordinates
    return hat + other.basis[:, :k_other] @ (side.slopes[:k_other, :end] @ coordinates)


def by_hand(draw: Draw, samples: int, steps: int) -> Array:
    """Return f at every step, on the nodes of one replicate."""
    inputs, targets = np.array(INPUTS), np.array(TARGETS)
    rows = len(inputs)
    v, u = draw(()), draw((3,))
    forward, backward = Side(samples, rows * (steps + 1)), Side(samples, rows * (steps + 1))
    x1s, dh2s = np.empty((samples, rows * (steps + 1))), np.empty((samples, rows * (steps + 1)))
    f = np.empty((steps + 1, rows))
    for t in range(steps + 1):
        past, now = slice(rows * t), slice(rows * t, rows * (t + 1))
        x1 = np.tanh(u @ inputs.T)
        h2 = times(draw, forward, backward, x1)
        h2 -= RATE * (dh2s[:, past] @ (x1s[:, past].T @ x1 / samples))
        x2 = np.tanh(h2)
        f[t] = v @ x2 / samples if t else 0  # exactly, as modules know
        if t == steps:
            break
        chi = f[t] - targets
        dh2 = chi * v[:, None] * (1 - x2**2)
        dx1 = times(draw, backward, forward, dh2)
        dx1 -= RATE * (x1s[:, past] @ (dh2s[:, past].T @ dh2 / samples))
        u = u - RATE * (dx1 * (1 - x1**2)) @ inputs
        v = v - RATE * x2 @ chi
        x1s[:, now], dh2s[:, now] = x1, dh2
    return f


def normals(seed: int, replicate: int, halves: tuple[int, ...], samples: int) -> Draw:
    """Return a source of standard normals: streams that fill the samples in turn."""
    keys = [(replicate, half) for half in halves]
    streams = [np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key)) for key in keys]
    each = samples // len(streams)

    def draw(shape: tuple[int, ...]) -> Array:
        return np.concatenate([stream.standard_normal((each, *shape)) for stream in streams])

    return draw


def estimate(samples: int, steps: int, replicates: int, seed: int = 0) -> Array:
    """Average replicates, the bias of each taken off by its halves."""
    each = samples // replicates
    found = []
    for replicate in range(replicates):
        whole = by_hand(normals(seed, replicate, (0, 1), each), each, steps)
        one, two = (
            by_hand(normals(seed, replicate, (half,), each // 2), each // 2, steps)
            for half in (0, 1)
        )
        found.append(2 * whole - (one + two) / 2)
    return np.mean(found, axis=0)


def recurrence(rounds: int, samples: int, replicates: int) -> tuple[str, ...]:
    """Return the row of a recurrence of so many rounds."""
    start = process_time()
    program = tpc.parse(RECURRENCE.format(rounds=rounds))
    source = tpc.emit(compiler.derive(program))
    derived = process_time() - start
    start = process_time()
    found = compiler.run(program, samples, replicates=replicates)
    ran = process_time() - start
    value = f"{found['q']:.4f}({1e4 * found.stderr['q']:.0f})"
    return str(rounds), f"{derived:.2f}", f"{source.count(chr(10)):,}", f"{ran:.2f}", value


RECURRENCE = """
dim n
vector h0 : n
matrix W : n x n
h[0] = h0
for k in range({rounds}):
    h[k+1] = tanh(W @ h[k]) + 0.1 * h[k]
output q = <h[{rounds}]|h[{rounds}]>
"""


def adam(steps: int, base: str | None, repeats: int) -> tuple[str, ...]:
    """Return the row of so many steps of Adam, here and in another checkout, or unrolled."""
    text = NETWORK.format(inputs=INPUTS, targets=TARGETS, rate=RATE, steps=steps)
    text = text.replace(f"sgd(lr={RATE})", "adam(lr=0.05, eps=0.01)")
    start = process_time()
    source = tpc.emit(compiler.derive(tpc.parse(text)))
    derived = process_time() - start
    other = (', "unrolled": True', "") if base is None else ("", base)
    turns = [(by_another(text, ""), by_another(text, *other)) for _ in range(repeats)]
    own, before = np.min(turns, axis=0)
    lines = f"{source.count(chr(10)):,}"
    return str(steps), f"{derived:.2f}", lines, f"{own:.2f}", f"{before:.2f}", f"{before / own:.1f}"


def by_another(text: str, option: str, checkout: str = "") -> float:
    """Return how long a process of its own takes to train, perhaps with another tpc."""
    code = f"""
from time import process_time
import numpy, tpc
options = {{"method": "mc", "replicates": 2{option}}}
tpc.train(tpc.parse({text!r}.replace("steps ", "steps 1  # ")), 64, **options)  # imports
start = process_time()
tpc.train(tpc.parse({text!r}), 4096, **options)
print(process_time() - start)
"""
    folder = Path(checkout) if checkout else Path(__file__).parents[2]  # looked through first
    python = folder / ".venv/bin/python"  # which knows the grammar of that checkout
    command = [str(python) if python.exists() else sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=True)
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, nargs="*", default=[5, 10, 20, 40, 60, 80, 160])
    parser.add_argument("--rounds", type=int, nargs="*", default=[20, 100, 200, 1000])
    parser.add_argument("--samples", type=int, default=8192)
    parser.add_argument("--replicates", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3, help="of which the fastest counts")
    parser.add_argument("--dot", default="auto")
    parser.add_argument("--adam", type=int, nargs="*", default=[20, 40])
    parser.add_argument("--base", help="another checkout of tpc, for the third table")
    options = parser.parse_args()
    samples, replicates = options.samples, options.replicates
    table = Table(title=f"gradient descent, {samples:,} nodes in {replicates} replicates")
    for column in ("steps", "derive + emit, s", "lines", "train, s", "by hand, s", "ratio"):
        table.add_column(column, justify="right")
    table.add_column("agreement", justify="right")
    for steps in options.steps:
        text = NETWORK.format(inputs=INPUTS, targets=TARGETS, rate=RATE, steps=steps)
        network = tpc.parse(text)
        start = process_time()
        source = tpc.emit(compiler.derive(network, options.dot))
        derived = process_time() - start
        module = compiler.imported(source)
        module.evaluate(samples=64, replicates=replicates)  # imports
        trained = hand = np.inf
        for _ in range(options.repeats):
            start = process_time()
            found = module.evaluate(samples=samples, replicates=replicates)["f"]
            trained = min(trained, process_time() - start)
            start = process_time()
            known = estimate(samples, steps, replicates)
            hand = min(hand, process_time() - start)
        table.add_row(
            str(steps), f"{derived:.2f}", f"{source.count(chr(10)):,}", f"{trained:.2f}",
            f"{hand:.2f}", f"{trained / hand:.2f}", f"{abs(found - known).max():.1e}",
        )  # fmt: skip
    Console().print(table)
    tied = Table(title="a recurrence, h = tanh(W @ h) + 0.1 * h")
    for column in ("rounds", "parse + derive + emit, s", "lines", "run, s", "value"):
        tied.add_column(column, justify="right")
    for rounds in options.rounds:
        tied.add_row(*recurrence(rounds, samples, replicates))
    Console().print(tied)
    kernels = Table(title="Adam, 4,096 nodes in 2 replicates, derivation and all")
    for column in ("steps", "derive + emit, s", "lines", "train, s", "before, s", "ratio"):
        kernels.add_column(column, justify="right")
    for steps in options.adam:
        kernels.add_row(*adam(steps, options.base, options.repeats))
    Console().print(kernels)


if __name__ == "__main__":
    main()
