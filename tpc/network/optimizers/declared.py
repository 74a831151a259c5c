"""Optimizers that a file declares, `optimizer Q(g; m=0, v=0): ...`: one step.

One of operators, `optimizer Q(matrix G; m=0): ...`, is a list of operations on them, done on the
arrays of `Operator`. Where a number below the line is 0 what is divided by it is 0.
"""

from collections.abc import Mapping
from math import prod

import numpy as np

from tpc.network.network import OperatorBlock, OperatorStep, Sides, UserOptimizer
from tpc.network.optimizers.operators import SMALL, Operator, kept_values
from tpc.network.optimizers.rule import Facing, is_zero, positive
from tpc.program.builder import Builder
from tpc.program.checking.expressions.defaults import at_defaults
from tpc.program.nodes import Constant, Node
from tpc.program.reapply import transplant

NEAR_ZERO = 1e-12
"""Where functions of singular values are looked at."""


def advance_declared(
    b: Builder,
    declared: UserOptimizer,
    gradient: Node,
    states: tuple[Node, ...],
    step: Node,
    options: Mapping[str, Node],
    facing: Facing,
) -> tuple[Node, tuple[Node, ...]]:
    """Return the direction and the states after the step."""
    stand_ins: dict[Node, Node] = {declared.step: step}
    stand_ins |= {option: options[option.name] for option, _ in declared.options}
    named = zip(declared.states, states, strict=True)
    before: dict[Node, Node] = {state: value for (state, _, _), value in named}
    asked = (declared.direction, *(update for _, _, update in declared.states))
    if declared.block is None:
        stand_ins |= {declared.gradient: gradient} | before
        direction, *after = (transplant(b, node, stand_ins) for node in asked)
        return direction, tuple(after)
    scale = options.get("shape_scale", b.number(facing.shape_scale))
    stand_ins |= {declared.block.lr: options["lr"], declared.block.shape_scale: scale}
    done = _Operations(b, Operator(b, gradient, facing.rows), stand_ins)
    done.begin(declared, declared.block, before)
    for operation in declared.block.steps:
        done.take(operation)
    direction, *after = map(done.value, asked)
    return direction, tuple(after)


class _Operations:
    """The operators and numbers of a step, by what stands for them."""

    def __init__(self, b: Builder, gradient: Operator, numbers: dict[Node, Node]) -> None:
        self._b = b
        self._gradient = gradient
        self._numbers = numbers
        self._operators: dict[Node, Operator] = {}

    def begin(
        self, declared: UserOptimizer, block: OperatorBlock, states: Mapping[Node, Node]
    ) -> None:
        """Know the gradient and the states before the step."""
        self._operators[declared.gradient] = self._gradient
        for (state, value), sides in zip(states.items(), block.sides, strict=True):
            if sides is None:
                self._numbers[state] = value
            else:
                self._operators[state] = self._state(value, sides)

    def value(self, node: Node) -> Node:
        """Return the array of an operator, or a number."""
        found = self._operators.get(node)
        return transplant(self._b, node, self._numbers) if found is None else found.node

    def take(self, step: OperatorStep) -> None:
        """Do one operation."""
        b, (first, *rest) = self._b, step.operands
        x, result = self._operators[first], step.result
        match step.function:
            case "norm":
                self._numbers[result] = x.frobenius
            case "spectral":
                self._numbers[result] = x.spectral
            case "nuclear":
                self._numbers[result] = b.reduce("sum", x.singular_values)
            case "trace":
                axes = x.node.shape[: x.rows]
                eye = b.constant(np.eye(prod(axes)).reshape(axes * 2))
                self._numbers[result] = b.reduce("sum", b.mul(x.node, eye))
            case "inner":
                self._numbers[result] = x.inner(self._operators[rest[0]])
            case _:
                self._operators[result] = self._operator(x, step, rest)

    def _operator(self, x: Operator, step: OperatorStep, rest: list[Node]) -> Operator:
        b = self._b
        match step.function:
            case "+" | "-" as sign:
                y = self._operators[rest[0]]
                return Operator(b, (b.add if sign == "+" else b.sub)(x.node, y.node), x.rows)
            case "@":
                return x @ self._operators[rest[0]]
            case "transpose":
                return x.T
            case "svd":
                assert step.values is not None
                kept, s = kept_values(b, x.singular_values, SMALL)
                value, function = step.values
                found = transplant(b, function, self._numbers | {value: s})
                return x.svd(b.mul(kept, found))
            case "msign":
                return x.schatten(b.number(0))
        numbers = [self.value(number) for number in rest]
        match step.function:
            case "*":
                return x.times(numbers[0])
            case "/":
                return Operator(b, _divided(b, x.node, numbers[0]), x.rows)
            case "schatten":
                return x.schatten(numbers[0])
            case "power":
                return x.power(numbers[0], numbers[1])
        raise AssertionError(step.function)

    def _state(self, value: Node, sides: Sides) -> Operator:
        """Return a state, of its axes also where it is still a number."""
        axes, rows = self._gradient.node.shape, self._gradient.rows
        of = {"left": axes[:rows], "right": axes[rows:]}
        shape = of[sides.above] + of[sides.below]
        if value.shape != shape:
            zeros = self._b.constant(np.zeros(shape))
            value = zeros if is_zero(value) else self._b.add(zeros, value)
        return Operator(self._b, value, len(of[sides.above]))


def _divided(b: Builder, above: Node, below: Node) -> Node:
    """Return a quotient, 0 where the number below the line is 0."""
    if isinstance(below, Constant) and below.value.all():
        return b.div(above, below)
    sign = b.apply("sign", below)
    return b.div(b.mul(sign, above), positive(b, b.apply("abs", below)))


def declared_forgets(declared: UserOptimizer, options: Mapping[str, Node]) -> bool:
    """Whether it makes something of singular values that vanish: msign, negative powers."""
    b = Builder()
    numbers: dict[Node, Node] = {option: options[option.name] for option, _ in declared.options}
    numbers[declared.step] = b.number(0)

    def number(node: Node) -> float:
        known = transplant(b, node, numbers)
        return float(at_defaults(known))

    assert declared.block is not None
    for step in declared.block.steps:
        match step.function, step.operands:
            case "msign", _:
                return True
            case "schatten", (_, p) if number(p) <= 0:
                return True
            case "power", (_, p, eps) if number(p) < 0 and number(eps) == 0:
                return True
            case "svd", _ if step.values is not None:
                value, function = step.values
                numbers[value] = b.number(NEAR_ZERO)
                if abs(number(function)) > NEAR_ZERO**0.5:
                    return True
    return False
