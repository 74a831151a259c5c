"""Limit of a pair of inputs -> Plan: every scalar that the kernels need as steps over arrays.

Closed forms are taken apart into their instructions, so that steps are shared between them: the
angle of a pair serves the moments of relu and of its derivative.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np
from sympy import Expr, Symbol

from tpc.functions import BUILT_IN
from tpc.gaussian.instructions import Instruction, Operand, to_instructions
from tpc.kernels import pair_arithmetic
from tpc.kernels.operations import contract, operation
from tpc.kernels.plan import AXES, Array, Law, Leaf, PairStep, Plan, Side, Step, Value
from tpc.kernels.series import function_of, listed_expectation, single_expectation
from tpc.limit.equations import Limit
from tpc.limit.nodes import CUW, MU, MW, QU, QW, ClosedForm, HermiteSeries, Integral, U, W
from tpc.program.nodes import (
    Constant,
    Contract,
    Elementwise,
    InitialScalar,
    Node,
    Parameter,
    operands,
)
from tpc.program.operations import UFUNCS
from tpc.runtime import orthant_arithmetic
from tpc.runtime.function_table import CLOSED_FORM_FUNCTIONS


class NoPairwiseForm(Exception):
    """A scalar that kernels need is an expectation without a closed form or a series.

    Attributes:
        node: The expectation.
    """

    def __init__(self, node: Node) -> None:
        super().__init__()
        self.node = node


def plan_pairs(limit: Limit, inputs: Mapping[str, Side], series: bool = True) -> Plan:
    """Make the plan of a limit's scalar outputs.

    Args:
        limit: Of the program of two inputs.
        inputs: For the parameter of each input, its side.
        series: Whether expectations without a closed form may be Hermite series.

    Raises:
        NoPairwiseForm: An expectation is left.
    """
    scheduler = _Scheduler(inputs, series)
    outputs = {output.name: scheduler.value(output.parts[0][1]) for output in limit.outputs}
    shapes = {output.name: output.parts[0][1].shape for output in limit.outputs}
    inexact = frozenset(name for name, number in outputs.items() if scheduler.is_series(number))
    values, outputs = _without_dead(scheduler.values, outputs)
    return Plan(values, outputs, shapes, inexact, scheduler.widest)


def _without_dead(
    values: list[Value], outputs: dict[str, int]
) -> tuple[tuple[Value, ...], dict[str, int]]:
    """Leave out what no output needs, and number the rest anew."""
    alive = set(outputs.values())
    for number in range(len(values) - 1, -1, -1):
        value = values[number]
        if number in alive and not isinstance(value, Leaf):
            alive.update(value.operands)
    new = {number: place for place, number in enumerate(sorted(alive))}
    kept = [
        replace(value, operands=tuple(new[operand] for operand in value.operands))
        if not isinstance(value, Leaf)
        else value
        for value in (values[number] for number in new)
    ]
    return tuple(kept), {name: new[number] for name, number in outputs.items()}


class _Scheduler:
    def __init__(self, inputs: Mapping[str, Side], series: bool) -> None:
        self._inputs = inputs
        self._series_allowed = series
        self._inexact: set[int] = set()
        self._numbers: dict[Node, int] = {}
        self._known: dict[tuple[object, ...], int] = {}
        self._sides: list[Side] = []
        self._numerals: dict[int, float] = {}
        self._scaled: dict[int, tuple[int, float]] = {}
        self.values: list[Value] = []
        self.widest = 1

    def is_series(self, number: int) -> bool:
        """Whether a value is a series, or computed from one."""
        return number in self._inexact

    def value(self, root: Node) -> int:
        """Return the number of a node's value, after the steps that compute it."""
        pending = [root]
        while pending:
            node = pending[-1]
            missing = [operand for operand in _needs(node) if operand not in self._numbers]
            if missing:
                pending.extend(missing)
                continue
            pending.pop()
            if node not in self._numbers:
                self._numbers[node] = number = self._scheduled(node)
                if self._sides[number] is Side.BOTH:
                    self.widest = max(self.widest, int(np.prod(node.shape, dtype=int)))
        return self._numbers[root]

    def _scheduled(self, node: Node) -> int:
        match node:
            case Constant(shape=(), value=value):
                return self._numeral(float(value))
            case Constant(value=value):
                array = value.reshape((1,) * AXES + value.shape)
                return self._leaf(array, Side.NEITHER, value.tobytes(), value.shape)
            case Parameter(name=name) if name in self._inputs:
                side = self._inputs[name]
                return self._leaf(side, side, side)
            case Parameter(name=name):
                return self._leaf(name, Side.NEITHER, name)
            case InitialScalar(limit=limit):
                return self._numbers[limit]
            case ClosedForm():
                return self._closed_form(node)
            case Contract():
                return self._contract(node)
            case Integral(value=value) if self._series_allowed:
                return self._numbers[value]
            case HermiteSeries() if self._series_allowed:
                number = self._series(node)
                self._inexact.add(number)
                return number
        try:
            apply = operation(node)
        except ValueError:
            raise NoPairwiseForm(node) from None
        numbers = [self._numbers[operand] for operand in operands(node)]
        if isinstance(node, Elementwise):
            numbers = [
                self._aligned(self._numbers[operand], len(node.shape) - len(operand.shape))
                for operand in node.operands
            ]
        key: tuple[object, ...] = (apply,)
        if isinstance(apply, partial):
            key = (apply.func, apply.args, str(apply.keywords))
        return self._step(apply, tuple(numbers), key)

    def _leaf(self, value: Array | str | Side, side: Side, *key: object) -> int:
        return self._add(("leaf", *key), Leaf(value), side)

    def _add(self, key: tuple[object, ...], value: Value, side: Side) -> int:
        if key not in self._known:
            self._known[key] = number = len(self.values)
            if not isinstance(value, Leaf) and self._inexact.intersection(value.operands):
                self._inexact.add(number)
            self.values.append(value)
            self._sides.append(side)
        return self._known[key]

    def _step(
        self, apply: Callable[..., Any], numbers: tuple[int, ...], key: tuple[object, ...]
    ) -> int:
        if apply is np.multiply or apply is np.add:
            numbers = tuple(sorted(numbers))
        if apply is np.multiply and any(number in self._numerals for number in numbers):
            return self._times_numeral(numbers)
        return self._plain_step(apply, numbers, key)

    def _plain_step(
        self, apply: Callable[..., Any], numbers: tuple[int, ...], key: tuple[object, ...]
    ) -> int:
        side = Side.NEITHER
        for number in numbers:
            side |= self._sides[number]
        step = Step(apply, numbers, side, isinstance(apply, np.ufunc))
        return self._add((*key, numbers), step, side)

    # --------------------------------------------------------------------------- numbers as factors

    def _numeral(self, value: float) -> int:
        array = np.array(value).reshape((1,) * AXES)
        number = self._leaf(array, Side.NEITHER, array.tobytes(), ())
        self._numerals[number] = value
        return number

    def _times_numeral(self, numbers: tuple[int, ...]) -> int:
        """Multiply by a number, together with those that are factors already."""
        x, y = numbers
        number, value = (x, y) if x in self._numerals else (y, x)
        return self._times(value, self._numerals[number])

    def _times(self, number: int, factor: float) -> int:
        base, before = self._scaled.get(number, (number, 1.0))
        factor *= before
        if factor == 1:
            return base
        product = self._plain_step(np.multiply, (base, self._numeral(factor)), ("mul",))
        self._scaled[product] = base, factor
        return product

    def _contract(self, node: Contract) -> int:
        """Contract; factors and multiples of the identity are taken out."""
        for unit, other in ((node.left, node.right), (node.right, node.left)):
            scale = _scale_of_identity(unit)
            if scale is not None and node.axes == 1:
                return self._times(self._numbers[other], scale)
        left, factor = self._unscaled(self._numbers[node.left])
        right, other_factor = self._unscaled(self._numbers[node.right])
        if node.axes == len(node.left.shape) == len(node.right.shape):
            left, right = sorted((left, right))
        key = ("contract", node.axes)
        product = self._step(partial(contract, axes=node.axes), (left, right), key)
        return self._times(product, factor * other_factor)

    def _unscaled(self, number: int) -> tuple[int, float]:
        return self._scaled.get(number, (number, 1.0))

    def _aligned(self, number: int, missing: int) -> int:
        """Insert constant axes behind the leading axes, so that the others broadcast."""
        if missing <= 0 or number in self._numerals:
            return number
        axes = tuple(range(AXES, AXES + missing))

        def expand(value: Array) -> Array:
            return np.expand_dims(value, axes)

        return self._step(expand, (number,), ("expand", missing))

    # ------------------------------------------------------------------------------ closed forms

    def _closed_form(self, node: ClosedForm) -> int:
        instructions, result = to_instructions(node.expression, node.symbols)
        values = [
            self._aligned(self._numbers[value], len(node.shape) - len(value.shape))
            for value in node.values
        ]
        for instruction in instructions:
            values.append(self._instruction(instruction, values))
        return self._operand(result, values)

    def _operand(self, operand: Operand, values: list[int]) -> int:
        if isinstance(operand, int):
            return values[operand]
        return self._numeral(operand)

    def _instruction(self, instruction: Instruction, values: list[int]) -> int:
        name, given = instruction.function, instruction.operands
        if name == "relu_moment" and given[:2] in ((0.0, 0.0), (1.0, 1.0)):
            rest = [self._operand(operand, values) for operand in given[2:]]
            return self._relu_moment(given[:2] == (1.0, 1.0), *rest)
        if name == "gram":
            numbers = tuple(self._operand(operand, values) for operand in given)
            return self._step(pair_arithmetic.gram, numbers, (name,))
        apply = _function(name)
        if isinstance(apply, np.ufunc):
            numbers = tuple(self._operand(operand, values) for operand in given)
            return self._step(apply, numbers, (name,))
        numbers = tuple(values[operand] for operand in given if isinstance(operand, int))
        literals = tuple(x if isinstance(x, float) else None for x in given)
        return self._step(_with_literals(apply, literals), numbers, (name, literals))

    def _relu_moment(self, both: bool, v1: int, v2: int, c: int, det: int) -> int:
        found = self.values[det]
        if isinstance(found, Step) and found.apply is pair_arithmetic.gram and (
            found.operands == (v1, v2, c)
        ):  # fmt: skip
            pair = self._step(pair_arithmetic.cone, (v1, v2, c), ("cone",))
            angle, root = (self._step(itemgetter(i), (pair,), ("item", i)) for i in (0, 1))
        else:
            root = self._step(np.sqrt, (det,), ("sqrt",))
            angle = self._step(orthant_arithmetic.wedge, (c, det), ("wedge",))
        if not both:
            return self._times(angle, 0.5 / np.pi)
        given = (c, root, angle, v1, v2)
        product = self._step(pair_arithmetic.relu_product, given, ("relu_product",))
        return self._times(product, 0.5 / np.pi)

    # ------------------------------------------------------------------------------------ series

    def _series(self, node: HermiteSeries) -> int:
        """Return E f(u) or E f(u) g(w), by Mehler's series where each belongs to one input."""
        numbers = {
            symbol: self._aligned(self._numbers[value], len(node.shape) - len(value.shape))
            for symbol, value in zip(node.symbols, node.values, strict=True)
        }
        left, own = _law(node.left, (U, QU, MU), node.symbols, numbers)
        if node.right is None:
            return self._step(single_expectation(left), own, ("single", left))
        right, others = _law(node.right, (W, QW, MW), node.symbols, numbers)
        sides = self._united(own), self._united(others)
        covariance = numbers[CUW]
        if sides[0] & Side.SECOND and not sides[0] & Side.FIRST:
            left, right, own, others, sides = right, left, others, own, sides[::-1]
        operands = (*own, *others, covariance)
        if not (sides[0] & Side.SECOND or sides[1] & Side.FIRST) and sides[1] | sides[0]:
            key = ("pairs", left, right, operands)
            return self._add(key, PairStep(left, right, operands), Side.BOTH)
        return self._step(listed_expectation(left, right), operands, ("listed", left, right))

    def _united(self, numbers: tuple[int, ...]) -> Side:
        side = Side.NEITHER
        for number in numbers:
            side |= self._sides[number]
        return side


