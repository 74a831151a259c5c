"""Every function of the table works in every stage."""

import numpy as np
import pytest
from sympy import Float, symbols

import tpc
from tpc.functions import BUILT_IN, FUNCTIONS
from tpc.gaussian import evaluate
from tpc.limit.integrands import apply_function
from tpc.program.builder import Builder
from tpc.program.nodes import Node
from tpc.program.partials import NotDifferentiable, partial
from tpc.simulation.finite_operations import elementwise
from tpc.syntax.parse import parse_source

ARGUMENTS = (0.3, 0.7, 1.1)
SYMBOLS = symbols("x y z", real=True)

NO_FUNCTION = {"delta"}
"""What stands in limits only, and has no values."""


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_the_grammar_reserves_it(name: str) -> None:
    assert parse_source(f"dim {name}_\n").statements
    with pytest.raises(tpc.ProgramError, match=f"`{name}`"):
        parse_source(f"dim {name}\n")


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_statics_finite_networks_and_generated_code_agree(name: str) -> None:
    arguments = ARGUMENTS[: FUNCTIONS[name].arity]
    static, run_time = ", ".join(map(str, arguments)), ", ".join(["p", "q", "r"][: len(arguments)])
    program = tpc.parse(
        f"dim n\nparam p = {ARGUMENTS[0]}\nparam q = {ARGUMENTS[1]}\nparam r = {ARGUMENTS[2]}\n"
        f"vector v : n\nconst s = {name}({static})\noutput a = s\n"
        f"output b = {name}({run_time})\noutput c = avg(0 * v + {name}({run_time}))\n"
    )
    wanted = elementwise(name, *map(np.asarray, arguments))
    limit = tpc.evaluator(program).evaluate(samples=64)
    finite = tpc.simulate(program, width=2, trials=1)
    for output in "abc":
        np.testing.assert_allclose([limit[output], finite[output]], wanted, rtol=1e-14)


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_it_is_printed(name: str) -> None:
    run_time = ", ".join(["v", "0.2", "0.4"][: FUNCTIONS[name].arity])
    limit = tpc.derive(tpc.parse(f"dim n\nvector v : n\noutput c = avg({name}({run_time}))\n"))
    assert limit.to_text() and limit.to_latex()


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"delta", "equal"}))
def test_it_has_all_partial_derivatives(name: str) -> None:
    b = Builder()
    arguments: tuple[Node, ...] = tuple(map(b.number, ARGUMENTS[: FUNCTIONS[name].arity]))
    for slot in range(FUNCTIONS[name].arity):
        assert isinstance(partial(b, name, arguments, slot), Node)


def test_deltas_and_indicators_have_no_derivative() -> None:
    b = Builder()
    for name in ("delta", "equal"):
        with pytest.raises(NotDifferentiable):
            partial(b, name, (b.number(0), b.number(1))[: FUNCTIONS[name].arity], 0)


@pytest.mark.parametrize("name", sorted(f.name for f in FUNCTIONS.values() if f.sympy))
def test_what_integrals_know_of_it_is_the_same(name: str) -> None:
    function = FUNCTIONS[name]
    arguments = ARGUMENTS[: function.arity]
    expression = apply_function(function.name, [Float(x, 17) for x in arguments])
    wanted = elementwise(function.name, *map(np.asarray, arguments))
    assert float(expression) == pytest.approx(float(wanted), rel=1e-14)
    values = dict(zip(SYMBOLS, arguments, strict=False))
    found = evaluate(apply_function(function.name, list(values)), values)
    assert float(found) == pytest.approx(float(wanted), rel=1e-14)
