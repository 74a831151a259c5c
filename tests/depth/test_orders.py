"""Power series of plans: coefficients against values at growing depths."""

from collections.abc import Callable

import numpy as np
import pytest

from tpc.depth.orders import NoPowers, in_powers_of, powers_in, term
from tpc.kernels.plan import KernelPlan, Leaf, PlanOperation
from tpc.kernels.rules import RULES
from tpc.kernels.steps import PlanSteps
from tpc.kernels.tiles import singles_from, tile

PARAMS = {"a": np.array(1.3), "b": np.array(0.4)}


class Written:
    """Writes a plan of one output."""

    def __init__(self) -> None:
        self._steps = PlanSteps(RULES)
        self.a, self.b, self.depth = (self._steps.leaf(Leaf(name)) for name in "abL")

    def number(self, value: float) -> int:
        """Return a number."""
        return self._steps.leaf(Leaf(float(value)))

    def __call__(self, name: str, *operands: int) -> int:
        return self._steps.step(PlanOperation(name), *operands)

    def over(self, value: int, power: float) -> int:
        """Return a value times a power of the depth."""
        return self("mul", value, self("pow", self.depth, self.number(power)))

    def plan(self, result: int) -> KernelPlan:
        """Return the plan whose output is a value."""
        return KernelPlan(tuple(self._steps.values), {"out": result}, {"out": ()}, frozenset(), 1)


def value_of(plan: KernelPlan, depth: float) -> dict[str, float]:
    singles = singles_from(plan, {}, (1, 1), {**PARAMS, "L": np.array(depth)})
    found = tile(plan, singles, (slice(0, 1), slice(0, 1)))
    return {name: float(np.asarray(value).ravel()[0]) for name, value in found.items()}


EXACT: dict[str, tuple[Callable[[Written], int], dict[float, float]]] = {
    "product": (
        lambda w: w("mul", w("add", w.a, w.over(w.b, -1)), w("sub", w.a, w.over(w.b, -1))),
        {0: 1.69, -2: -0.16},
    ),
    "square": (
        lambda w: w("square", w("add", w.a, w.over(w.b, -0.5))),
        {0: 1.69, -0.5: 1.04, -1: 0.16},
    ),
    "quotient": (
        lambda w: w("div", w("add", w.a, w.over(w.b, -1)), w.over(w.b, 1)),
        {-1: 3.25, -2: 1.0},
    ),
    "root": (lambda w: w("sqrt", w.over(w.b, -1)), {-0.5: 0.4**0.5}),
    "power": (lambda w: w("pow", w.over(w.a, -0.5), w.number(3.0)), {-1.5: 1.3**3}),
    "negative": (lambda w: w("neg", w("sub", w.over(w.a, 0.5), w.b)), {0.5: -1.3, 0: 0.4}),
}


@pytest.mark.parametrize("name", EXACT)
def test_exact_series(name: str) -> None:
    """Sums, products, quotients and powers of one term are known to all orders."""
    make, wanted = EXACT[name]
    written = Written()
    plan = written.plan(make(written))
    series = in_powers_of(plan, "L", -9.0)
    found = {p: value_of(series, 7.0)[term("out", p)] for p in powers_in(series, "out")}
    found = {power: value for power, value in found.items() if abs(value) > 1e-15}
    assert found == pytest.approx(wanted)
    assert powers_in(series, "out") == sorted(powers_in(series, "out"), reverse=True)
    for depth in (3.0, 50.0):
        total = sum(value * depth**power for power, value in wanted.items())
        assert value_of(plan, depth)["out"] == pytest.approx(total)


LEADING: dict[str, tuple[Callable[[Written], int], float]] = {
    "exp": (lambda w: w("exp", w("add", w.a, w.over(w.b, -1))), -1),
    "exp of a root": (lambda w: w("exp", w("add", w.a, w.over(w.b, -0.5))), -0.5),
    "times": (lambda w: w.over(w("tanh", w("add", w.a, w.over(w.b, -1))), -1), -2),
    "times a sum": (
        lambda w: w(
            "mul", w("exp", w("add", w.a, w.over(w.b, -1))), w("add", w.over(w.a, 1), w.b)
        ), 0
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LEADING)
def test_leading_terms(name: str) -> None:
    """Of a function the first term is known; the rest is of the power that is stated."""
    make, rest = LEADING[name]
    written = Written()
    plan = written.plan(make(written))
    series = in_powers_of(plan, "L", rest + 0.25)
    known = powers_in(series, "out")
    assert known and min(known) > rest
    left = []
    for depth in (1e3, 1e4):
        terms = value_of(series, depth)
        total = sum(terms[term("out", power)] * depth**power for power in known)
        left.append(abs(value_of(plan, depth)["out"] - total))
    assert left[1] / left[0] == pytest.approx(10**rest, rel=0.05)
    with pytest.raises(NoPowers):
        in_powers_of(plan, "L", rest)


def test_functions_of_what_grows_have_no_series() -> None:
    written = Written()
    for operand in (written.depth, written.over(written.b, 0.5)):
        with pytest.raises(NoPowers):
            in_powers_of(written.plan(written("exp", operand)), "L", 0.0)
