"""Program -> the equations of its infinite-width limit.

Every vector x of the program becomes a ket |x>, every scalar c a number, both nodes of a new graph
in the same language. Everything but a MatMul keeps its form: Avg becomes an expectation, an
OuterNonlin the expectation over iid copies. A MatMul becomes

    |W x> = hat(W x) + dot(W x)
    Cov(hat(W x), hat(W y)) = gain <x|y>
    dot(W x) = gain * sum over earlier W.T y of |y> <nabla_{W.T y}|x>

with gain = s^2 for W and s^2 rho for W.T, where W in R^{n x m} has entry variance s^2/m and
rho = lim n/m. The bra <nabla_{W.T y}|x> is E[d|x> / d hat(W.T y)], or, by Stein's lemma, the rows
of pinv(G) E[q |x>] where q are all earlier hats of W.T and G their covariance.

Reference:
    Tensor Programs IVb, Definition 2.6.5 (kets), Theorem 2.6.10 (the Master Theorem).
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from functools import reduce
from math import inf, prod
from typing import Literal, TypeAlias

from tpc.diagnostics import Diagnostic, ProgramError, Span
from tpc.diagnostics.limit_faults import ExpectationInfinite, NoDerivativeForm
from tpc.gaussian.refusal import InfiniteExpectation
from tpc.limit.builder import LimitBuilder
from tpc.limit.covariances import covariance_of
from tpc.limit.dots import derivative_term
from tpc.limit.equations import (
    DotEquation,
    DotForm,
    DotTerm,
    Equation,
    HatEquation,
    InitialKet,
    KetEquation,
    Limit,
    LimitOutput,
    RoundsEquation,
    ScalarEquation,
)
from tpc.limit.jacobian import Differentiator, TooLarge
from tpc.limit.jumps import check_jumps
from tpc.limit.limit_nodes import Hat, HermiteSeries, Integral, RoundDot
from tpc.limit.naming import name_products
from tpc.limit.region_limit import products_with_dots
from tpc.limit.stein import stein_dot, stein_term
from tpc.limit.universality import check_universality
from tpc.program import nodes as op
from tpc.program.apart import has_pole
from tpc.program.exchange import Unfolding, without_exchanges
from tpc.program.nodes import Matrix, Node, operands
from tpc.program.partials import NotDifferentiable
from tpc.program.program import Output, OutputKind, Program
from tpc.program.reapply import transplant
from tpc.program.region import (
    Carried,
    Collected,
    Final,
    KnownAtFirst,
    Region,
    RoundInput,
    region_of,
    with_body,
)
from tpc.program.traversal import fold, walk
from tpc.program.unroll import first_round, unroll

DotChoice: TypeAlias = Literal["derivative", "stein", "auto"]


DERIVATIVE_BUDGET = 2048
"""Floats a sample that the derivatives of one product may take before `auto` prefers Stein."""

FEW_COLUMNS = 64
"""Up to so many hats a dot by Stein's lemma is written term by term, for closed forms."""

STEIN_COLUMNS = 400
"""Up to so many hats k `auto` takes the Stein form to save memory: k/N is 0.05 at N = 8192."""

MUCH_LARGER = 8
"""With more hats it does where derivatives take so many floats a sample for each of them."""


def _exchanges_in_pairs(program: Program) -> bool:
    """Whether every exchange stands in bodies of two coordinates alone."""
    return not any(isinstance(node, op.Exchange) for node in program.nodes) or all(
        len(node.coords) <= 2 for node in program.nodes
    )


def derive_limit(program: Program, dot: DotChoice = "auto", integrate: bool = True) -> Limit:
    """Derive the limit equations of a program.

    Args:
        program: A checked program, usually after `tpc.program.passes.normalise`.
        dot: The form of the bras in dots. `auto` takes the derivative form unless a derivative
            holds a delta, or its arrays are past `DERIVATIVE_BUDGET` floats a sample while Stein's
            lemma would have at most `STEIN_COLUMNS` hats, or far fewer than there are floats.
        integrate: Whether expectations that have a closed form get it.

    Raises:
        ProgramError: TP301, `dot` is `derivative` and a derivative holds a delta; TP304, a scalar
            goes to where something jumps; TP305, an expectation is infinite; TP365, a matrix is not
            Gaussian and has another limit.
    """
    check_universality(program)
    if not _exchanges_in_pairs(program):
        program = without_exchanges(program)
    return _Derivation(program, dot, integrate).limit()


