"""The plan of a round -> its power series in the depth L, term by term.

The depth stands in multipliers, so that every value of a plan is a polynomial in powers of L, whose
coefficients are values that do not depend on it. Of what a function makes of such a polynomial the
leading term is known, f(x + y / L) = f(x) + ..., and of which power the rest is: it has to vanish
beside what a round adds.
"""

from collections.abc import Callable
from math import inf
from typing import Any

from tpc.gaussian.form_series import in_powers
from tpc.kernels.plan import KernelPlan, Leaf, PlanOperation, PlanStep
from tpc.kernels.rules import RULES, scaled
from tpc.kernels.steps import PlanSteps, rewritten


class Powers(dict[float, int]):
    """The number of the coefficient of each power of L.

    Attributes:
        rest: The largest power of which something is not known.
    """

    rest: float = -inf

    @classmethod
    def of(cls, terms: dict[float, int], rest: float = -inf) -> "Powers":
        """Return terms of which the powers up to one are not all known."""
        found = cls({power: number for power, number in terms.items() if power > rest})
        found.rest = rest
        return found


RATE = -1.0
"""The power of L of what a round adds, of which L rounds make a rate."""

MULTIPLIES = frozenset({"mul", "contract", "dot"})
LINEAR = frozenset({"linear", "take", "permute", "expand", "diagonal", "trace", "neg", "reduce"})
DIVIDES = frozenset({"div", "quotient"})


TINY = 1e-9


class NoPowers(Exception):
    """A function of the depth that is no power of it, where it does not vanish."""


def in_powers_of(plan: KernelPlan, depth: str, least: float) -> KernelPlan:
    """Return a plan whose outputs are the coefficients of those of another one.

    Args:
        plan: The plan.
        depth: The parameter L.
        least: The smallest power that has to be known.

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
                found.append(Powers.of({1.0: steps.leaf(Leaf(1.0))}))
            case Leaf():
                found.append(Powers.of({0.0: steps.leaf(value)}))
            case PlanStep(operation=operation, operands=operands):
                found.append(_of_step(steps, operation, [found[x] for x in operands], least))
    outputs, shapes = {}, {}
    for name, number in plan.outputs.items():
        if found[number].rest >= least:
            raise NoPowers(name)
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


def _of_step(
    steps: PlanSteps, operation: PlanOperation, parts: list[Powers], least: float
) -> Powers:
    def made(*numbers: int) -> int:
        return steps.step(operation, *numbers)

    if all(set(part) == {0.0} and part.rest == -inf for part in parts):
        return Powers.of({0.0: made(*(part[0.0] for part in parts))})
    name = operation.name
    if name == "closed_form":
        return _of_form(steps, operation, parts, least)
    if name in MULTIPLIES:
        return _product(steps, made, *parts)
    if name == "square":
        return _product(steps, lambda x, y: steps.step(PlanOperation("mul"), x, y), *parts * 2)
    if name in LINEAR and (name != "reduce" or operation.arguments[0] == "sum"):
        return Powers.of({power: made(x) for power, x in parts[0].items()}, parts[0].rest)
    if name == "add":
        return _sum(steps, parts)
    if name == "sub":
        terms = {power: scaled(steps, number, -1.0) for power, number in parts[1].items()}
        return _sum(steps, [parts[0], Powers.of(terms, parts[1].rest)])
    if name in DIVIDES and len(parts[1]) == 1 and parts[1].rest == -inf:
        ((down, below),) = parts[1].items()
        terms = {power - down: made(number, below) for power, number in parts[0].items()}
        return Powers.of(terms, parts[0].rest - down)
    power = _power(steps, operation, parts)
    return _leading(made, parts) if power is None else power


def _of_form(
    steps: PlanSteps, operation: PlanOperation, parts: list[Powers], least: float
) -> Powers:
    """Return a whole closed form, whose values are polynomials, as one of closed forms."""
    form: Any = operation.arguments[0]
    names: Any = operation.arguments[1]
    terms: dict[str, dict[float, str]] = {}
    values: dict[str, int] = {}
    for name, part in zip(names, parts, strict=True):
        terms[name] = {power: f"{name}{place}" for place, power in enumerate(sorted(part))}
        values |= {terms[name][power]: number for power, number in part.items()}
    found = in_powers(form, terms, least)
    if found is None or any(part.rest > -inf for part in parts):
        raise NoPowers
    made: dict[float, int] = {}
    for power, coefficient in found.items():
        used = tuple(sorted(symbol.name for symbol in coefficient.free_symbols))
        step = PlanOperation("closed_form", (coefficient, used))
        made[power] = steps.step(step, *(values[name] for name in used))
    return Powers.of(made, least - TINY)


def _power(steps: PlanSteps, operation: PlanOperation, parts: list[Powers]) -> Powers | None:
    """Return the root or the power of one term, if it is that."""
    name, (base, *others) = operation.name, parts
    exponent = 0.5 if name == "sqrt" else None
    if name == "pow" and set(others[0]) == {0.0}:
        exponent = steps.numeral(others[0][0.0])
    if exponent is None or len(base) != 1 or base.rest > -inf:
        return None
    ((power, number),) = base.items()
    rest = (others[0][0.0],) if name == "pow" else ()
    value = number if steps.numeral(number) == 1 else steps.step(operation, number, *rest)
    return Powers.of({power * exponent: value})


def _leading(made: Callable[..., int], parts: list[Powers]) -> Powers:
    """Return what a function makes of the terms without L; the rest is of the next power."""
    if any(0.0 not in part or max(part) > 0 or part.rest >= 0 for part in parts):
        raise NoPowers
    following = max(max((p for p in part if p < 0), default=-inf) for part in parts)
    rest = max(following, *(part.rest for part in parts))
    return Powers.of({0.0: made(*(part[0.0] for part in parts))}, rest)


def _product(
    steps: PlanSteps, made: Callable[[int, int], int], left: Powers, right: Powers
) -> Powers:
    terms = [
        Powers.of({p + q: made(x, y)})
        for p, x in left.items()
        for q, y in right.items()
        if 0 not in (steps.numeral(x), steps.numeral(y))
    ]
    tops = max(left, default=left.rest), max(right, default=right.rest)
    rest = max(left.rest + tops[1], right.rest + tops[0])
    if not terms:
        return Powers.of({0.0: steps.leaf(Leaf(0.0))}, rest)
    return _sum(steps, [*terms, Powers.of({}, rest)])


def _sum(steps: PlanSteps, terms: list[Powers]) -> Powers:
    total: dict[float, int] = {}
    for term_ in terms:
        for power, number in term_.items():
            before = total.get(power)
            add = PlanOperation("add")
            total[power] = number if before is None else steps.step(add, before, number)
    return Powers.of(total, max(term_.rest for term_ in terms))
