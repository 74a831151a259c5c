"""Common subexpressions: equal by algebra, computed once."""

import pytest

from tests.program.passes.graph_programs import Text, applied
from tpc.program.nodes import Constant, Elementwise, Expand, Inner, Mean, Node, Permute, Take
from tpc.program.passes import share_subexpressions


def kinds(program, kind):
    return [node for node in program.nodes if isinstance(node, kind)]


@pytest.mark.parametrize("function", ["add", "mul", "max", "min"])
def test_commuted_operands(function):
    t = Text()
    x, y = t.vector("x"), t.vector("y", 3)
    one, other = t.b.apply(function, y, x), t.b.apply(function, x, y)
    after = applied(share_subexpressions, t.program(a=one, b=other))
    (shared,) = kinds(after, Elementwise)
    assert [operand.name for operand in shared.operands] == ["y", "x"]


def test_difference_does_not_commute():
    t = Text()
    x, y = t.vector("x"), t.vector("y")
    after = applied(share_subexpressions, t.program(a=t.b.sub(x, y), b=t.b.sub(y, x)))
    assert len(kinds(after, Elementwise)) == 2


def test_one_inner_product():
    t = Text()
    b, x, y, z = t.b, t.vector("x"), t.vector("y"), t.vector("z")
    after = applied(
        share_subexpressions,
        t.program(
            a=b.inner(x, y), b=b.inner(y, x), c=b.mean(b.mul(y, x)),
            d=b.inner(b.mul(x, y), z), e=b.mean(b.mul(x, b.mul(y, z))), f=b.inner(b.mul(z, x), y),
            g=b.inner(x, x), h=b.mean(b.mul(x, x)), i=b.mean(b.pow(x, b.number(2))),
            j=b.inner(b.apply("square", x), y), k=b.inner(x, b.mul(x, y)),
        ),
    )  # fmt: skip
    assert len(kinds(after, Inner)) == 4
    assert not kinds(after, Mean)


def test_inner_products_of_multi_vectors_keep_their_sides():
    t = Text()
    x, y = t.vector("x", 2), t.vector("y", 3)
    after = applied(share_subexpressions, t.program(a=t.b.inner(x, y), b=t.b.inner(y, x)))
    assert len(kinds(after, Inner)) == 2


def test_constants_fold():
    t = Text()
    b, x = t.b, t.vector("x", 2)
    scale = b.div(b.apply("sqrt", b.number(16)), b.sub(b.number(5), b.number(1)))
    row = b.take(b.contract(b.constant([[1.0, 2.0]]), b.constant([[0.0, 3.0], [1.0, 1.0]])), (0,))
    after = applied(share_subexpressions, t.program(a=b.mul(scale, x), b=b.mul(row, x)))
    assert [node.value.tolist() for node in kinds(after, Constant) if node.shape] == [[2.0, 5.0]]
    assert len(kinds(after, Elementwise)) == 1  # 1 * x is x


def test_constants_that_do_not_fold():
    t = Text()
    b = t.b
    outer = b.mul(b.expand(b.constant([1.0] * 50), (1,)), b.constant([2.0] * 50))
    root = b.apply("sqrt", b.number(-1))
    program = t.program(a=b.reduce("sum", outer), bad=root)
    after = share_subexpressions(program)
    assert len(kinds(after, Elementwise)) == 2


def test_indices_and_permutations_compose():
    t = Text()
    b, x = t.b, t.vector("x", 2, 3, 4)
    taken = b.take(b.take(x, (None, 1)), (1, 2))
    turned = b.permute(b.permute(x, (1, 2, 0)), (2, 0, 1))
    cycled = b.permute(b.permute(x, (1, 2, 0)), (1, 2, 0))
    after = applied(share_subexpressions, t.program(a=taken, b=turned, c=cycled))
    assert [node.keys for node in kinds(after, Take)] == [(1, 1, 2)]
    assert [node.order for node in kinds(after, Permute)] == [(2, 0, 1)]


def test_index_into_a_new_axis():
    t = Text()
    wide = t.b.expand(t.vector("x", 2, 3), (0, 2, 4))  # of shape (1, 2, 1, 3, 1)
    outputs = {"a": t.b.take(wide, (0, 1)), "b": t.b.take(wide, (None, None, 0, 2, None))}
    after = applied(share_subexpressions, t.program(**outputs))
    assert [node.axes for node in kinds(after, Expand)] == [(0, 2), (0, 2)]


@pytest.mark.slow
def test_ten_thousand_levels():
    t = Text()
    x: Node = t.vector("x")
    y = t.vector("y")
    for _ in range(10_000):
        x = t.b.mul(y, x)
    after = share_subexpressions(t.program(a=t.b.inner(x, y)))
    assert len(after.nodes) > 10_000