class _Derivation:
    def __init__(self, program: Program, dot: DotChoice, integrate: bool) -> None:
        self._program = program
        self._dot = dot
        self._region = region_of(program)
        self._b = LimitBuilder(integrate)
        self._integrals = self._b.integrals
        self._differentiator = Differentiator(self._b)
        self._unfolding = Unfolding(self._b)
        self._limit_of: dict[Node, Node] = {}
        self._matrices: dict[Matrix, Matrix] = {}
        self._products: dict[tuple[Matrix, bool], list[tuple[Hat, Node]]] = {}
        self._deltas: dict[Node, bool] = {}
        self._equations: list[Equation] = []
        self._names: dict[Node, str] = {}
        self._rounds: RoundsEquation | None = None
        self._unbounded: set[Span] = set()
        self._in_rounds = _multiplied(self._region.body.nodes) if self._region else set()
        self._dotted = products_with_dots(program, self._region) if self._region else frozenset()
        whole = with_body(program)
        self._bound = {binding.node: binding for binding in reversed(whole.bindings)}
        self._product_names = name_products(whole)
        sides = {(n.matrix, n.transposed) for n in whole.nodes if isinstance(n, op.MatMul)}
        self._two_sided = {
            matrix for matrix, _ in sides if {(matrix, True), (matrix, False)} <= sides
        }

    def limits(self) -> Mapping[Node, Node]:
        """Return the limit of every node."""
        for node in self._program.nodes:
            self._b.span = node.span
            with self._refusing_infinite(node.span):
                self._limit_of[node] = self._translated(node)
            self._define(node)
        return self._limit_of

    def limit(self) -> Limit:
        """Return the equations."""
        self.limits()
        outputs = tuple(map(self._output, self._program.outputs))
        program = self._program
        found = check_jumps(program, self._limit_of)
        if found:
            raise ProgramError(found, program.name, program.source)
        equations, names = tuple(self._equations), self._names
        known = self._integrals
        meanings = (known.covariances, known.moments) if known else ({}, {})
        unbounded = frozenset(known.unbounded if known else ()) | self._unbounded_in_rounds()
        return Limit(
            program, equations, outputs, names, program.dialect, *meanings, self._rounds, unbounded
        )

    @contextmanager
    def _refusing_infinite(self, span: Span) -> Iterator[None]:
        """Say where an expectation is infinite."""
        try:
            yield
        except InfiniteExpectation as refusal:
            found = Diagnostic.of(ExpectationInfinite(refusal.reason, refusal.condition), span)
            raise ProgramError([found], self._program.name, self._program.source) from None

    def _translated(self, node: Node) -> Node:
        if isinstance(node, op.MatMul):
            return self._ket_of_product(node)
        if isinstance(node, Region):
            return self._region_of_kets(node)
        made = self._b.copy(node, self._limit_of)
        # One number for each pair is worth an array that both coordinates share; a round has none.
        shared = len(made.coords) == 2 and not made.shape and self._region is None
        return self._unfolding.of(made) if isinstance(made, op.Exchange) and not shared else made

    def _region_of_kets(self, region: Region) -> Node:
        """Return the region with the body in kets; its equations are those of any round."""
        first, known = len(self._equations), self._limit_of
        for carry in region.body.carries:
            known[carry.leaf] = self._b.copy(carry.leaf, known)
            if carry.leaf in self._bound:
                self._names[known[carry.leaf]] = self._bound[carry.leaf].name
        values = self._first_values(region)
        self._unbounded = self._unbounded_spans(region)
        if region.body.has_kets:  # what rounds average, and what they leave behind, is drawn
            self._b.integrals = None
        for node in region.body.nodes:
            self._b.span = node.span
            known[node] = made = self._translated(node)
            if node in values:
                value = transplant(self._b, values[node])
                known[node] = self._b.make(KnownAtFirst, (), made.shape, value, made)
            self._define(node)
        outside = tuple(dict.fromkeys(known[node] for node in region.outside))
        made = self._b.make(Region, (), (), outside, region.body.mapped(known))
        assert isinstance(made, Region)
        self._rounds = RoundsEquation(made, first, len(self._equations))
        return made

    def _unbounded_spans(self, region: Region) -> set[Span]:
        """Return where expectations of infinite variance stand, in two rounds and what follows.

        Raises:
            ProgramError: TP305, one is infinite itself.
        """
        nodes = (*region.body.nodes, *self._program.nodes)
        if self._integrals is None or not any(map(has_pole, nodes)):
            return set()
        rounds = min(2, region.body.rounds)
        derivation = _Derivation(unroll(self._program, rounds), self._dot, integrate=True)
        derivation.limit()
        return set(derivation._integrals.unbounded.values()) if derivation._integrals else set()

    def _unbounded_in_rounds(self) -> frozenset[Node]:
        """Return the expectations of a program with a region whose variance is infinite."""
        body = self._region.body.nodes if self._region else ()
        found = set()
        for node in (*body, *self._program.nodes):
            if node.span in self._unbounded and isinstance(node, op.Mean | op.Inner):
                found.add(self._limit_of[node])
            elif node.span in self._unbounded and isinstance(node, op.MatMul):
                ket = self._limit_of[node.operand]
                found.add(self._b.inner(ket, ket))
        return frozenset(found)

    def _first_values(self, region: Region) -> dict[Node, Node]:
        """Return the averages of the body that have a closed form in the first round, with it."""
        averages = [n for n in region.body.nodes if isinstance(n, op.Mean | op.Inner)]
        wanted = [node for node in averages if node.is_scalar] if self._integrals else []
        if not wanted:
            return {}
        first = first_round(self._program, wanted)
        found = _Derivation(first, self._dot, integrate=True).limits()
        values = [found[output.node] for output in first.outputs]
        pairs = zip(wanted, values, strict=True)
        return {node: value for node, value in pairs if _is_closed(value)}

    def _define(self, node: Node) -> None:
        """Add the equation of a node that a statement binds."""
        binding = self._bound.get(node)
        ket = self._limit_of[node]
        if binding is None or ket in self._names or isinstance(node, op.Constant | op.Parameter):
            return
        if len(node.coords) > 1 and self._region is None:
            return  # a part of the body of a mean
        self._names[ket] = binding.name
        if isinstance(ket, Final | Carried | Collected | RoundInput):
            return  # what it is stands in the equations of the round
        if isinstance(ket, op.InitialVector):
            self._equations.append(InitialKet(binding.name, ket, binding.span))
        elif not node.is_vector:
            self._equations.append(ScalarEquation(binding.name, ket, binding.span))
        else:
            self._equations.append(KetEquation(binding.name, ket, binding.span))

    def _output(self, output: Output) -> LimitOutput:
        with self._refusing_infinite(output.span):
            return LimitOutput(output.name, output.kind, self._parts(output), output.span)

    def _parts(self, output: Output) -> tuple[tuple[str, Node], ...]:
        ket = self._limit_of[output.node]
        match output.kind:
            case OutputKind.SCALAR:
                return (("value", ket),)
            case OutputKind.READOUT:
                return (("cov", self._b.inner(ket, ket)),)
            case OutputKind.VECTOR:
                return (("mean", self._b.mean(ket)), ("cov", covariance_of(self._b, ket)))

    # ---------------------------------------------------------------------------------- products

    def _ket_of_product(self, product: op.MatMul) -> Node:
        """Return |W x> = hat + dot, and add their equations."""
        matrix = self._matrix(product.matrix)
        operand = self._limit_of[product.operand]
        name = self._product_names[product]
        earlier = self._products.setdefault((matrix, product.transposed), [])
        gain = self._gain(matrix, product.transposed)
        second = self._b.inner(operand, operand)
        hat = self._b.make(
            Hat, product.coords, product.shape,
            matrix, product.transposed, operand, gain, second, len(earlier),
        )  # fmt: skip
        assert isinstance(hat, Hat)
        if product.matrix in self._two_sided:
            self._differentiator.watch(hat)
        before = tuple(known for known, _ in earlier)
        self._equations.append(HatEquation(name, hat, before, product.span))
        earlier.append((hat, operand))
        form, terms = self._dot_terms(product, hat)
        if not terms and product not in self._dotted:
            return hat
        dot = self._b.mul(gain, self._total(hat, form, terms))
        self._equations.append(DotEquation(name, dot, hat, form, terms, product.span))
        ket = self._b.add(hat, dot)
        if product not in self._bound:
            self._names[ket] = name
            self._equations.append(KetEquation(name, ket, product.span))
        return ket

    def _total(self, hat: Hat, form: DotForm, terms: tuple[DotTerm, ...]) -> Node:
        """Return the sum of |y> <nabla_{W.T y}|x>."""
        if not terms:
            return self._b.make(RoundDot, hat.coords, hat.shape, hat)
        hats = tuple(term.hat for term in terms)
        if form == "stein" and _columns(hats) > FEW_COLUMNS:
            return stein_dot(self._b, hats, hat)
        return reduce(self._b.add, [term.node for term in terms])

    def _dot_terms(self, product: op.MatMul, hat: Hat) -> tuple[DotForm, tuple[DotTerm, ...]]:
        if product.matrix in self._in_rounds:
            return "stein", ()
        other = self._products.get((hat.matrix, not hat.transposed), [])
        reached = [
            (known, ket) for known, ket in other if self._differentiator.reaches(known, hat.operand)
        ]
        if not reached:
            return "derivative", ()
        if self._dot != "stein":
            terms = self._derivative_terms(hat, reached)
            if terms is not None:
                return "derivative", terms
            if self._dot == "derivative":
                fault = NoDerivativeForm(self._product_names[product])
                raise ProgramError.of(self._program, (fault, product.span))
        hats = tuple(known for known, _ in other)
        return "stein", tuple(
            stein_term(self._b, hats, position, hat) for position in range(len(hats))
        )

    def _derivative_terms(
        self, hat: Hat, reached: list[tuple[Hat, Node]]
    ) -> tuple[DotTerm, ...] | None:
        """Return the terms in the derivative form, or None where Stein's lemma has to serve."""
        terms = []
        floats = 0
        for known, ket in reached:
            try:
                jacobian = self._differentiator.jacobian(hat.operand, known, self._room(known))
            except (NotDifferentiable, TooLarge):
                return None
            found = [derivative_term(self._b, known, ket, hat.operand, term) for term in jacobian]
            kept = [term for term in found if not _vanishes(term.bra)]
            # E[v delta(h)] = 0 for an output weight v: a delta in a bra that vanishes does no harm.
            if any(self._holds_delta(term.bra) for term in kept):
                return None
            terms += kept
            floats += sum(prod(term.value.shape) for term in jacobian if term.value.is_vector)
        columns = _columns(tuple(known for known, _ in reached))
        instead = columns <= STEIN_COLUMNS or floats > MUCH_LARGER * columns
        too_large = floats > DERIVATIVE_BUDGET and instead
        return None if too_large and self._dot == "auto" else tuple(terms)

    def _room(self, hat: Hat) -> float:
        """Return how many floats a sample of one derivative may take: past it, none is made."""
        if self._dot != "auto":
            return inf
        return max(DERIVATIVE_BUDGET, MUCH_LARGER * prod(hat.shape))

    def _holds_delta(self, node: Node) -> bool:
        def rule(part: Node, holds: dict[Node, bool]) -> bool:
            own = isinstance(part, op.Elementwise) and part.function == "delta"
            return own or any(holds[operand] for operand in operands(part))

        return fold((node,), rule, operands, self._deltas)[node]

    def _matrix(self, matrix: Matrix) -> Matrix:
        """Return the matrix with its variance translated."""
        known = self._matrices.get(matrix)
        if known is None:
            variance = self._limit_of[matrix.variance]
            known = Matrix(
                matrix.name, matrix.rows, matrix.columns, variance, matrix.variance_dim, matrix.span
            )
            self._matrices[matrix] = known
        return known

    def _gain(self, matrix: Matrix, transposed: bool) -> Node:
        """Return s^2 for W and s^2 rho for W.T: the entry variance times what is summed over."""
        dims = self._program.dims
        summed = matrix.rows if transposed else matrix.columns
        ratio: Fraction = dims[summed].ratio / dims[matrix.variance_dim].ratio
        return self._b.mul(self._b.number(float(ratio)), matrix.variance)


def _multiplied(nodes: Iterable[Node]) -> set[Matrix]:
    return {node.matrix for node in nodes if isinstance(node, op.MatMul)}


def _is_closed(value: Node) -> bool:
    """Whether a scalar is made of numbers, parameters and closed forms."""
    return all(
        node.is_scalar and not isinstance(node, Integral | HermiteSeries)
        for node in walk([value], operands)
    )


def _columns(hats: tuple[Hat, ...]) -> int:
    return sum(prod(hat.shape) for hat in hats)


def _vanishes(bra: Node) -> bool:
    return isinstance(bra, op.Constant) and not bra.value.any()
