"""Expectations of kets in closed form or by Hermite series, as scalars of the limit.

    E|x> and <x|y> where x and y are elementwise in jointly Gaussian kets

are read as SymPy integrands and handed to `tpc.gaussian`. What has no closed form is taken
apart by `tpc.limit.series`. Expectations pass through linear operations first. Everything is done
once for all entries of a multi-vector: the closed form is one expression, its symbols arrays.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from sympy import Add, Expr, Integer, Mul, Symbol, expand_mul, preorder_traversal

from tpc.diagnostics import Span
from tpc.gaussian.convergence import guard_of, is_guarded
from tpc.gaussian.expectation import expect
from tpc.gaussian.numpy_text import has_numpy_text
from tpc.gaussian.poles import has_poles, in_independent, infinite_variance
from tpc.gaussian.refusal import NoClosedForm
from tpc.limit.differences import may_cancel
from tpc.limit.gaussians import Gaussians
from tpc.limit.integrands import Integrands, NotElementwise, as_number
from tpc.limit.limit_nodes import CUW, MU, MW, QU, QW, ClosedForm, Diagonal, HermiteSeries, U, W
from tpc.limit.series import Closed, Part, Plan, SeriesFactors, plan
from tpc.program.apart import is_linear
from tpc.program.builder import Builder
from tpc.program.nodes import Constant, Node, Shape, operands
from tpc.program.reapply import reapply
from tpc.program.traversal import fold

LONGEST = 600
"""How many operations a closed form may have before an estimate serves better."""

Labels = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class _Law:
    """The joint law of the Gaussians of an integrand, and what its symbols stand for.

    Attributes:
        covariance: The symbol of each covariance; pairs that are left out are independent.
        mean: The symbol of each mean; those that are left out are zero.
        values: The scalar of each symbol, those of constants included.
    """

    covariance: dict[tuple[Symbol, Symbol], Symbol] = field(default_factory=dict)
    mean: dict[Symbol, Symbol] = field(default_factory=dict)
    values: dict[Symbol, Node] = field(default_factory=dict)

    def key(self, integrand: Expr) -> tuple[object, ...]:
        """Return what an expectation depends on, up to the values."""
        return integrand, tuple(self.covariance), tuple(self.mean)

    def of(self, z: Symbol, w: Symbol) -> Node:
        """Return a covariance, which is given for one order of the pair."""
        return self.values[self.covariance[(z, w) if (z, w) in self.covariance else (w, z)]]

    def numbers(self) -> dict[Symbol, Expr]:
        """Return the symbols that stand for one number."""
        return {
            symbol: as_number(float(node.value))
            for symbol, node in self.values.items()
            if isinstance(node, Constant) and node.shape == ()
        }


@dataclass(frozen=True, slots=True)
class _Reading:
    """A product of kets as an expression, and what its symbols stand for."""

    integrands: Integrands
    product: Expr


class ClosedForms:
    """The closed forms of one limit.

    Attributes:
        guards: What those without a form are multiplied by: 1, or a refusal of what is infinite.
        unbounded: Those of which the second moment is infinite at a pole, and where they stand.
    """

    def __init__(self, builder: Builder) -> None:
        self._b = builder
        self.gaussians = Gaussians(builder, builder.inner)
        self._known: dict[tuple[object, ...], Expr | None] = {}
        self._plans: dict[tuple[object, ...], Plan | None] = {}
        self._readings: dict[tuple[Node, ...], _Reading | None] = {}
        self._infinite: dict[tuple[object, ...], bool] = {}
        self.guards: dict[tuple[Node, ...], Node] = {}
        self.unbounded: dict[tuple[Node, ...], Span] = {}

    def needs(self, kets: tuple[Node, ...]) -> list[tuple[Node, Node]]:
        """Return the pairs of kets whose inner products the expectation of a product needs."""
        reading = self._readings[kets] = self._read(kets)
        if reading is None:
            return []
        nodes = [placed.node for placed in reading.integrands.coordinates.values()]
        return self.gaussians.needs([(v, u) for i, u in enumerate(nodes) for v in nodes[: i + 1]])

    def moment(self, left: Node, right: Node) -> Node | None:
        """Return <x|y>, or None where no closed form is known."""
        return self._core((left, right))

    def mean(self, ket: Node) -> Node | None:
        """Return E|x>, or None where no closed form is known: perhaps through linear operations."""
        cores: dict[Node, Node | None] = {}

        def below(node: Node) -> tuple[Node, ...]:
            cores[node] = node if node.is_scalar else self._core((node,))
            return operands(node) if cores[node] is None and is_linear(node) else ()

        def rule(node: Node, means: dict[Node, Node | None]) -> Node | None:
            if cores[node] is not None or not is_linear(node):
                return cores[node]
            parts = [mean for part in operands(node) if (mean := means[part]) is not None]
            return reapply(self._b, node, parts) if len(parts) == len(operands(node)) else None

        return fold((ket,), rule, below)[ket]

    def _read(self, kets: tuple[Node, ...]) -> _Reading | None:
        """Read the product of kets as an integrand, or return None where it is none."""
        integrands, product, axes = Integrands(self._b, self.gaussians), Integer(1), 0
        try:
            for ket in kets:
                labels = tuple(range(axes, axes + len(ket.shape)))
                product, axes = product * integrands.read(ket, labels), axes + len(labels)
        except NotElementwise:
            return None
        return _Reading(integrands, integrands.of_fewest(product))

    def _core(self, kets: tuple[Node, ...]) -> Node | None:
        """Return the expectation of a product of elementwise kets."""
        reading = self._readings.pop(kets) if kets in self._readings else self._read(kets)
        if reading is None:
            return None
        b, integrands, product = self._b, reading.integrands, reading.product
        shape = tuple(size for ket in kets for size in ket.shape)
        law = self._law(integrands, len(shape))
        guard = self._guard(product, law)
        if self._infinite_variance(kets, reading, law):
            self.unbounded.setdefault(kets, self._b.span)
        form = self._expect(product, law)
        if form is not None:
            found = self._node(product, form, law)
            if not is_guarded(form):  # zero times what may refuse would be zero
                found = b.sub(guard, b.number(1)) if _is_zero(found) else b.mul(guard, found)
            return self._spread(found, shape)
        self.guards[kets] = guard
        series = self._by_series(product, law)
        return None if series is None else self._spread(series, shape)

    def _law(self, integrands: Integrands, rank: int) -> _Law:
        """Name the covariances and means of the coordinates, and say what they are."""
        law = _Law()
        table = list(integrands.coordinates.items())
        for i, (z, one) in enumerate(table):
            level = self.gaussians.mean(one.node)
            if level is not None:
                law.mean[z] = Symbol(f"m{i + 1}", real=True)
                law.values[law.mean[z]] = self._placed(level, one.labels, rank)
            for j, (w, other) in enumerate(table[: i + 1]):
                entry = self.gaussians.covariance(other.node, one.node)
                if entry is None and i != j:
                    continue
                name = f"q{i + 1}" if i == j else f"c{j + 1}{i + 1}"
                symbol = Symbol(name, real=True, nonnegative=True if i == j else None)
                law.covariance[z, w] = symbol
                zero = self._b.number(0)
                labels = other.labels + one.labels
                value = zero if entry is None else self._placed(entry, labels, rank)
                clamped = i == j and may_cancel(one.node) and not isinstance(value, Constant)
                law.values[symbol] = self._b.apply("max", value, zero) if clamped else value
        for symbol, placed in integrands.constants.items():
            law.values[symbol] = self._placed(placed.node, placed.labels, rank)
        return law

    def _placed(self, node: Node, labels: Labels, rank: int) -> Node:
        """Give a scalar array the axes of the result; equal labels are the diagonal."""
        b = self._b
        node = b.take(node, tuple(0 if label is None else None for label in labels))
        kept = tuple(label for label in labels if label is not None)
        present = tuple(sorted(set(kept)))
        if kept != present:
            if len(present) == len(kept):
                node = b.permute(node, tuple(kept.index(label) for label in present))
            else:
                sizes = dict(zip(kept, node.shape, strict=True))
                shape = tuple(sizes[label] for label in present)
                own = tuple(present.index(label) for label in kept)
                node = b.make(Diagonal, (), shape, node, own)
        # Leading axes broadcast by themselves.
        missing = [axis for axis in range(rank) if axis not in present]
        inner = tuple(axis - present[0] for axis in missing if present and axis > present[0])
        return b.expand(node, inner) if present else node

    def _guard(self, product: Expr, law: _Law) -> Node:
        """Return 1, computed from what has to be positive for an expectation to be finite.

        Raises:
            InfiniteExpectation: It is not, for the numbers that are known.
        """
        numbers = law.numbers()
        known = {pair: entry.xreplace(numbers) for pair, entry in law.covariance.items()}
        return self._node(product, guard_of(product.xreplace(numbers), known), law)

    def _infinite_variance(self, kets: tuple[Node, ...], reading: _Reading, law: _Law) -> bool:
        """Whether the second moment is infinite at a pole.

        Raises:
            InfiniteExpectation: The first one is: also of <x|x> on the diagonal, where two columns
                are one.
        """
        if not has_poles(reading.product, [z for z, _ in law.covariance]):
            return False
        found = self._infinite_alone(reading.product, law)
        left, right = kets[0], kets[-1]
        if len(kets) == 2 and left.shape == right.shape != ():
            labels, integrands = tuple(range(len(left.shape))), Integrands(self._b, self.gaussians)
            alike = integrands.read(left, labels) * integrands.read(right, labels)
            alike = integrands.of_fewest(alike)
            law = self._law(integrands, len(labels))
            found |= self._infinite_alone(alike, law)
        return found

    def _infinite_alone(self, product: Expr, law: _Law) -> bool:
        numbers = law.numbers()
        known = {pair: entry.xreplace(numbers) for pair, entry in law.covariance.items()}
        independent = in_independent(known, law.mean)
        integrand = product.xreplace(numbers | independent)
        key = law.key(integrand)
        if key not in self._infinite:
            symbols = set().union(*(x.free_symbols for x in independent.values()))
            gaussians = sorted(symbols - set(law.mean.values()), key=str)
            self._infinite[key] = infinite_variance(integrand, gaussians)
        return self._infinite[key]

    def _expect(self, product: Expr, law: _Law) -> Expr | None:
        key = law.key(product)
        if key not in self._known:
            try:
                form = expect(product, law.covariance, law.mean)
            except NoClosedForm:
                form = Integer(0) if vanishes(product, law.covariance, law.mean) else None
            if form is not None and not _is_useful(form):
                form = None
            self._known[key] = form
        return self._known[key]

    def _node(self, integrand: Expr, form: Expr, law: _Law) -> Node:
        b, values = self._b, law.values
        form = form.xreplace(law.numbers())
        if form.is_number:
            return b.number(float(form))
        if form in values:
            return values[form]
        symbols = tuple(sorted(form.free_symbols, key=lambda symbol: list(values).index(symbol)))
        nodes = tuple(values[symbol] for symbol in symbols)
        reached = np.broadcast_shapes(*(node.shape for node in nodes))
        return b.make(ClosedForm, (), tuple(reached), integrand, form, symbols, nodes)

    def _by_series(self, product: Expr, law: _Law) -> Node | None:
        """Return the expectation as a sum of products of closed forms and series."""
        key = law.key(product)
        if key not in self._plans:
            self._plans[key] = plan(product, law.covariance, partial(self._expect, law=law))
        found = self._plans[key]
        if found is None:
            return None
        b, total = self._b, self._b.number(0)
        for parts in found:
            # Closed forms first: where one is zero, nothing else is needed.
            ordered = sorted(parts, key=lambda part: isinstance(part, SeriesFactors))
            term = b.number(1)
            for part in ordered:
                term = self._times(term, self._part(part, law))
                if _is_zero(term):
                    break
            else:
                total = b.add(total, term)
        return total

    def _part(self, part: Part, law: _Law) -> Node:
        """Return the expectation of one part; what turns out to be independent is a product."""
        match part:
            case Closed(integrand=integrand, form=form):
                return self._node(integrand, form, law)
            case SeriesFactors(functions=((z, f), (w, g))) if _is_zero(law.of(z, w)):
                return self._times(self._single(z, f, law), self._single(w, g, law))
            case _:
                return self._series(part, law)

    def _times(self, left: Node, right: Node) -> Node:
        """Return a product; that with zero is zero."""
        zero = next((factor for factor in (left, right) if _is_zero(factor)), None)
        return self._b.mul(left, right) if zero is None else zero

    def _single(self, z: Symbol, function: Expr, law: _Law) -> Node:
        form = self._expect(function, law)
        if form is not None:
            return self._node(function, form, law)
        return self._series(SeriesFactors(((z, function),)), law)

    def _series(self, factors: SeriesFactors, law: _Law) -> Node:
        """Return the series of one function, or of two; its symbols do not depend on the program's.

        Those of constants are numbered as they come, so that equal functions are one in code.
        """
        values, numbers = law.values, law.numbers()
        named: dict[Symbol, Node] = {}
        functions: list[Expr] = []
        constants: dict[Symbol, Symbol] = {}
        places = zip(factors.functions, (U, W), (QU, QW), (MU, MW), strict=False)
        for (z, function), u, q, m in places:
            named[q] = law.of(z, z)
            if z in law.mean:
                named[m] = values[law.mean[z]]
            function = function.xreplace(numbers)
            for symbol in sorted(function.free_symbols - {z}, key=list(values).index):
                constants.setdefault(symbol, Symbol(f"s{len(constants) + 1}", real=True))
            functions.append(function.xreplace(constants | {z: u}))
        if len(functions) == 2:
            (z, _), (w, _) = factors.functions
            named[CUW] = law.of(z, w)
        named |= {new: values[old] for old, new in constants.items()}
        shape = tuple(np.broadcast_shapes(*(node.shape for node in named.values())))
        right = functions[1] if len(functions) == 2 else None
        symbols, nodes = tuple(named), tuple(named.values())
        return self._b.make(HermiteSeries, (), shape, functions[0], right, symbols, nodes)

    def _spread(self, node: Node, shape: Shape) -> Node:
        if node.shape == shape:
            return node
        return self._b.mul(self._b.constant(np.ones(shape)), node)


def _is_zero(node: Node) -> bool:
    return isinstance(node, Constant) and not node.value.any()


def vanishes(
    product: Expr,
    covariance: Mapping[tuple[Symbol, Symbol], Symbol],
    mean: Mapping[Symbol, Symbol],
) -> bool:
    """Whether every term has an odd power of a centred Gaussian independent of its other factors.

    This needs no closed form of the others: E[v tanh(h)] = 0 for an output weight v.
    """
    for term in Add.make_args(expand_mul(product)):
        factors = Mul.make_args(term)
        for factor in factors:
            z, power = factor.as_base_exp()
            odd = z in {pair[0] for pair in covariance} and power.is_odd and power.is_positive
            others = {s for other in factors if other is not factor for s in other.free_symbols}
            apart = z not in others and not any(
                {z, other} <= set(pair) for other in others for pair in covariance
            )
            if odd and apart and z not in mean:
                break
        else:
            return False
    return True


def _is_useful(form: Expr) -> bool:
    """Whether a closed form is not too long, and of functions that a module has."""
    return sum(1 for _ in preorder_traversal(form)) <= LONGEST and has_numpy_text(form)
