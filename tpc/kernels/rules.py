"""Rules that make plans shorter: factors outside of products, one angle for the moments of a ReLU.

Each takes a step that is about to be added to a list, and returns an equal value if it knows one.
"""

import numpy as np

from tpc.kernels.plan import AXES, Leaf, PlanOperation
from tpc.kernels.steps import PlanSteps, Rule

MULTIPLY = PlanOperation("mul")


def gather_factors(
    steps: PlanSteps, operation: PlanOperation, operands: tuple[int, ...]
) -> int | None:
    """(x a) b = x (a b) for numbers a, b, and x 1 = x."""
    if operation != MULTIPLY:
        return None
    for value, factor in (operands, operands[::-1]):
        number = steps.numeral(factor)
        if number is None:
            continue
        base, before = unscaled(steps, value)
        if number * before == 1:
            return base
        if base != value:
            return scaled(steps, base, number * before)
    return None


def contract_identity(
    steps: PlanSteps, operation: PlanOperation, operands: tuple[int, ...]
) -> int | None:
    """(a I) x = a x."""
    if operation.name != "contract":
        return None
    axes = int(str(operation.arguments[0]))
    for unit, other in (operands, operands[::-1]):
        match steps.values[unit]:
            case Leaf(value=np.ndarray() as array) if array.ndim == AXES + 2 * axes:
                size = int(np.prod(array.shape[AXES + axes :], dtype=int))
                matrix = array.reshape(-1, size)
                if array.shape[AXES : AXES + axes] == array.shape[AXES + axes :]:
                    factor = float(matrix[0, 0])
                    if np.array_equal(matrix, factor * np.eye(size)):
                        return scaled(steps, other, factor)
    return None


def contract_unscaled(
    steps: PlanSteps, operation: PlanOperation, operands: tuple[int, ...]
) -> int | None:
    """(a x) (b y) = (a b) (x y) for contractions, which so are shared."""
    if operation.name not in {"contract", "dot"}:
        return None
    (left, a), (right, b) = (unscaled(steps, operand) for operand in operands)
    if (left, right) == operands:
        return None
    return scaled(steps, steps.step(operation, left, right), a * b)


def pair_relu_moments(
    steps: PlanSteps, operation: PlanOperation, operands: tuple[int, ...]
) -> int | None:
    """Both moments of a ReLU from one angle, where the determinant is that of the pair."""
    orders, rest = operation.arguments[:2], iter(operands)
    if operation.name != "relu_moment" or orders not in {(0.0, 0.0), (1.0, 1.0)}:
        return None
    v1, v2, c, det = (
        next(rest) if given is None else steps.leaf(Leaf(float(str(given))))
        for given in operation.arguments[2:]
    )
    if steps.operands(det, "gram") != (v1, v2, c):
        return None
    one = steps.leaf(Leaf(1.0))
    roots = [steps.step(PlanOperation("sqrt"), variance) for variance in (v1, v2)]
    inverses = [steps.step(PlanOperation("div"), one, root) for root in roots]
    pair = steps.step(PlanOperation("arc_cosine"), c, v1, v2, *inverses)
    moment = steps.step(PlanOperation("item", (int(orders == (1.0, 1.0)),)), pair)
    return scaled(steps, moment, 0.5 / np.pi)


def scaled(steps: PlanSteps, number: int, factor: float) -> int:
    """Return a value times a number."""
    return steps.step(MULTIPLY, number, steps.leaf(Leaf(factor)))


def unscaled(steps: PlanSteps, number: int) -> tuple[int, float]:
    """Return a value without its factor, and that."""
    operands = steps.operands(number, "mul")
    for value, factor in (operands, operands[::-1]) if operands else ():
        found = steps.numeral(factor)
        if found is not None:
            return value, found
    return number, 1.0


RULES: tuple[Rule, ...] = (
    gather_factors,
    contract_identity,
    contract_unscaled,
    pair_relu_moments,
)
