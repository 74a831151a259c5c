"""The nodes that only limits have: hats, Stein's lemma, expectations that are known.

In a limit the free coordinate is the sample axis: a vector node is a ket, `Mean` over the free
coordinate is the expectation E, and a `Row` at a bound coordinate is an iid copy of a ket.

Reference:
    Tensor Programs IVb, Definition 2.6.5; Section 1.2.2 (iid copies).
"""

from dataclasses import dataclass
from string import ascii_lowercase

from sympy import Expr, Symbol

from tpc.program.nodes import Matrix, Node


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Hat(Node):
    """The Gaussian part of the ket of a product: hat(W x), or hat(W.T x) where `transposed`.

    Attributes:
        matrix: The program's matrix W, its variance a node of the limit.
        transposed: Which side.
        operand: The ket |x>.
        gain: What multiplies <x|y> in the covariance of hats: s^2, or s^2 rho on the transposed
            side; a scalar node of shape ().
        second: <x|x>.
        position: How many earlier products of this matrix side there are.
    """

    matrix: Matrix
    transposed: bool
    operand: Node
    gain: Node
    second: Node
    position: int


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SteinBra(Node):
    """A generalised bra <nabla_q|x> by Stein's lemma: the rows of pinv(G) E[q |x>] for one hat.

    Its shape is the hat's shape + the shape of x. G is the covariance of all of `hats`, q the
    hats side by side.

    Attributes:
        hats: All earlier hats of one matrix side.
        hat: The hat of W x, which knows |x>.
        position: The hat whose rows these are.
    """

    hats: tuple[Hat, ...]
    hat: Hat
    position: int

    @property
    def operand(self) -> Node:
        """The ket |x>."""
        return self.hat.operand


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SteinDot(Node):
    """The sum of |y> <nabla_{W.T y}|x> over the earlier products W.T y, all bras by Stein's lemma.

    Attributes:
        hats: The hats of those products, all earlier ones of their side; each knows its |y>.
        hat: The hat of W x, which knows |x>.
    """

    hats: tuple[Hat, ...]
    hat: Hat


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RoundDot(Node):
    """The same in a region: over all products W.T y of earlier rounds, and of this one so far.

    Attributes:
        hat: The hat of W x, which knows |x>.
    """

    hat: Hat


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ClosedForm(Node):
    """An expectation in closed form: a SymPy expression in scalars of the limit.

    Attributes:
        integrand: What it is the expectation of, in Gaussian symbols z1, z2, ...
        expression: The form, see `tpc.gaussian`.
        symbols: Its symbols.
        values: The scalar that each symbol stands for; they broadcast to the node's shape.
    """

    integrand: Expr
    expression: Expr
    symbols: tuple[Symbol, ...]
    values: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Diagonal(Node):
    """Entries of a scalar array whose axes with equal labels have equal indices.

    Axis i of the operand has the label `labels[i]`; the result has one axis for each label, in
    ascending order, and the axis of a repeated label is that of the diagonal.
    """

    operand: Node
    labels: tuple[int, ...]

    @property
    def subscripts(self) -> str:
        """What `np.einsum` is told, for any leading axes."""
        letters = dict(zip(sorted(set(self.labels)), ascii_lowercase, strict=False))
        before = "".join(letters[label] for label in self.labels)
        return f"...{before}->...{''.join(letters.values())}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class HermiteSeries(Node):
    """E f(u), or E f(u) g(w) for jointly Gaussian u and w: f and g are smooth, without closed form.

    Attributes:
        left: f(u), a SymPy expression in `U` and constants.
        right: g(w) in `W` and constants, or None.
        symbols: Which of `QU`, `QW`, `CUW`, `MU`, `MW` the law needs, and the constants.
        values: The scalar that each symbol stands for; they broadcast to the node's shape.
    """

    left: Expr
    right: Expr | None
    symbols: tuple[Symbol, ...]
    values: tuple[Node, ...]


U, W = Symbol("u", real=True), Symbol("w", real=True)
"""The Gaussians of a series."""

QU, QW, CUW, MU, MW = (Symbol(name, real=True) for name in ("qu", "qw", "cuw", "mu", "mw"))
"""Their variances, covariance and means; a mean that is missing is zero."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Integral(Node):
    """E|x> or <x|y> that quadrature gets from series: random nodes average kets, as they do.

    Attributes:
        average: The `Mean` or `Inner`.
        value: The same of `HermiteSeries` and closed forms, a scalar.
    """

    average: Node
    value: Node
