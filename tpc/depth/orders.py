"""The plan of a round -> its power series in the depth L, term by term.

The depth stands in multipliers, so that every value of a plan is a polynomial in powers of L, whose
coefficients are values that do not depend on it. What a function makes of L is not expanded.
"""

from collections.abc import Callable, Mapping

from tpc.kernels.plan import KernelPlan, Leaf, PlanOperation, PlanStep, Side
from tpc.kernels.rules import RULES, scaled
from tpc.kernels.steps import PlanSteps, rewritten

Powers = dict[float, int]
"""The number of the coefficient of each power of L."""

RATE = -1.0
"""The power of L of what a round adds, of which L rounds make a rate."""

MULTIPLIES = frozenset({"mul", "contract", "dot"})
LINEAR = frozenset({"linear", "take", "permute", "expand", "diagonal", "trace", "neg", "reduce"})
DIVIDES = frozenset({"div", "quotient"})


class NoPowers(Exception):
    """A function of the depth that is no power of it."""

    def __init__(self, operation: PlanOperation) -> None:
        super().__init__(operation.name)
        self.operation = operation


def in_powers_of(plan: KernelPlan, depth: str, given: Mapping[Side, float]) -> KernelPlan:
    """Return a plan whose outputs are the coefficients of those of another one.

    Args:
        plan: The plan.
        depth: The parameter L.
        given: Inputs that are of the size of a power of L, such as the increments of a path.

    Returns:
        The output `name` of the plan has become `(name, power)` in `KernelPlan.outputs`, as text
        `name L^power`.

    Raises:
        NoPowers: L is the argument of a function.
    """
    steps = PlanSteps(RULES)
    found: list[Powers] = []
    for value in plan.values:
        match value:
            case Leaf(value=name) if isinstance(name, str) and name == depth:
                found.append({1.0: steps.leaf(Leaf(1.0))})
            case Leaf(value=Side() as side) if side in given:
                found.append({given[side]: steps.leaf(value)})
            case Leaf():
                found.append({0.0: steps.leaf(value)})
            case PlanStep(operation=operation, operands=operands):
                found.append(_of_step(steps, operation, [found[x] for x in operands]))
    outputs, shapes = {}, {}
    for name, number in plan.outputs.items():
        for power, coefficient in found[number].items():
            if steps.numeral(coefficient) != 0:
                outputs[term(name, power)] = coefficient
                shapes[term(name, power)] = plan.shapes[name]
    values, outputs = rewritten(steps.values, outputs, RULES)
    series = frozenset(name for name in outputs if name.split()[0] in plan.series)
    return KernelPlan(values, outputs, shapes, series, plan.widest)


def term(name: str, power: float) -> str:
    """Return the name of the coefficient of a power of L in an output."""
    return f"{name} L^{power:g}"


def powers_in(plan: KernelPlan, name: str) -> list[float]:
    """Return the powers of L in an output, the largest first."""
    found = (output.rsplit(" L^", 1) for output in plan.outputs)
    return sorted((float(power) for own, power in found if own == name), reverse=True)


def _of_step(steps: PlanSteps, operation: PlanOperation, parts: list[Powers]) -> Powers:
    def made(*numbers: int) -> int:
        return steps.step(operation, *numbers)

    if all(set(part) == {0.0} for part in parts):
        return {0.0: made(*(part[0.0] for part in parts))}
    name = operation.name
    if name in MULTIPLIES:
        return _product(steps, made, *parts)
    if name == "square":
        return _product(steps, lambda x, y: steps.step(PlanOperation("mul"), x, y), *parts * 2)
    if name in LINEAR and (name != "reduce" or operation.arguments[0] == "sum"):
        return {power: made(number) for power, number in parts[0].items()}
    if name == "add":
        return _sum(steps, parts)
    if name == "sub":
        negative = {power: scaled(steps, number, -1.0) for power, number in parts[1].items()}
        return _sum(steps, [parts[0], negative])
    if name in DIVIDES and len(parts[1]) == 1:
        ((down, below),) = parts[1].items()
        return {power - down: made(number, below) for power, number in parts[0].items()}
    exponent = steps.numeral(parts[1][0.0]) if name == "pow" and set(parts[1]) == {0.0} else None
    if name == "sqrt":
        exponent = 0.5
    if exponent is not None and len(parts[0]) == 1:
        ((power, base),) = parts[0].items()
        rest = (parts[1][0.0],) if name == "pow" else ()
        return {power * exponent: base if steps.numeral(base) == 1 else made(base, *rest)}
    raise NoPowers(operation)


def _product(
    steps: PlanSteps, made: Callable[[int, int], int], left: Powers, right: Powers
) -> Powers:
    terms = [
        {p + q: made(x, y)}
        for p, x in left.items()
        for q, y in right.items()
        if 0 not in (steps.numeral(x), steps.numeral(y))
    ]
    return _sum(steps, terms) if terms else {0.0: steps.leaf(Leaf(0.0))}


def _sum(steps: PlanSteps, terms: list[Powers]) -> Powers:
    total: Powers = {}
    for term_ in terms:
        for power, number in term_.items():
            before = total.get(power)
            add = PlanOperation("add")
            total[power] = number if before is None else steps.step(add, before, number)
    return total
