"""Network -> the total program of two inputs, or of a batch, with its kernels as outputs.

The total program is the forward and the backward program of all inputs side by side, sharing the
weights. Its outputs are scalars,

    nngp = <e(x)|e(x')>, the covariance of the readout of e,    ntk = the tangent kernel,

where the tangent kernel adds up what each trained weight W contributes, with its learning rate lr:

    ntk(x, x') = sum over W of lr N rows / columns^2 <J(W)|J'(W)>,     N the entries of e,

of a vector-like weight of N_v entries lr N / N_v <J|J'>,

dots included: the backward pass multiplies by the transposes of the matrices of the forward pass.
With `independent` it multiplies by fresh copies instead, the gradient independence assumption.

Two inputs are params of the program, so that one limit serves all pairs of any data set. Where the
kernel of a pair cannot be computed from the pair alone, the program of all inputs at once serves.

Reference:
    Tensor Programs IVb, Definitions 2.9.16 and 2.9.18 (with Q the identity), Remark 2.9.20.
    Tensor Programs II, Condition 1 (where the gradient independence assumption holds).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from tpc.network.batching import Lowering, Product, lower
from tpc.network.forward_backward import Differentiated, differentiate
from tpc.network.inner_products import covariance
from tpc.network.jacobians import Layout, each_output, overlap
from tpc.network.network import Network, Weight
from tpc.network.noise import noises_of_one, noises_of_rows
from tpc.program.backpropagation import Gradients, MatrixUse
from tpc.program.builder import Builder
from tpc.program.nodes import (
    InitialScalar,
    InitialVector,
    MatMul,
    Matrix,
    Node,
    Parameter,
    operands,
)
from tpc.program.products import axes
from tpc.program.program import Binding, Output, OutputKind, Program
from tpc.program.traversal import fold

Array: TypeAlias = npt.NDArray[np.float64]
Kind: TypeAlias = Literal["nngp", "ntk"]

FIRST, SECOND = "first input", "second input"
"""The params that stand for the two inputs; no declared name has a blank."""

PRIME = "'"
"""What stands behind names at the second input, for those who read them."""


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
        apart: Whether sums of kets are taken apart, for the limit; finite widths take them whole.
    """
    b = Builder()
    e = network.readout.node.shape
    one = differentiate(b, network, e)
    rng = np.random.default_rng(0)  # what is looked at by defaults should be nowhere special
    names = (FIRST,) if alike else (FIRST, SECOND)
    inputs = [b.parameter(name, rng.standard_normal(network.input.shape)) for name in names]
    seed = b.constant(each_output(1, e, coupled=False)[0][0])
    copies = _Copies(b, one, independent)
    marks = ("", PRIME)
    sides = [copies.of_one(x, seed, mark)[0] for x, mark in zip(inputs, marks, strict=False)]
    sides *= 3 - len(sides)
    outputs = axes("output", len(e))
    return _program(b, network, kinds, copies, sides, Layout((), outputs, outputs), inputs)


def named_pair_program(network: Network, tangent: bool = True) -> Program:
    """Return the total program of two inputs with names for whom reads its limit.

    They are those of the network's text, with a prime at the second input: `x` and `x'`, `dh` for
    the cotangent of the product h. Its outputs are the NNGP and, where `tangent`, what each trained
    weight adds to the tangent kernel, by the weight's name.
    """
    b = Builder()
    e = network.readout.node.shape
    one = differentiate(b, network, e)
    rng = np.random.default_rng(0)
    seed = b.constant(each_output(1, e, coupled=False)[0][0])
    copies = _Copies(b, one, independent=False)
    unnamed = {network.readout.name, *(weight.name for weight in network.weights)}
    text = [(of.node, of.name, of.span) for of in network.bindings if of.name not in unnamed]
    text += [(node, name, node.span) for node, name in one.cotangent_names().items()]
    sides, inputs, bindings = list[Side](), list[Node](), list[Binding]()
    for mark in ("", PRIME):
        default = rng.standard_normal(network.input.shape)
        inputs.append(b.parameter(network.input.name + mark, default))
        side, image = copies.of_one(inputs[-1], seed, mark)
        sides.append(side)
        for node, name, span in text:
            bindings.append(Binding(name + mark, image(node), span))
    own = axes("output", len(e))
    layout = Layout((), own, own)
    program = _program(b, network, ("nngp",), copies, sides, layout, inputs)
    parts = tangent_kernels(b, network, layout, sides[0][1], sides[1][1])
    outputs = [Output(w.name, OutputKind.SCALAR, part, w.span) for w, part in parts]
    return replace(
        program,
        bindings=tuple(bindings),
        outputs=(*program.outputs, *(outputs if tangent else ())),
        nodes=tuple(b.nodes),
    )


