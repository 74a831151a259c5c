"""Training of hundreds of steps at infinite width, held against networks of width 4,096.

    python tests/benchmarks/long_training.py [--nodes N] [--width N] [--trials N] [--only 1|2|3]

Gradient descent in the maximal update parametrization: 500 steps with one hidden layer and 20
inputs, 200 steps with two hidden layers and 4 inputs; and 100 steps of Muon with momentum, two
hidden layers and 8 inputs, on twice the nodes. Each limit is computed in a process of its
own: its CPU seconds and seconds, derivation and all, its peak of memory, and the largest difference
from the trained networks, in combined standard errors.
"""

import argparse
import os
import subprocess
import sys
from typing import NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # threads that wait count as CPU seconds

import numpy as np
from rich.console import Console
from rich.table import Table

import tpc

LIMIT = """
import resource, sys, time
import tpc
text, nodes, place = sys.argv[1:]
start = time.time()
found = tpc.train(tpc.parse(text), int(nodes))
used = resource.getrusage(resource.RUSAGE_SELF)
import numpy as np
np.savez(place, f=found["f"], stderr=found.stderr["f"])
print(used.ru_utime + used.ru_stime, time.time() - start, used.ru_maxrss / 2**20)
"""


class Case(NamedTuple):
    """A training: its hidden layers, inputs, steps, the optimizer of matrices, factor of nodes."""

    layers: int
    inputs: int
    steps: int
    matrices: str = "sgd(lr=0.5)"
    nodes: int = 1


CASES = (Case(1, 20, 500), Case(2, 4, 200), Case(2, 8, 100, "muon(lr=0.05)", 2))


def network(case: Case) -> str:
    """Return a tanh network trained on random inputs."""
    layers, inputs = case.layers, case.inputs
    rng = np.random.default_rng(0)
    rows, targets = rng.standard_normal((inputs, 3)).round(2), rng.uniform(-1, 1, inputs).round(2)
    deeper = "weight W : n x n\nx2 = tanh(W @ x1)\n" if layers == 2 else ""
    return (
        f"dim n\ninput xi[3]\nweight U[3] : n\nweight v : n\nx1 = tanh(U @ xi)\n{deeper}"
        f"readout f = v * x{layers}\ntrain f:\n    data {rows.tolist()}, {targets.tolist()}\n"
        f"    loss mse\n    reduce mean\n    optimizer sgd(lr=0.5)\n"
        f"    optimizer matrices: {case.matrices}\n    parametrization mup\n"
        f"    steps {case.steps}\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, default=8192)
    parser.add_argument("--width", type=int, default=4096)
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--engine", default="matrix-free")
    parser.add_argument("--only", type=int, nargs="*", default=[1, 2, 3], help="which of them")
    options = parser.parse_args()
    table = Table(title=f"{options.nodes:,} nodes beside {options.trials} of width {options.width}")
    for column in ("layers", "inputs", "steps", "CPU s", "s", "GB", "largest error", "difference"):
        table.add_column(column, justify="right")
    for at, case in enumerate(CASES, 1):
        if at in options.only:
            table.add_row(str(case.layers), str(case.inputs), str(case.steps), *row(case, options))
    Console().print(table)


def row(case: Case, options: argparse.Namespace) -> tuple[str, ...]:
    """Return what one training took, and how far it is from finite networks."""
    text, place = network(case), f"/tmp/long_training_{os.getpid()}.npz"
    arguments = [sys.executable, "-c", LIMIT, text, str(case.nodes * options.nodes), place]
    done = subprocess.run(arguments, capture_output=True, check=True, text=True)
    cpu, wall, memory = map(float, done.stdout.split())
    limit = np.load(place)
    os.remove(place)
    finite = tpc.simulate(tpc.parse(text), options.width, options.trials, engine=options.engine)
    errors = np.hypot(limit["stderr"], np.asarray(finite.stderr["f"]))
    apart = abs(limit["f"] - finite["f"]) / np.where(errors > 0, errors, 1)
    return (
        f"{cpu:.0f}", f"{wall:.0f}", f"{memory:.2f}", f"{limit['stderr'].max():.1e}",
        f"{apart.max():.1f}",
    )  # fmt: skip


if __name__ == "__main__":
    main()
