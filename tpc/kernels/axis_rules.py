"""Rules that move the order of axes outwards: what is one but for it is computed once.

f(x.T, y.T) = f(x, y).T,    (a x).T = a x.T,    <y|x> = <x|y>.T
"""

from string import ascii_lowercase

import numpy as np

from tpc.kernels.plan import AXES, Array, Leaf, PlanOperation, PlanStep, Side
from tpc.kernels.rules import MULTIPLY, scaled, unscaled
from tpc.kernels.step_functions import SERIES, VIEWS, function
from tpc.kernels.steps import PlanSteps, Rule

STRUCTURAL = VIEWS | SERIES | {
    "contract", "dot", "reduce", "softmax", "trace", "det", "inv", "root", "item", "arc_cosine",
}  # fmt: skip
"""The operations that are not computed entry by entry, or have several results."""

Order = tuple[int, ...]


def fold_constants(
    steps: PlanSteps, operation: PlanOperation, operands: tuple[int, ...]
) -> int | None:
    """Parts of constants are constants, and one with a single entry is a number."""
    arrays = [array(steps, operand) for operand in operands]
    if operation.name in VIEWS and arrays[0] is not None:
        return steps.leaf(Leaf(np.ascontiguousarray(function(operation)(arrays[0]))))
    if operation == MULTIPLY:
        for value, other in (operands, operands[::-1]):
            factor = array(steps, other)
            if factor is None or factor.size > 1 or steps.numeral(value) is not None:
                continue
            if factor.ndim - AXES <= len(steps.values[value].shape):
                return scaled(steps, value, float(factor.item()))
    return None


def scales_outside(
    steps: PlanSteps, operation: PlanOperation, operands: tuple[int, ...]
) -> int | None:
    """(a x).T = a x.T, also of parts and sums of x."""
    if operation.name not in VIEWS and operation.arguments[:1] != ("sum",):
        return None
    base, factor = unscaled(steps, operands[0])
    return None if base == operands[0] else scaled(steps, steps.step(operation, base), factor)


def merge_orders(
    steps: PlanSteps, operation: PlanOperation, operands: tuple[int, ...]
) -> int | None:
    """One order after another is one; new axes come last, the diagonal of x.T is one of x."""
    if operation.name == "diagonal":
        return _diagonal(steps, str(operation.arguments[0]), operands[0])
    order = _numbers(operation, "permute")
    if operation.name != "permute":
        return None
    if order == tuple(range(len(order))):
        return operands[0]
    if (inner := _view(steps, operands[0], "permute")) is not None:
        base, before = inner
        return permuted(steps, base, tuple(before[axis] for axis in order))
    if (inner := _view(steps, operands[0], "expand")) is not None:
        base, new = inner
        old = [axis for axis in range(len(order)) if axis not in new]
        rest = tuple(old.index(axis) for axis in order if axis not in new)
        places = tuple(place for place, axis in enumerate(order) if axis in new)
        return steps.step(PlanOperation("expand", places), permuted(steps, base, rest))
    return None


def _diagonal(steps: PlanSteps, subscripts: str, operand: int) -> int | None:
    before, after = (part.removeprefix("...") for part in subscripts.split("->"))
    base = operand
    if (inner := _view(steps, operand, "permute")) is not None:
        base, order = inner
        before = "".join(before[order.index(axis)] for axis in range(len(order)))
    letters = dict(zip(dict.fromkeys(before), ascii_lowercase, strict=False))
    ascending = "".join(letters.values())
    renamed = f"...{''.join(letters[x] for x in before)}->...{ascending}"
    if base == operand and renamed == subscripts:
        return None
    order = tuple(ascending.index(letters[letter]) for letter in after)
    return permuted(steps, steps.step(PlanOperation("diagonal", (renamed,)), base), order)


def views_outside(
    steps: PlanSteps, operation: PlanOperation, operands: tuple[int, ...]
) -> int | None:
    """f(x.T, y.T) = f(x, y).T, where all of pairs that f takes has one order; so for new axes."""
    if operation.name in STRUCTURAL:
        return None
    arrays = [x for x in operands if steps.numeral(x) is None]
    if not arrays or (operation == MULTIPLY and len(arrays) == 1):
        return None
    new = [set(_scaled_view(steps, x, "expand") or ()) for x in arrays]
    if common := tuple(sorted(set.intersection(*new))):
        inner = [x if x not in arrays else _without(steps, x, common) for x in operands]
        return steps.step(PlanOperation("expand", common), steps.step(operation, *inner))
    of_pairs = [x for x in arrays if steps.values[x].side is Side.BOTH] or arrays
    orders = {_scaled_view(steps, x, "permute") for x in of_pairs}
    order = next(iter(orders))
    if len(orders) > 1 or order is None:
        return None
    if any(len(steps.values[x].shape) != len(order) for x in arrays):
        return None
    inverse = tuple(order.index(axis) for axis in range(len(order)))
    inner = [x if x not in arrays else permuted(steps, x, inverse) for x in operands]
    return permuted(steps, steps.step(operation, *inner), order)


def _scaled_view(steps: PlanSteps, number: int, name: str) -> Order | None:
    """Return the arguments of the view of this name that a value is, but for a factor."""
    view = _view(steps, unscaled(steps, number)[0], name)
    return view and view[1]


def _without(steps: PlanSteps, number: int, gone: Order) -> int:
    """Return a value without some of its new axes."""
    base, factor = unscaled(steps, number)
    view = _view(steps, base, "expand")
    assert view is not None
    rest = tuple(axis - sum(x < axis for x in gone) for axis in view[1] if axis not in gone)
    inner = steps.step(PlanOperation("expand", rest), view[0]) if rest else view[0]
    return scaled(steps, inner, factor)


def first_before_second(
    steps: PlanSteps, operation: PlanOperation, operands: tuple[int, ...]
) -> int | None:
    """<y|x> = <x|y>.T for first inputs x and second inputs y."""
    left, right = (steps.values[x] for x in operands[:2]) if len(operands) == 2 else (None, None)
    if operation.name != "contract" or left is None or right is None:
        return None
    if (left.side, right.side) != (Side.SECOND, Side.FIRST):
        return None
    axes = int(str(operation.arguments[0]))
    y, x = len(left.shape) - axes, len(right.shape) - axes
    one = permuted(steps, operands[1], (*range(axes, axes + x), *range(axes)))
    other = permuted(steps, operands[0], (*range(y, y + axes), *range(y)))
    product = steps.step(operation, one, other)
    return permuted(steps, product, (*range(x, x + y), *range(x)))


def permuted(steps: PlanSteps, number: int, order: Order) -> int:
    """Return a value with its axes in another order."""
    return steps.step(PlanOperation("permute", order), number)


def array(steps: PlanSteps, number: int) -> Array | None:
    """Return the array that a value is, if it is one."""
    match steps.values[number]:
        case Leaf(value=np.ndarray() as value):
            return value
        case _:
            return None


def _numbers(operation: PlanOperation, name: str) -> Order:
    return tuple(int(str(x)) for x in operation.arguments) if operation.name == name else ()


def _view(steps: PlanSteps, number: int, name: str) -> tuple[int, Order] | None:
    """Return what a value is a view of this name of, and its arguments."""
    match steps.values[number]:
        case PlanStep(operation=operation, operands=(base,)) if operation.name == name:
            return base, _numbers(operation, name)
        case _:
            return None


AXIS_RULES: tuple[Rule, ...] = (
    fold_constants,
    scales_outside,
    merge_orders,
    first_before_second,
    views_outside,
)
