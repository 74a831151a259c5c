"""Gradients of a network at a small width, and finite differences to hold them against."""

from collections.abc import Iterable, Mapping

import numpy as np

from tests.network.cases import Case
from tests.network.sketch import WIDTH, Array, evaluate
from tpc.program.backpropagation import Gradients, backpropagate
from tpc.program.nodes import Elementwise, Matrix, Node, Reduce, operands
from tpc.program.traversal import toposort

INPUTS = 3

Weights = Mapping[Matrix | Node, Array]
Inputs = list[dict[Node, Array]]

KINKS = frozenset({"relu", "leaky_relu", "elu", "abs", "step", "sign", "max", "min", "clip"})


def inputs_of(case: Case, seed: Node) -> Inputs:
    """Return random inputs, with random seeds."""
    random = np.random.default_rng(5)
    return [
        {leaf: random.normal(size=leaf.shape) for leaf in (case.input, seed)} for _ in range(INPUTS)
    ]


def check_gradients(case: Case, axes: tuple[int, ...], leaves: Iterable[Matrix | Node]) -> None:
    """Hold all gradients against differences along random directions.

    Args:
        case: The network.
        axes: The seed axes S.
        leaves: The weights to move.
    """
    seed = case.b.argument("seed", *axes, *case.output.shape)
    inputs = inputs_of(case, seed)
    gradients = backpropagate(case.b, case.output, case.b.weights, seed)
    found = gradient_arrays(case, gradients, inputs, len(axes))
    random = np.random.default_rng(6)
    for leaf in leaves:
        value = case.b.weights[leaf]
        way = random.normal(size=value.shape)
        wanted = derivative_along(case, leaf, way, inputs, seed)
        if leaf not in found:
            assert not wanted.any(), leaf
            continue
        assert found[leaf].shape == axes + value.shape
        along = np.tensordot(found[leaf], way, value.ndim)
        np.testing.assert_allclose(along, wanted, rtol=1e-6, atol=1e-8, err_msg=str(leaf))


def gradient_arrays(
    case: Case, gradients: Gradients, inputs: Inputs, seeds: int
) -> dict[Matrix | Node, Array]:
    """Return the gradient of sum(seed * y), added up over inputs, in each weight; seeds first."""
    nodes = [*gradients.vectors.values(), *gradients.scalars.values()]
    for uses in gradients.matrices.values():
        nodes += [part for use in uses for part in (use.cotangent, use.operand)]
    found: dict[Matrix | Node, Array] = {}
    for values in evaluate(nodes, case.b.weights, inputs):
        value = dict(zip(nodes, values, strict=True))
        for leaf, d in gradients.vectors.items():
            found[leaf] = found.get(leaf, 0) + np.moveaxis(value[d], 0, seeds)
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


def derivative_along(
    case: Case, leaf: Matrix | Node, way: Array, inputs: Inputs, seed: Node
) -> Array:
    """Return the derivative of the objective, by central differences of fourth order.

    The step is the largest of three that crosses no kink.
    """

    def moved(step: float) -> Weights:
        return {**case.b.weights, leaf: case.b.weights[leaf] + step * way}

    def at(step: float) -> Array:
        return objective(case, moved(step), inputs, seed)

    def crosses(step: float) -> bool:
        sides = pieces(case, moved(-2 * step), inputs), pieces(case, moved(2 * step), inputs)
        return not np.array_equal(*sides)

    h = next(step for step in (1e-4, 1e-5, 1e-6) if not crosses(step))
    return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)


def objective(case: Case, weights: Weights, inputs: Inputs, seed: Node) -> Array:
    """Return sum(seed * y) over inputs, coordinates and the axes of y."""
    total = np.zeros(())
    for y, chi in evaluate([case.output, seed], weights, inputs):
        total = total + np.tensordot(chi, y.sum(axis=0), len(case.output.shape))
    return total


def pieces(case: Case, weights: Weights, inputs: Inputs) -> Array:
    """Return on which side of every kink a network is: signs, and where maxima are."""
    b, marks = case.b, list[Node]()
    for node in toposort((case.output,), operands):
        match node:
            case Elementwise(function="clip", operands=(x, low, high)):
                marks += [b.apply("sign", b.sub(x, low)), b.apply("sign", b.sub(x, high))]
            case Elementwise(function="max" | "min", operands=(x, y)):
                marks.append(b.apply("sign", b.sub(x, y)))
            case Elementwise(function=function, operands=(x, *_)) if function in KINKS:
                marks.append(b.apply("sign", x))
            case Reduce(reduction="amax", operand=x, axes=axes):
                marks.append(b.apply("equal", x, b.expand(node, axes)))
    values = [value.ravel() for one in evaluate(marks, weights, inputs) for value in one]
    return np.concatenate([np.zeros(0), *values])
