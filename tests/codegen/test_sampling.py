"""Which outputs need samples, and which of them meet a kink."""

import pytest

import tpc
from tpc.codegen.sampling import Sampling, find_sampling
from tpc.functions import FUNCTIONS
from tpc.limit.builder import LimitBuilder
from tpc.program.nodes import FREE, Elementwise, Node, Placeholder, operands
from tpc.program.partials import NotDifferentiable, partial


def sampling_of(text: str) -> Sampling:
    return find_sampling(tpc.derive(tpc.parse("dim n\n" + text)), lambda node: repr(node))


def test_outputs_are_judged_one_by_one() -> None:
    found = sampling_of(
        "vector u, v : n\nmatrix W : n x n\nh = W @ tanh(u)\nx = relu(W @ (h * v))\n"
        "scalar c -> 2\n"
        "output a = c + 1\noutput b = avg(u * u)\n"
        "output smooth = avg(tanh(h * v))\noutput rough = avg(tanh(x + h))\n"
    )
    assert set(found.sampled) == {"smooth", "rough"}
    assert set(found.rough) == {"rough"}
    # u, v, and the hats of h and x.
    assert found.gaussians in (3, 4)


@pytest.mark.parametrize(
    ("body", "rough"),
    [
        ("avg(mean[j](tanh(abs(u - u[j]))))", True),
        ("avg(mean[j](tanh(sin(u) - u[j] * u)))", False),
        ("avg(tanh(amax(U, axis=0) * u))", True),
        ("avg(tanh(sum(U, axis=0) * u))", False),
        ("max(avg(tanh(u * sin(u))), 0)", False),
        ("avg(tanh(u * sin(u)) * clip(u, -1, 1))", False),
        ("avg(tanh(u * sin(U[0])) * clip(u, -1, 1))", True),
    ],
)
def test_kinks_are_found_inside(body: str, rough: bool) -> None:
    found = sampling_of(f"vector u : n\nvector U[2] : n\noutput c = {body}\n")
    assert set(found.sampled) == {"c"}
    assert bool(found.rough) == rough


def test_kinks_of_variances_that_have_a_closed_form_do_not_matter() -> None:
    found = sampling_of(
        "vector u : n\nmatrix W, V : n x n\nh = W @ relu(u)\noutput c = avg(tanh(h * sin(h)))\n"
    )
    assert set(found.sampled) == {"c"}
    assert not found.rough
    assert found.gaussians == 1


@pytest.mark.parametrize("function", sorted(FUNCTIONS.keys() - {"delta", "equal"}))
def test_a_function_has_a_kink_if_its_derivatives_jump(function: str) -> None:
    b = LimitBuilder()
    arguments = tuple(
        b.make(Placeholder, ((FREE, "n"),), (), f"x{i}") for i in range(FUNCTIONS[function].arity)
    )
    jumps = function in ("step", "sign")
    for slot in range(len(arguments)):
        try:
            jumps = jumps or _jumps(partial(b, function, arguments, slot))
        except NotDifferentiable:
            jumps = True
    assert jumps == FUNCTIONS[function].has_kinks


def _jumps(node: Node) -> bool:
    rough = ("step", "sign", "delta", "min", "max", "abs")
    own = isinstance(node, Elementwise) and node.function in rough
    return own or any(_jumps(operand) for operand in operands(node))
