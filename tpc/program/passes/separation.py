"""Separate the body of an average into sums of products of factors, one for each coordinate.

Input: a node with growing axes. Output: its separation, terms that add up to it:

    e  =  sum over terms of  sum over summed axes of  product over coordinates of f

where each factor f lives at the coordinates that it is listed under: at none (a scalar), at the
free coordinate, at one bound coordinate, or, where nothing separates, at several. Sums stay sums
and products distribute over them, up to `MAX_TERMS` terms. With a factor a at one coordinate and b
at another,

    (a b)^k = a^k b^k,  sign(a b) = sign(a) sign(b),  |a b| = |a| |b|,  1 / (a b) = (1 / a) (1 / b),
    exp(a + b) = exp(a) exp(b),  sum over an axis of (a b): a term with a summed axis.

What lives at one coordinate alone is never taken apart, scalar factors excepted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from math import prod
from typing import TypeAlias

from tpc.program.builder import Builder
from tpc.program.nodes import (
    FREE,
    Constant,
    Contract,
    Coordinates,
    Elementwise,
    Expand,
    Node,
    Permute,
    Reduce,
    Shape,
    Take,
)
from tpc.program.passes.constant_axes import (
    depends,
    raised,
    squeezed,
    sum_inside,
    taken,
    to_front,
)

MAX_TERMS = 64
_MAX_SUMMED = 1024


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


Separation: TypeAlias = tuple[Term, ...]


class Separator:
    """Separates nodes whose operands have been separated before."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._known: dict[Node, Separation] = {}

    def of(self, node: Node) -> Separation:
        """Return what `separate` found for a node; one factor where it was not asked."""
        return self._known.get(node, _whole(node))

    def separate(self, node: Node) -> None:
        """Find and keep the separation of a node with a bound coordinate."""
        if not any(name != FREE for name, _ in node.coords):
            return
        scaling = isinstance(node, Elementwise) and node.function in ("mul", "div", "neg")
        if len(node.coords) == 1 and not scaling:
            return
        found = self._terms(node)
        if found is not None and len(found) <= MAX_TERMS:
            self._known[node] = found

    def _terms(self, node: Node) -> Separation | None:
        match node:
            case Elementwise(function="exp", operands=(x,)):
                return self._exponential(self.of(x))
            case Elementwise(function="add" | "sub", operands=(x, y)):
                return self._sum(node, x, y)
            case Elementwise(function="mul", operands=(x, y)):
                return self._products(x, y, len(node.shape))
            case Elementwise(function="div", operands=(x, y)):
                return self._quotients(node, x, y)
            case Elementwise(function="neg", operands=(x,)):
                return tuple(self._negated(term) for term in self.of(x))
            case Elementwise(function="sign" | "abs" as function, operands=(x,)):
                return self._factorwise(x, lambda f: self._builder.apply(function, f))
            case Elementwise(function="square", operands=(x,)):
                return self._power(x, 2.0)
            case Elementwise(function="pow", operands=(x, Constant(shape=(), value=exponent))):
                return self._power(x, float(exponent))
            case Take(operand=x) | Permute(operand=x) | Expand(operand=x):
                return tuple(self._moved(node, len(x.shape), term) for term in self.of(x))
            case Reduce(reduction="sum", operand=x, axes=axes):
                sums = [self._summed(term, x.shape, axes) for term in self.of(x)]
                return None if None in sums else tuple(term for term in sums if term is not None)
            case Contract(left=x, right=y):
                return self._contraction(node, x, y)
            case _:
                return None

    # ---------------------------------------------------------------------------------- elementwise

    def _sum(self, node: Elementwise, x: Node, y: Node) -> Separation:
        """Return x + y or x - y; lone factors at the same coordinate are added up."""
        rank = len(node.shape)
        terms = [self._lifted(term, len(x.shape), rank) for term in self.of(x)]
        lone = {term.alone: at for at, term in enumerate(terms) if term.alone is not None}
        for unlifted in self.of(y):
            term = self._lifted(unlifted, len(y.shape), rank)
            at = None if term.alone is None else lone.get(term.alone)
            if at is not None:
                both = terms[at].factors[0][1], term.factors[0][1]
                merged = self._builder.apply(node.function, *both)
                terms[at] = Term(((merged.coords, merged),))
            else:
                terms.append(self._negated(term) if node.function == "sub" else term)
        return tuple(terms)

    def _products(self, x: Node, y: Node, rank: int) -> Separation | None:
        left, right = self.of(x), self.of(y)
        if len(left) * len(right) > MAX_TERMS:
            return None
        products = [
            self._product(f, len(x.shape), g, len(y.shape), rank) for f in left for g in right
        ]
        return tuple(products) if all(map(_bounded, products)) else None

    def _product(self, x: Term, x_rank: int, y: Term, y_rank: int, rank: int) -> Term:
        """Return the product; the summed axes of x come before those of y."""
        left = self._lifted(x, x_rank, rank, after=len(y.summed))
        right = self._lifted(y, y_rank, rank, before=len(x.summed))
        factors = dict(left.factors)
        for coords, factor in right.factors:
            known = factors.get(coords)
            factors[coords] = factor if known is None else self._builder.mul(known, factor)
        return _term(factors, x.summed + y.summed)

    def _quotients(self, node: Node, x: Node, y: Node) -> Separation:
        """Return x / y; a sum below the line stays a factor 1 / y."""
        below = self.of(y)
        if len(below) > 1 or below[0].summed:
            below = _whole(y)
        rank = len(node.shape)
        return tuple(self._quotient(term, len(x.shape), below[0], rank) for term in self.of(x))

    def _quotient(self, x: Term, x_rank: int, y: Term, rank: int) -> Term:
        b = self._builder
        lifted = self._lifted(x, x_rank, rank)
        factors = dict(lifted.factors)
        for coords, factor in y.factors:
            factors[coords] = b.div(factors.get(coords, b.number(1)), factor)
        return _term(factors, lifted.summed)

    def _negated(self, term: Term) -> Term:
        factors = dict(term.factors)
        key: Coordinates = () if () in factors or len(factors) > 1 else term.factors[0][0]
        factor = factors.get(key)
        b = self._builder
        factors[key] = b.number(-1) if factor is None else b.neg(factor)
        return _term(factors, term.summed)

    def _factorwise(self, x: Node, function: Callable[[Node], Node]) -> Separation | None:
        """Return f(x) for a multiplicative f, where x is one product."""
        terms = self.of(x)
        if len(terms) > 1 or terms[0].summed:
            return None
        return (Term(tuple((coords, function(f)) for coords, f in terms[0].factors)),)

    def _power(self, x: Node, exponent: float) -> Separation | None:
        b = self._builder
        if exponent.is_integer() and len(self.of(x)) == 1 and not self.of(x)[0].summed:
            return self._factorwise(x, lambda f: b.pow(f, b.number(exponent)))
        if exponent not in (2, 3, 4):
            return None
        square = self._square(x)
        if exponent == 2 or square is None:
            return square
        squared = b.apply("square", x)
        self._known[squared] = square
        if exponent == 4:
            return self._square(squared)
        return self._products(x, squared, len(x.shape))

    def _square(self, x: Node) -> Separation | None:
        """Return the squares of the terms and twice their mixed products."""
        terms, rank = self.of(x), len(x.shape)
        if len(terms) * (len(terms) + 1) > 2 * MAX_TERMS:
            return None
        b = self._builder
        two = Term((((), b.number(2)),))
        squares = [self._product(term, rank, term, rank, rank) for term in terms]
        for one, other in combinations(terms, 2):
            mixed = self._product(one, rank, other, rank, rank)
            squares.append(self._product(two, 0, mixed, rank, rank))
        return tuple(squares) if all(map(_bounded, squares)) else None

    def _exponential(self, terms: Separation) -> Separation | None:
        """Return exp of a sum whose terms live at one coordinate each."""
        b = self._builder
        exponents: dict[Coordinates, Node] = {}
        for term in terms:
            growing = [coords for coords, _ in term.factors if coords]
            if len(growing) > 1 or term.summed or not term.separates:
                return None
            factors = dict(term.factors)
            key = growing[0] if growing else ()
            exponent = factors[key]
            if growing and () in factors:
                exponent = b.mul(factors[()], exponent)
            known = exponents.get(key)
            exponents[key] = exponent if known is None else b.add(known, exponent)
        return (_term({coords: b.exp(x) for coords, x in exponents.items()}, ()),)

    # -------------------------------------------------------------------------------- constant axes

    def _lifted(self, term: Term, own: int, rank: int, before: int = 0, after: int = 0) -> Term:
        """Return a term of `own` axes as one of `rank`, with room for more summed axes."""
        count = len(term.summed)
        if count + before + after == 0:
            return term
        new = (*range(before), *range(before + count, before + count + after + rank - own))
        b = self._builder
        lifted = {
            coords: b.expand(raised(b, factor, count + own), new) for coords, factor in term.factors
        }
        return _term(lifted, term.summed)

    def _moved(self, node: Node, rank: int, term: Term) -> Term:
        """Return a term of x as one of x[...], of the permuted or of the expanded x."""
        count = len(term.summed)

        def moved(factor: Node) -> Node:
            b = self._builder
            whole = raised(b, factor, count + rank)
            match node:
                case Take(keys=keys):
                    return taken(b, factor, (None,) * count + keys)
                case Permute(order=order):
                    shifted = tuple(count + axis for axis in order)
                    return b.permute(whole, (*range(count), *shifted))
                case Expand(axes=axes):
                    return b.expand(whole, tuple(count + axis for axis in axes))
                case _:
                    raise AssertionError(node)

        return Term(tuple((coords, moved(f)) for coords, f in term.factors), term.summed)

    def _summed(self, term: Term, shape: Shape, axes: tuple[int, ...]) -> Term | None:
        """Return the sum of a term over some of its own axes: inside one factor where possible."""
        b = self._builder
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
        result = _term(factors, term.summed + tuple(shape[axis - count] for axis in shared))
        return result if _bounded(result) else None

    def _contraction(self, node: Contract, x: Node, y: Node) -> Separation | None:
        """Return tensordot(x, y, axes), term by term."""
        terms: list[Term] = []
        for one in self.of(x):
            inside = self._contracted_inside(one, node) if y.is_scalar else None
            products = [inside] if inside else [self._contracted(one, g, node) for g in self.of(y)]
            if None in products or len(terms) > MAX_TERMS:
                return None
            terms += [product for product in products if product is not None]
        return tuple(terms)

    def _contracted_inside(self, term: Term, node: Contract) -> Term | None:
        """Return a term of x times the array y, where only one factor has the axes of y."""
        b = self._builder
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
        return _term(factors, term.summed)

    def _contracted(self, x: Term, y: Term, node: Contract) -> Term | None:
        """Return the product of x with new axes behind and y, summed over the axes they share."""
        b = self._builder
        left, new = len(node.left.shape), len(node.right.shape) - node.axes
        own = len(x.summed) + left
        behind = {
            coords: b.expand(raised(b, factor, own), tuple(range(own, own + new)))
            for coords, factor in x.factors
        }
        wide = _term(behind, x.summed)
        product = self._product(wide, left + new, y, len(node.right.shape), left + new)
        shape = node.left.shape + node.right.shape[node.axes :]
        return self._summed(product, shape, tuple(range(left - node.axes, left)))


def _whole(node: Node) -> Separation:
    return (Term(((node.coords, node),)),)


def _term(factors: dict[Coordinates, Node], summed: Shape) -> Term:
    return Term(tuple(sorted(factors.items(), key=lambda item: item[0])), summed)


def _bounded(term: Term) -> bool:
    return prod(term.summed) <= _MAX_SUMMED
