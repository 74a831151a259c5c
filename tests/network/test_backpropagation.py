"""Gradients against finite differences of the network at a small width."""

from collections.abc import Mapping

import numpy as np
import pytest

from tests.network.cases import CASES, Case, make_case
from tests.network.random_networks import random_case
from tests.network.sketch import WIDTH, Array, evaluate
from tpc.network.backpropagation import Gradients, backpropagate
from tpc.program.nodes import Matrix, Node

INPUTS = 3


def inputs_of(case: Case, seed: Node | None = None) -> list[dict[Node, Array]]:
    """Return random inputs, with random seeds."""
    random = np.random.default_rng(5)
    drawn = [{case.input: random.normal(size=case.input.shape)} for _ in range(INPUTS)]
    if seed is not None:
        for own in drawn:
            own[seed] = random.normal(size=seed.shape)
    return drawn


def gradient_arrays(
    case: Case, gradients: Gradients, inputs: list[dict[Node, Array]], seeds: int
) -> dict[Matrix | Node, Array]:
    """Return the gradient of sum(seed * y), added up over inputs, in each weight; seeds first."""
    nodes = [*gradients.vectors.values(), *gradients.scalars.values()]
    for uses in gradients.matrices.values():
        nodes += [part for use in uses for part in (use.cotangent, use.operand)]
    found: dict[Matrix | Node, Array] = {}
    for values in evaluate(nodes, case.b.weights, inputs):
        value = dict(zip(nodes, values, strict=True))
        for leaf, d in gradients.vectors.items():
            moved = np.moveaxis(value[d], 0, seeds)
            found[leaf] = found.get(leaf, 0) + moved
        for scalar, d in gradients.scalars.items():
            found[scalar] = found.get(scalar, 0) + WIDTH * value[d]
        for matrix, uses in gradients.matrices.items():
            for use in uses:
                d, z = value[use.cotangent], value[use.operand]
                axes = list(range(1, z.ndim))
                both = np.tensordot(d, z, ([seeds + axis for axis in axes], axes))
                both = both.swapaxes(0, -1) if use.transposed else both
                found[matrix] = found.get(matrix, 0) + np.moveaxis(both, 0, -2)
    return found


def objective(
    case: Case, weights: Mapping[Matrix | Node, Array], inputs: list[dict[Node, Array]], seed: Node
) -> Array:
    """Return sum(seed * y) over inputs, coordinates and the axes of y."""
    total = np.zeros(())
    for y, chi in evaluate([case.output, seed], weights, inputs):
        total = total + np.tensordot(chi, y.sum(axis=0), len(case.output.shape))
    return total


def derivative_along(
    case: Case, leaf: Matrix | Node, way: Array, inputs: list[dict[Node, Array]], seed: Node
) -> Array:
    """Return the derivative of the objective, by central differences of fourth order."""

    def at(step: float) -> Array:
        moved = {**case.b.weights, leaf: case.b.weights[leaf] + step * way}
        return objective(case, moved, inputs, seed)

    h = 1e-4
    return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)


def check_gradients(case: Case, axes: tuple[int, ...]) -> None:
    """Hold all gradients against differences along random directions."""
    seed = case.b.argument("seed", *axes, *case.output.shape)
    inputs = inputs_of(case, seed)
    gradients = backpropagate(case.b, case.output, case.b.weights, seed)
    found = gradient_arrays(case, gradients, inputs, len(axes))
    random = np.random.default_rng(6)
    for leaf, value in case.b.weights.items():
        way = random.normal(size=value.shape)
        wanted = derivative_along(case, leaf, way, inputs, seed)
        name = leaf.name if isinstance(leaf, Matrix) else getattr(leaf, "name", "")
        if leaf not in found:
            assert not wanted.any(), name
            continue
        assert found[leaf].shape == axes + value.shape
        along = np.tensordot(found[leaf], way, value.ndim)
        np.testing.assert_allclose(along, wanted, rtol=1e-6, atol=1e-8, err_msg=name)


@pytest.mark.parametrize("axes", [(), (2,)])
@pytest.mark.parametrize("name", CASES)
def test_gradients_are_finite_differences(name: str, axes: tuple[int, ...]) -> None:
    check_gradients(make_case(name), axes)


@pytest.mark.parametrize("seed", range(24))
def test_gradients_of_random_networks(seed: int) -> None:
    check_gradients(random_case(seed), () if seed % 2 else (2,))
