"""Nodes of a limit -> formulas, each expanded until named kets and scalars are reached.

A name stands for its node everywhere but in the node's own equation. What no equation names may be
of any size, and shared: an unnamed subexpression that grows too large gets a local name, so that a
formula is bounded, and is defined once, where it is first met.
"""

import re
from collections.abc import Iterator
from functools import reduce

import numpy as np
import numpy.typing as npt

from tpc.limit.equations import Equation, HatEquation, Limit
from tpc.limit.limit_nodes import (
    ClosedForm,
    Hat,
    HermiteSeries,
    Integral,
    RoundDot,
    SteinBra,
    SteinDot,
)
from tpc.program import nodes as op
from tpc.program.nodes import FREE, Node, operands
from tpc.program.region import (
    Body,
    Carried,
    Collected,
    CombinationOverRounds,
    Final,
    InnerOverRounds,
    KnownAtFirst,
    Region,
    RoundInput,
    SumOverRounds,
    is_fresh,
    is_identity,
    is_round_number,
    is_unit_vector,
    numbered,
)
from tpc.report import formula as expr
from tpc.report.closed_forms import ClosedForms, FormDefinition, Symbols
from tpc.report.constants import Arrays
from tpc.report.formula import Formula, add, multiply, scale
from tpc.report.meanings import Meanings
from tpc.report.rearranged import rearranged
from tpc.report.shown_names import TOP, GivenNames, LocalNames, Place, names_used
from tpc.report.spelled_operations import outer_factors, write_operation
from tpc.report.spelled_values import Values
from tpc.report.weight_table import Weights, is_long, shown

Array = npt.NDArray[np.float64]


def _last(formula: Formula, number: int) -> Formula:
    """Return what a value of a round is called in the last one."""
    if isinstance(formula, expr.Ket | expr.Name):
        text = formula.name if isinstance(formula, expr.Ket) else formula.text
        text = numbered(text, number)
        return expr.Ket(text) if isinstance(formula, expr.Ket) else expr.Name(text)
    return formula


def in_earlier_round(name: str) -> str:
    """Return the name that `h[t]` has in round s.

    >>> in_earlier_round("h[1,t]")
    'h[1,s]'
    """
    return re.sub(r"(?<=[\[,-])t(?=[],+-])", "s", name)


