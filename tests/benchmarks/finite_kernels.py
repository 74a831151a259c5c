"""Both kernels of every example against those of finite networks: the distance in errors.

    python tests/benchmarks/finite_kernels.py [NETWORK.tp ...] [--widths 512,1024,2048] [--trials R]

A finite network's kernels are those of its own weights: <e|e'> of its readout, and the product of
its Jacobians by backpropagation, without any equation of the limit. They are averaged over trials
and extrapolated by a + b/n. The last column is the largest distance of `a` from the limit over
all entries, in combined standard errors.
"""

import argparse
from pathlib import Path
from time import perf_counter

import numpy as np
from rich.console import Console
from rich.table import Table

import tpc
from tpc.kernels.result import KernelResult
from tpc.network.kernel_programs import batch_program
from tpc.network.network import Network
from tpc.simulation.result import Verification
from tpc.simulation.verify import verify

NETWORKS = Path(__file__).parents[2] / "examples" / "networks"
INPUTS = {"batchnorm_mlp": 8}
"""How many inputs: the gradients of a batch norm over a few have heavy tails."""


def inputs_of(name: str, network: Network, most: int) -> np.ndarray:
    """Return a small data set."""
    count = min(INPUTS.get(name, 3), most)
    return np.random.default_rng(3).standard_normal((count, *network.input.shape))


def compare(
    name: str,
    network: Network,
    widths: tuple[int, ...],
    trials: int,
    samples: int,
    most: int = 8,
) -> tuple[KernelResult, Verification]:
    """Return the kernels, and how finite networks compare with them."""
    inputs = inputs_of(name, network, most)
    limit = tpc.kernel(network, inputs, samples=samples)
    program = batch_program(network, ("nngp", "ntk"), inputs, None)
    return limit, verify(program, limit, widths, trials, seed=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("networks", nargs="*", default=sorted(NETWORKS.glob("*.tp")), type=Path)
    parser.add_argument("--widths", default="512,1024,2048")
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--samples", type=int, default=2**17)
    options = parser.parse_args()
    widths = tuple(int(width) for width in options.widths.split(","))
    table = Table("network", "kernel", "method", "entry 0, 0", "finite, n to infinity", "distance")
    console = Console()
    for path in options.networks:
        start = perf_counter()
        network = tpc.load(path)
        limit, found = compare(path.stem, network, widths, options.trials, options.samples)
        for one in found.comparisons:
            error = np.hypot(one.limit_stderr, one.intercept_stderr)
            gap = np.abs(one.intercept - one.limit)
            distance = float(np.max(gap / np.where(error > 0, error, np.inf)))
            first = (0,) * one.limit.ndim
            table.add_row(
                path.stem,
                one.output,
                limit.methods[one.output],
                f"{one.limit[first]:.4f} +- {one.limit_stderr[first]:.1g}",
                f"{one.intercept[first]:.4f} +- {one.intercept_stderr[first]:.1g}",
                f"{distance:.1f}{'' if one.agrees.all() else ' DISAGREES'}",
            )
        console.log(f"{path.stem}: {perf_counter() - start:.0f} s")
    console.print(table)


if __name__ == "__main__":
    main()
