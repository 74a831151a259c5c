"""Products of factors, one for each coordinate, and what operations make of them.

Input and output are terms

    sum over summed axes of  product over coordinates of f

with factors f that broadcast against each other. `rank` is the number of constant axes of a term,
its summed axes not counted, which stand before them.
"""

from dataclasses import dataclass
from math import prod

from tpc.program.builder import Builder
from tpc.program.nodes import Contract, Coordinates, Node, Shape, Take
from tpc.program.passes.constant_axes import depends, raised, squeezed, sum_inside, taken, to_front
from tpc.program.reapply import reapply

_MAX_SUMMED = 1024
"""Factors with more summed entries would cost more memory than the average that they replace."""


@dataclass(frozen=True, slots=True)
class Term:
    """A product of factors, summed over leading constant axes.

    Attributes:
        factors: For each set of coordinates the factor that lives there, of a shape that broadcasts
            to `summed` + the shape of the term.
        summed: The lengths of the axes to sum over.
    """

    factors: tuple[tuple[Coordinates, Node], ...]
    summed: Shape = ()

    @property
    def separates(self) -> bool:
        """Whether each factor lives at one coordinate at most."""
        return all(len(coords) <= 1 for coords, _ in self.factors)

    @property
    def alone(self) -> Coordinates | None:
        """The coordinates of the only factor, or None."""
        return self.factors[0][0] if len(self.factors) == 1 and not self.summed else None


def term_of(factors: dict[Coordinates, Node], summed: Shape) -> Term:
    """Return the product of factors listed by their coordinates, in a fixed order."""
    return Term(tuple(sorted(factors.items(), key=lambda item: item[0])), summed)


def is_bounded(term: Term) -> bool:
    """Decide whether the summed axes are short enough to keep."""
    return prod(term.summed) <= _MAX_SUMMED


def product(b: Builder, x: Term, x_rank: int, y: Term, y_rank: int, rank: int) -> Term:
    """Return the product; the summed axes of x come before those of y."""
    left = lifted(b, x, x_rank, rank, after=len(y.summed))
    right = lifted(b, y, y_rank, rank)
    factors = dict(left.factors)
    for coords, factor in right.factors:
        known = factors.get(coords)
        factors[coords] = factor if known is None else b.mul(known, factor)
    return term_of(factors, x.summed + y.summed)


def quotient(b: Builder, x: Term, x_rank: int, y: Term, rank: int) -> Term:
    """Return the quotient, factor by factor; y has no summed axes."""
    wide = lifted(b, x, x_rank, rank)
    factors = dict(wide.factors)
    for coords, factor in y.factors:
        factors[coords] = b.div(factors.get(coords, b.number(1)), factor)
    return term_of(factors, wide.summed)


def negated(b: Builder, term: Term) -> Term:
    """Return the term times -1, with the sign at the scalar factor or at the only one."""
    factors = dict(term.factors)
    key: Coordinates = () if () in factors or len(factors) > 1 else term.factors[0][0]
    factor = factors.get(key)
    factors[key] = b.number(-1) if factor is None else b.neg(factor)
    return term_of(factors, term.summed)


def lifted(b: Builder, term: Term, own: int, rank: int, after: int = 0) -> Term:
    """Return a term of `own` axes as one of `rank`, with room for summed axes after its own."""
    count = len(term.summed)
    if count + after == 0:
        return term
    new = tuple(range(count, count + after + rank - own))
    wide = {
        coords: b.expand(raised(b, factor, count + own), new) for coords, factor in term.factors
    }
    return term_of(wide, term.summed)


def moved(b: Builder, node: Node, rank: int, term: Term) -> Term:
    """Return a term of x as one of `node`: x indexed, permuted or expanded."""
    count = len(term.summed)
    factors = {coords: _moved(b, node, rank, count, f) for coords, f in term.factors}
    return term_of(factors, term.summed)


def _moved(b: Builder, node: Node, rank: int, count: int, factor: Node) -> Node:
    if isinstance(node, Take):
        return taken(b, factor, (None,) * count + node.keys)
    return reapply(b, node, [raised(b, factor, count + rank)], count)


def summed_over(b: Builder, term: Term, shape: Shape, axes: tuple[int, ...]) -> Term | None:
    """Return the sum of a term over some of its own axes: inside one factor where possible."""
    count, rank = len(term.summed), len(term.summed) + len(shape)
    varying = {
        axis: [coords for coords, factor in term.factors if depends(factor, rank, axis)]
        for axis in (count + axis for axis in axes)
    }
    shared = tuple(axis for axis, factors in varying.items() if len(factors) > 1)
    inside = tuple(axis for axis in varying if axis not in shared)
    factors = {
        coords: to_front(b, sum_inside(b, raised(b, f, rank), inside), count, shared, inside)
        for coords, f in term.factors
    }
    repeats = prod(shape[axis - count] for axis in inside if not varying[axis])
    if repeats > 1:
        factors[()] = b.mul(b.number(repeats), factors.get((), b.number(1)))
    result = term_of(factors, term.summed + tuple(shape[axis - count] for axis in shared))
    return result if is_bounded(result) else None


def contracted_inside(b: Builder, term: Term, node: Contract) -> Term | None:
    """Return a term of x times the array y, where only one factor has the axes of y."""
    rank = len(term.summed) + len(node.left.shape)
    over = tuple(range(rank - node.axes, rank))
    varying = [coords for coords, f in term.factors if any(depends(f, rank, a) for a in over)]
    if len(varying) != 1:
        return None
    new = tuple(range(rank - node.axes, rank + len(node.right.shape) - 2 * node.axes))
    factors: dict[Coordinates, Node] = {}
    for coords, factor in term.factors:
        whole = raised(b, factor, rank)
        if coords != varying[0]:
            factors[coords] = b.expand(squeezed(b, whole, over), new)
        elif whole.shape[rank - node.axes :] == node.right.shape[: node.axes]:
            factors[coords] = b.contract(whole, node.right, node.axes)
        else:
            return None
    return term_of(factors, term.summed)


def contracted(b: Builder, x: Term, y: Term, node: Contract) -> Term | None:
    """Return the product of x with new axes behind and y, summed over the axes they share."""
    left, new = len(node.left.shape), len(node.right.shape) - node.axes
    own = len(x.summed) + left
    behind = {
        coords: b.expand(raised(b, factor, own), tuple(range(own, own + new)))
        for coords, factor in x.factors
    }
    wide = term_of(behind, x.summed)
    both = product(b, wide, left + new, y, len(node.right.shape), left + new)
    shape = node.left.shape + node.right.shape[node.axes :]
    return summed_over(b, both, shape, tuple(range(left - node.axes, left)))
