"""Training at infinite width at full size: seconds, memory, rank, distance to a wide network.

    python tests/benchmarks/training.py [--steps T] [--batch B] [--scale S] [--width N] [--trials R]

A tanh network with two hidden layers in the maximal update parametrization, all inputs in one batch
and four test inputs: gradient descent on 50,000 nodes, and Adam, whose updates of the hidden matrix
are functions of pairs, on 4,096. Each limit has two replicates and directions above 1e-6 of <x|x>.
`--scale` divides the numbers of nodes; `--width 0` trains no finite network. Every case runs in a
process of its own, whose peak of memory is printed.
"""

import argparse
import multiprocessing
import os
import resource
from time import perf_counter, process_time

import numpy as np
from rich.console import Console
from rich.table import Table

import tpc
from tpc.driver import compiler

NETWORK = """
dim n
input xi[10]
weight U[10] : n
weight W : n x n
weight v : n
x1 = tanh(U @ xi)
x2 = tanh(W @ x1)
readout f = v * x2
train f:
    data {inputs}, {targets}
    test {tests}
    loss mse
    reduce mean
    optimizer {optimizer}
    parametrization mup
    steps {steps}
"""

CASES = {
    "SGD": ("sgd(lr=1)", 50_000),
    "Adam": ("adam(lr=0.05, eps=1e-4)", 4096),
}
"""Optimizer and number of nodes of each case."""

TESTS = 4


def text(optimizer: str, steps: int, batch: int) -> str:
    """Return the network, with targets that can be learned."""
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((batch + TESTS, 10))
    targets = np.tanh(inputs @ rng.standard_normal(10) / np.sqrt(10))
    return NETWORK.format(
        inputs=inputs[:batch].tolist(), targets=targets[:batch].tolist(),
        tests=inputs[batch:].tolist(), optimizer=optimizer, steps=steps,
    )  # fmt: skip


def measure(optimizer: str, samples: int, options: argparse.Namespace) -> dict[str, object]:
    """Derive, emit and evaluate one limit."""
    network = tpc.parse(text(optimizer, options.steps, options.batch))
    start = process_time()
    program = compiler.program_of(network, "training")
    limit = tpc.derive(program)
    derived = process_time()
    tpc.emit(limit)
    emitted = process_time()
    module = tpc.evaluator(program)
    began, used = perf_counter(), process_time()
    result = module.evaluate(samples=samples, replicates=2, rank_tolerance=1e-6)
    seconds, cpu = perf_counter() - began, process_time() - used
    return {
        "derive": derived - start,
        "emit": emitted - derived,
        "wall": seconds,
        "cpu": cpu,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "load": result.stein_load,
        "f": result["f"][:, -TESTS:],
        "error": result.stderr["f"][:, -TESTS:],
    }


def finite(optimizer: str, options: argparse.Namespace) -> np.ndarray:
    """Return the outputs on the test inputs of finite networks, averaged over trials."""
    network = tpc.parse(text(optimizer, options.steps, options.batch))
    result = tpc.simulate(network, width=options.width, trials=options.trials)
    return np.asarray(result["f"])[:, -TESTS:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--scale", type=int, default=1)
    parser.add_argument("--width", type=int, default=4096)
    parser.add_argument("--trials", type=int, default=4)
    parser.add_argument("--only", choices=tuple(CASES))
    options = parser.parse_args()
    table = Table(title=f"{os.cpu_count()} cores, {options.steps} steps, batch {options.batch}")
    for column in ("", "nodes", "derive s", "emit s", "wall s", "cpu s", "GB", "k/N", "distance"):
        table.add_column(column, justify="right")
    for name, (optimizer, full) in CASES.items():
        if options.only not in (None, name):
            continue
        samples = full // options.scale
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            found = pool.apply(measure, (optimizer, samples, options))
        load = ", ".join(f"{share:.3f} {side}" for side, share in found["load"].items())
        distance = "-"
        if options.width:
            reference = finite(optimizer, options)
            size = np.sqrt(np.mean(reference[-1] ** 2))
            distance = f"{np.sqrt(np.mean((found['f'][-1] - reference[-1]) ** 2)) / size:.1%}"
        numbers = [f"{found[key]:.2f}" for key in ("derive", "emit", "wall", "cpu", "memory")]
        table.add_row(name, str(samples), *numbers, load, distance)
        print(name, "f on the test inputs, last step:", found["f"][-1].round(4).tolist())
        print(name, "standard errors:", found["error"][-1].round(4).tolist())
        if options.width:
            print(name, f"at width {options.width}:", reference[-1].round(4).tolist())
    Console().print(table)


if __name__ == "__main__":
    main()