def _law(
    function: Expr,
    own: tuple[Symbol, Symbol, Symbol],
    symbols: tuple[Symbol, ...],
    numbers: Mapping[Symbol, int],
) -> tuple[Law, tuple[int, ...]]:
    """Return a function with the law of its Gaussian, and the numbers of what that needs."""
    u, variance, mean = own
    constants = tuple(s for s in symbols if s in function.free_symbols)
    instructions, result = to_instructions(function, (u, *constants), BUILT_IN)
    means = (numbers[mean],) if mean in numbers else ()
    operands = (numbers[variance], *means, *(numbers[s] for s in constants))
    applied = function_of(instructions, result, 1 + len(constants))
    return Law(applied, bool(means), len(operands)), operands


def _scale_of_identity(node: Node) -> float | None:
    """Return s where a constant is s times an identity matrix."""
    if not isinstance(node, Constant) or len(node.shape) != 2 or node.shape[0] != node.shape[1]:
        return None
    scale = float(node.value[0, 0])
    return scale if np.array_equal(node.value, scale * np.eye(len(node.value))) else None


def _needs(node: Node) -> tuple[Node, ...]:
    """Return the scalars that a scalar is computed from."""
    match node:
        case ClosedForm(values=values) | HermiteSeries(values=values):
            return values
        case Integral(value=value):
            return (value,)
        case _:
            return operands(node)


def _with_literals(
    apply: Callable[..., Any], literals: tuple[float | None, ...]
) -> Callable[..., Array]:
    """Put numbers where they stand among the arguments; whole ones may be orders of moments."""
    numbers = [int(x) if x is not None and x == int(x) else x for x in literals]

    def applied(*values: Array) -> Array:
        rest = iter(values)
        return np.asarray(apply(*(next(rest) if x is None else x for x in numbers)))

    return applied


def _function(name: str) -> Callable[..., Any]:
    if name in UFUNCS:
        return UFUNCS[name]
    if name.startswith("np."):
        plain: Callable[..., Any] = getattr(np, name.removeprefix("np."))
        return plain
    return CLOSED_FORM_FUNCTIONS[name]
