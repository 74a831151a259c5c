"""Which kets are Gaussian, and their means and covariances as scalars of the limit.

A ket is Gaussian where it is affine in initial vectors and hats, with scalars for coefficients.
Covariances are bilinear, so they are those of the leaves carried through the same operations:

    Cov(hat(W x), hat(W y)) = gain <x|y>,    Cov(v, v) as declared,    0 for any other two leaves.

A covariance of u and w has the axes of u, then those of w.

Reference:
    Tensor Programs IVb, Definition 2.6.5, Hat, equation (2.18).
    Tensor Programs III, Definition F.6 (the ratio of two dims in the gain).
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from tpc.limit.limit_nodes import Hat
from tpc.program import nodes as op
from tpc.program.apart import is_linear
from tpc.program.builder import Builder
from tpc.program.nodes import Node, operands
from tpc.program.products import Named, axes, contraction
from tpc.program.reapply import reapply
from tpc.program.traversal import fold, walk


class Gaussians:
    """Means and covariances of the affine kets of one limit, each computed once.

    Attributes:
        asked: The pair of kets whose covariance a node is, for those that were asked for.
    """

    def __init__(self, builder: Builder, moment: Callable[[Node, Node], Node]) -> None:
        """Take the builder of the limit and what gives <x|y>."""
        self._b = builder
        self._moment = moment
        self._affine: dict[Node, bool] = {}
        self._means: dict[Node, Node | None] = {}
        self._covariances: dict[tuple[Node, Node], Node | None] = {}
        self.asked: dict[Node, tuple[Node, Node]] = {}

    def is_gaussian(self, ket: Node) -> bool:
        """Whether a vector is affine in Gaussian leaves."""

        def rule(node: Node, affine: dict[Node, bool]) -> bool:
            inside = all(map(affine.__getitem__, _kets(node)))
            return node.is_vector and inside and (_is_leaf(node) or is_linear(node))

        return fold((ket,), rule, _kets, self._affine)[ket]

    def mean(self, ket: Node) -> Node | None:
        """Return the mean of a Gaussian ket, or None where it is zero."""
        return fold((ket,), lambda node, _: self._mean(node), _kets, self._means)[ket]

    def means(self) -> Iterator[tuple[Node, Node]]:
        """Yield the kets whose means are known not to be zero, with them."""
        for ket, mean in self._means.items():
            if mean is not None:
                yield ket, mean

    def covariance(self, left: Node, right: Node) -> Node | None:
        """Return Cov(left, right), or None where the two are independent."""
        pair = left, right
        found = fold((pair,), lambda pair, _: self._covariance(*pair), _simpler, self._covariances)[
            pair
        ]
        if found is not None:
            self.asked.setdefault(found, pair)
        return found

    def needs(self, pairs: Iterable[tuple[Node, Node]]) -> list[tuple[Node, Node]]:
        """Return the pairs of kets whose inner products the covariances of some pairs need."""

        def below(pair: tuple[Node, Node]) -> tuple[tuple[Node, Node], ...]:
            return () if pair in self._covariances else _simpler(pair)

        return [
            (left.operand, right.operand)
            for left, right in walk(pairs, below)
            if isinstance(left, Hat) and isinstance(right, Hat) and _are_alike(left, right)
        ]

    # --------------------------------------------------------------------------------- the rules

    def _mean(self, node: Node) -> Node | None:
        if isinstance(node, op.InitialVector):
            return _unless_zero(node.mean)
        if isinstance(node, Hat):
            return None
        if isinstance(node, op.Elementwise) and node.function in ("add", "sub"):
            x, y = (self._means[o] if o.is_vector else _unless_zero(o) for o in node.operands)
            return self._sum(node.function, x, y, node.shape)
        (ket,) = _kets(node)
        mean = self._means[ket]
        return None if mean is None else self._carried(node, ket, mean, 0)

    def _covariance(self, left: Node, right: Node) -> Node | None:
        if not _is_leaf(left):
            return self._through(left, right, lambda ket: self._covariances[ket, right], 0)
        if not _is_leaf(right):
            before = len(left.shape)
            return self._through(right, left, lambda ket: self._covariances[left, ket], before)
        if isinstance(left, Hat) and isinstance(right, Hat):
            if not _are_alike(left, right):
                return None
            return self._b.mul(left.gain, self._moment(left.operand, right.operand))
        return (
            self._declared(left) if left is right and isinstance(left, op.InitialVector) else None
        )

    def _declared(self, vector: op.InitialVector) -> Node:
        if vector.covariance.shape == vector.shape + vector.shape:
            return vector.covariance
        identity = np.eye(int(np.prod(vector.shape, dtype=int)))
        whole = self._b.constant(identity.reshape(vector.shape + vector.shape))
        return self._b.mul(vector.covariance, whole)

    def _through(
        self, node: Node, other: Node, of: Callable[[Node], Node | None], before: int
    ) -> Node | None:
        """Carry covariances through the operation of one side, whose axes start at `before`."""
        if isinstance(node, op.Elementwise) and node.function in ("add", "sub"):
            shape = node.shape + other.shape if before == 0 else other.shape + node.shape
            parts = [
                None
                if not o.is_vector or (known := of(o)) is None
                else self._aligned(known, o, node, other, before)
                for o in node.operands
            ]
            return self._sum(node.function, parts[0], parts[1], shape)
        (ket,) = _kets(node)
        known = of(ket)
        return None if known is None else self._carried(node, ket, known, before, other)

    def _sum(
        self, function: str, x: Node | None, y: Node | None, shape: tuple[int, ...]
    ) -> Node | None:
        if x is None and y is None:
            return None
        if y is None:
            assert x is not None
            return self._spread(x, shape)
        if x is None:
            y = self._b.neg(y) if function == "sub" else y
            return self._spread(y, shape)
        return self._spread(self._b.add(x, y) if function == "add" else self._b.sub(x, y), shape)

    def _spread(self, node: Node, shape: tuple[int, ...]) -> Node:
        """Broadcast to a full shape."""
        if node.shape == shape:
            return node
        return self._b.mul(self._b.constant(np.ones(shape)), node)

    def _aligned(self, known: Node, ket: Node, node: Node, other: Node, before: int) -> Node:
        """Give the axes of `ket` in a covariance the rank that they have in `node`."""
        missing = len(node.shape) - len(ket.shape)
        return self._b.expand(known, tuple(range(before, before + missing)))

    def _carried(
        self, node: Node, ket: Node, known: Node, before: int, other: Node | None = None
    ) -> Node:
        """Apply a linear operation to the axes of `ket`, which start at `before` in `known`."""
        b = self._b
        after = len(known.shape) - before - len(ket.shape)
        match node:
            case op.Elementwise(function="mul" | "div" as function, operands=(x, y)):
                factor = y if x is ket else x
                missing = len(node.shape) - len(ket.shape)
                wide = b.expand(known, tuple(range(before, before + missing)))
                rank = len(factor.shape)
                scaled = b.expand(factor, tuple(range(rank, rank + after)))
                result = b.mul(scaled, wide) if function == "mul" else b.div(wide, scaled)
                lead = known.shape[:before]
                tail = known.shape[len(known.shape) - after :] if after else ()
                return self._spread(result, lead + node.shape + tail)
            case op.Contract(right=right, axes=count):
                return self._contracted(known, before, len(ket.shape), right, count)
            case _:
                return reapply(b, node, [known], before)

    def _contracted(self, known: Node, before: int, rank: int, right: Node, count: int) -> Node:
        """Contract the last `count` of `rank` axes in the middle with the first ones of `right`."""
        first, kept, summed = axes("first", before), axes("kept", rank - count), axes("sum", count)
        last = axes("last", len(known.shape) - before - rank)
        new = axes("new", len(right.shape) - count)
        covariance = Named(known, first + kept + summed + last)
        return contraction(
            self._b, first + kept + new + last, covariance, Named(right, summed + new)
        )


def _kets(node: Node) -> tuple[Node, ...]:
    """Return the vector operands of an operation; a leaf has none."""
    if _is_leaf(node):
        return ()
    return tuple(operand for operand in operands(node) if not operand.is_scalar)


def _unless_zero(mean: Node | None) -> Node | None:
    return None if isinstance(mean, op.Constant) and not mean.value.any() else mean


def _is_leaf(node: Node) -> bool:
    return isinstance(node, op.InitialVector | Hat)


def _are_alike(left: Hat, right: Hat) -> bool:
    """Whether two hats are of products with one side of one matrix."""
    return left.matrix is right.matrix and left.transposed == right.transposed


def _simpler(pair: tuple[Node, Node]) -> tuple[tuple[Node, Node], ...]:
    left, right = pair
    if not _is_leaf(left):
        return tuple((ket, right) for ket in _kets(left))
    return tuple((left, ket) for ket in _kets(right))
