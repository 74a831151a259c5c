"""Entries that are moved, as NumPy writes it: x[1:3], [x, y], concat, pad, reshape.

`pad(x, widths=(1, 2))` has one zero before and two behind along the last axis; pairs are for the
last axes.

In graphs these are products with arrays of zeros and ones (`tpc.program.rearrangements`), and sums
of such products.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from tpc.program import nodes as op
from tpc.program.nodes import Node
from tpc.report import formula as expr
from tpc.report.formula import Formula

NOWHERE = -1
"""Stands for a zero among places."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Entry i of the result along an axis is the entry `places[i]` of the operand."""

    operand: Node
    axis: int
    places: tuple[int, ...]

    @property
    def start(self) -> int | None:
        """Where the operand stands as a whole, with zeros around; None where it does not."""
        length = self.operand.shape[self.axis]
        first = self.places.index(0) if 0 in self.places else 0
        whole = (*(NOWHERE,) * first, *range(length))
        return (
            first
            if self.places == (*whole, *(NOWHERE,) * (len(self.places) - len(whole)))
            else None
        )


def rearranged(node: Node, of: Callable[[Node], Formula]) -> Formula | None:
    """Return the formula of moved entries, or None for another node.

    Args:
        node: Of a program or a limit.
        of: Gives the formula of what is moved.
    """
    match node:
        case op.Contract(left=left, right=op.Constant(value=table), axes=axes):
            count = int(np.prod(left.shape, dtype=int))
            whole = axes == len(left.shape) > 0 and table.size == count**2
            if whole and np.array_equal(table.reshape(count, count), np.eye(count)):
                return expr.Call("reshape", (of(left),), "shape", node.shape)
        case op.Elementwise(function="add"):
            return _joined(node, of)
    moved = _moved(node)
    if moved is None or moved.axis >= len(node.shape):
        return None
    before, inside, after = _inside(moved.places)
    if NOWHERE in inside or not inside:
        return None
    rank, axis = len(node.shape), moved.axis
    part = of(moved.operand)
    if inside != tuple(range(moved.operand.shape[axis])):
        part = expr.Indexed(
            part,
            (
                *(":",) * axis,
                _slice(inside, moved.operand.shape[axis]),
                *(":",) * (rank - axis - 1),
            ),
        )
    if not before and not after:
        return part
    return expr.Call("pad", (part,), "widths", (before, after, *(0, 0) * (rank - axis - 1)))


def _inside(places: tuple[int, ...]) -> tuple[int, tuple[int, ...], int]:
    """Return how many zeros come first, what stands between, and how many zeros come last."""
    known = [at for at, place in enumerate(places) if place != NOWHERE]
    if not known:
        return len(places), (), 0
    first, last = known[0], known[-1] + 1
    return first, places[first:last], len(places) - last


def _joined(node: Node, of: Callable[[Node], Formula]) -> Formula | None:
    """Return `[x, y]` or `concat(x, y)` for a sum of parts that stand behind each other."""
    terms: list[Node] = []
    rest = node
    while isinstance(rest, op.Elementwise) and rest.function == "add" and rest.shape == node.shape:
        rest, last = rest.operands
        terms.insert(0, last)
    terms.insert(0, rest)
    parts = [part for term in terms if (part := _moved(term)) is not None]
    place = 0
    for part in parts:
        if len(parts) < len(terms) or part.axis != parts[0].axis or part.start != place:
            return None
        place += part.operand.shape[part.axis]
    if not parts or place != len(parts[0].places):
        return None
    operands = [part.operand for part in parts]
    axis = parts[0].axis
    if all(isinstance(x, op.Expand) and x.axes == (axis,) for x in operands):
        items = tuple(of(x.operand) for x in operands if isinstance(x, op.Expand))
        return expr.Listing(items) if axis == 0 else expr.Call("stack", items, "axis", (axis,))
    return expr.Call("concat", tuple(map(of, operands)), "axis", (axis,))


def _moved(node: Node) -> Moved | None:
    """Return what a product with an array of zeros and ones moves along one axis."""
    match node:
        case op.Elementwise(
            function="mul", operands=(op.Constant(value=unit), op.Expand(axes=(0,)) as item)
        ) if len(unit.shape) == len(node.shape) and unit.size == len(unit) == node.shape[0]:
            return _with_table(item, 0, unit.reshape(1, -1))
        case op.Permute(order=outer, operand=op.Contract() as product):
            return _along(product, outer)
        case op.Contract():
            return _along(node, tuple(range(len(node.shape))))
        case _:
            return None


def _along(product: op.Contract, outer: tuple[int, ...]) -> Moved | None:
    """Return what a contraction moves: it takes an axis to the end, and puts it back."""
    x, table, rank = product.left, product.right, len(product.left.shape)
    inner = tuple(range(rank))
    if isinstance(x, op.Permute):
        inner, x = x.order, x.operand
    if product.axes != 1 or not isinstance(table, op.Constant) or len(table.shape) != 2:
        return None
    axis = inner[-1]
    to_end = (*(other for other in range(rank) if other != axis), axis)
    back = (*range(axis), rank - 1, *range(axis, rank - 1))
    return _with_table(x, axis, table.value) if (inner, outer) == (to_end, back) else None


def _with_table(x: Node, axis: int, table: npt.NDArray[np.float64]) -> Moved | None:
    if not np.isin(table, (0, 1)).all() or (table.sum(axis=0) > 1).any():
        return None
    places = np.where(table.any(axis=0), table.argmax(axis=0), NOWHERE)
    return Moved(x, axis, tuple(int(place) for place in places))


def _slice(places: tuple[int, ...], length: int) -> str:
    """Return the index that takes these places of an axis: 1:3, ::2 or a list."""
    steps = {after - before for before, after in pairwise(places)} or {1}
    if len(steps) > 1 or (step := steps.pop()) <= 0:
        return f"[{', '.join(map(str, places))}]"
    stop = places[-1] + 1 if places[-1] + step < length else ""
    written = f"{places[0] or ''}:{stop}"
    return written if step == 1 else f"{written}:{step}"
