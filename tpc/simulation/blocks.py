"""Averages over several coordinates at once, in blocks, so that memory stays bounded.

`mean[j](psi(x; x[j]))` is (1/n) sum over j of psi(x_i; x_j) for every i: n^2 values, and n^(r+1)
with r bound coordinates. The body is computed on boxes of coordinates small enough for a cache;
whatever depends on a single coordinate has been computed before, once.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from math import prod

import numpy as np
import numpy.typing as npt

from tpc.program.nodes import FREE, Mean, Node
from tpc.simulation.finite_operations import apply_operation, over_axes
from tpc.simulation.schedule import is_wide

Array = npt.NDArray[np.float64]
Window = Mapping[str, slice]
"""A range of indices for each coordinate."""

LARGEST_BLOCK = 1 << 16
SMALLEST_BLOCK = 1 << 12
BODY_ENTRIES = 1 << 22
"""A body of many values gets smaller blocks: all of them together hold about this many numbers."""


def mean_in_blocks(
    mean: Mean,
    bodies: Mapping[Mean, tuple[Node, ...]],
    whole: Callable[[Node], Array],
    size: Callable[[str], int],
    window: Window | None = None,
) -> Array:
    """Return the value of a mean whose operand has several coordinates.

    Args:
        mean: The mean.
        bodies: The values with several coordinates that each such mean is made of.
        whole: Gives the values with at most one coordinate.
        size: Gives the number of entries of a dim.
        window: Where to compute it, in its own coordinates; everywhere if None.

    Returns:
        An array with an axis for each coordinate of `mean`, then its constant axes.
    """
    full = {name: slice(0, size(dim)) for name, dim in mean.operand.coords}
    window = full if window is None else {**full, **{name: window[name] for name, _ in mean.coords}}
    kept = [name for name, _ in mean.coords]
    body = bodies[mean]
    edges = _block_edges({name: _length(window[name]) for name in full}, body)
    result = np.empty((*(_length(window[name]) for name in kept), *mean.shape))
    count = prod(_length(window[name]) for name in mean.over)
    for outer in _boxes(window, edges, kept):
        total: Array = np.zeros(())
        for inner in _boxes(window, edges, mean.over):
            box = {**outer, **inner}
            total = total + _compute(body, box, bodies, whole, size).sum(axis=over_axes(mean))
        place = tuple(
            slice(outer[name].start - window[name].start, outer[name].stop - window[name].start)
            for name in kept
        )
        result[place] = total / count
    return result


def _compute(
    body: tuple[Node, ...],
    box: Window,
    bodies: Mapping[Mean, tuple[Node, ...]],
    whole: Callable[[Node], Array],
    size: Callable[[str], int],
) -> Array:
    """Return the last value of a body on one box."""
    local: dict[Node, Array] = {}

    def values(node: Node) -> Array:
        if is_wide(node):
            return local[node]
        value = whole(node)
        return value[box[node.coords[0][0]]] if node.coords else value

    for node in body:
        if isinstance(node, Mean) and node in bodies:
            local[node] = mean_in_blocks(node, bodies, whole, size, box)
        else:
            local[node] = apply_operation(node, values)
    return local[body[-1]]


def _block_edges(lengths: dict[str, int], body: tuple[Node, ...]) -> dict[str, int]:
    """Return the edge of a block in each coordinate: the longest are cut first.

    The free coordinate comes first in memory, so it is cut last among equals.
    """
    entries = max(prod(node.shape) for node in body)
    budget = max(SMALLEST_BLOCK, min(LARGEST_BLOCK, BODY_ENTRIES // len(body))) // max(1, entries)
    edges = dict(lengths)
    while prod(edges.values()) > max(1, budget):
        longest = max(edges, key=lambda name: (edges[name], name == FREE))
        edges[longest] = -(-edges[longest] // 2)
    return edges


def _boxes(
    window: Window, edges: Mapping[str, int], names: list[str] | tuple[str, ...]
) -> Iterator[dict[str, slice]]:
    ranges = [
        [
            slice(start, min(start + edges[name], window[name].stop))
            for start in range(window[name].start, window[name].stop, edges[name])
        ]
        for name in names
    ]
    for chosen in product(*ranges):
        yield dict(zip(names, chosen, strict=True))


def _length(window: slice) -> int:
    return int(window.stop - window.start)
