"""A graph for one input -> the same graph for all inputs at once.

    lowering = Lowering(builder, size, batched, shared, matmul)
    lowering.image(node)        # of shape (M,) + k if the node depends on the input, else k
    lowering.per_input(node)    # of shape (M,) + k in any case

The axis over the M inputs comes first among the constant axes, and every operation is mapped over
it, forward or backward: `<h|h>` is one number for each input, the mean of a product and never an
M x M array. What does not depend on the input is computed once, without the axis. M = 1,000 inputs
are one node. `BatchMean` averages the axis away, so what it makes no longer depends on the input.

A lowering grows: what has been lowered before is reused, and `extended` adds leaves that are known
only then, as the seed of a backward pass is after the forward pass.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import numpy as np

from tpc.program import nodes as op
from tpc.program.builder import Builder
from tpc.program.nodes import BatchMean, Matrix, Node, operands
from tpc.program.products import Axes, Named, axes, contraction
from tpc.program.reapply import reapply
from tpc.program.traversal import fold

Product: TypeAlias = Callable[[Matrix, bool, Node], Node]
"""Makes `W @ x`, or `W.T @ x` where the flag is set."""


def lower(
    b: Builder,
    nodes: Iterable[Node],
    size: int,
    batched: Mapping[Node, Node],
    shared: Mapping[Node, Node] | None = None,
    matmul: Product | None = None,
) -> dict[Node, Node]:
    """Return what nodes of a graph for one input are for all inputs.

    Args:
        b: Makes the nodes.
        nodes: The nodes to lower.
        size: The number M of inputs.
        batched: For leaves, or any other nodes, what stands for them, of shape (M,) + k.
        shared: The same for what does not depend on the input, of shape k.
        matmul: Makes the products with matrices; those of the builder if None.

    Returns:
        For each node its image, without the axis over inputs where it does not depend on them.
    """
    lowering = Lowering(b, size, batched, shared, matmul)
    return {node: lowering.image(node) for node in nodes}


class Lowering:
    """Maps nodes of one graph for one input."""

    def __init__(
        self,
        b: Builder,
        size: int,
        batched: Mapping[Node, Node],
        shared: Mapping[Node, Node] | None = None,
        matmul: Product | None = None,
    ) -> None:
        """See `lower`."""
        self._b = b
        self._size = size
        self.inputs = axes("input")
        self._matmul = b.matmul if matmul is None else matmul
        self._images: dict[Node, Node] = {**(shared or {}), **batched}
        self._dependent: dict[Node, bool] = {node: node in batched for node in self._images}
        for node, image in batched.items():
            assert image.shape == (size, *node.shape), (image.shape, node.shape)

    def extended(self, batched: Mapping[Node, Node], matmul: Product | None = None) -> "Lowering":
        """Return a lowering that knows more leaves, and all images of this one."""
        further = Lowering(self._b, self._size, batched, matmul=matmul or self._matmul)
        further._images = {**self._images, **batched}
        further._dependent = {**self._dependent, **dict.fromkeys(batched, True)}
        return further

    @property
    def size(self) -> int:
        """The number M of inputs."""
        return self._size

    def named(self, node: Node, own: Axes) -> Named:
        """Return the image of a node with names of its axes, `inputs` in front where it has it."""
        return Named(self.image(node), self.inputs * self.depends(node) + own)

    def depends(self, node: Node) -> bool:
        """Whether a node depends on the input, so that its image has the axis over inputs."""

        def rule(part: Node, dependent: dict[Node, bool]) -> bool:
            return any(map(dependent.get, operands(part))) and not isinstance(part, BatchMean)

        return fold((node,), rule, operands, self._dependent)[node]

    def per_input(self, node: Node) -> Node:
        """Return the image of a node with the axis over inputs, even where all are alike."""
        image = self.image(node)
        if self.depends(node):
            return image
        ones = np.ones((self._size, *(1,) * len(node.shape)))
        return self._b.mul(self._b.constant(ones), image)

    def image(self, node: Node) -> Node:
        """Return what a node is for all inputs."""

        def rule(part: Node, _: dict[Node, Node]) -> Node:
            self._b.span = part.span
            image = self._mapped(part)
            assert image.shape == (self._size,) * self.depends(part) + part.shape, (part, image)
            return image

        return fold((node,), rule, operands, self._images)[node]

    # --------------------------------------------------------------------------------- operations

    def _mapped(self, node: Node) -> Node:
        """Return the image of a node whose operands have theirs."""
        b = self._b
        match node:
            case op.Elementwise(operands=parts):
                return reapply(b, node, [self._aligned(part, len(node.shape)) for part in parts])
            case op.MatMul(matrix=matrix, transposed=transposed, operand=x):
                return self._matmul(matrix, transposed, self._images[x])
            case op.Inner():
                return self._inner(node)
            case op.Contract():
                return self._contract(node)
            case op.Split(operand=x, count=count):
                whole = b.split(self._images[x], count, node.dim)
                rest = range(2, len(whole.shape))
                return b.permute(whole, (1, 0, *rest)) if self.depends(x) else whole
            case op.Merge(operand=x):
                image = self._images[x]
                rest = range(2, len(image.shape))
                image = b.permute(image, (1, 0, *rest)) if self.depends(x) else image
                return b.merge(image, node.dim)
            case BatchMean(operand=x):
                return self._batch_mean(x)
            case op.InitialVector() | op.InitialScalar():
                return node
            case _ if parts := operands(node):
                leading = int(self.depends(node))
                return reapply(b, node, [self._images[part] for part in parts], leading)
            case _:
                return node

    def _aligned(self, node: Node, rank: int) -> Node:
        """Return an image that broadcasts as the node does in a result with so many axes."""
        image = self._images[node]
        if not self.depends(node):
            return image
        return self._b.expand(image, tuple(range(1, 1 + rank - len(node.shape))))

    def _inner(self, node: op.Inner) -> Node:
        """Return <x|y> for each input."""
        b, x, y = self._b, self._images[node.left], self._images[node.right]
        first, second = len(node.left.shape), len(node.right.shape)
        if not (self.depends(node.left) and self.depends(node.right)):
            product = b.inner(x, y)
            if not self.depends(node.right):
                return product
            order = (first, *range(first), *range(first + 1, first + 1 + second))
            return b.permute(product, order)
        x = b.expand(x, tuple(range(1 + first, 1 + first + second)))
        return b.mean(b.mul(x, b.expand(y, tuple(range(1, 1 + first)))))

    def _contract(self, node: op.Contract) -> Node:
        """Contract for each input: one contraction, unless both sides depend on the input."""
        own = axes("left", len(node.left.shape) - node.axes)
        summed = axes("summed", node.axes)
        new = axes("right", len(node.right.shape) - node.axes)
        left, right = self.named(node.left, own + summed), self.named(node.right, summed + new)
        kept = self.inputs * self.depends(node) + own + new
        return contraction(self._b, kept, left, right)

    def _batch_mean(self, x: Node) -> Node:
        if not self.depends(x):
            return self._images[x]
        total = self._b.reduce("sum", self._images[x], (0,))
        return self._b.mul(self._b.number(1 / self._size), total)