class EquationReader:
    """Reads the nodes of one limit; later readings use the local names of earlier ones.

    Attributes:
        given: The names that the limit gives.
    """

    def __init__(self, limit: Limit) -> None:
        hats = [e for e in limit.equations if isinstance(e, HatEquation)]
        self.given = GivenNames(limit)
        self._places = {equation.node: i for i, equation in enumerate(limit.equations)}
        self._reached = len(limit.equations)
        self._records: dict[Node, Node] = {}
        self._in_rounds: list[Hat] = []
        self._body: Body | None = None
        if limit.rounds is not None:
            self._body = limit.rounds.node.body
            first, last = limit.rounds.first, limit.rounds.last
            self._in_rounds = [e.node for e in hats if first <= self._places[e.node] < last]
            self._records = {r.leaf: r.node for r in limit.rounds.node.body.records}
        self._weights = Weights(limit, self.given.names)
        taken = names_used(limit)
        self._arrays = Arrays(limit.program.source, taken)
        self._moments = limit.moments
        self._values = Values(limit, self)
        self._forms = ClosedForms(limit, Meanings(limit, self, self._values), taken)
        self._local: LocalNames[Symbols] = LocalNames(
            self.given.unused("t" if limit.rounds is None else "a")
        )

    # ---------------------------------------------------------------------------------- reading

    def reach(self, equation: Equation) -> None:
        """Take names as known up to this equation; scalars that come later are said with `where`.

        The bra of a dot may be a scalar that the program binds further down.
        """
        self._reached = self._places[equation.node]

    def own(self, node: Node) -> Formula:
        """Return the right side of a node's own equation: one step beyond its name at least."""
        self._weights.weigh(node)
        match node:
            case op.Elementwise(function="add", operands=(Hat() as hat, dot)):
                if self.given.dot_of.get(hat) is dot:
                    name = self.given.products[hat]
                    return add(expr.Ket(name, "hat"), expr.Ket(name, "dot"))
        # A part of the body of a mean, read by itself: its copies are numbered as they come.
        names = sorted(name for name, _ in node.coords if name != FREE)
        bound = tuple((name, number) for number, name in enumerate(names, start=1))
        return self._expanded(node, Place(0, bound, len(bound)))

    def also_moment(self, node: Node) -> tuple[Formula, ...]:
        """Return <x|y> of named kets for an integral whose own equation is a series."""
        if isinstance(node, Integral) and shown(node) is node.value:
            moment = self._values.moment(node)
            return () if moment is None else (moment,)
        return ()

    def of(self, node: Node) -> Formula:
        """Return the formula of a node where it is used."""
        self._weights.weigh(node)
        return self._formula(node, TOP)

    def second(self, hat: Hat) -> Formula:
        """Return <x|x> for the hat of W x."""
        self._weights.weigh(hat.operand)
        named = self._ket_name_or_cut(hat.operand) is not None
        if named or isinstance(hat.second, op.Inner):
            self.mention(hat.second)
            return self.inner(hat.operand, hat.operand)
        return self.of(hat.second)

    def dot(self, node: Node) -> Formula:
        """Return the right side of a dot's equation; a dot may be a ket that has a name."""
        return self.of(node) if node in self.given.bound else self.own(node)

    def start_over(self) -> None:
        """Forget which local names have been defined, but not the names."""
        self._local.start_over()
        self._forms.start_over()

    def local_name(self, node: Node) -> Formula | None:
        """Return the local name of a node that has one or gets one, as defined from now on."""
        self._weights.weigh(node)
        if self.given.names(node) or not (node.is_scalar or node.is_vector):
            return None
        symbol = self._local_name(node, TOP)
        self._local.forget(node)
        return symbol

    def definitions(self) -> Iterator[FormDefinition]:
        """Yield what the names and symbols that came up since the last call stand for.

        Symbols lose their meaning with it, local names do not.
        """
        for pending in self._local.pending():
            if isinstance(pending, Symbols):
                yield self._forms.definition(pending)
            else:
                node, place = pending
                symbol = self.known_scalar(node) if node in self.given.bound else None
                symbol = symbol or self._local_symbol(node, place)
                yield FormDefinition((((symbol,), self._expanded(node, place)),))
        self._forms.start_over()

    def inner(self, left: Node, right: Node) -> Formula:
        """Return <left|right>: in brackets where both are named, else as an expectation."""
        self._weights.weigh(left)
        self._weights.weigh(right)
        names = self._ket_name_or_cut(left), self._ket_name_or_cut(right)
        if names[0] is not None and names[1] is not None:
            return expr.BraKet(names[0], names[1])
        x, y = self._formula(left, TOP), self._formula(right, TOP)
        if left is right and not left.shape:
            return expr.Expectation(expr.Power(x, expr.Number(2)))
        if left.shape and right.shape:
            return expr.Expectation(multiply("outer", x, y))
        return expr.Expectation(scale(y, x) if left.shape else scale(x, y))

    def ket_name(self, node: Node) -> str | None:
        """Return the name that stands for a ket, or None where it has to be written out."""
        self.mention(node)
        return self.known_ket(node)

    def known_ket(self, node: Node) -> str | None:
        """Return the name that stands for a ket without using it."""
        return self.given.ket(node) or self._local.get(node)

    def known_symbol(self, ket: Node) -> Formula | None:
        """Return what stands for a ket without using it, perhaps a hat or a dot."""
        name = self.known_ket(ket)
        return self.given.part(ket) if name is None else expr.Ket(name)

    def ket(self, node: Node) -> Formula:
        """Return what stands for a ket, which gets a local name if need be."""
        self.mention(node)
        return self.known_symbol(node) or expr.Ket(self.name_ket(node))

    def name_scalar(self, node: Node) -> Formula:
        """Return what stands for a scalar, which gets a local name if need be."""
        self._weights.weigh(node)
        moment = self._moment(node)
        if moment is not None:
            self.mention(node)
            return moment
        return self.known_scalar(node) or expr.Name(self._local.name(node))

    def known_scalar(self, node: Node) -> Formula | None:
        """Return the name that stands for a scalar without using it."""
        name = self.given.bound.get(node) or self._local.get(node)
        return None if name is None else expr.Name(name)

    def mention(self, node: Node) -> None:
        """Use what stands for a node: it is defined if need be, and has not been."""
        if self._moment(node) is not None:
            for ket in self._moments[node]:
                self.mention(ket)
            self._local.define(node)
        elif self._local.get(node) is not None:
            self._local.define(node)

    def array(self, node: op.Constant) -> Formula:
        """Return the formula of a constant."""
        return self._arrays.formula(node)

    def _ket_name_or_cut(self, node: Node) -> str | None:
        return self.name_ket(node) if self._weights.is_cut(node) else self.ket_name(node)

    def name_ket(self, node: Node) -> str:
        """Return the name that stands for a ket, a local one where it has none."""
        return self.ket_name(node) or self._local.name(node)

    def is_in_rounds(self, hat: Hat) -> bool:
        """Whether a hat is drawn anew in every round."""
        return hat in self._in_rounds

    def of_same_side(self, hat: Hat) -> list[Hat]:
        """Return the hats of a round on the side of a hat."""
        side = hat.matrix, hat.transposed
        return [other for other in self._in_rounds if (other.matrix, other.transposed) == side]

    def product(self, hat: Hat) -> str:
        """Return `W x`, or the name of the product where x has none."""
        operand = self.ket_name(hat.operand)
        if operand is None:
            return self.given.products[hat]
        return f"{hat.matrix.name}{'.T' if hat.transposed else ''} {operand}"

    def bra_of(self, bra: SteinBra) -> expr.BraKet:
        """Return the generalised bra <nabla_{W.T y}|x>."""
        return expr.BraKet(
            self.product(bra.hats[bra.position]), self.name_ket(bra.operand), nabla=True
        )

    def _ket_and_bra(self, hat: Hat, x: Node) -> Formula:
        """Return |y><nabla_{W y}|x> for the hat of W y."""
        bra = expr.BraKet(self.product(hat), self.name_ket(x), nabla=True)
        return multiply("braket", self.of(hat.operand), bra)

    def round_dot(self, hat: Hat) -> Formula:
        """Return the sum of |y_s><nabla_{W.T y_s}|x> over the products of all rounds so far."""
        total: Formula | None = None
        for other in self._in_rounds:
            if other.matrix is hat.matrix and other.transposed is not hat.transposed:
                if is_fresh(hat.matrix):
                    if self._places[other] < self._places[hat]:
                        term = self._ket_and_bra(other, hat.operand)
                        total = term if total is None else add(total, term)
                    continue
                ket = in_earlier_round(self.name_ket(other.operand))
                side = f"{other.matrix.name}{'.T' if other.transposed else ''} {ket}"
                bra = expr.BraKet(side, self.name_ket(hat.operand), nabla=True)
                before = self._places[other] < self._places[hat]
                term = expr.SumOver(multiply("braket", expr.Ket(ket), bra), before)
                total = term if total is None else add(total, term)
        assert total is not None
        return total

    def _earlier(self, leaf: Node) -> str:
        """Return the name of a ket of an earlier round."""
        return in_earlier_round(self.name_ket(self._records[leaf]))

    def _sum_over_rounds(self, node: SumOverRounds) -> Formula:
        """Return the sum of c[s] |x_s><y_s|z>."""
        left, right = map(self._earlier, (node.left, node.right))
        factor = expr.Indexed(self.of(node.factors), ("s",))
        braket = expr.BraKet(right, self.name_ket(node.operand))
        return expr.SumOver(scale(factor, multiply("braket", expr.Ket(left), braket)))

    # ------------------------------------------------------------------------------ local names

    def _local_name(self, node: Node, place: Place) -> Formula | None:
        """Return what stands for an unnamed node here, if anything does."""
        key = TOP if node.is_scalar or node.is_vector else place
        moment = self._moment(node)
        if moment is not None and (self._local.is_defined(node) or self._weights.is_cut(node)):
            self.mention(node)
            return moment
        has_name = self._local.get(node, key) is not None
        if moment is None and (has_name or self._weights.is_cut(node)):
            return self._symbol(node, self._local.name(node, key), place)
        return None

    def _moment(self, node: Node) -> Formula | None:
        """Return <x|y> or E|x>, which stands for its closed form where that has no name."""
        known = isinstance(node, ClosedForm) and not is_long(node)
        known = known or (isinstance(node, Integral) and shown(node) is node.value)
        return self._values.moment(node) if known and not self.given.names(node) else None

    def _symbol(self, node: Node, name: str, place: Place) -> Formula:
        if node.is_scalar or (len(node.coords) == 2 and node in self.given.bound):
            return expr.Name(name)
        return expr.Ket(name, copy=place.copy)

    def _local_symbol(self, node: Node, place: Place) -> Formula:
        return self._moment(node) or self._symbol(node, self._local.name(node, place), place)

    # -------------------------------------------------------------------------------- one node

    def _formula(self, node: Node, place: Place) -> Formula:
        if node.is_scalar:
            place = TOP
        name = self.given.bound.get(node)
        if name is not None:
            if node.is_scalar and self._places.get(node, 0) > self._reached:
                self._local.define(node)
            return self._symbol(node, name, place)
        if node in self.given.dots:
            return expr.Ket(self.given.dots[node], "dot", place.copy)
        # A copy of a ket is written as the ket is; what joins copies depends on their numbers.
        return self._local_name(node, place) or self._expanded(node, place)

    def _expanded(self, node: Node, place: Place) -> Formula:
        def of(part: Node) -> Formula:
            return self._formula(part, place)

        match node:
            case op.Constant():
                return self._arrays.formula(node)
            case op.Take(operand=Collected(region=Region(body=body), position=i), keys=(int(t),)):
                return _last(self._formula(body.collected[i], place), body.first + t)
            case op.Parameter(name=name):
                return expr.Name(name)
            case op.InitialScalar(limit=limit):
                return of(limit)
            case op.InitialVector(name=name):
                return expr.Ket(name, copy=place.copy)
            case Hat():
                accent: expr.Accent = "" if self.given.is_whole(node) else "hat"
                return expr.Ket(self.given.products[node], accent, place.copy)
            case SteinBra():
                return self.bra_of(node)
            case SteinDot(hats=hats, hat=hat):
                return reduce(add, [self._ket_and_bra(other, hat.operand) for other in hats])
            case (
                Carried() | RoundInput() | SumOverRounds() | InnerOverRounds()
                | CombinationOverRounds() | RoundDot() | Collected() | Final()
            ):  # fmt: skip
                return self._of_rounds(node, place)
            case KnownAtFirst(operand=operand):
                return of(operand)
            case op.Row(operand=operand, coordinate=coordinate):
                copy = dict(place.bound)[coordinate]
                return self._formula(operand, Place(copy, (), place.deepest))
            case op.Exchange():
                return self._exchange(node, place)
            case op.Mean():
                return self._mean(node, place)
            case op.Inner(left=left, right=right):
                return self.inner(left, right)
            case ClosedForm():
                return self._closed_form(node)
            case Integral():
                return of(shown(node))
            case HermiteSeries():
                formula, symbols = self._forms.series(node)
                if symbols is not None:
                    self._local.add(symbols)
                return formula
            case _:
                known = self._values.known(node)
                if known is not None:
                    return known
                moved = rearranged(node, of)
                if moved is not None:
                    return moved
                factors = outer_factors(node)
                if factors is not None:
                    return multiply("outer", *map(of, factors))
                return write_operation(node, tuple(map(of, operands(node))))

    def _of_rounds(self, node: Node, place: Place) -> Formula:
        """Return what only regions have, or what comes out of them."""
        match node:
            case Carried(name=name):
                return self._symbol(node, f"{name}[t]", place)
            case RoundInput() if self._body and is_round_number(node, self._body):
                return expr.Name("t")
            case RoundInput(table=op.Constant(value=value)) if is_identity(value):
                return expr.Name("e[t]")
            case RoundInput(table=op.Constant(value=value)) if is_unit_vector(value):
                return expr.Indicator(expr.Name("t"), expr.Number(int(value.argmax())))
            case RoundInput(table=table):
                return expr.Indexed(self._formula(table, place), ("t",))
            case SumOverRounds():
                return self._sum_over_rounds(node)
            case InnerOverRounds(left=left, operand=operand):
                return expr.BraKet(self._earlier(left), self.name_ket(operand))
            case CombinationOverRounds(weights=weights, left=left):
                mine = expr.Indexed(self.of(weights), ("s",))
                return expr.SumOver(multiply("contract", expr.Ket(self._earlier(left)), mine))
            case RoundDot(hat=hat):
                return self.round_dot(hat)
            case Collected(region=Region(body=body), position=position):
                return self._formula(body.collected[position], place)
            case Final(region=Region(body=body), position=position):
                return _last(self._formula(body.finals[position], place), body.last)
            case _:
                raise AssertionError(f"no part of a region: {node!r}")

    def _closed_form(self, node: ClosedForm) -> Formula:
        kets = self._moments.get(node)
        if kets is not None and is_long(node):
            return self.inner(*kets) if len(kets) == 2 else expr.Expectation(self.of(kets[0]))
        formula, symbols = self._forms.formula(node)
        if symbols is not None:
            self._local.add(symbols)
        return formula

    def _exchange(self, node: op.Exchange, place: Place) -> Formula:
        """Return e[j, i]: the transpose of e if that has a name, else with copies exchanged."""
        named = self._local_name(node.operand, place)
        if node.operand in self.given.bound:
            named = self._symbol(node.operand, self.given.bound[node.operand], place)
        if named is not None:
            return expr.Raised(named, "T")
        bound = dict(place.bound)
        number = bound[node.coordinate]
        bound[node.coordinate] = place.copy
        return self._formula(node.operand, Place(number, tuple(bound.items()), place.deepest))

    def _mean(self, node: op.Mean, place: Place) -> Formula:
        names = [name for name in node.over if name != FREE]
        numbers = tuple(range(place.deepest + 1, place.deepest + 1 + len(names)))
        bound = place.bound + tuple(zip(names, numbers, strict=True))
        inside = Place(place.copy, bound, place.deepest + len(names))
        return expr.Expectation(self._formula(node.operand, inside), numbers if node.coords else ())
