"""Separate the body of an average into sums of products of factors, one for each coordinate.

Input: a node with growing axes. Output: its separation, terms that add up to it:

    e  =  sum over terms of  sum over summed axes of  product over coordinates of f

where each factor f lives at the coordinates that it is listed under: at none (a scalar), at the
free coordinate, at one bound coordinate, or, where nothing separates, at several. Sums stay sums
and products distribute over them, up to `MAX_TERMS` terms. With a factor a at one coordinate and b
at another,

    (a b)^k = a^k b^k,  sign(a b) = sign(a) sign(b),  |a b| = |a| |b|,  1 / (a b) = (1 / a) (1 / b),
    exp(a + b) = exp(a) exp(b),  sum over an axis of (a b): a term with a summed axis.

The exchange of two coordinates exchanges them in every factor.

What lives at one coordinate alone is never taken apart, scalar factors excepted.
"""

from collections.abc import Callable
from itertools import combinations
from typing import TypeAlias

from tpc.program import nodes as op
from tpc.program.builder import Builder
from tpc.program.nodes import FREE, Coordinates, Node
from tpc.program.passes.terms import (
    Term,
    contracted,
    contracted_inside,
    is_bounded,
    lifted,
    moved,
    negated,
    product,
    quotient,
    summed_over,
    term_of,
)

MAX_TERMS = 64

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
        scaling = isinstance(node, op.Elementwise) and node.function in ("mul", "div", "neg")
        if len(node.coords) == 1 and not scaling:
            return
        found = self._terms(node)
        if found is not None and len(found) <= MAX_TERMS:
            self._known[node] = found

    def _terms(self, node: Node) -> Separation | None:
        match node:
            case op.Elementwise(function="exp", operands=(x,)):
                return self._exponential(self.of(x))
            case op.Elementwise(function="add" | "sub", operands=(x, y)):
                return self._sum(node, x, y)
            case op.Elementwise(function="mul", operands=(x, y)):
                return self._products(x, y, len(node.shape))
            case op.Elementwise(function="div", operands=(x, y)):
                return self._quotients(node, x, y)
            case op.Elementwise(function="neg", operands=(x,)):
                return tuple(negated(self._builder, term) for term in self.of(x))
            case op.Elementwise(function="sign" | "abs" as function, operands=(x,)):
                return self._factorwise(x, lambda f: self._builder.apply(function, f))
            case op.Elementwise(function="square", operands=(x,)):
                return self._power(x, 2.0)
            case op.Elementwise(
                function="pow", operands=(x, op.Constant(shape=(), value=exponent))
            ):
                return self._power(x, float(exponent))
            case op.Take(operand=x) | op.Permute(operand=x) | op.Expand(operand=x):
                return tuple(moved(self._builder, node, len(x.shape), term) for term in self.of(x))
            case op.Reduce(reduction="sum", operand=x, axes=axes):
                return _all([summed_over(self._builder, f, x.shape, axes) for f in self.of(x)])
            case op.Contract(left=x, right=y):
                return self._contraction(node, x, y)
            case op.Exchange(operand=x, coordinate=coordinate):
                return tuple(self._exchanged(term, coordinate) for term in self.of(x))
            case _:
                return None

    # ---------------------------------------------------------------------------------- elementwise

    def _sum(self, node: op.Elementwise, x: Node, y: Node) -> Separation:
        """Return x + y or x - y; lone factors at the same coordinate are added up."""
        rank = len(node.shape)
        terms = [lifted(self._builder, term, len(x.shape), rank) for term in self.of(x)]
        lone = {term.alone: at for at, term in enumerate(terms) if term.alone is not None}
        for unlifted in self.of(y):
            term = lifted(self._builder, unlifted, len(y.shape), rank)
            at = None if term.alone is None else lone.get(term.alone)
            if at is not None:
                both = terms[at].factors[0][1], term.factors[0][1]
                merged = self._builder.apply(node.function, *both)
                terms[at] = Term(((merged.coords, merged),))
            else:
                terms.append(negated(self._builder, term) if node.function == "sub" else term)
        return tuple(terms)

    def _products(self, x: Node, y: Node, rank: int) -> Separation | None:
        left, right = self.of(x), self.of(y)
        if len(left) * len(right) > MAX_TERMS:
            return None
        products = [
            product(self._builder, f, len(x.shape), g, len(y.shape), rank)
            for f in left
            for g in right
        ]
        return tuple(products) if all(map(is_bounded, products)) else None

    def _quotients(self, node: Node, x: Node, y: Node) -> Separation:
        """Return x / y; a sum below the line stays a factor 1 / y."""
        below = self.of(y)
        if len(below) > 1 or below[0].summed:
            below = _whole(y)
        own, rank = len(x.shape), len(node.shape)
        return tuple(quotient(self._builder, term, own, below[0], rank) for term in self.of(x))

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
        squares = [product(b, term, rank, term, rank, rank) for term in terms]
        for one, other in combinations(terms, 2):
            mixed = product(b, one, rank, other, rank, rank)
            squares.append(product(b, two, 0, mixed, rank, rank))
        return tuple(squares) if all(map(is_bounded, squares)) else None

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
        return (term_of({coords: b.exp(x) for coords, x in exponents.items()}, ()),)

    def _exchanged(self, term: Term, coordinate: str) -> Term:
        """Return a term with the factors at two coordinates exchanged."""
        factors = [self._builder.exchange(factor, coordinate) for _, factor in term.factors]
        return term_of({factor.coords: factor for factor in factors}, term.summed)

    # -------------------------------------------------------------------------------- constant axes

    def _contraction(self, node: op.Contract, x: Node, y: Node) -> Separation | None:
        """Return tensordot(x, y, axes), term by term."""
        b = self._builder
        if len(self.of(x)) * len(self.of(y)) > MAX_TERMS:
            return None
        terms: list[Term | None] = []
        for one in self.of(x):
            inside = contracted_inside(b, one, node) if y.is_scalar else None
            terms += [inside] if inside else [contracted(b, one, g, node) for g in self.of(y)]
        return _all(terms)


def _whole(node: Node) -> Separation:
    return (Term(((node.coords, node),)),)


def _all(terms: list[Term | None]) -> Separation | None:
    found = tuple(term for term in terms if term is not None)
    return found if len(found) == len(terms) else None
