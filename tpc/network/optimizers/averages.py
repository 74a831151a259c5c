"""Averages over the entries of the tensor that an optimizer acts on, as graphs.

A tensor is a node g. Its *rows* run along its first axis: the growing one of a vector-like weight
(coordinate FREE), the free slot of the two-coordinate kernel of a matrix (FREE and a bound
coordinate j), the first constant axis of a scalar-like weight. Its columns are all other axes
together. The growing axes are averaged, which is an expectation in the limit:

    rows(g) = E over the columns of g,   columns(g) = E over the rows of g,   overall(g) = E g,
    norm(g) = sqrt(E ||g||^2), summed over constant axes [Def. 2.10.7].

At finite width n the norm of a tensor with e growing axes is n^(-e/2) times that of Frobenius.

Reference:
    Tensor Programs IVb, Definition 2.10.7, Section 2.10.3.
"""

from dataclasses import dataclass
from math import prod
from typing import Protocol

from tpc.program.builder import Builder
from tpc.program.nodes import FREE, Node


class Averages(Protocol):
    """Averages of a tensor, each of a form that broadcasts against it."""

    def rows(self, tensor: Node) -> Node:
        """Return the average of each row."""

    def columns(self, tensor: Node) -> Node:
        """Return the average of each column."""

    def overall(self, tensor: Node) -> Node:
        """Return the average of all entries."""

    def norm(self, tensor: Node) -> Node:
        """Return the root of the mean square: summed over constant axes, averaged over others."""


@dataclass(frozen=True, slots=True)
class GrownAverages:
    """Averages over the coordinates of nodes.

    Attributes:
        builder: Makes the nodes.
        held: Whether arrays with two coordinates are held whole, so that they may be averaged over
            the free one. Where they are not, as in programs and limits, the average of a column is
            made at the free coordinate, from the kernel with its slots exchanged; a `Row` of it is
            returned.
    """

    builder: Builder
    held: bool = False

    def rows(self, tensor: Node) -> Node:
        """Return the average over all axes but the first."""
        bound = _bound(tensor)
        first = 0 if tensor.coords else 1
        averaged = self._constant_axes(tensor, tuple(range(first, len(tensor.shape))))
        return self.builder.mean(averaged, bound) if bound else averaged

    def columns(self, tensor: Node) -> Node:
        """Return the average over the first axis."""
        b, bound = self.builder, _bound(tensor)
        if not tensor.coords:
            return self._constant_axes(tensor, (0,)) if tensor.shape else tensor
        if not bound or self.held:
            return b.mean(tensor, (FREE,))
        return b.row(b.mean(b.exchange(tensor, bound[0]), bound), bound[0])

    def overall(self, tensor: Node) -> Node:
        """Return the average over all axes."""
        averaged = self._constant_axes(tensor, tuple(range(len(tensor.shape))))
        return self._grown_axes(averaged)

    def norm(self, tensor: Node) -> Node:
        """Return sqrt(E ||g||^2)."""
        b = self.builder
        total = b.reduce("sum", b.apply("square", tensor))
        return b.apply("sqrt", self._grown_axes(total))

    def _constant_axes(self, tensor: Node, axes: tuple[int, ...]) -> Node:
        b = self.builder
        total = b.expand(b.reduce("sum", tensor, axes), axes) if axes else tensor
        return b.div(total, b.number(prod(tensor.shape[axis] for axis in axes)))

    def _grown_axes(self, tensor: Node) -> Node:
        bound = _bound(tensor)
        inner = self.builder.mean(tensor, bound) if bound else tensor
        return self.builder.mean(inner) if inner.coords else inner


def _bound(node: Node) -> tuple[str, ...]:
    return tuple(name for name, _ in node.coords if name != FREE)
