"""Every function of the table works in every stage."""

from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from sympy import Float, symbols

import tpc
from tpc.functions import BUILT_IN, DEFINED, FUNCTIONS, RESERVED
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


@pytest.mark.parametrize("name", sorted(RESERVED))
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


TRUTH: dict[str, Callable[[float], float]] = {
    "arctan": mpmath.atan,
    "sinh": mpmath.sinh,
    "cosh": mpmath.cosh,
    "rsqrt": lambda x: x**-0.5,
    "log1p": mpmath.log1p,
    "swish": lambda x: x / (1 + mpmath.exp(-x)),
    "mish": lambda x: x * mpmath.tanh(mpmath.log1p(mpmath.exp(x))),
    "selu": lambda x: 1.05070098735548 * x if x > 0 else 1.75809934084737685 * mpmath.expm1(x),
    "softsign": lambda x: x / (1 + abs(x)),
    "hardtanh": lambda x: max(-1, min(1, x)),
    "relu6": lambda x: max(0, min(6, x)),
    "gelu_tanh": lambda x: (
        x / 2 * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (x + 0.044715 * x**3)))
    ),
}  # fmt: skip


def test_every_soft_name_has_its_truth() -> None:
    assert set(TRUTH) == set(DEFINED) | (BUILT_IN - RESERVED)


@pytest.mark.parametrize("name", sorted(TRUTH))
def test_soft_names_against_mpmath(name: str) -> None:
    points = [0.3, 0.9, 2.5] if name == "rsqrt" else [-0.7, 0.3, 2.5, 7.0]
    for x in points:
        text = (
            f"dim n\nparam p = {x}\nvector v : n\nconst s = {name}({x})\noutput a = s\n"
            f"output b = {name}(p)\noutput c = avg({name}(0 * v + p))\noutput d = {name}'(p)\n"
        )
        program = tpc.parse(text)
        limit = tpc.evaluator(program).evaluate(samples=64)
        finite = tpc.simulate(program, width=2, trials=1)
        wanted = float(TRUTH[name](x))
        for output in "abc":
            found = [limit[output], finite[output]]
            np.testing.assert_allclose(found, wanted, rtol=1e-13)
        slope = float(mpmath.diff(TRUTH[name], x, h=mpmath.mpf("1e-20")))
        np.testing.assert_allclose(limit["d"], slope, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", sorted(TRUTH))
def test_a_program_may_give_soft_names_to_something_else(name: str) -> None:
    mine = tpc.parse(f"dim n\nvector v : n\ndef {name}(z) = 3 * z\noutput c = avg({name}(v) * v)\n")
    assert tpc.evaluator(mine).evaluate()["c"] == pytest.approx(3)
    bound = tpc.parse(f"dim n\nvector {name} : n\noutput c = avg({name} * {name})\n")
    assert tpc.evaluator(bound).evaluate()["c"] == pytest.approx(1)
