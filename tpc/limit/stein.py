"""The terms |y> <nabla_{W.T y}|x> of a dot by Stein's lemma, one by one and as one sum.

With q all earlier hats of W.T and G their covariance, the bras are the rows of pinv(G) E[q |x>].

Reference:
    Tensor Programs IVb, Remark 2.6.6; Tensor Programs III, Remark 2.12, equation (4).
"""

from functools import reduce

from tpc.limit.equations import DotTerm
from tpc.limit.limit_nodes import Hat, SteinBra, SteinDot
from tpc.program.builder import Builder
from tpc.program.nodes import Node


def stein_dot(b: Builder, hats: tuple[Hat, ...], hat: Hat) -> SteinDot:
    """Return the sum of |y> <nabla_{W.T y}|x> over the hats of all earlier products W.T y."""
    node = b.make(SteinDot, hat.coords, hat.shape, hats, hat)
    assert isinstance(node, SteinDot)
    return node


def stein_term(b: Builder, hats: tuple[Hat, ...], position: int, hat: Hat) -> DotTerm:
    """Contract |y> with its rows of pinv(G) E[q |x>], q all of `hats` side by side."""
    other = hats[position]
    ket = other.operand
    bra = b.make(SteinBra, (), other.shape + hat.shape, hats, hat, position)
    rank = len(other.shape)
    node = b.contract(ket, bra, rank) if rank else b.mul(ket, bra)
    return DotTerm(other, ket, bra, node)


def stein_sum(b: Builder, dot: SteinDot) -> Node:
    """Return the same sum term by term, to be differentiated."""
    terms = [stein_term(b, dot.hats, position, dot.hat) for position in range(len(dot.hats))]
    return reduce(b.add, [term.node for term in terms])
