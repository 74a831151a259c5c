"""Graphs of all inputs at once against one input after the other."""

import numpy as np
import pytest

from tests.network.cases import CASES, Case, make_case
from tests.network.differences import INPUTS, inputs_of
from tests.network.random_networks import random_case
from tests.network.sketch import Array, evaluate
from tpc.network.batching import Lowering
from tpc.network.input_sums import sum_over_inputs
from tpc.program.backpropagation import Gradients, backpropagate
from tpc.program.nodes import Node


def parts(gradients: Gradients) -> list[Node]:
    """Return all nodes of gradients."""
    uses = [use for several in gradients.matrices.values() for use in several]
    return [
        *gradients.vectors.values(),
        *gradients.scalars.values(),
        *(use.cotangent for use in uses),
        *(use.operand for use in uses),
    ]


def at_once(
    case: Case, nodes: list[Node], inputs: list[dict[Node, Array]]
) -> tuple[list[Array], list[Array]]:
    """Return the values of nodes for all inputs, by lowering, inputs first, and their sums."""
    b = case.b
    leaves = {leaf: b.argument(f"all {i}", INPUTS, *leaf.shape) for i, leaf in enumerate(inputs[0])}
    lowering = Lowering(b, INPUTS, leaves)
    sums = [sum_over_inputs(b, lowering, node) for node in nodes]
    images = [lowering.per_input(node) for node in nodes]
    given = {image: np.stack([own[leaf] for own in inputs]) for leaf, image in leaves.items()}
    (values,) = evaluate(images + sums, b.weights, [given])
    return [
        np.moveaxis(value, len(node.coords), 0) for node, value in zip(nodes, values, strict=False)
    ], values[len(nodes) :]


@pytest.mark.parametrize("axes", [(), (2,)])
@pytest.mark.parametrize("name", CASES)
def test_all_inputs_at_once_are_one_after_the_other(name: str, axes: tuple[int, ...]) -> None:
    check_batch(make_case(name), axes)


def check_batch(case: Case, axes: tuple[int, ...]) -> None:
    """Hold a forward and backward pass of a batch against single passes."""
    seed = case.b.argument("seed", *axes, *case.output.shape)
    inputs = inputs_of(case, seed)
    gradients = backpropagate(case.b, case.output, case.b.weights, seed)
    nodes = [case.output, *parts(gradients)]
    singly = evaluate(nodes, case.b.weights, inputs)
    for place, (value, total) in enumerate(zip(*at_once(case, nodes, inputs), strict=True)):
        wanted = np.stack([values[place] for values in singly])
        np.testing.assert_allclose(value, wanted, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(total, wanted.sum(axis=0), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", range(16))
def test_random_networks(seed: int) -> None:
    check_batch(random_case(seed), () if seed % 2 else (2,))
