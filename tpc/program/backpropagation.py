"""The gradients of a network's output with respect to its weights, as a graph for one input.

    gradients = backpropagate(builder, network.readout.node, leaves, seed)

Notation of the papers, with y the vector of the readout, so that f = n^-a_out * sum over the n-axis
of y:

    dx = n d avg(y) / dx   for a vector of n entries,        dc = d avg(y) / dc   for a scalar.

Cotangents have *seed axes* S in front. `seed` is a scalar of shape S + e, where e is the shape of
y: dy = seed at every coordinate, and each dx has shape S + (shape of x). So a seed of shape e, the
derivative of a loss in f, gives the gradient of that loss; the identity of shape e + e gives the
Jacobian. The rules, added up over all uses of a value:

    y = f(x; c)               dx += dy f_x,                      dc += avg(dy f_c)
    h = W x,  h = W.T x       dx += m/k W.T dh,                  dx += k/m W dh    (W of k x m)
    c = avg(x)                dx += dc at every coordinate
    y = mean[j](psi(x; x[j])) dx += mean[j](dy psi_1(x; x[j])) + mean[j](dy[j] psi_2(x[j]; x))
    c = <x|z>                 dx += z dc,                        dz += x dc
    y = batchmean(x)          dx += batchmean(dy)

The second slot of psi has moved to the free coordinate. A value with several coordinates, as in the
body of `mean[j](...)`, has one factor n for each, dx = n^r d avg(y) / dx_ij.., which makes the rule
of every `Mean` that of `avg`: the cotangent goes through unchanged, and what lacks a coordinate
collects by an average over it.

What is detached (`detach(x)`) passes nothing back.
`step` and `sign` are flat almost everywhere: they pass nothing back, as in automatic
differentiation. Entries that tie for an `amax` share its derivative evenly, as those of `max` do.

Reference:
    Tensor Programs IVb, Definition 2.9.14.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

import numpy as np

from tpc.program import nodes as op
from tpc.program.builder import Builder
from tpc.program.cotangents import contribution
from tpc.program.nodes import Matrix, Node, is_detached, operands
from tpc.program.traversal import toposort

Leaf: TypeAlias = Matrix | op.InitialVector | op.InitialScalar
"""A trainable tensor."""


@dataclass(frozen=True, slots=True)
class MatrixUse:
    """A product h = w z, or h = w.T z where `transposed`; w has m columns.

    Its part of m d avg(y) / dw is dh z.T, or z dh.T where transposed, summed over the shape k of z.

    Attributes:
        transposed: Whether it is w.T that multiplies.
        cotangent: dh, m d avg(y) / dh of one entry of h, a vector of shape S + k.
        operand: z, a vector of shape k.
    """

    transposed: bool
    cotangent: Node
    operand: Node


@dataclass(frozen=True, slots=True)
class Gradients:
    """Gradients with respect to trainable tensors; one on which nothing depends is left out.

    Attributes:
        matrices: For each matrix its uses, in program order.
        vectors: For each vector v its dv, a vector of shape S + (shape of v).
        scalars: For each scalar c its dc, of shape S + (shape of c).
    """

    matrices: dict[Matrix, tuple[MatrixUse, ...]]
    vectors: dict[op.InitialVector, Node]
    scalars: dict[op.InitialScalar, Node]


def backpropagate(
    b: Builder,
    output: Node,
    leaves: Iterable[Leaf],
    seed: Node,
    sizes: Mapping[str, float] | None = None,
) -> Gradients:
    """Return the gradients of a network's output.

    Args:
        b: Makes the nodes. It shares those of the network that it knows (`Builder.adopt`).
        output: The vector y of the readout, or a scalar.
        leaves: The trainable tensors for which gradients are wanted.
        seed: dy, a scalar of shape S + output.shape.
        sizes: Of the dims, or their ratios to one of them; None where there is but one.

    Returns:
        The gradients in the trainable tensors themselves: their multipliers stand in the graph.
    """
    sweep = _Sweep(b, output, frozenset(leaves), seed, sizes or {})
    for node in reversed(sweep.order):
        b.span = node.span
        sweep.visit(node)
    return sweep.gradients()


def gradient(b: Builder, c: Node, x: Node, sizes: Mapping[str, float]) -> Node:
    """Return dx of a scalar c, in any node that c is made of; zero where c does not depend on it.

    Args:
        b: Makes the nodes.
        c: A scalar of shape e.
        x: A vector or scalar.
        sizes: As in `backpropagate`.

    Returns:
        dx of shape e + x.shape, dc being 1 for each entry on its own.
    """
    seed = np.eye(prod(c.shape)).reshape(c.shape * 2) if c.shape else 1.0
    sweep = _Sweep(b, c, frozenset((x,)), b.constant(seed), sizes)
    for node in reversed(sweep.order):
        sweep.visit(node)
    zero = b.constant(np.zeros((*c.shape, *x.shape)))
    return sweep.found[x] if x in sweep.found else b.mul(zero, x)


class _Sweep:
    """One backward pass: cotangents, added up until their node's turn comes."""

    def __init__(
        self,
        b: Builder,
        output: Node,
        wanted: frozenset[Leaf | Node],
        seed: Node,
        sizes: Mapping[str, float],
    ) -> None:
        self.b = b
        self.sizes = sizes
        self.order = toposort((output,), operands)
        self.wanted = wanted
        self.seed_shape = seed.shape[: len(seed.shape) - len(output.shape)]
        self.cotangents: dict[Node, Node] = {output: seed}
        self.active = self._active()
        self.uses: dict[Matrix, list[MatrixUse]] = {}
        self.found: dict[Node, Node] = {}

    def _active(self) -> set[Node]:
        """Return the nodes that depend on what is wanted, but for what is detached."""
        found: set[Node] = set()
        for node in self.order:
            own = (node.matrix if isinstance(node, op.MatMul) else node) in self.wanted
            below = not is_detached(node) and not found.isdisjoint(operands(node))
            if own or node in self.wanted or below:
                found.add(node)
        return found

    def visit(self, node: Node) -> None:
        """Pass the cotangent of a node on to its operands."""
        d = self.cotangents.pop(node, None)
        if d is None or node not in self.active:
            return
        if node in self.wanted:
            self.found[node] = self.complete(d, node)
        match node:
            case op.MatMul(matrix=matrix, transposed=transposed, operand=x):
                if matrix in self.wanted:
                    whole = self.scaled(self.complete(d, node), matrix.columns, node.dim)
                    self.uses.setdefault(matrix, []).append(MatrixUse(transposed, whole, x))
                if x in self.active:
                    product = self.b.matmul(matrix, not transposed, self.as_vector(d, node))
                    self.give(x, self.scaled(product, x.dim, node.dim))
            case _:
                if isinstance(node, op.Split | op.Merge):
                    d = self.complete(d, node)
                for slot, operand in enumerate(operands(node)):
                    if operand in self.active:
                        seeds = len(self.seed_shape)
                        self.give(operand, contribution(self.b, node, slot, d, seeds))

    def give(self, node: Node, part: Node | None) -> None:
        """Add to the cotangent of a node."""
        if part is not None:
            known = self.cotangents.get(node)
            self.cotangents[node] = part if known is None else self.b.add(known, part)

    def scaled(self, d: Node, above: str, below: str) -> Node:
        """Multiply by the ratio of two dims."""
        if above == below or not self.sizes:
            return d
        return self.b.mul(self.b.number(self.sizes[above] / self.sizes[below]), d)

    def as_vector(self, d: Node, like: Node) -> Node:
        """Return a cotangent of a vector with the coordinate that it may lack."""
        if d.coords:
            return d
        vectors: list[Node] = [node for node in self.order if isinstance(node, op.InitialVector)]
        alike = [node for node in vectors if node.coords == like.coords] or [like]
        # An initial vector that stays as it is while others are trained makes the simplest zero.
        anchor = min(alike, key=lambda node: (node in self.wanted, len(node.shape)))
        zero = self.b.mul(self.b.number(0), self.b.take(anchor, (0,) * len(anchor.shape)))
        return self.b.add(d, zero)

    def complete(self, d: Node, node: Node) -> Node:
        """Return the cotangent of a node with all its coordinates and axes."""
        if node.coords:
            d = self.as_vector(d, node)
        whole = self.seed_shape + node.shape
        return d if d.shape == whole else self.b.mul(self.b.constant(np.ones(whole)), d)

    def gradients(self) -> Gradients:
        """Return what has been found."""
        return Gradients(
            {matrix: tuple(reversed(uses)) for matrix, uses in self.uses.items()},
            {node: d for node, d in self.found.items() if isinstance(node, op.InitialVector)},
            {node: d for node, d in self.found.items() if isinstance(node, op.InitialScalar)},
        )
