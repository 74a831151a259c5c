"""Lists of steps: equal ones are one, rules make one of another, those of no use are dropped."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import or_
from typing import TypeAlias

import numpy as np

from tpc.kernels.plan import Leaf, PlanOperation, PlanStep, Side, Value
from tpc.kernels.shapes import shape_of

COMMUTATIVE = frozenset({"add", "mul", "dot"})

Rule: TypeAlias = Callable[["PlanSteps", PlanOperation, tuple[int, ...]], int | None]
"""Takes an operation on values of a list, returns a value that is equal to it, or None."""


Replacement: TypeAlias = Callable[["PlanSteps", int, Sequence[int]], int | None]
"""Takes the number of a value and the new numbers of those before; returns a new one, or None."""


def _as_it_is(steps: "PlanSteps", number: int, new: Sequence[int]) -> None:
    return None


class PlanSteps:
    """Values in order, each after its operands.

    Attributes:
        values: What they are.
    """

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self.values: list[Value] = []
        self._rules = tuple(rules)
        self._numbers: dict[tuple[object, ...], int] = {}

    def leaf(self, value: Leaf) -> int:
        """Return the number of a leaf."""
        given = value.value
        key = (given.shape, given.tobytes()) if isinstance(given, np.ndarray) else (repr(given),)
        return self._number(key, value)

    def step(self, operation: PlanOperation, *operands: int) -> int:
        """Return the number of a step, or of what a rule makes of it."""
        for rule in self._rules:
            found = rule(self, operation, operands)
            if found is not None:
                return found
        if operation.name in COMMUTATIVE:
            operands = tuple(sorted(operands))
        # As text, since the value of number 2 and the number 2.0 are equal to Python.
        key = (repr(operation), operands)
        shape = shape_of(operation, [self.values[x].shape for x in operands])
        return self._number(key, PlanStep(operation, operands, self.side(operands), shape))

    def side(self, numbers: Iterable[int]) -> Side:
        """Return which inputs some values depend on together."""
        return reduce(or_, (self.values[number].side for number in numbers), Side.NEITHER)

    def numeral(self, number: int) -> float | None:
        """Return the number that a value is, if it is one."""
        match self.values[number]:
            case Leaf(value=float() as value):
                return value
            case _:
                return None

    def operands(self, number: int, name: str) -> tuple[int, ...]:
        """Return the operands of a value that is an operation of this name, else nothing."""
        match self.values[number]:
            case PlanStep(operation=PlanOperation(name=own), operands=operands) if own == name:
                return operands
            case _:
                return ()

    def _number(self, key: tuple[object, ...], value: Value) -> int:
        if key not in self._numbers:
            self._numbers[key] = len(self.values)
            self.values.append(value)
        return self._numbers[key]


def rewritten(
    values: Sequence[Value],
    outputs: Mapping[str, int],
    rules: Iterable[Rule],
    replace_by: Replacement = _as_it_is,
) -> tuple[tuple[Value, ...], dict[str, int]]:
    """Make a list of steps again by rules, and drop what no output needs."""
    steps = PlanSteps(rules)
    new: list[int] = []
    for number, value in enumerate(values):
        found = replace_by(steps, number, new)
        if found is None:
            match value:
                case Leaf():
                    found = steps.leaf(value)
                case PlanStep(operation=operation, operands=operands):
                    found = steps.step(operation, *(new[x] for x in operands))
        new.append(found)
    return without_dead(steps.values, {name: new[x] for name, x in outputs.items()})


def without_dead(
    values: Sequence[Value], outputs: Mapping[str, int]
) -> tuple[tuple[Value, ...], dict[str, int]]:
    """Drop what no output needs."""
    alive = set(outputs.values())
    for number in range(len(values) - 1, -1, -1):
        value = values[number]
        if number in alive and isinstance(value, PlanStep):
            alive.update(value.operands)
    new = {number: place for place, number in enumerate(sorted(alive))}
    kept: list[Value] = []
    for number in new:
        value = values[number]
        if isinstance(value, PlanStep):
            value = replace(value, operands=tuple(new[operand] for operand in value.operands))
        kept.append(value)
    return tuple(kept), {name: new[number] for name, number in outputs.items()}
