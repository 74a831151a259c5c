"""Every kind of node has its formula, names stop the expansion, and no formula is too large."""

from collections.abc import Callable

import numpy as np
import pytest

from tpc.diagnostics import NOWHERE
from tpc.limit.builder import LimitBuilder
from tpc.limit.equations import HatEquation, KetEquation, Limit
from tpc.limit.limit_nodes import Hat, SteinBra, SteinDot
from tpc.program.builder import Builder
from tpc.program.nodes import FREE, Matrix, Node
from tpc.report.reading import EquationReader
from tpc.report.spelling import plain, spell
from tpc.report.unicode import Unicode
from tpc.report.weight_table import LARGEST


def text(formula: object) -> str:
    """Return a formula in Unicode."""
    return plain(spell(formula, Unicode()))  # type: ignore[arg-type]


b = LimitBuilder()
ONE = b.number(1)
s, c = b.parameter("s", 2.0), b.parameter("c", [1.0, 2.0])
M = b.parameter("M", np.ones((2, 2)))
T = b.parameter("T", np.ones((2, 3, 4)))
x, y = (b.initial_vector(name, "n", (), None, ONE) for name in "xy")
u = b.initial_vector("u", "n", (2,), None, ONE)
z = b.initial_vector("z", "n", (2, 3), None, ONE)
PAIR = b.mul(x, b.row(b.apply("tanh", y), "j"))


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (s, "s"),
        (b.initial_scalar("c0", b.number(0.25)), "0.25"),
        (b.add(x, b.mul(s, y)), "|x⟩ + s |y⟩"),
        (b.mul(x, c), "|x⟩ c"),
        (b.mul(u, c), "|u⟩ ⊙ c"),
        (b.mul(u, b.constant([2.0, 2.0])), "2 |u⟩"),
        (b.mul(x, b.constant([2.0, 2.0])), "|x⟩ (2 ones(2))"),
        (b.mul(b.mul(x, b.constant([1.0, 1.0])), s), "|x⟩ ones(2) s"),
        (b.mul(b.expand(u, (1,)), c), "|u⟩ ⊗ c"),
        (b.mul(c, b.expand(u, (1,))), "|u⟩ ⊗ c"),
        (b.mul(b.expand(u, (0,)), M), "|u⟩[None] ⊙ M"),
        (b.apply("square", b.apply("tanh", x)), "tanh(|x⟩)^2"),
        (b.pow(x, b.number(-1)), "|x⟩^(-1)"),
        (b.apply("clip", x, b.number(-1), ONE), "clip(|x⟩, -1, 1)"),
        (b.apply("equal", x, y), "[|x⟩ = |y⟩]"),
        (b.contract(u, M), "|u⟩ @ M"),
        (b.contract(u, c), "|u⟩ · c"),
        (
            b.contract(z, b.constant(np.arange(6.0).reshape(2, 3)), 2),
            "|z⟩ · [[0, 1, 2], [3, 4, 5]]",
        ),
        (b.contract(T, b.parameter("Q", np.ones((3, 4, 5))), 2), "T ·₂ Q"),
        (b.take(z, (0, None)), "|z⟩[0]"),
        (b.take(z, (None, 1)), "|z⟩[:, 1]"),
        (b.transpose(z), "|z⟩.T"),
        (b.permute(T, (2, 0, 1)), "transpose(T, axes=(2, 0, 1))"),
        (b.expand(u, (1,)), "|u⟩[:, None]"),
        (b.reduce("sum", z), "sum(|z⟩)"),
        (b.reduce("amax", z, (1,)), "amax(|z⟩, axis=1)"),
        (b.softmax(z), "softmax(|z⟩)"),
        (b.linear_algebra("inv", M), "M^-1"),
        (b.linear_algebra("trace", b.add(M, M)), "trace(M + M)"),
        (b.mean(x), "E[|x⟩]"),
        (b.sub(x, b.mean(x)), "|x⟩ - E[|x⟩]"),
        (b.inner(x, y), "⟨x|y⟩"),
        (b.inner(b.apply("tanh", x), y), "E[tanh(|x⟩) |y⟩]"),
        (b.inner(b.apply("tanh", x), b.apply("tanh", x)), "E[tanh(|x⟩)^2]"),
        (b.inner(b.apply("tanh", u), z), "E[tanh(|u⟩) ⊗ |z⟩]"),
        (b.mean(PAIR, ("j",)), "E¹[|x⟩ tanh(|y⟩¹)]"),
        (b.mean(b.add(PAIR, b.row(y, "l")), ("j", "l")), "E¹E²[|x⟩ tanh(|y⟩¹) + |y⟩²]"),
        (b.mean(b.mean(PAIR, ("j",))), "E[E¹[|x⟩ tanh(|y⟩¹)]]"),
        (b.mean(PAIR, (FREE, "j")), "E[|x⟩ tanh(|y⟩¹)]"),
        (
            b.mean(b.mul(x, b.row(b.mean(PAIR, ("j",)), "l")), ("l",)),
            "E¹[|x⟩ E²[|x⟩¹ tanh(|y⟩²)]]",
        ),
        (b.mean(b.mul(x, b.row(b.sub(y, b.mean(y)), "j")), ("j",)), "E¹[|x⟩ (|y⟩¹ - E[|y⟩])]"),
    ],
)
def test_every_kind_of_node(bare_limit: Limit, node: Node, expected: str) -> None:
    assert text(EquationReader(bare_limit).of(node)) == expected


