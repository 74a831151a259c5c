"""All passes in their order, on hand-written training steps."""

from tests.program.passes.graph_programs import Text, applied, bound_means, products
from tpc.program.nodes import FREE, MatMul, Mean, Row
from tpc.program.passes import normalise


def sgd_step(batch):
    """One SGD step of x2 = tanh(W x1) with W1 = W - eta mean(dh z^T), and a second forward pass."""
    t = Text()
    b, w, v = t.b, t.matrix("W"), t.vector("v")
    x0 = b.apply("tanh", t.vector("u", *batch))
    h0 = t.product(w, x0)
    dh = b.mul(v, b.sub(b.number(1), b.apply("square", b.apply("tanh", h0))))
    eta = b.parameter("eta", 0.3)
    x1 = b.sub(x0, b.mul(eta, t.product(w, dh, transposed=True)))
    return t, w, dh, x0, x1, eta


def test_sgd_step_has_one_product_for_each_new_vector():
    t, w, dh, x0, x1, eta = sgd_step(())
    b = t.b
    update = b.mean(b.mul(b.mul(dh, b.row(x0, "j")), b.row(x1, "j")), ("j",))
    h1 = b.sub(t.product(w, x1), b.mul(eta, update))
    backward = t.product(w, b.mul(dh, b.inner(dh, h1)), transposed=True)
    after = applied(normalise, t.program({"x0": x0, "h1": h1}, h1=h1, back=backward))
    assert not bound_means(after)
    # W x0, W.T dh and W (W.T dh): W x1 and the second W.T dh are combinations of these.
    assert len(products(after)) == 3
    assert [bound.name for bound in after.bindings] == ["x0", "h1"]


def test_sign_sgd_with_one_example_separates():
    t, w, dh, x0, x1, eta = sgd_step(())
    b = t.b
    gradient = b.mul(dh, b.row(x0, "j"))
    update = b.mean(b.mul(b.apply("sign", gradient), b.row(x1, "j")), ("j",))
    h1 = b.sub(t.product(w, x1), b.mul(eta, update))
    assert not bound_means(applied(normalise, t.program(h1=h1)))


def test_sign_sgd_with_two_examples_does_not():
    t, w, dh, x0, x1, eta = sgd_step((2,))
    b = t.b
    gradient = b.reduce("sum", b.mul(dh, b.row(x0, "j")))
    update = b.mean(b.mul(b.apply("sign", gradient), b.row(x1, "j")), ("j",))
    h1 = b.sub(t.product(w, x1), b.mul(eta, update))
    after = applied(normalise, t.program(h1=h1))
    assert len(bound_means(after)) == 1


def test_order_and_operands_stay_topological():
    t, w, dh, x0, x1, _ = sgd_step((3,))
    b = t.b
    c = b.mean(b.mul(dh, b.row(x0, "j")), ("j",))
    after = applied(normalise, t.program(out=t.product(w, b.add(c, x1))))
    seen = set()
    for node in after.nodes:
        match node:
            case MatMul(operand=x) | Mean(operand=x) | Row(operand=x):
                assert x in seen
        seen.add(node)
    assert all(node.over == (FREE,) for node in after.nodes if isinstance(node, Mean))


def test_normalising_twice_changes_nothing():
    t, w, dh, x0, x1, _ = sgd_step(())
    body = t.b.mul(t.b.add(dh, t.b.row(x0, "j")), t.b.row(x1, "j"))
    once = normalise(t.program(out=t.product(w, t.b.mean(body, ("j",)))))
    again = normalise(once)
    assert list(map(type, again.nodes)) == list(map(type, once.nodes))
