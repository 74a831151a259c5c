"""What scalars of a limit are, in the words of statistics: names, Cov(|x>, |y>), <x|y>, sums.

A covariance of arrays is computed by operations on axes that say little to a reader. So it is
written as the covariance that it is, and its value is added only where that is short: sums and
products of numbers and of what has a name or is itself such a covariance.
"""

from collections import Counter
from dataclasses import dataclass
from functools import reduce
from math import prod
from typing import Protocol

from tpc.limit.equations import Limit
from tpc.limit.limit_nodes import Diagonal
from tpc.program.nodes import Constant, Elementwise, Expand, InitialScalar, Node, Parameter
from tpc.report import formula as expr
from tpc.report.constants import is_uniform, number
from tpc.report.formula import Formula, add, multiply, negate, scale, subtract
from tpc.report.spelled_operations import write_operation

LONGEST = 12
"""How many names and numbers a value may have."""

DEEPEST = 5
"""How deep its operations may be nested."""

_COVARIANCE = 7
"""How many of them a covariance counts for: it is worth a symbol."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A short formula.

    Attributes:
        formula: The formula.
        weight: How many names and numbers it has.
        mentioned: The moments in it, and the kets that these and its covariances are of.
    """

    formula: Formula
    weight: int = 1
    mentioned: tuple[Node, ...] = ()


class ValueNames(Protocol):
    """What has a name."""

    def known_scalar(self, node: Node) -> Formula | None:
        """Return what stands for a scalar wherever it is used."""

    def known_ket(self, node: Node) -> str | None:
        """Return the name that stands for a ket."""

    def inner(self, left: Node, right: Node) -> Formula:
        """Return <left|right>."""

    def known_symbol(self, ket: Node) -> Formula | None:
        """Return what stands for a ket, perhaps a hat or a dot."""

    def ket(self, node: Node) -> Formula:
        """Return what stands for a ket, which gets a name if need be."""

    def name_scalar(self, node: Node) -> Formula:
        """Return what stands for a scalar, which gets a name if need be."""

    def array(self, node: Constant) -> Formula:
        """Return the formula of a constant."""

    def mention(self, node: Node) -> None:
        """Use what stands for a node."""

    def of(self, node: Node) -> Formula:
        """Return the formula of a node."""


