"""Matrices pushed through linear combinations: same values, fewer products."""

from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.program.passes.graph_programs import Text, applied, products
from tpc.program.nodes import Node
from tpc.program.passes import push_matrices
from tpc.program.passes.share_subexpressions import share_subexpressions


def columns(program):
    return sum(prod(node.shape) for node in products(program))


def test_sum_of_known_products():
    t = Text()
    w, x, y = t.matrix("W"), t.vector("x"), t.vector("y")
    whole = t.product(w, t.b.sub(x, y))
    after = applied(push_matrices, t.program(s=whole, a=t.product(w, x), b=t.product(w, y)))
    assert [node.operand.name for node in products(after)] == ["x", "y"]


def test_sum_stays_where_nothing_else_is_known():
    t = Text()
    w = t.matrix("W")
    after = applied(push_matrices, t.program(s=t.product(w, t.b.add(t.vector("x"), t.vector("y")))))
    assert len(products(after)) == 1


def test_one_new_product_replaces_the_sum():
    t = Text()
    w, x, dx = t.matrix("W"), t.vector("x"), t.b.apply("tanh", t.vector("y"))
    steps = {f"h{k}": t.product(w, t.b.add(x, t.b.mul(t.b.number(k), dx))) for k in range(2, 6)}
    after = applied(push_matrices, t.program(h0=t.product(w, x), **steps))
    assert len(products(after)) == 2


def test_transpose_is_another_symbol():
    t = Text()
    w, x, y = t.matrix("W"), t.vector("x"), t.vector("y")
    both = t.b.add(x, y)
    after = applied(
        push_matrices,
        t.program(a=t.product(w, x), b=t.product(w, y), c=t.product(w, both, transposed=True)),
    )
    assert sum(node.transposed for node in products(after)) == 1
    assert len(products(after)) == 3


def test_scalars_come_out():
    t = Text()
    b, w, x = t.b, t.matrix("W", "m", "n"), t.vector("x")
    c, d = b.parameter("c", 0.7), b.parameter("d", [1.0, 2.0, 3.0])
    norm = b.inner(x, x)
    scaled = [
        b.mul(c, x), b.mul(x, c), b.neg(b.mul(c, x)), b.div(x, norm), b.mul(d, x),
        b.div(b.mul(c, b.neg(b.div(x, norm))), d),
    ]  # fmt: skip
    outputs = {f"y{k}": t.product(w, operand) for k, operand in enumerate(scaled)}
    after = applied(push_matrices, t.program(**outputs))
    assert [node.operand.name for node in products(after)] == ["x"]


def test_broadcast_factor_saves_columns():
    t = Text()
    xs = t.b.constant([1.0, -0.5, 2.0])
    h = t.product(t.matrix("W"), t.b.mul(t.vector("u"), xs))
    assert [node.shape for node in products(applied(push_matrices, t.program(h=h)))] == [()]


def test_constant_axes():
    t = Text()
    b, w, x = t.b, t.matrix("W"), t.vector("x", 2, 3)
    wide, narrow = b.constant([[1.0, 2], [3, 4], [5, 6]]), b.constant([[1.0], [2], [4]])
    maps = [
        b.take(x, (1, None)), b.permute(x, (1, 0)), b.expand(x, (1,)), b.reduce("sum", x, (0,)),
        b.contract(x, wide), b.contract(b.neg(x), narrow),
    ]  # fmt: skip
    outputs = {f"y{k}": t.product(w, operand) for k, operand in enumerate(maps)}
    after = applied(push_matrices, t.program(y=t.product(w, x), **outputs))
    assert [node.operand.name for node in products(after)] == ["x"]


def test_constant_axes_that_would_cost_more():
    t = Text()
    b, w, x = t.b, t.matrix("W"), t.vector("x", 2, 3)
    narrow = b.constant([[1.0], [2], [4]])
    after = applied(
        push_matrices,
        t.program(
            a=t.product(w, b.take(x, (0,))),
            b=t.product(w, b.reduce("sum", x)),
            c=t.product(w, b.contract(x, narrow)),
        ),
    )
    assert columns(after) == 3 + 1 + 2


