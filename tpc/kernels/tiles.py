"""Plan, inputs -> kernel matrices, tile by tile.

What depends on one input is computed first, for all inputs. Then the matrix is cut into tiles that
stay in cache; threads take one after the other. A tile's arrays die after their last use, their
memory is written to in place, so that besides the outputs only a few tiles exist at any time. For
one data set the kernel of (x, x') is that of (x', x) transposed: tiles below the diagonal are
copies.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock

import numpy as np
from threadpoolctl import threadpool_limits

from tpc.kernels.plan import AXES, Array, Leaf, PairStep, Plan, Side, Step, Tile
from tpc.kernels.series import PairSeries

TILE_FLOATS = 2**15
"""How many entries an array of a tile has: a few such arrays should stay in cache."""

Progress = Callable[[int, int], None]


def evaluate(
    plan: Plan,
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
    evaluation = _Evaluation(plan, first, second, params)
    return evaluation.run(threads or usable_cores(), progress), evaluation.error


def evaluate_alike(plan: Plan, inputs: Array, params: Mapping[str, Array]) -> dict[str, Array]:
    """Compute every output of a plan of one input.

    Returns:
        Arrays of shape M + e + e for readouts of shape e.
    """
    return _Evaluation(plan, inputs, None, params).of_singles()


def usable_cores() -> int:
    """Return how many cores the process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Evaluation:
    def __init__(
        self, plan: Plan, first: Array, second: Array | None, params: Mapping[str, Array]
    ) -> None:
        self._plan = plan
        self._mirrored = second is None
        columns = first if second is None else second
        self._sizes = len(first), len(columns)
        self._given = {Side.FIRST: first[:, None], Side.SECOND: columns[None]}
        self._params = params
        self._fixed: list[Array | None] = [None] * len(plan.values)
        with np.errstate(all="ignore"):
            self._compute_singles()
        self._work: list[tuple[int, Step | PairStep]] = []
        self._series: dict[int, PairSeries] = {}
        for number, value in enumerate(plan.values):
            if isinstance(value, PairStep):
                self._series[number] = self._prepared(value)
            if isinstance(value, PairStep) or (isinstance(value, Step) and value.side is Side.BOTH):
                self._work.append((number, value))
        self._dead = _deaths(self._work, plan.outputs.values())
        self._owned: list[int | None] | None = None
        self._results: dict[str, Array] = {}

    def run(self, threads: int, progress: Progress | None) -> dict[str, Array]:
        """Compute all tiles."""
        first, second = self._sizes
        for name, shape in self._plan.shapes.items():
            rank = len(shape) // 2
            self._results[name] = np.empty((first, *shape[:rank], second, *shape[rank:]))
        tiles = list(_cut(self._sizes, self._plan.widest, self._mirrored))
        waiting, lock, stop = iter(tiles), Lock(), Event()
        done = 0

        def take() -> None:
            nonlocal done
            while not stop.is_set():
                with lock:
                    tile = next(waiting, None)
                if tile is None:
                    return
                self._compute_tile(tile)
                with lock:
                    done += 1
                    if progress is not None:
                        progress(done, len(tiles))

        # BLAS threads of its own would wait for work by spinning, and take the cores of these.
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
            workers = [pool.submit(take) for _ in range(min(threads, len(tiles)))]
            try:
                for worker in workers:
                    worker.result()
            except BaseException:
                stop.set()
                raise
        return self._results

    def of_singles(self) -> dict[str, Array]:
        """Return the outputs of a plan without pairs."""
        found = {}
        for name, number in self._plan.outputs.items():
            value = self._fixed[number]
            assert value is not None
            whole = self._sizes[:1] + self._plan.shapes[name]
            value = np.broadcast_to(value.reshape(value.shape[:1] + value.shape[2:]), whole)
            rank = (value.ndim - 1) // 2
            other = value.transpose(0, *range(1 + rank, 1 + 2 * rank), *range(1, 1 + rank))
            found[name] = 0.5 * (value + other)
        return found

    def _compute_singles(self) -> None:
        """Compute what depends on one input, or on none, for all inputs."""
        for number, value in enumerate(self._plan.values):
            match value:
                case Leaf(value=Side() as side):
                    self._fixed[number] = self._given[side]
                case Leaf(value=str() as name):
                    given = self._params[name]
                    self._fixed[number] = given.reshape((1,) * AXES + given.shape)
                case Leaf(value=np.ndarray() as array):
                    self._fixed[number] = array
                case Step(side=side) if side is not Side.BOTH:
                    operands = [self._fixed[operand] for operand in value.operands]
                    self._fixed[number] = value.apply(*operands)

    def _compute_tile(self, tile: Tile) -> None:
        values: dict[int, Array] = {}
        owned = self._owned
        with np.errstate(all="ignore"):
            if owned is None:
                self._owned = self._compute_first(values, tile)
            else:
                for (number, step), dead, place in zip(self._work, self._dead, owned, strict=True):
                    operands = [self._at(operand, values, tile) for operand in step.operands]
                    values[number] = self._computed(number, step, operands, place, tile)
                    for operand in dead:
                        del values[operand]
        for name, number in self._plan.outputs.items():
            self._write(name, self._at(number, values, tile), *tile)

    def _compute_first(self, values: dict[int, Array], tile: Tile) -> list[int | None]:
        """Compute a tile, and find which operand each step may write its result to.

        It is the same for all tiles: an operand that dies, has the shape of the result and is
        neither a view nor looked at by one.
        """
        owned: list[int | None] = []
        lent: set[int] = set()
        for (number, step), dead in zip(self._work, self._dead, strict=True):
            operands = [self._at(operand, values, tile) for operand in step.operands]
            in_place = isinstance(step, Step) and step.in_place
            owned.append(_own(step.operands, operands, set(dead) - lent) if in_place else None)
            values[number] = found = self._computed(number, step, operands, owned[-1], tile)
            if isinstance(found, np.ndarray) and found.base is not None:
                lent.update(step.operands)
            for operand in dead:
                del values[operand]
        return owned

    def _computed(
        self,
        number: int,
        step: Step | PairStep,
        operands: Sequence[Array],
        place: int | None,
        tile: Tile,
    ) -> Array:
        """Return the result of a step, in the memory of the operand at `place` if any."""
        if isinstance(step, PairStep):
            return self._series[number].tile(operands[-1], tile)
        if place is None:
            return step.apply(*operands)
        return step.apply(*operands, out=operands[place])

    def _prepared(self, step: PairStep) -> PairSeries:
        values = [self._fixed[operand] for operand in step.operands[:-1]]
        known = [value for value in values if value is not None]
        count = step.left.count
        return PairSeries(step.left, step.right, known[:count], known[count:], self._sizes)

    @property
    def error(self) -> float:
        """The largest error that a series may have."""
        return max((series.error for series in self._series.values()), default=0.0)

    def _at(self, number: int, values: Mapping[int, Array], tile: Tile) -> Array:
        """Return a value for the pairs of a tile."""
        return values[number] if number in values else self._part(number, tile)

    def _part(self, number: int, tile: Tile) -> Array:
        """Return a value of single inputs at the inputs of a tile."""
        value = self._fixed[number]
        assert value is not None
        if value.shape[0] > 1:
            value = value[tile[0]]
        return value[:, tile[1]] if value.shape[1] > 1 else value

    def _write(self, name: str, found: Array, rows: slice, columns: slice) -> None:
        result = self._results[name]
        rank = (result.ndim - AXES) // 2
        inner = (slice(None),) * rank
        # From (rows, columns) + e + e to rows + e + columns + e.
        found = np.moveaxis(found, 1, 1 + rank)
        if not self._mirrored:
            result[(rows, *inner, columns)] = found
            return
        other = found.transpose(*range(1 + rank, 2 + 2 * rank), *range(1 + rank))
        if rows == columns:  # both halves are there, and alike but for rounding
            found = 0.5 * (found + other)
        else:
            result[(columns, *inner, rows)] = other
        result[(rows, *inner, columns)] = found


