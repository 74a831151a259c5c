"""Separable averages factored: equal at finite width, and no average over a bound coordinate."""

from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.program.passes.graph_programs import Text, applied, bound_means
from tpc.program.builder import ShapeMismatch
from tpc.program.nodes import FREE, Inner, Node
from tpc.program.passes import drop_dead_code, factor_averages, share_subexpressions


class Bodies(Text):
    """Vectors g, h at the free coordinate and x, y, z to be used as rows."""

    def __init__(self) -> None:
        super().__init__()
        self.g, self.h = self.vector("g"), self.vector("h", 3)
        self.x, self.y = self.vector("x", dim="m"), self.vector("y", 3, dim="m")
        self.z = self.vector("z")
        self.xj, self.yj = self.b.row(self.x, "j"), self.b.row(self.y, "j")
        self.zl = self.b.row(self.z, "l")
        self.c = self.b.parameter("c", 0.8)

    def mean(self, body: Node) -> Node:
        bound = tuple(name for name, _ in body.coords if name != FREE)
        return self.b.mean(body, bound)


SEPARABLE = {
    "free": lambda t, b: b.mul(t.g, b.mul(t.xj, t.xj)),
    "row alone": lambda t, b: b.apply("tanh", b.mul(t.c, t.xj)),
    "multi-vector row": lambda t, b: b.softmax(t.yj),
    "order of factors": lambda t, b: b.mul(b.mul(t.xj, t.g), t.xj),
    "sum": lambda t, b: b.sub(b.add(t.g, b.mul(t.g, t.xj)), b.div(t.xj, t.c)),
    "expanded": lambda t, b: b.mul(b.add(t.g, t.xj), b.sub(t.xj, b.mul(t.c, t.g))),
    "square": lambda t, b: b.apply("square", b.sub(t.g, t.xj)),
    "cube": lambda t, b: b.pow(b.add(t.g, t.xj), b.number(3)),
    "fourth power": lambda t, b: b.pow(b.sub(t.g, t.xj), b.number(4)),
    "power of a product": lambda t, b: b.pow(b.mul(t.g, t.xj), b.number(-3)),
    "independent": lambda t, b: b.mul(t.xj, t.zl),
    "three coordinates": lambda t, b: b.mul(b.add(t.g, t.xj), b.add(t.xj, t.zl)),
    "quotient": lambda t, b: b.div(t.xj, b.mul(t.g, b.exp(t.zl))),
    "sign": lambda t, b: b.mul(b.apply("sign", b.mul(t.g, t.xj)), t.xj),
    "sign of a quotient": lambda t, b: b.apply("sign", b.div(t.g, t.xj)),
    "abs": lambda t, b: b.apply("abs", b.neg(b.mul(t.c, b.mul(t.h, t.xj)))),
    "exponential": lambda t, b: b.exp(b.sub(b.add(t.g, b.mul(t.c, t.xj)), t.zl)),
    "broadcast": lambda t, b: b.mul(b.expand(t.h, (1,)), t.yj),
    "take": lambda t, b: b.take(b.mul(t.h, t.yj), (1,)),
    "take of a broadcast": lambda t, b: b.take(b.mul(b.expand(t.h, (1,)), t.yj), (None, 2)),
    "permute": lambda t, b: b.permute(b.mul(b.expand(t.h, (1,)), t.yj), (1, 0)),
    "expand": lambda t, b: b.mul(b.expand(b.mul(t.g, t.yj), (0, 2)), t.h),
    "sum over an axis": lambda t, b: b.mul(t.xj, b.reduce("sum", b.mul(t.h, t.yj))),
    "sum over a lone axis": lambda t, b: b.reduce("sum", b.mul(t.g, t.yj), (0,)),
    "sum over absent axes": lambda t, b: b.reduce(
        "sum", b.mul(b.add(t.h, t.xj), b.expand(b.mul(t.g, t.yj), (1,))), (1,)
    ),
    "square of a sum": lambda t, b: b.apply("square", b.reduce("sum", b.mul(t.h, t.yj))),
    "array": lambda t, b: b.contract(b.mul(t.h, t.yj), b.constant(np.arange(6).reshape(3, 2))),
    "array, one side": lambda t, b: b.contract(
        b.mul(t.g, t.yj), b.constant(np.arange(6).reshape(3, 2))
    ),
    "exchange": lambda t, b: b.exchange(b.mul(b.add(t.g, t.xj), b.exp(t.g)), "j"),
    "contract two": lambda t, b: b.contract(t.h, t.yj),
    "contract twice": lambda t, b: b.mul(
        b.contract(t.h, t.yj), b.contract(t.yj, b.expand(t.h, (1,)))
    ),
    "contract sums": lambda t, b: b.contract(b.add(t.h, t.g), b.mul(t.zl, t.yj)),
    "outer product": lambda t, b: b.mul(
        b.expand(b.reduce("sum", b.mul(t.h, t.yj)), (0,)), b.mul(t.yj, t.yj)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SEPARABLE)
def test_separable(name):
    t = Bodies()
    after = applied(factor_averages, t.program(out=t.mean(SEPARABLE[name](t, t.b))))
    assert not bound_means(after)


def test_gradient_outer_product_is_an_inner_product():
    """mean[j](sum_a(dh_a x_a[j]) z_b[j]) = sum_a dh_a <x_a|z_b>, without a matrix per sample."""
    t = Bodies()
    b = t.b
    outer = b.reduce("sum", b.mul(t.h, t.yj))
    body = b.mul(outer, b.row(t.vector("w", 2, dim="m"), "j"))
    after = applied(factor_averages, t.program(out=t.mean(body)))
    assert not bound_means(after)
    assert [node.shape for node in after.nodes if isinstance(node, Inner)] == [(3, 2)]
    assert max(prod(node.shape) for node in after.nodes if node.is_vector) == 3


def test_average_becomes_the_inner_product_that_exists():
    t = Bodies()
    b = t.b
    body = b.mul(b.mul(t.g, t.xj), b.row(t.b.apply("tanh", t.x), "j"))
    known = b.inner(t.x, b.apply("tanh", t.x))
    after = applied(share_subexpressions, factor_averages(t.program(k=known, out=t.mean(body))))
    assert sum(isinstance(node, Inner) for node in after.nodes) == 1


def test_what_does_not_separate_stays():
    t = Bodies()
    body = t.b.mul(t.b.apply("tanh", t.b.mul(t.g, t.xj)), t.b.add(t.g, t.xj))
    before = drop_dead_code(t.program(out=t.mean(body)))
    after = applied(factor_averages, before)
    assert list(map(type, after.nodes)) == list(map(type, before.nodes))


def test_separable_terms_are_split_off():
    t = Bodies()
    b = t.b
    mixed = b.apply("tanh", b.mul(t.g, t.xj))
    body = b.mul(b.add(t.c, mixed), b.add(t.g, b.mul(t.xj, t.zl)))
    after = applied(factor_averages, t.program(out=t.mean(body)))
    (remaining,) = bound_means(after)
    assert remaining.over == ("j",)


def test_free_factors_leave_a_mixed_average():
    t = Bodies()
    mixed = t.b.apply("tanh", t.b.mul(t.g, t.xj))
    program = t.program(out=t.mean(t.b.mul(t.h, mixed)), again=t.mean(t.b.mul(mixed, t.zl)))
    after = applied(factor_averages, program)
    assert len(bound_means(after)) == 1
    assert bound_means(after)[0].shape == ()


def test_mixed_averages_keep_their_sums_over_axes():
    """Three columns for every pair would take the place of one."""
    t = Bodies()
    b = t.b
    mixed = b.apply("tanh", b.mul(t.g, t.xj))
    sums = [b.reduce("sum", b.mul(b.apply(f, t.h), t.yj)) for f in ("sin", "square")]
    body = b.add(b.mul(t.g, t.xj), b.mul(mixed, b.add(b.mul(t.c, sums[0]), sums[1])))
    after = applied(factor_averages, t.program(out=t.mean(body)))
    assert [node.shape for node in bound_means(after)] == [()]


def test_too_many_terms_stay():
    t = Bodies()
    body: Node = t.b.add(t.g, t.xj)
    for k in range(1, 8):
        body = t.b.mul(body, t.b.add(t.b.apply("sin", t.b.mul(t.b.number(k), t.g)), t.xj))
    assert len(bound_means(applied(factor_averages, t.program(out=t.mean(body))))) == 1


@pytest.mark.slow
def test_deep_bodies():
    t = Bodies()
    body: Node = t.b.mul(t.g, t.xj)
    for k in range(6000):
        body = t.b.add(body, t.xj if k % 2 else t.g)
    after = factor_averages(t.program(out=t.mean(body)))
    assert not bound_means(after)


UNARY = ("neg", "square", "tanh", "sign", "abs", "sin")


@st.composite
def bodies(draw):
    t = Bodies()
    b = t.b
    pool: list[Node] = [t.g, t.h, t.xj, t.yj, t.zl, t.c, b.constant([0.5, -2.0, 1.0])]
    for _ in range(draw(st.integers(2, 9))):
        x, y = draw(st.sampled_from(pool)), draw(st.sampled_from(pool[2:]))
        rank = len(x.shape)
        try:
            match draw(st.integers(0, 12)):
                case 0 | 1 | 2:
                    node = b.mul(x, y)
                case 3 | 4:
                    node = b.add(x, y)
                case 5:
                    node = b.sub(x, y)
                case 6:
                    node = b.div(x, b.add(b.number(2), b.apply("square", y)))
                case 7:
                    node = b.apply(draw(st.sampled_from(UNARY)), x)
                case 8 if rank:
                    axes = draw(st.sets(st.integers(0, rank - 1), min_size=1))
                    node = b.reduce("sum", x, tuple(axes))
                case 9 if rank:
                    node = b.permute(x, tuple(draw(st.permutations(range(rank)))))
                case 10 if rank:
                    node = b.take(x, (draw(st.integers(0, x.shape[0] - 1)),))
                case 11 if not {n for n, _ in x.coords} & {n for n, _ in y.coords}:
                    node = b.contract(x, y)
                case _ if rank < 3:
                    node = b.expand(x, (draw(st.integers(0, rank)),))
                case _:
                    continue
        except ShapeMismatch:
            continue
        if len(node.shape) <= 4 and np.prod(node.shape) <= 81:
            pool.append(node)
    body = next((n for n in reversed(pool) if len(n.coords) > 1), pool[2])
    return t, b.apply("tanh", body) if draw(st.booleans()) and draw(st.booleans()) else body


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(bodies())
def test_random_bodies(drawn):
    t, body = drawn
    applied(factor_averages, t.program(out=t.mean(body)))