def batch_program(
    network: Network,
    kinds: Sequence[Kind],
    first: Array,
    second: Array | None,
    independent: bool = False,
    apart: bool = True,
) -> Program:
    """Return the total program of all inputs.

    Args:
        network: The network.
        kinds: The outputs, of shape M + e + M2 + e.
        first: The inputs of the rows, of shape (M,) + input shape.
        second: Those of the columns, None for the same ones; they must be where inputs are coupled.
        independent: Whether the backward pass has matrices of its own.
        apart: Whether sums of kets are taken apart, for the limit; finite widths take them whole.
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
        sides.append(copies.of_batch(b.constant(second), b.constant(wide), PRIME))
    return _program(b, network, kinds, copies, sides, layout, (), apart)


Side: TypeAlias = tuple[Node, Gradients]
"""The vector of the readout, and its gradients."""


def with_named_operands(program: Program, inputs: tuple[str, str]) -> Program:
    """Return a program of two inputs with names for all that matrices multiply.

    What no statement names is g1, g2, ... at the first input and g1', g2', ... at the second.
    """
    bound = {binding.node for binding in program.bindings}
    taken = {binding.name for binding in program.bindings}
    fresh = (name for k in count(1) if (name := f"g{k}") not in taken)
    sides = sides_of(program.nodes, inputs)
    found: dict[tuple[Matrix, bool], tuple[list[MatMul], list[MatMul]]] = {}
    for node in program.nodes:
        if isinstance(node, MatMul):
            both = found.setdefault((node.matrix, node.transposed), ([], []))
            both[inputs[1] in sides[node]].append(node)
    added: dict[Node, Binding] = {}
    for first, second in found.values():
        varying = [product for product in first if sides[product]]
        partners = dict(zip(varying, second, strict=True))
        for product in first:
            x = product.operand
            if x in bound or x in added or isinstance(x, MatMul):
                continue
            name = x.name if isinstance(x, InitialVector) else next(fresh)
            added[x] = Binding(name, x, x.span)
            if product in partners:
                y = partners[product].operand
                added[y] = Binding(name + PRIME, y, y.span)
    return replace(program, bindings=(*program.bindings, *added.values()))


def sides_of(nodes: Iterable[Node], inputs: tuple[str, str]) -> dict[Node, frozenset[str]]:
    """Return which of two inputs every node depends on."""

    def rule(node: Node, found: dict[Node, frozenset[str]]) -> frozenset[str]:
        if isinstance(node, Parameter):
            return frozenset({node.name} & {*inputs})
        return frozenset().union(*(found[part] for part in operands(node)))

    return fold(nodes, rule, operands)


class _Copies:
    """Copies of the forward and backward program, which share the weights."""

    def __init__(self, b: Builder, one: Differentiated, independent: bool) -> None:
        self._b = b
        self._one = one
        self._independent = independent
        self.matrices: dict[Matrix, Matrix] = {}

    def of_one(self, given: Node, seed: Node, mark: str) -> tuple[Side, Callable[[Node], Node]]:
        """Return the copy for one input, without an axis over inputs, and the image of any node."""
        network = self._one.network
        own = {network.input: given, **noises_of_one(self._b, network, mark)}
        forward = lower(self._b, network.nodes, 1, {}, own)
        backward = Lowering(
            self._b, 1, {}, {**forward, **own, self._one.seed: seed}, self._product()
        )
        side = forward[network.readout.node], self._gradients(backward.image)
        return side, backward.image

    def of_batch(self, given: Node, seed: Node, mark: str = "") -> Side:
        """Return the copy for a batch of inputs, with the axis over them in front."""
        network = self._one.network
        noises = noises_of_rows(self._b, network, given.shape[0], mark)
        forward = Lowering(self._b, given.shape[0], {network.input: given, **noises})
        for node in network.nodes:  # all of them, with the matrices of the forward pass
            forward.image(node)
        backward = forward.extended({self._one.seed: seed}, self._product())
        return forward.per_input(network.readout.node), self._gradients(backward.per_input)

    def _gradients(self, image: Callable[[Node], Node]) -> Gradients:
        return gradients_of(self._one.gradients, image)

    def _product(self) -> Product | None:
        return self._with_own_matrix if self._independent else None

    def _with_own_matrix(self, matrix: Matrix, transposed: bool, operand: Node) -> Node:
        if matrix not in self.matrices:
            self.matrices[matrix] = replace(matrix, name=f"{matrix.name} of the backward pass")
        return self._b.matmul(self.matrices[matrix], transposed, operand)


def gradients_of(one: Gradients, image: Callable[[Node], Node]) -> Gradients:
    """Return the gradients of a copy of a network; scalar-like weights have none."""
    return Gradients(
        {
            matrix: tuple(
                MatrixUse(use.transposed, image(use.cotangent), image(use.operand)) for use in uses
            )
            for matrix, uses in one.matrices.items()
        },
        {leaf: image(d) for leaf, d in one.vectors.items()},
        {},
    )


def _program(
    b: Builder,
    network: Network,
    kinds: Sequence[Kind],
    copies: _Copies,
    sides: Sequence[Side],
    layout: Layout,
    inputs: Sequence[Node],
    apart: bool = True,
) -> Program:
    """Return the program whose outputs are the kernels of two copies."""
    (x, x_gradients), (y, y_gradients) = sides
    outputs = []
    for kind in kinds:
        if kind == "nngp":
            node = covariance(b, x, y) if apart else b.inner(x, y)
        else:
            node = tangent_kernel(b, network, layout, x_gradients, y_gradients, apart)
        outputs.append(Output(kind, OutputKind.SCALAR, node, network.readout.span))
    matrices = [w.leaf for w in network.weights if isinstance(w.leaf, Matrix)]
    params = [node for node in inputs if isinstance(node, Parameter)]
    return Program(
        network.name,
        network.title,
        network.source,
        "nexort",
        network.dims,
        (*matrices, *copies.matrices.values()),
        (*network.parameters, *params),
        (),
        tuple(outputs),
        tuple(b.nodes),
    )


def tangent_kernel(
    b: Builder,
    network: Network,
    layout: Layout,
    x: Gradients,
    y: Gradients,
    apart: bool = True,
) -> Node:
    """Return the tangent kernel, with the axes of the outputs of x, then of those of y.

    Args:
        b: Makes the nodes.
        network: The network, of whose weights only trained matrices and vectors count.
        layout: That of both gradients.
        x: The gradients at the first inputs.
        y: Those at the second inputs.
        apart: Whether sums of kets are taken apart.
    """
    total: Node = b.number(0)
    for _, part in tangent_kernels(b, network, layout, x, y, apart):
        total = b.add(total, part)
    return total


def tangent_kernels(
    b: Builder,
    network: Network,
    layout: Layout,
    x: Gradients,
    y: Gradients,
    apart: bool = True,
) -> Iterator[tuple[Weight, Node]]:
    """Yield what each weight adds to the tangent kernel; arguments as in `tangent_kernel`."""
    for weight in network.weights:
        if weight.trained and not isinstance(weight.leaf, InitialScalar):
            one, other = layout.jacobian(x, weight.leaf), layout.jacobian(y, weight.leaf)
            if one is not None and other is not None:
                size = b.number(float(network.share(weight) * network.height(weight)))
                part = b.mul(size, overlap(b, one, other, apart, whole=not apart))
                yield weight, b.mul(weight.lr, part)
