"""The constant shape of what a step computes, from those of its operands."""

from collections.abc import Sequence

import numpy as np

from tpc.kernels.plan import LinearMap, PlanOperation

Shape = tuple[int, ...]


def shape_of(operation: PlanOperation, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of a step's value, without the axes over inputs."""
    match operation:
        case PlanOperation("contract" | "dot", (int() as axes,)):
            left, right = shapes
            return left[: len(left) - axes] + right[axes:]
        case PlanOperation("take", keys):
            return tuple(n for n, key in zip(shapes[0], keys, strict=True) if key is None)
        case PlanOperation("permute", order):
            return tuple(shapes[0][int(str(axis))] for axis in order)
        case PlanOperation("expand", axes):
            rest = iter(shapes[0])
            rank = len(shapes[0]) + len(axes)
            return tuple(1 if axis in axes else next(rest) for axis in range(rank))
        case PlanOperation("reduce", (_, *axes)):
            return tuple(n for axis, n in enumerate(shapes[0]) if axis not in axes)
        case PlanOperation("diagonal", (str() as subscripts,)):
            before, after = (part.removeprefix("...") for part in subscripts.split("->"))
            return tuple(shapes[0][before.index(letter)] for letter in after)
        case PlanOperation("trace" | "det"):
            return shapes[0][:-2]
        case PlanOperation("pick", (tuple() as places,)):
            return (len(places),)
        case PlanOperation("linear", (LinearMap(shape=shape),)):
            return shape
        case _:
            return np.broadcast_shapes(*shapes)
