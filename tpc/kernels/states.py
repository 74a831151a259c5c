"""Products of factors of states are covariances: (A F) (B F')^T = A C B^T.

The factor F of a state m + F z has an axis over z in front of those of the state. Plans have it in
products alone, but maybe behind maps of the state's axes: sums, parts, products with arrays. A rule
makes of each such product the same maps of the covariance C.
"""

from dataclasses import dataclass

import numpy as np

from tpc.kernels.plan import AXES, Leaf, PlanOperation, PlanStep, Side, State
from tpc.kernels.steps import PlanSteps

OVER_Z = -1
"""The label of the axis over z; those of the state count from 0."""

Operation = tuple[PlanOperation, tuple[int, ...]]
"""An operation on a factor, with its other operands."""


def contract_factors(
    steps: PlanSteps, operation: PlanOperation, operands: tuple[int, ...]
) -> int | None:
    """(A F) (B F')^T = A C B^T, a product over the axis of z."""
    if operation.name not in {"contract", "dot"} or operation.arguments != (1,):
        return None
    (one, first), (other, second) = (_opened(steps, operand) for operand in operands)
    if one is None or other is None:
        return None
    shape = one.shape
    product = steps.leaf(Leaf(State("covariance", one.side | other.side), shape + shape))
    if shape and one.side > other.side:
        order = (*range(len(shape), 2 * len(shape)), *range(len(shape)))
        product = steps.step(PlanOperation("permute", order), product)
    groups = [list(range(len(shape))) for _ in range(2)]
    for at, maps in enumerate((first, second)):
        labels = [OVER_Z, *range(len(shape))]
        for own, others in maps:
            offset = len(groups[0]) if at else 0
            found = _mapped(steps, product, own, others, labels, offset, groups[1 - at])
            if found is None:
                return None
            product, labels = found
            groups[at] = [label for label in labels if label != OVER_Z]
        if labels[0 if at else -1] != OVER_Z:
            return None
    return product


@dataclass(frozen=True, slots=True)
class Factor:
    """Whose factor a value is made of, and the shape of that state."""

    side: Side
    shape: tuple[int, ...]


def _opened(steps: PlanSteps, number: int) -> tuple[Factor | None, list[Operation]]:
    """Return the factor that a value is made of, and what is made of it, in order."""
    found: list[Operation] = []
    while True:
        match steps.values[number]:
            case Leaf(value=State(name="factor", side=side)) as leaf:
                return Factor(side, leaf.shape[1:]), found[::-1]
            case PlanStep(operation=own, operands=(inner, *others)):
                if own.name == "mul" and _scalar(steps, inner, None) is not None:
                    inner, others = others[0], [inner]
                found.append((own, tuple(others)))
                number = inner
            case _:
                return None, []


def _mapped(
    steps: PlanSteps,
    product: int,
    own: PlanOperation,
    others: tuple[int, ...],
    labels: list[int],
    offset: int,
    beside: list[int],
) -> tuple[int, list[int]] | None:
    """Return what a map of one factor makes of the product, and the labels of its axes then.

    Args:
        steps: Takes the steps.
        product: So far.
        own: The map.
        others: Its other operands.
        labels: Of the factor's axes.
        offset: How many axes of the product stand before those of this factor.
        beside: The labels of the other factor.
    """
    kept = [label for label in labels if label != OVER_Z]
    width = len(kept) + len(beside)
    place = {label: offset + index for index, label in enumerate(kept)}
    match own:
        case PlanOperation("mul" | "div"):
            scalar = _scalar(steps, others[0], len(labels))
            if scalar is None:
                return None
            if steps.numeral(scalar) is None and width:
                scalar = steps.step(PlanOperation("expand", tuple(range(width))), scalar)
            return steps.step(own, product, scalar), labels
        case PlanOperation("reduce", ("sum", *axes)):
            gone = [labels[int(str(axis))] for axis in axes]
            if OVER_Z in gone:
                return None
            summed = PlanOperation("reduce", ("sum", *(place[label] for label in gone)))
            return steps.step(summed, product), [x for x in labels if x not in gone]
        case PlanOperation("take", keys):
            taken = dict(zip(labels, keys, strict=False))
            if taken.get(OVER_Z) is not None:
                return None
            keyed = {place[label]: key for label, key in taken.items() if key is not None}
            new = tuple(keyed.get(axis) for axis in range(width))
            left = [label for label in labels if taken.get(label) is None]
            return steps.step(PlanOperation("take", new), product), left
        case PlanOperation("permute", order):
            moved = [labels[int(str(axis))] for axis in order]
            inner = [place[label] for label in moved if label != OVER_Z]
            whole = list(range(width))
            whole[offset : offset + len(inner)] = inner
            return _permuted(steps, product, whole), moved
        case PlanOperation("contract", (1,)):
            return _contracted(steps, product, others[0], labels, place, width)
    return None


def _scalar(steps: PlanSteps, number: int, rank: int | None) -> int | None:
    """Return the scalar that a value is, given the rank of the array that it is aligned with."""
    if steps.numeral(number) is not None:
        return number
    match steps.values[number]:
        case PlanStep(operation=PlanOperation("expand", axes), operands=(inner,)):
            return inner if rank in (None, len(axes)) else None
        case _:
            return None


def _contracted(
    steps: PlanSteps,
    product: int,
    other: int,
    labels: list[int],
    place: dict[int, int],
    width: int,
) -> tuple[int, list[int]] | None:
    """Return the same for a contraction of the last axis with an array."""
    leaf = steps.values[other]
    if labels[-1] == OVER_Z or not isinstance(leaf, Leaf) or not isinstance(leaf.value, np.ndarray):
        return None
    at, rank = place[labels[-1]], leaf.value.ndim - AXES - 1
    rest = [axis for axis in range(width) if axis != at]
    moved = _permuted(steps, product, [*rest, at])
    found = steps.step(PlanOperation("contract", (1,)), moved, other)
    new = range(len(rest), len(rest) + rank)
    order = [*range(at), *new, *range(at, len(rest))]
    fresh = [max(labels) + 1 + index for index in range(rank)]
    return _permuted(steps, found, order), [*labels[:-1], *fresh]


def _permuted(steps: PlanSteps, number: int, order: list[int]) -> int:
    if order == sorted(order):
        return number
    return steps.step(PlanOperation("permute", tuple(order)), number)