def _own(numbers: Sequence[int], operands: Sequence[Array], free: set[int]) -> int | None:
    """Return the place of an operand that may be overwritten by the result, or None."""
    for place, (number, operand) in enumerate(zip(numbers, operands, strict=True)):
        if number in free and operand.base is None and operand.flags.writeable:
            shapes = [other.shape for other in operands]
            if np.broadcast_shapes(*shapes) == operand.shape:
                return place
    return None


def _deaths(
    work: Sequence[tuple[int, Step | PairStep]], outputs: Iterable[int]
) -> list[tuple[int, ...]]:
    """Return for each step the values of pairs that it is the last to use."""
    kept, of_pairs = set(outputs), {number for number, _ in work}
    seen: set[int] = set(kept)
    deaths: list[tuple[int, ...]] = []
    for _, step in reversed(work):
        last = {operand for operand in step.operands if operand in of_pairs} - seen
        seen |= last
        deaths.append(tuple(sorted(last)))
    return deaths[::-1]


def _cut(sizes: tuple[int, int], widest: int, mirrored: bool) -> Iterator[Tile]:
    """Yield rows and columns of tiles of like size, only from the diagonal on if mirrored."""
    largest = max(1, int(np.sqrt(TILE_FLOATS / widest)))
    height, width = (-(-size // max(1, round(size / largest))) for size in sizes)
    for top in range(0, sizes[0], height):
        for left in range(top if mirrored else 0, sizes[1], width):
            yield slice(top, top + height), slice(left, left + width)
