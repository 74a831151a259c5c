"""Network -> the total program of two inputs, or of a batch, with its kernels as outputs.

The total program is the forward and the backward program of all inputs side by side, sharing the
weights. Its outputs are scalars,

    nngp = <e(x)|e(x')>, the covariance of the readout of e,    ntk = the tangent kernel,

where the tangent kernel adds up what each trained weight W contributes, with its learning rate lr:

    ntk(x, x') = sum over W of lr <J(W)|J'(W)>,

dots included: the backward pass multiplies by the transposes of the matrices of the forward pass.
With `independent` it multiplies by fresh copies instead, the gradient independence assumption.

Two inputs are params of the program, so that one limit serves all pairs of any data set. Where the
kernel of a pair cannot be computed from the pair alone, the program of all inputs at once serves.

Reference:
    Tensor Programs IVb, Definitions 2.9.16 and 2.9.18 (with Q the identity), Remark 2.9.20.
    Tensor Programs II, Condition 1 (where the gradient independence assumption holds).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from tpc.network.backpropagation import Gradients, MatrixUse
from tpc.network.batching import Lowering, Product, lower
from tpc.network.forward_backward import Differentiated, differentiate
from tpc.network.inner_products import covariance
from tpc.network.jacobians import Layout, each_output, overlap
from tpc.network.network import Network, Weight
from tpc.program.builder import Builder
from tpc.program.nodes import InitialScalar, Matrix, Node, Parameter
from tpc.program.products import axes
from tpc.program.program import Output, OutputKind, Program

Array: TypeAlias = npt.NDArray[np.float64]
Kind: TypeAlias = Literal["nngp", "ntk"]

FIRST, SECOND = "first input", "second input"
"""The params that stand for the two inputs; no declared name has a blank."""


def pair_program(
    network: Network, kinds: Sequence[Kind], alike: bool = False, independent: bool = False
) -> Program:
    """Return the total program of two inputs.

    Args:
        network: Its inputs must not be coupled.
        kinds: The outputs.
        alike: Whether both are the first one: the kernel's diagonal, where closed forms know that
            correlations are 1.
        independent: Whether the backward pass has matrices of its own.
    """
    b = Builder()
    e = network.readout.node.shape
    one = differentiate(b, network, e)
    rng = np.random.default_rng(0)  # what is looked at by defaults should be nowhere special
    names = (FIRST,) if alike else (FIRST, SECOND)
    inputs = [b.parameter(name, rng.standard_normal(network.input.shape)) for name in names]
    seed = b.constant(each_output(1, e, coupled=False)[0][0])
    copies = _Copies(b, one, independent)
    sides = [copies.of_one(given, seed) for given in inputs]
    sides *= 3 - len(sides)
    outputs = axes("output", len(e))
    return _program(b, network, kinds, copies, sides, Layout((), outputs, outputs), inputs)


def batch_program(
    network: Network,
    kinds: Sequence[Kind],
    first: Array,
    second: Array | None,
    independent: bool = False,
) -> Program:
    """Return the total program of all inputs.

    Args:
        network: The network.
        kinds: The outputs, of shape M + e + M2 + e.
        first: The inputs of the rows, of shape (M,) + input shape.
        second: Those of the columns, None for the same ones; they must be where inputs are coupled.
        independent: Whether the backward pass has matrices of its own.
    """
    b = Builder()
    e = network.readout.node.shape
    seed, layout = each_output(len(first), e, network.couples_inputs)
    one = differentiate(b, network, seed.shape[1 : seed.ndim - len(e)])
    copies = _Copies(b, one, independent)
    sides = [copies.of_batch(b.constant(first), b.constant(seed))]
    if second is None:
        sides *= 2
    else:
        wide, _ = each_output(len(second), e, coupled=False)
        sides.append(copies.of_batch(b.constant(second), b.constant(wide)))
    return _program(b, network, kinds, copies, sides, layout, ())


Side: TypeAlias = tuple[Node, Gradients]
"""The vector of the readout, and its gradients."""


class _Copies:
    """Copies of the forward and backward program, which share the weights."""

    def __init__(self, b: Builder, one: Differentiated, independent: bool) -> None:
        self._b = b
        self._one = one
        self._independent = independent
        self.matrices: dict[Matrix, Matrix] = {}

    def of_one(self, given: Node, seed: Node) -> Side:
        """Return the copy for one input, without an axis over inputs."""
        network = self._one.network
        forward = lower(self._b, network.nodes, 1, {}, {network.input: given})
        backward = Lowering(
            self._b, 1, {}, {**forward, network.input: given, self._one.seed: seed}, self._product()
        )
        return forward[network.readout.node], self._gradients(backward.image)

    def of_batch(self, given: Node, seed: Node) -> Side:
        """Return the copy for a batch of inputs, with the axis over them in front."""
        network = self._one.network
        forward = Lowering(self._b, given.shape[0], {network.input: given})
        for node in network.nodes:  # all of them, with the matrices of the forward pass
            forward.image(node)
        backward = forward.extended({self._one.seed: seed}, self._product())
        return forward.per_input(network.readout.node), self._gradients(backward.per_input)

    def _gradients(self, image: Callable[[Node], Node]) -> Gradients:
        one = self._one.gradients
        return Gradients(
            {
                matrix: tuple(
                    MatrixUse(use.transposed, image(use.cotangent), image(use.operand))
                    for use in uses
                )
                for matrix, uses in one.matrices.items()
            },
            {leaf: image(d) for leaf, d in one.vectors.items()},
            {},
        )

    def _product(self) -> Product | None:
        return self._with_own_matrix if self._independent else None

    def _with_own_matrix(self, matrix: Matrix, transposed: bool, operand: Node) -> Node:
        if matrix not in self.matrices:
            self.matrices[matrix] = replace(matrix, name=f"{matrix.name} of the backward pass")
        return self._b.matmul(self.matrices[matrix], transposed, operand)


def _program(
    b: Builder,
    network: Network,
    kinds: Sequence[Kind],
    copies: _Copies,
    sides: Sequence[Side],
    layout: Layout,
    inputs: Sequence[Node],
) -> Program:
    """Return the program whose outputs are the kernels of two copies."""
    (x, x_gradients), (y, y_gradients) = sides
    outputs = []
    for kind in kinds:
        if kind == "nngp":
            node = covariance(b, x, y)
        else:
            node = tangent_kernel(b, network.weights, layout, x_gradients, y_gradients)
        outputs.append(Output(kind, OutputKind.SCALAR, node, network.readout.span))
    matrices = [w.leaf for w in network.weights if isinstance(w.leaf, Matrix)]
    params = [node for node in inputs if isinstance(node, Parameter)]
    return Program(
        network.name,
        network.title,
        network.source,
        "nexort",
        {network.dim.name: network.dim},
        (*matrices, *copies.matrices.values()),
        (*network.parameters, *params),
        (),
        tuple(outputs),
        tuple(b.nodes),
    )


def tangent_kernel(
    b: Builder, weights: Sequence[Weight], layout: Layout, x: Gradients, y: Gradients
) -> Node:
    """Return the tangent kernel, with the axes of the outputs of x, then of those of y.

    Args:
        b: Makes the nodes.
        weights: The weights of the network; only trained matrices and vectors count.
        layout: That of both gradients.
        x: The gradients at the first inputs.
        y: Those at the second inputs.
    """
    total: Node = b.number(0)
    for weight in weights:
        if weight.trained and not isinstance(weight.leaf, InitialScalar):
            one, other = layout.jacobian(x, weight.leaf), layout.jacobian(y, weight.leaf)
            if one is not None and other is not None:
                total = b.add(total, b.mul(weight.lr, overlap(b, one, other, apart=True)))
    return total
