"""Factor separable averages into averages of vectors and inner products.

Input and output are programs. The body of a mean over bound coordinates is separated
(`tpc.program.passes.separation`) into terms that are products of factors, one for each coordinate.
A factor without the averaged coordinates comes out, factors at independent coordinates are averaged
by themselves, and what lives at one bound coordinate alone is an average over the free one:

    mean[j](g * x[j] * z[j])  =  g * <x|z>
    mean[j, l](x[j] * y[l])   =  avg(x) * avg(y)

Both hold at finite width, since an average runs over the whole axis. Terms with a factor at several
coordinates that are averaged together stay averages, with one body for all terms over the same
coordinates; a body of which nothing separates stays as it is written, and so does one with a sum
over constant axes that an average over pairs would remain in: taken apart it has more columns.
"""

from dataclasses import dataclass
from functools import reduce

from tpc.program.builder import Builder
from tpc.program.nodes import FREE, Elementwise, Mean, Node, Row, operands
from tpc.program.passes.constant_axes import average_of_vector, summed_product
from tpc.program.passes.rebuild import rebuild
from tpc.program.passes.separation import Separator
from tpc.program.passes.terms import Term
from tpc.program.program import Program
from tpc.program.traversal import fold


def factor_averages(program: Program) -> Program:
    """Return the program with its averages over bound coordinates factored."""
    builder = Builder()
    return rebuild(program, builder, _Factoring(builder).rewrite)


@dataclass(frozen=True, slots=True)
class _Cluster:
    """Factors that must be averaged together.

    Attributes:
        over: The averaged coordinates that they share.
        body: Their product.
    """

    over: tuple[str, ...]
    body: Node


@dataclass(frozen=True, slots=True)
class _Averaged:
    """A term whose factors have been averaged where they separate.

    Attributes:
        term: The term.
        done: Factors without averaged coordinates.
        clusters: What remains to be averaged.
    """

    term: Term
    done: tuple[Node, ...]
    clusters: tuple[_Cluster, ...]

    @property
    def over(self) -> tuple[tuple[str, ...], ...]:
        """The coordinates of each average that remains."""
        return tuple(cluster.over for cluster in self.clusters)


class _Factoring:
    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._separator = Separator(builder)
        self._freed: dict[str, dict[Node, Node]] = {}

    def rewrite(self, _: Node, node: Node) -> Node:
        """Return an average factored, any other node as it is."""
        self._separator.separate(node)
        if not isinstance(node, Mean) or node.over == (FREE,):
            return node
        factored = self._factor(node)
        # A term may broadcast where the body as a whole does not; then nothing is gained.
        return factored if factored.shape == node.shape else node

    def _factor(self, node: Mean) -> Node:
        terms = [self._average(term, node.over) for term in self._separator.of(node.operand)]
        if len(terms) > 1 and {term.over for term in terms} == {(node.over,)}:
            return node
        if any(term.clusters and term.term.summed for term in terms):
            # Its factors are longer than their sum, and an average over pairs remains.
            return node
        # Terms with one average in common share its body: a second body would double the work.
        joint: dict[tuple[str, ...], list[_Averaged]] = {}
        groups: list[list[_Averaged]] = []
        for term in terms:
            if len(term.clusters) != 1 or term.term.summed:
                groups.append([term])
            else:
                joint.setdefault(term.clusters[0].over, []).append(term)
        groups += joint.values()
        rank = len(node.shape)
        sums = [
            self._joint(group) if len(group) > 1 else self._product(group[0], rank)
            for group in groups
        ]
        return reduce(self._add, sums)

    def _add(self, total: Node, term: Node) -> Node:
        match term:
            case Elementwise(function="neg", operands=(x,)):
                return self._builder.sub(total, x)
            case _:
                return self._builder.add(total, term)

    def _average(self, term: Term, over: tuple[str, ...]) -> _Averaged:
        """Average the factors of a term that separate."""
        done: list[Node] = []
        groups: list[tuple[set[str], list[Node]]] = []
        for coords, factor in term.factors:
            names = {name for name, _ in coords} & set(over)
            if not names:
                done.append(factor)
                continue
            touching = [group for group in groups if group[0] & names]
            groups = [group for group in groups if not group[0] & names]
            members = [member for group in touching for member in group[1]]
            groups.append((names.union(*(group[0] for group in touching)), [*members, factor]))
        clusters: list[_Cluster] = []
        for names, members in groups:
            body = reduce(self._builder.mul, members)
            if len(body.coords) == 1:
                done.append(average_of_vector(self._builder, self._free(body)))
            else:
                clusters.append(_Cluster(tuple(sorted(names)), body))
        return _Averaged(term, tuple(done), tuple(sorted(clusters, key=lambda c: c.over)))

    def _joint(self, terms: list[_Averaged]) -> Node:
        """Return one average of the sum of the terms' bodies."""
        b = self._builder
        bodies = [self._multiply([*term.done, term.clusters[0].body]) for term in terms]
        return b.mean(reduce(self._add, bodies), terms[0].clusters[0].over)

    def _product(self, averaged: _Averaged, rank: int) -> Node:
        """Return a term: its averages multiplied, and summed over its summed axes."""
        b = self._builder
        means = [b.mean(cluster.body, cluster.over) for cluster in averaged.clusters]
        factors = [*averaged.done, *means]
        count = len(averaged.term.summed)
        scalars = [factor for factor in factors if factor.is_scalar]
        growing = [factor for factor in factors if not factor.is_scalar]
        if count == 0:
            return self._multiply(factors)
        if scalars and growing:
            vector, scalar = reduce(b.mul, growing), reduce(b.mul, scalars)
            return summed_product(b, vector, scalar, count, count + rank)
        return b.reduce("sum", reduce(b.mul, factors), tuple(range(count)))

    def _multiply(self, factors: list[Node]) -> Node:
        """Return the product, scalars first."""
        return reduce(self._builder.mul, sorted(factors, key=lambda factor: not factor.is_scalar))

    def _free(self, body: Node) -> Node:
        """Return what lives at one bound coordinate as a vector at the free one."""
        (coordinate, _) = body.coords[0]
        if coordinate == FREE:
            return body
        known = self._freed.setdefault(coordinate, {})

        def rule(node: Node, images: dict[Node, Node]) -> Node:
            if node.is_scalar:
                return node
            if isinstance(node, Row):
                return node.operand
            return self._builder.copy(node, images, ((FREE, node.coords[0][1]),))

        def below(node: Node) -> tuple[Node, ...]:
            return () if node.is_scalar or isinstance(node, Row) else operands(node)

        return fold((body,), rule, below, known)[body]
