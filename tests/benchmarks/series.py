"""NNGP and NTK of a tanh network by Hermite series: seconds and memory against size.

    python tests/benchmarks/series.py [--inputs N] [--depth L] [--repeats R]

The layers are E tanh(u) tanh(w) and E tanh'(u) tanh'(w) for all pairs of N random inputs. Rows
differ in the size of the inputs: larger variances need more terms. The time is the best of R runs;
memory is what is allocated above the covariance of the inputs.
"""

import argparse
import tracemalloc
from time import perf_counter

import numpy as np
from rich.console import Console
from rich.table import Table

from tpc.runtime.pair_series import pair_moment

Array = np.ndarray


def sech2(x: Array) -> Array:
    t = np.tanh(x)
    return 1 - t * t


def kernels(nngp: Array, depth: int) -> tuple[Array, Array, float]:
    """Return both kernels and the largest error that was reported."""
    ntk, largest = nngp, 0.0
    for _ in range(depth):
        q = np.diag(nngp).copy()
        forward, error = pair_moment(np.tanh, np.tanh, q, q, nngp)
        backward, other = pair_moment(sech2, sech2, q, q, nngp)
        nngp = 1.69 * forward + 0.04
        ntk = nngp + 1.69 * ntk * backward
        largest = max(largest, error, other)
    return nngp, ntk, largest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--inputs", type=int, default=500)
    parser.add_argument("--depth", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=10)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    x = rng.standard_normal((options.inputs, 64))
    table = Table("variance", "largest |rho|", "best, ms", "peak, MB", "outputs, MB", "error")
    for variance, shared in ((1.7, 0.0), (20.0, 0.0), (20.0, 5.0), (100.0, 5.0)):
        inputs = x + shared
        covariance = inputs @ inputs.T
        covariance *= variance / np.diag(covariance).mean()
        size = np.sqrt(np.diag(covariance))
        rho = covariance / np.outer(size, size) - np.eye(len(size))
        times = []
        for _ in range(options.repeats):
            start = perf_counter()
            nngp, ntk, error = kernels(covariance, options.depth)
            times.append(perf_counter() - start)
        tracemalloc.start()
        kernels(covariance, options.depth)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        outputs = nngp.nbytes + ntk.nbytes
        cells = (min(times) * 1e3, peak / 1e6, outputs / 1e6)
        table.add_row(
            f"{variance}", f"{np.abs(rho).max():.3f}", *(f"{x:.1f}" for x in cells), f"{error:.1e}"
        )
    Console().print(table)


if __name__ == "__main__":
    main()
