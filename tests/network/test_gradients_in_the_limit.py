"""Total programs, forward and backward passes of two inputs: their limits against finite widths."""

from fractions import Fraction

import numpy as np
import pytest

import tpc
from tests.marks import slow_where
from tests.network.cases import Case, make_case
from tests.network.random_networks import random_case
from tests.network.sketch import NetworkSketch
from tpc.diagnostics import NOWHERE
from tpc.network.batching import Lowering
from tpc.program.backpropagation import backpropagate
from tpc.program.nodes import Matrix, Mean, Node, operands
from tpc.program.program import Dim, Output, OutputKind, Program
from tpc.program.traversal import toposort

CASES = [
    "tied", "products_in_the_readout", "layer_norm", "attention", "axes", "inner_products",
    "outer", "outer_without_free", "average_beside_a_row",
]  # fmt: skip


def total_program(name: str, case: Case) -> Program:
    """Return the program whose outputs are the sizes of gradients and their overlaps."""
    b = case.b
    b.span = NOWHERE
    seed = b.argument("seed", *case.output.shape)
    gradients = backpropagate(b, case.output, case.b.weights, seed)
    random = np.random.default_rng(2)
    given = {leaf: b.constant(random.normal(size=(2, *leaf.shape))) for leaf in (case.input, seed)}
    lowering = Lowering(b, 2, dict(given))
    outputs = {}
    for matrix, uses in gradients.matrices.items():
        outputs |= {f"{matrix.name} {place}": use.cotangent for place, use in enumerate(uses)}
    outputs |= {vector.name: d for vector, d in gradients.vectors.items()}
    scalars = {
        name: b.inner(first_column(b, lowering, node), first_column(b, lowering, node))
        for name, node in outputs.items()
    }
    scalars |= {
        scalar.name: b.reduce("sum", lowering.per_input(d))
        for scalar, d in gradients.scalars.items()
    }
    matrices = tuple(leaf for leaf in b.weights if isinstance(leaf, Matrix))
    roots = [*scalars.values(), *(matrix.variance for matrix in matrices)]
    return Program(
        name=name, title="", source="", dialect="nexort",
        dims={"n": Dim("n", Fraction(1), NOWHERE)},
        matrices=matrices, parameters=(), bindings=(),
        outputs=tuple(Output(k, OutputKind.SCALAR, v, NOWHERE) for k, v in scalars.items()),
        nodes=tuple(toposort(roots, operands)),
    )  # fmt: skip


def first_column(b: NetworkSketch, lowering: Lowering, node: Node) -> Node:
    """Return a vector for both inputs, at the first index of every other axis."""
    image = lowering.per_input(node)
    return b.take(image, (None, *(0,) * len(node.shape)))


@pytest.mark.parametrize(
    "name", slow_where(lambda name: name in ("tied", "outer", "average_beside_a_row"), CASES)
)
@pytest.mark.slow
def test_gradients_have_their_limits(name: str) -> None:
    found = tpc.verify(
        total_program(name, make_case(name)), widths=(48, 96, 192), trials=16, samples=2**11
    )
    assert found.agrees


@pytest.mark.slow
def test_averages_over_several_coordinates_are_one() -> None:
    """Generated code has averages over pairs and triples, none inside of another."""
    program = total_program("outer_of_two", make_case("outer_of_two"))
    assert all(len(node.coords) < 2 for node in program.nodes if isinstance(node, Mean))
    found = tpc.evaluator(program).evaluate(samples=2**8)
    assert all(np.isfinite(value).all() for value in found.values.values())


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 42, 58])
def test_gradients_of_random_networks_have_limits(seed: int) -> None:
    """These have functions of rows alone, whose cotangents are averages over other coordinates."""
    program = total_program(str(seed), random_case(seed))
    assert all(node.is_scalar or node.is_vector for node in program.nodes if isinstance(node, Mean))
    found = tpc.evaluator(program).evaluate(samples=2**6)
    assert all(np.isfinite(value).all() for value in found.values.values())
