"""Limit of a pair of inputs -> Plan: every scalar that the kernels need as steps over arrays.

First each node is written as steps, as it stands; then rules make the list shorter. Closed forms
are taken apart into their instructions, so that steps are shared between them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sympy import Expr, Symbol

from tpc.gaussian.instructions import Instruction, Operand, to_instructions
from tpc.gaussian.kinks import kinks_of
from tpc.kernels.axis_rules import AXIS_RULES
from tpc.kernels.factoring import nest_sums
from tpc.kernels.linear_maps import join_linear
from tpc.kernels.needed_entries import keep_needed
from tpc.kernels.plan import (
    AXES,
    KernelPlan,
    LawSteps,
    Leaf,
    PlanOperation,
    PlanStep,
    Side,
    State,
    Value,
)
from tpc.kernels.rules import RULES, contract_identity
from tpc.kernels.states import contract_factors
from tpc.kernels.step_functions import PLAIN, SERIES, operation
from tpc.kernels.steps import PlanSteps, rewritten
from tpc.limit.equations import Limit
from tpc.limit.limit_nodes import CUW, MU, MW, QU, QW, ClosedForm, HermiteSeries, Integral, U, W
from tpc.program.nodes import Constant, Elementwise, InitialScalar, Node, Parameter, operands
from tpc.program.traversal import fold


class NoPairwiseForm(Exception):
    """A scalar that kernels need is an expectation without a closed form or a series.

    Attributes:
        node: The expectation.
    """

    def __init__(self, node: Node) -> None:
        super().__init__()
        self.node = node


def plan_pairs(
    limit: Limit, inputs: Mapping[str, Side | State], series: bool = True, whole: bool = False
) -> KernelPlan:
    """Make the plan of a limit's scalar outputs.

    Args:
        limit: Of the program of two inputs.
        inputs: For the parameter of each input, its side; for those of states, what they are.
        series: Whether expectations without a closed form may be Hermite series.
        whole: Whether expectations stay whole, as steps `closed_form` and `series` that are read
            and not computed.

    Raises:
        NoPairwiseForm: An expectation is left.
    """
    nodes = {output.name: output.parts[0][1] for output in limit.outputs}
    writer = _Writer(PlanSteps(), inputs, series, whole)
    numbers = fold(nodes.values(), writer.number, _needs)
    written = writer.steps.values
    outputs = {name: numbers[node] for name, node in nodes.items()}
    side = writer.steps.side(outputs.values())
    wide = [node for node, x in numbers.items() if written[x].side is side]
    widest = max((int(np.prod(node.shape, dtype=int)) for node in wide), default=1)
    values, outputs = rewritten(written, outputs, (contract_identity, contract_factors))
    rules = RULES if whole else (*AXIS_RULES, *RULES)
    values, outputs = rewritten(values, outputs, rules)
    if whole:
        pass
    elif widest == 1:
        values, outputs = nest_sums(values, outputs, RULES)
    elif side is Side.BOTH:  # of one input, what is alike should stay so to the last digit
        values, outputs = keep_needed(*join_linear(values, outputs))
    shapes = {name: node.shape for name, node in nodes.items()}
    return KernelPlan(values, outputs, shapes, _inexact(values, outputs), widest)


def _inexact(values: Sequence[Value], outputs: Mapping[str, int]) -> frozenset[str]:
    """Return the outputs that are series, or computed from them."""
    found: set[int] = set()
    for number, value in enumerate(values):
        if isinstance(value, PlanStep) and (
            value.operation.name in SERIES or not found.isdisjoint(value.operands)
        ):
            found.add(number)
    return frozenset(name for name, number in outputs.items() if number in found)


def _needs(node: Node) -> tuple[Node, ...]:
    """Return the scalars that a scalar is computed from."""
    match node:
        case ClosedForm(values=values) | HermiteSeries(values=values):
            return values
        case Integral(value=value):
            return (value,)
        case _:
            return operands(node)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes nodes as steps, see `plan_pairs`."""

    steps: PlanSteps
    inputs: Mapping[str, Side | State]
    series: bool
    whole: bool

    def number(self, node: Node, numbers: Mapping[Node, int]) -> int:
        """Return the number of a node's value, given those of what it is computed from."""
        match node:
            case Constant(shape=(), value=value):
                return self._numeral(float(value))
            case Constant(value=value):
                return self.steps.leaf(Leaf(value.reshape((1,) * AXES + value.shape)))
            case Parameter(name=name, shape=shape):
                return self.steps.leaf(Leaf(self.inputs.get(name, name), shape))
            case InitialScalar(limit=limit):
                return numbers[limit]
            case ClosedForm() | HermiteSeries() if self.whole:
                return self._whole(node, numbers)
            case ClosedForm(symbols=symbols, values=values, expression=expression):
                instructions, result = to_instructions(expression, symbols)
                aligned = [self._aligned(node, value, numbers) for value in values]
                return self._closed_form(instructions, result, aligned)
            case Integral(value=value) if self.series:
                return numbers[value]
            case HermiteSeries() if self.series:
                return self._series(node, numbers)
        found = operation(node)
        if found is None:
            raise NoPairwiseForm(node)
        if isinstance(node, Elementwise):
            aligned = [self._aligned(node, value, numbers) for value in node.operands]
            return self.steps.step(found, *aligned)
        return self.steps.step(found, *(numbers[operand] for operand in operands(node)))

    def _whole(self, node: ClosedForm | HermiteSeries, numbers: Mapping[Node, int]) -> int:
        """Return an expectation as one step, which knows its form or its functions."""
        aligned = [self._aligned(node, value, numbers) for value in node.values]
        names = tuple(symbol.name for symbol in node.symbols)
        if isinstance(node, ClosedForm):
            form = PlanOperation("closed_form", (node.expression, names))
        else:
            form = PlanOperation("series", (node.left, node.right, names))
        return self.steps.step(form, *aligned)

    def _numeral(self, value: float) -> int:
        return self.steps.leaf(Leaf(value))

    def _aligned(self, node: Node, value: Node, numbers: Mapping[Node, int]) -> int:
        """Give a value the rank of a node: its constant axes are the last ones."""
        missing, number = len(node.shape) - len(value.shape), numbers[value]
        if missing <= 0 or self.steps.numeral(number) is not None:
            return number
        return self.steps.step(PlanOperation("expand", tuple(range(missing))), number)

    def _closed_form(
        self, instructions: Sequence[Instruction], result: Operand, values: list[int]
    ) -> int:
        def of(operand: Operand) -> int:
            return values[operand] if isinstance(operand, int) else self._numeral(operand)

        for instruction in instructions:
            name, given = instruction.function, instruction.operands
            if name in PLAIN:
                values.append(self.steps.step(PlanOperation(name), *map(of, given)))
            else:
                pattern = tuple(None if isinstance(x, int) else x for x in given)
                taken = (values[x] for x in given if isinstance(x, int))
                values.append(self.steps.step(PlanOperation(name, pattern), *taken))
        return of(result)

    def _series(self, node: HermiteSeries, numbers: Mapping[Node, int]) -> int:
        """Return E f(u) or E f(u) g(w), by Mehler's series where each belongs to one input."""
        known = {
            symbol: self._aligned(node, value, numbers)
            for symbol, value in zip(node.symbols, node.values, strict=True)
        }
        left, own = _law(node.left, (U, QU, MU), known)
        if node.right is None:
            return self.steps.step(PlanOperation("single_series", (left,)), *own)
        right, others = _law(node.right, (W, QW, MW), known)
        sides = self.steps.side(own), self.steps.side(others)
        if sides[0] & Side.SECOND and not sides[0] & Side.FIRST:
            left, right, own, others, sides = right, left, others, own, sides[::-1]
        pairs = not (sides[0] & Side.SECOND or sides[1] & Side.FIRST) and sides[0] | sides[1]
        name = "pair_series" if pairs else "listed_series"
        return self.steps.step(PlanOperation(name, (left, right)), *own, *others, known[CUW])


def _law(
    function: Expr, own: tuple[Symbol, Symbol, Symbol], known: Mapping[Symbol, int]
) -> tuple[LawSteps, tuple[int, ...]]:
    """Return a function with the law of its Gaussian, and the numbers of what that needs."""
    u, variance, mean = own
    constants = tuple(symbol for symbol in known if symbol in function.free_symbols)
    instructions, result = to_instructions(function, (u, *constants))
    needed = (variance, *((mean,) if mean in known else ()), *constants)
    kinks = tuple(to_instructions(kink, (u, *constants)) for kink in kinks_of(function, u))
    law = LawSteps(instructions, result, mean in known, len(constants), kinks)
    return law, tuple(known[symbol] for symbol in needed)