def _named(limit: Limit, **nodes: Node) -> Limit:
    equations = tuple(KetEquation(name, node, NOWHERE) for name, node in nodes.items())
    names = {node: name for name, node in nodes.items()}
    return Limit(limit.program, equations, (), names, limit.dialect)


def test_a_name_stands_for_its_node_except_in_its_own_equation(bare_limit: Limit) -> None:
    inside = b.apply("tanh", x)
    outside = b.mul(s, inside)
    reader = EquationReader(_named(bare_limit, h=inside, g=outside))
    assert text(reader.of(outside)) == "|g⟩"
    assert text(reader.own(outside)) == "s |h⟩"
    assert text(reader.own(inside)) == "tanh(|x⟩)"
    assert text(reader.of(b.inner(outside, inside))) == "⟨g|h⟩"
    assert text(reader.of(b.mean(b.mul(x, b.row(inside, "j")), ("j",)))) == "E¹[|x⟩ |h⟩¹]"


def test_hats_and_stein_bras(bare_limit: Limit) -> None:
    w = Matrix("W", "n", "n", ONE, "n", NOWHERE)
    hat = b.make(Hat, x.coords, (), w, True, x, ONE, b.inner(x, x), 0)
    assert isinstance(hat, Hat)
    ket = b.add(hat, x)
    product = b.make(Hat, x.coords, (), w, False, ket, ONE, b.inner(ket, ket), 0)
    bra = b.make(SteinBra, (), (), (hat,), product, 0)
    dot = b.make(SteinDot, x.coords, (), (hat,), product)
    equations = (HatEquation("g", hat, (), NOWHERE), KetEquation("h", ket, NOWHERE))
    limit = Limit(bare_limit.program, equations, (), {ket: "h", hat: "g"}, "netsort")
    reader = EquationReader(limit)
    assert text(reader.own(hat)) == "|g⟩^"
    assert text(reader.of(bra)) == "⟨∇ W.T x|h⟩"
    assert text(reader.of(dot)) == "|x⟩⟨∇ W.T x|h⟩"
    assert text(reader.own(ket)) == "|g⟩ + |x⟩"


@pytest.mark.slow
def test_a_deep_expression_is_cut_into_bounded_ones(bare_limit: Limit) -> None:
    fresh = Builder()
    node = start = fresh.initial_vector("x", "n", (), None, fresh.number(1))
    for _ in range(3000):
        node = fresh.apply("tanh", fresh.add(node, start))
    reader = EquationReader(bare_limit)
    formulas = [reader.own(node), *(d.entries[0][1] for d in reader.definitions())]
    assert sum(text(formula).count("tanh") for formula in formulas) == 3000
    assert max(text(formula).count("|") for formula in formulas) <= 2 * LARGEST


def test_a_shared_expression_is_written_once(bare_limit: Limit) -> None:
    fresh = Builder()
    node = fresh.initial_vector("x", "n", (), None, fresh.number(1))
    for _ in range(60):
        node = fresh.add(fresh.apply("tanh", node), fresh.apply("sin", node))
    reader = EquationReader(_named(bare_limit, y=node))
    formulas = [reader.own(node), *(d.entries[0][1] for d in reader.definitions())]
    assert sum(text(formula).count("tanh") for formula in formulas) < 4 * 60


def test_local_names_avoid_names_of_the_program(limit_of: Callable[..., Limit]) -> None:
    reader = EquationReader(limit_of("dim n\nvector t1 : n\noutput c = <t1|t1>\n"))
    assert reader.given.unused("t") == "tt"
    assert reader.given.unused("c") == "cc"
    assert reader.given.unused("y") == "y"