class Values:
    """Writes the scalars of one limit."""

    def __init__(self, limit: Limit, names: ValueNames) -> None:
        self._names = names
        self._covariances = limit.covariances
        self._moments = limit.moments

    def known(self, node: Node) -> Formula | None:
        """Return an array by the moments and covariances that it is, or is made of."""
        if isinstance(node, Elementwise) and not node.shape:
            return None
        if isinstance(node, Diagonal):
            return self._diagonal(node)
        if node not in self._covariances and node not in self._moments:
            return None
        found = self.plain(node, node)
        if found is not None:
            return self.use(found)
        match self._moments.get(node), self._covariances.get(node):
            case (left, right), _:
                return self._names.inner(left, right)
            case (ket,), _:
                return expr.Expectation(self._names.of(ket))
            case _, (left, right):
                return self.cov(left, right)
            case _:
                return None

    def _diagonal(self, node: Diagonal) -> Formula | None:
        """Return the diagonal of the covariance of a ket with itself."""
        left, right = self._covariances.get(node.operand, (None, None))
        half = len(node.labels) // 2
        if left is None or left is not right or node.labels[:half] != node.labels[half:]:
            return None
        return self.var(left) if node.labels[:half] == tuple(range(half)) else None

    def moment(self, node: Node) -> Formula | None:
        """Return a scalar as <x|y> or E|x> of kets that have names."""
        kets = [self._names.known_ket(ket) for ket in self._moments.get(node, ())]
        match kets:
            case [str() as left, str() as right]:
                return expr.BraKet(left, right)
            case [str() as ket]:
                return expr.Expectation(expr.Ket(ket))
            case _:
                return None

    def use(self, found: Plain) -> Formula:
        """Return a formula that is going to be printed."""
        for node in found.mentioned:
            self._names.mention(node)
        return found.formula

    def _statistic(self, node: Node) -> Plain | None:
        """Return a scalar as a moment or a covariance of kets that have names."""
        moment = self.moment(node)
        if moment is not None:
            return Plain(moment, 1, (node, *self._moments[node]))
        pair = self._covariances.get(node)
        if pair is None or any(self._names.known_symbol(ket) is None for ket in pair):
            return None
        left, right = pair
        single = left is right and not left.shape
        formula = self.var(left) if single else self.cov(left, right)
        return Plain(formula, _COVARIANCE, pair)

    def var(self, ket: Node) -> Formula:
        """Return Var(|x>)."""
        return expr.Call("Var", (self._names.ket(ket),))

    def cov(self, left: Node, right: Node) -> Formula:
        """Return Cov(|x>, |y>)."""
        return expr.Call("Cov", (self._names.ket(left), self._names.ket(right)))

    def plain(self, node: Node, root: Node | None = None, depth: int = 0) -> Plain | None:
        """Return a value in names and numbers; `root` itself is written out."""
        node = bare(node)
        known = None if node is root else self._names.known_scalar(node)
        if known is not None:
            return Plain(known, 1, (node,))
        if depth > DEEPEST:
            return None
        match node:
            case Constant():
                return self._plain_constant(node)
            case Parameter(name=name):
                return Plain(expr.Name(name))
            case InitialScalar(limit=limit):
                return self.plain(limit, depth=depth)
            case Elementwise():
                found = self._plain_operation(node, depth + 1)
                if found is not None:
                    return found
        return None if node is root else self._statistic(node)

    def _plain_constant(self, node: Constant) -> Plain | None:
        if is_uniform(node.value) or not node.shape:
            return Plain(number(float(node.value.flat[0])))
        formula = self._names.array(node)
        if isinstance(formula, expr.ArrayOf):
            return None
        return Plain(formula, LONGEST if isinstance(formula, expr.Listing) else 1)

    def _plain_operation(self, node: Elementwise, depth: int) -> Plain | None:
        parts = [self.plain(operand, depth=depth) for operand in node.operands]
        found = [part for part in parts if part is not None]
        weight = sum(part.weight for part in found) + (len(found) == 1)
        if len(found) < len(node.operands) or weight > LONGEST:
            return None
        single = [prod(bare(operand).shape) == 1 for operand in node.operands]
        mentioned = tuple(other for part in found for other in part.mentioned)
        match node.function, [part.formula for part in found]:
            case "add", [x, y]:
                formula = _collect(scale(expr.Number(2), x)) if x == y else add(x, y)
            case "sub", [x, y]:
                formula = subtract(x, y)
            case "mul", [x, y] if single[0] or single[1]:
                formula = _collect(scale(x, y) if single[0] else scale(y, x))
            case "mul", [x, y]:
                formula = multiply("entrywise", x, y)
            case _, formulas:
                formula = write_operation(node, tuple(formulas))
        return Plain(formula, weight, mentioned)


def _collect(formula: Formula) -> Formula:
    """Return a product with one number, and powers of what occurs in it several times."""
    match formula:
        case expr.Product(kind="times", factors=factors):
            value = prod(factor.value for factor in factors if isinstance(factor, expr.Number))
            counts = Counter(factor for factor in factors if not isinstance(factor, expr.Number))
            powers = [x if n == 1 else expr.Power(x, expr.Number(n)) for x, n in counts.items()]
            start: Formula = expr.Number(value)
            return reduce(lambda x, y: multiply("times", x, y), powers, start)
        case expr.Sum(terms=((True, rest),)):
            return negate(_collect(rest))
        case _:
            return formula


def bare(node: Node) -> Node:
    """Return the number of which all entries of an array are copies by its operations."""
    match node:
        case Expand(operand=operand):
            inside = bare(operand)
            if prod(inside.shape) == 1:
                return inside
        case Elementwise(function="mul", operands=(Constant(value=ones), other)):
            if is_uniform(ones) and ones.flat[0] == 1:
                inside = bare(other)
                if prod(inside.shape) == 1 or inside.shape == node.shape:
                    return inside
    return node
