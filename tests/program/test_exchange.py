"""Exchanges of two coordinates: at finite width, unfolded, factored, and in the limit."""

import numpy as np
import pytest

import tpc
from tests.program.passes.graph_programs import WIDTH, Text, assert_same_values
from tpc.program.builder import Builder
from tpc.program.exchange import Unfolding, without_exchanges
from tpc.program.nodes import Exchange
from tpc.program.passes import normalise
from tpc.program.program import Program
from tpc.simulation.simulate import simulate


def an_update_used_both_ways(rows: str = "m", exchanged: bool = True) -> Program:
    """One step with h = W x, then W x and W.T e with the nonlinear update of W."""
    t = Text()
    b = t.b
    matrix = t.matrix("W", rows, "n")
    x, y = t.vector("x", 2), t.vector("y", 2, dim=rows)
    h = t.product(matrix, b.apply("tanh", x))
    d = b.add(y, b.apply("sin", h))
    g = t.product(matrix, d, transposed=True)
    gradient = b.reduce("sum", b.mul(d, b.row(b.apply("tanh", x), "j")))
    update = b.mul(b.number(0.8), b.apply("tanh", gradient))
    transposed = b.exchange(update, "j") if exchanged else update
    z = b.add(b.apply("tanh", x), b.apply("sin", g))
    ahead = b.mean(b.mul(update, b.row(z, "j")), ("j",))
    later = b.add(t.product(matrix, z), ahead)
    e = b.apply("tanh", later)
    behind = b.mean(b.mul(transposed, b.row(e, "j")), ("j",))
    back = b.add(t.product(matrix, e, transposed=True), behind)
    return t.program(
        {"later": later, "back": back},
        L=b.inner(later, later), B=b.inner(back, back), C=b.inner(back, z), D=b.inner(later, e),
    )  # fmt: skip


def test_its_coordinates_and_dims() -> None:
    t = Text()
    b = t.b
    e = b.mul(t.vector("x"), b.row(t.vector("y", dim="m"), "j"))
    assert e.coords == (("", "n"), ("j", "m"))
    exchanged = b.exchange(e, "j")
    assert isinstance(exchanged, Exchange)
    assert exchanged.coords == (("", "m"), ("j", "n"))
    assert b.exchange(exchanged, "j") is e


def test_averages_are_exchanged_too() -> None:
    """What is averaged over the free coordinate for every j is averaged over j for every row."""
    t = Text()
    b = t.b
    x, y = t.vector("x"), t.vector("y")
    averaged = b.mean(b.apply("max", x, b.row(y, "j")))
    wanted = b.mean(b.apply("max", b.row(x, "j"), y), ("j",))
    assert Unfolding(b).exchanged(averaged, "j") is wanted


def test_of_one_coordinate_it_is_a_row_or_a_vector() -> None:
    t = Text()
    b = t.b
    x = t.vector("x")
    assert b.exchange(x, "j") is b.row(x, "j")
    assert b.exchange(b.row(x, "j"), "j") is x
    assert b.exchange(b.number(2), "j") is b.number(2)
    assert b.exchange(b.row(x, "l"), "j") is b.row(x, "l")


def test_finite_width_is_the_transpose() -> None:
    t = Text()
    b = t.b
    x, y, z = t.vector("x"), t.vector("y", dim="m"), t.vector("z")
    e = b.apply("tanh", b.mul(x, b.row(y, "j")))
    exchanged = b.mean(b.mul(b.exchange(e, "j"), b.row(z, "j")), ("j",))
    e_by_hand = b.apply("tanh", b.mul(b.row(x, "j"), y))
    by_hand = b.mean(b.mul(e_by_hand, b.row(z, "j")), ("j",))
    program = t.program(None, found=b.inner(exchanged, y), expected=b.inner(by_hand, y))
    values = simulate(program, WIDTH, trials=1, seed=5).values
    np.testing.assert_allclose(values["found"], values["expected"], rtol=1e-12)


def test_unfolding_keeps_values() -> None:
    program = an_update_used_both_ways()
    unfolded = without_exchanges(program)
    assert not any(isinstance(node, Exchange) for node in unfolded.nodes)
    assert_same_values(program, unfolded)
    assert_same_values(program, normalise(program))


def test_contractions_of_copies_are_exchanged_too() -> None:
    b = Builder()
    u = b.initial_vector("u", "n", (3,), None, b.number(1))
    w = b.initial_vector("w", "n", (3, 2), None, b.number(1))
    e = b.apply("tanh", b.contract(u, b.row(w, "j")))
    t = Text()
    t.b = b
    ahead = b.mean(b.mul(b.exchange(e, "j"), b.row(b.take(u, (0,)), "j")), ("j",))
    program = t.program(None, c=b.inner(ahead, ahead))
    assert_same_values(program, without_exchanges(program))


@pytest.mark.slow
@pytest.mark.parametrize("dot", ["derivative", "stein"])
def test_the_limit_agrees_with_finite_width(dot: str) -> None:
    found = tpc.verify(
        an_update_used_both_ways(), widths=(64, 128, 256), trials=24, samples=2**13, dot=dot
    )
    assert found.agrees


@pytest.mark.slow
def test_the_limit_needs_the_exchange() -> None:
    """Finite widths can tell an update from its transpose."""
    limit = tpc.evaluator(an_update_used_both_ways("n")).evaluate(samples=2**14)
    finite = tpc.simulate(an_update_used_both_ways("n", exchanged=False), width=512, trials=16)
    error = np.hypot(limit.stderr["B"], finite.stderr["B"])
    assert (abs(limit["B"] - finite["B"]) > 5 * error).any()
