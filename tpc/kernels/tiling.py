"""Plan, inputs -> kernel matrices, tile by tile.

What depends on one input is computed first, for all inputs. Then the matrix is cut into tiles that
stay in cache; threads take one after the other. For one data set the kernel of (x, x') is that of
(x', x) transposed: tiles below the diagonal are copies.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from math import isqrt
from threading import Event, Lock

import numpy as np
from threadpoolctl import ThreadpoolController

from tpc.kernels.plan import AXES, Array, KernelPlan, Tile
from tpc.kernels.scratch import Scratch
from tpc.kernels.tiles import singles_of, tile

TILE_FLOATS = 2**16
"""How many entries an array of a tile has at most: a few such arrays should stay in cache."""

SERIES_FLOATS = 2**14
"""The same where series are summed, which need more arrays."""

BANDS = 4
"""How many tiles there are at least one above another, as long as they are not small."""

SMALL = 64
"""The height of a small tile: what is done for each tile matters there."""

Progress = Callable[[int, int], None]


def evaluate(
    plan: KernelPlan,
    first: Array,
    second: Array | None,
    params: Mapping[str, Array],
    threads: int | None = None,
    progress: Progress | None = None,
) -> tuple[dict[str, Array], float]:
    """Compute every output for all pairs.

    Args:
        plan: The steps.
        first: The inputs of the rows, of shape M + input shape.
        second: Those of the columns; None for the same ones.
        params: Values of the network's params, by name.
        threads: How many; by default as many as the process may use.
        progress: Called with the tiles done so far, and all tiles.

    Returns:
        Arrays of shape M + e + M2 + e for readouts of shape e, and the largest error of a series.

    Raises:
        NotSmooth: A function of a series has kinks.
    """
    threads = threads or usable_cores()
    with _blas().limit(limits=1, user_api="blas"):
        singles = singles_of(plan, first, first if second is None else second, params, threads)
    mirrored = second is None
    results = {}
    for name, shape in plan.shapes.items():
        rows, columns = shape[: len(shape) // 2], shape[len(shape) // 2 :]
        results[name] = np.empty((singles.sizes[0], *rows, singles.sizes[1], *columns))

    def work(part: Tile, scratch: Scratch) -> None:
        for name, found in tile(plan, singles, part, scratch).items():
            write(results[name], found, part, mirrored)

    floats = min(TILE_FLOATS, SERIES_FLOATS) if plan.series else TILE_FLOATS
    parts = list(cut(singles.sizes, max(1, floats // plan.widest), mirrored))
    run(parts, work, threads, progress)
    return results, singles.error


def evaluate_alike(
    plan: KernelPlan, inputs: Array, params: Mapping[str, Array]
) -> dict[str, Array]:
    """Compute every output of a plan of one input.

    Returns:
        Arrays of shape M + e + e for readouts of shape e.
    """
    singles = singles_of(plan, inputs, inputs, params)
    found = {}
    for name, number in plan.outputs.items():
        value, shape = singles.values[number], plan.shapes[name]
        assert value is not None
        value = np.broadcast_to(value[:, 0], (len(inputs), *shape))
        rank = len(shape) // 2
        other = value.transpose(0, *range(1 + rank, 1 + 2 * rank), *range(1, 1 + rank))
        found[name] = 0.5 * (value + other)
    return found


def usable_cores() -> int:
    """Return how many cores the process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _blas() -> ThreadpoolController:
    """Return what is known of the libraries of linear algebra; to find them takes time."""
    return ThreadpoolController()


def run(
    parts: list[Tile],
    work: Callable[[Tile, Scratch], None],
    threads: int,
    progress: Progress | None,
) -> None:
    """Work on all parts, each in the thread that is free."""
    waiting, lock, stop = iter(parts), Lock(), Event()
    done = 0

    def take() -> None:
        nonlocal done
        scratch = Scratch()
        while not stop.is_set():
            with lock:
                part = next(waiting, None)
            if part is None:
                return
            work(part, scratch)
            with lock:
                done += 1
                if progress is not None:
                    progress(done, len(parts))

    # BLAS threads of its own would wait for work by spinning, and take the cores of these.
    with _blas().limit(limits=1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        workers = [pool.submit(take) for _ in range(min(threads, len(parts)))]
        try:
            for worker in workers:
                worker.result()
        except BaseException:
            stop.set()
            raise


def write(result: Array, found: Array, part: Tile, mirrored: bool) -> None:
    """Write the values of a tile, and of its mirror image.

    Args:
        result: Of shape rows + e + columns + e.
        found: It broadcasts to (rows, columns) + e + e.
        part: The rows and columns.
        mirrored: Whether rows and columns are the same inputs.
    """
    rows, columns = part
    rank = (result.ndim - AXES) // 2
    inner = (slice(None),) * rank
    # From (rows, columns) + e + e to rows + e + columns + e.
    found = np.moveaxis(found, 1, 1 + rank)
    if mirrored:
        other = found.transpose(*range(1 + rank, 2 + 2 * rank), *range(1 + rank))
        if rows == columns:  # both halves are there, and alike but for rounding
            found = 0.5 * (found + other)
        else:
            result[(columns, *inner, rows)] = other
    result[(rows, *inner, columns)] = found


def cut(sizes: tuple[int, int], pairs: int, mirrored: bool) -> Iterator[Tile]:
    """Yield rows and columns of tiles of like size, only from the diagonal on if mirrored.

    Args:
        sizes: How many rows and columns there are.
        pairs: How many of a tile at most.
        mirrored: Whether they are the same inputs.
    """
    largest = min(max(1, isqrt(pairs)), max(SMALL, -(-max(sizes) // BANDS)))
    height, width = (-(-size // max(1, round(size / largest))) for size in sizes)
    for top in range(0, sizes[0], height):
        for left in range(top if mirrored else 0, sizes[1], width):
            yield slice(top, top + height), slice(left, left + width)
