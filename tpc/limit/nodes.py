"""The leaves that only limits have: hats, and generalised bras in the Stein form.

In a limit the free coordinate is the sample axis: a vector node is a ket, `Mean` over the free
coordinate is the expectation E, and a `Row` at a bound coordinate is an iid copy of a ket
[Tensor Programs IVb, Def. 2.6.5].
"""

from dataclasses import dataclass

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
        position: How many earlier products of this matrix side there are.
    """

    matrix: Matrix
    transposed: bool
    operand: Node
    gain: Node
    position: int


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SteinBra(Node):
    """A generalised bra <nabla_q|x> by Stein's lemma: the rows of pinv(G) E[q |x>] for one hat.

    Its shape is the hat's shape + the shape of x. G is the covariance of all of `hats`, q the
    hats side by side.

    Attributes:
        hats: All earlier hats of one matrix side.
        operand: The ket |x>.
        position: The hat whose rows these are.
    """

    hats: tuple[Hat, ...]
    operand: Node
    position: int