def test_a_part_uses_what_the_whole_needs():
    t = Text()
    y = t.vector("y", 2)
    h = t.product(t.matrix("W"), t.b.add(t.b.take(y, (0,)), y))
    after = applied(push_matrices, t.program(h=h))
    assert [node.operand.name for node in products(after)] == ["y"]


def test_data_matrix_comes_out():
    t = Text()
    xs = t.b.constant([[1.0, 0.5], [0.25, 2], [3, 1], [1, 1]])
    h = t.product(t.matrix("W"), t.b.contract(t.vector("u", 2), t.b.permute(xs, (1, 0))))
    assert columns(applied(push_matrices, t.program(h=h))) == 2


def test_amax_and_nonlinearities_stay():
    t = Text()
    w, x = t.matrix("W"), t.vector("x", 2)
    outputs = {
        "a": t.product(w, t.b.reduce("amax", x)),
        "b": t.product(w, t.b.apply("relu", t.b.mul(t.b.number(2), x))),
        "c": t.product(w, x),
    }
    assert len(products(applied(push_matrices, t.program(**outputs)))) == 3


def test_products_behind_products():
    t = Text()
    w, v, x, y = t.matrix("W"), t.matrix("V"), t.vector("x"), t.vector("y")
    wx, wy = t.product(w, x), t.product(w, y)
    outputs = {"a": t.product(v, wx), "b": t.product(v, wy)}
    outputs["c"] = t.product(v, t.product(w, t.b.add(x, y)))
    assert len(products(applied(push_matrices, t.program(**outputs)))) == 4


@pytest.mark.slow
def test_residual_stream_of_one_matrix_is_linear():
    t = Text()
    w, h = t.matrix("W"), t.vector("h")
    for _ in range(2500):
        h = t.b.add(h, t.b.mul(t.b.number(0.01), t.b.apply("tanh", t.product(w, h))))
    program = t.program(h=t.b.inner(h, h))
    after = push_matrices(program)
    assert len(products(after)) == 2500
    assert len(after.nodes) < 5 * len(program.nodes)


@pytest.mark.slow
def test_long_sum_below_its_terms():
    t = Text()
    w = t.matrix("W")
    terms = [t.vector(f"x{k}") for k in range(1200)]
    total: Node = terms[0]
    for term in terms[1:]:
        total = t.b.add(total, term)
    last = t.product(w, total)
    outputs = {f"y{k}": t.b.inner(t.product(w, term), last) for k, term in enumerate(terms)}
    assert len(products(push_matrices(t.program(**outputs)))) == 1200


@st.composite
def linear_programs(draw):
    t = Text()
    b = t.b
    matrices = [t.matrix("W"), t.matrix("V")]
    pool: list[Node] = [t.vector("x"), t.vector("y", 2), t.vector("z", 2, 2)]
    scalars = [b.parameter("c", 0.6), b.parameter("d", [0.5, -1.5]), b.number(3)]
    square = b.constant([[1.0, 2.0], [-1.0, 0.5]])
    outputs = {}
    for step in range(draw(st.integers(3, 14))):
        x = draw(st.sampled_from(pool))
        y = draw(st.sampled_from(pool))
        c = draw(st.sampled_from(scalars))
        rank = len(x.shape)
        match draw(st.integers(0, 9)):
            case 0:
                node = b.add(x, y)
            case 1:
                node = b.sub(x, y)
            case 2:
                node = b.mul(c, x)
            case 3:
                node = b.div(x, c)
            case 4:
                node = b.neg(x)
            case 5 if rank:
                node = b.take(x, (draw(st.integers(0, x.shape[0] - 1)),))
            case 6 if rank:
                node = b.reduce("sum", x, (draw(st.integers(0, rank - 1)),))
            case 7 if rank and x.shape[-1] == 2:
                node = b.contract(x, square)
            case 8 if rank:
                node = b.permute(x, tuple(reversed(range(rank))))
            case _:
                matrix = draw(st.sampled_from(matrices))
                node = t.product(matrix, x, draw(st.booleans()))
                outputs[f"o{step}"] = node
        pool.append(node)
    outputs["last"] = pool[-1]
    return t.program(**outputs)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(linear_programs())
def test_random_linear_combinations(program):
    program = share_subexpressions(program)
    after = applied(push_matrices, program)
    assert columns(after) <= columns(program)
