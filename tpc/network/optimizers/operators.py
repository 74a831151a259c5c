"""Operators whose update function acts on singular values: scalar arrays with axes of rows first.

A finite network holds such an operator whole. Everywhere else it is of low rank,

    X = |Q> C <P|,   <Q|Q> = <P|P> = 1,

and its array is C: products, transposes, singular values and norms of X are those of C, at every
width, since Q and P are orthonormal. A power of a symmetric operator is that on the span of Q.
"""

from dataclasses import dataclass

from tpc.network.optimizers.rule import TINY, positive
from tpc.program.builder import Builder
from tpc.program.nodes import Constant, Node

SMALL = 1e-7
"""Singular values below this part of the largest one count as zero."""

SMALL_EIGENVALUE = 1e-13
"""The same for eigenvalues, which are squares."""


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator.

    Attributes:
        b: Makes the nodes.
        node: Its array.
        rows: How many of its first axes are those of rows.
    """

    b: Builder
    node: Node
    rows: int

    @property
    def T(self) -> "Operator":  # noqa: N802
        """The transpose."""
        rank = len(self.node.shape)
        order = (*range(self.rows, rank), *range(self.rows))
        return Operator(self.b, self.b.permute(self.node, order), rank - self.rows)

    def __matmul__(self, other: "Operator") -> "Operator":
        """Return the product, over all axes of columns of this one."""
        product = self.b.contract(self.node, other.node, len(self.node.shape) - self.rows)
        return Operator(self.b, product, self.rows)

    def times(self, factor: Node) -> "Operator":
        """Return the operator times a number."""
        return Operator(self.b, self.b.mul(factor, self.node), self.rows)

    @property
    def frobenius(self) -> Node:
        """The Frobenius norm."""
        total = self.b.reduce("sum", self.b.apply("square", self.node))
        return self.b.apply("sqrt", total)

    @property
    def singular_values(self) -> Node:
        """The singular values, descending."""
        return self.b.spectral("singular_values", self.node, self.rows)

    @property
    def eigenvalues(self) -> Node:
        """The eigenvalues of a symmetric operator, descending."""
        return self.b.spectral("eigenvalues", self.node, self.rows)

    @property
    def eigenvectors(self) -> "Operator":
        """The eigenvectors of a symmetric operator in columns, 0 where the eigenvalue is."""
        b = self.b
        kept = kept_power(b, self.eigenvalues, b.number(0), SMALL_EIGENVALUE)
        return Operator(b, b.mul(b.spectral("eigenvectors", self.node, self.rows), kept), self.rows)

    @property
    def spectral(self) -> Node:
        """The largest singular value."""
        return self.b.reduce("amax", self.singular_values)

    @property
    def trace(self) -> Node:
        """The trace of an operator that is symmetric and not negative."""
        return self.b.reduce("sum", self.eigenvalues)

    def inner(self, other: "Operator") -> Node:
        """Return the sum of the products of entries."""
        return self.b.reduce("sum", self.b.mul(self.node, other.node))

    def svd(self, values: Node) -> "Operator":
        """Return the operator with other singular values."""
        applied = self.b.spectral("svd_apply", self.node, self.rows, values)
        return Operator(self.b, applied, self.rows)

    def schatten(self, p: Node) -> "Operator":
        """Return the operator with singular values s^p, 0 where s is 0."""
        return self.svd(kept_power(self.b, self.singular_values, p, SMALL))

    def kept_power(self, p: Node, largest: Node | None = None) -> "Operator":
        """Return S^p of a symmetric operator, 0 where eigenvalues are rounding."""
        b, values = self.b, self.eigenvalues
        raised = kept_power(b, values, p, SMALL_EIGENVALUE, largest)
        return Operator(b, b.spectral("eigh_apply", self.node, self.rows, raised), self.rows)

    def power(self, p: Node, eps: Node) -> "Operator":
        """Return (S + eps)^p of a symmetric operator on its span."""
        b = self.b
        if isinstance(eps, Constant) and float(eps.value) == 0:
            return self.kept_power(p)
        raised = b.pow(b.add(self.eigenvalues, eps), p)
        return Operator(b, b.spectral("eigh_apply", self.node, self.rows, raised), self.rows)

    def clipped(self, threshold: Node) -> "Operator":
        """Return the operator with singular values min(s, threshold)."""
        return self.svd(self.b.apply("min", self.singular_values, threshold))

    def normalized(self) -> "Operator":
        """Return the operator divided by its largest singular value."""
        return self.times(self.b.div(self.b.number(1), positive(self.b, self.spectral)))


def kept_power(
    b: Builder, values: Node, p: Node, small: float, largest: Node | None = None
) -> Node:
    """Return x^p of numbers that are not negative, 0 where they are small beside the largest."""
    kept, values = kept_values(b, values, small, largest)
    return b.mul(kept, b.pow(values, p))


def kept_values(
    b: Builder, values: Node, small: float, largest: Node | None = None
) -> tuple[Node, Node]:
    """Return 0 where numbers are small beside the largest, else 1, and numbers that are not 0."""
    least = b.mul(b.number(small), largest or b.reduce("amax", values))
    least = b.apply("max", least, b.number(TINY**0.5))
    return b.apply("step", b.sub(values, least)), b.apply("max", values, least)
