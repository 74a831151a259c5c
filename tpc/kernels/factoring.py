"""Sums of products of a plan -> nested ones: a tangent kernel takes a few steps a layer.

    K3 + d3 K2 + d3 d2 K1 + d3 d2 d1 K0  ->  K3 + d3 (K2 + d2 (K1 + d1 K0))

A sum over weights, as gradients give it, is expanded into numbers times products of values that are
no sums or products themselves, or that others need too. Then the factor that most of these share
is taken out, and the same is done within the parentheses and without.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from tpc.kernels.plan import Leaf, PlanOperation, PlanStep, Side, Value
from tpc.kernels.steps import PlanSteps, Rule, rewritten

Polynomial: TypeAlias = dict[tuple[int, ...], float]
"""Products of values, by their numbers in ascending order, and what each is multiplied with."""

ADD, MULTIPLY = PlanOperation("add"), PlanOperation("mul")

MOST = 200
"""Products in a sum at most; longer ones are left as they are."""


def nest_sums(
    values: Sequence[Value], outputs: Mapping[str, int], rules: Iterable[Rule]
) -> tuple[tuple[Value, ...], dict[str, int]]:
    """Nest the sums of a plan whose values are numbers for each pair."""
    sums = dict(sums_of_products(values, outputs))

    def nested_sum(steps: PlanSteps, number: int, new: Sequence[int]) -> int | None:
        if number not in sums:
            return None
        renamed = {tuple(new[x] for x in product): a for product, a in sums[number].items()}
        return nested(steps, renamed)

    return rewritten(values, outputs, rules, nested_sum)


def sums_of_products(
    values: Sequence[Value], outputs: Mapping[str, int]
) -> Iterator[tuple[int, Polynomial]]:
    """Yield the sums of a plan that may be nested, as polynomials in other values."""
    users: dict[int, list[int]] = {number: [] for number in range(len(values))}
    for number, value in enumerate(values):
        for operand in value.operands if isinstance(value, PlanStep) else ():
            users[operand].append(number)
    kept, within = set(outputs.values()), set[int]()
    for root in range(len(values) - 1, -1, -1):
        if root in within or not _is(values[root], ADD):
            continue
        inner = {root}
        for number in range(root - 1, -1, -1):
            own = number not in kept and users[number] and inner.issuperset(users[number])
            if own and (_is(values[number], ADD) or _is(values[number], MULTIPLY)):
                inner.add(number)
        within |= inner
        found = _expanded(values, inner, root)
        if (root,) not in found:
            yield root, found


def _is(value: Value, operation: PlanOperation) -> bool:
    return isinstance(value, PlanStep) and value.operation == operation and value.side is Side.BOTH


def _expanded(values: Sequence[Value], inner: set[int], root: int) -> Polynomial:
    """Return the polynomial of a sum in the values that are not inner ones."""
    known: dict[int, Polynomial] = {}

    def of(number: int) -> Polynomial:
        match values[number]:
            case Leaf(value=float() as value):
                return {(): value}
            case _:
                return known.get(number, {(number,): 1.0})

    for number in sorted(inner):
        value = values[number]
        assert isinstance(value, PlanStep)
        left, right = (of(operand) for operand in value.operands)
        total: Polynomial = {}
        if value.operation == ADD:
            terms = [*left.items(), *right.items()]
        else:
            terms = [
                (tuple(sorted(x + y)), a * b) for x, a in left.items() for y, b in right.items()
            ]
        for product, factor in terms:
            total[product] = total.get(product, 0.0) + factor
        known[number] = total if len(total) <= MOST else {(number,): 1.0}
    return known[root]


def nested(steps: PlanSteps, terms: Polynomial) -> int:
    """Return the number of a sum, after the steps that compute it."""
    counts = Counter(value for product in terms for value in set(product))
    common, count = max(counts.items(), key=lambda item: (item[1], item[0]), default=(0, 0))
    if count < 2:
        numbers = [_product(steps, product, factor) for product, factor in terms.items()]
    else:
        without = {product: factor for product, factor in terms.items() if common not in product}
        within = {
            _less(product, common): factor for product, factor in terms.items() if common in product
        }
        numbers = [steps.step(MULTIPLY, common, nested(steps, within))]
        if without:
            numbers.append(nested(steps, without))
    total, *rest = numbers
    for number in rest:
        total = steps.step(ADD, total, number)
    return total


def _product(steps: PlanSteps, product: tuple[int, ...], factor: float) -> int:
    number = steps.leaf(Leaf(factor))
    for value in reversed(product):
        number = steps.step(MULTIPLY, value, number)
    return number


def _less(product: tuple[int, ...], value: int) -> tuple[int, ...]:
    place = product.index(value)
    return product[:place] + product[place + 1 :]
