"""Nodes of a limit -> formulas, each expanded until named kets and scalars are reached.

A name stands for its node everywhere but in the node's own equation. What no equation names may be
of any size, and shared: an unnamed subexpression that grows too large gets a local name, so that a
formula is bounded, and is defined once, where it is first met.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tpc.limit.equations import DotEquation, HatEquation, Limit
from tpc.limit.nodes import Hat, SteinBra
from tpc.program.nodes import (
    FREE,
    Constant,
    Elementwise,
    InitialScalar,
    InitialVector,
    Inner,
    Mean,
    Node,
    Parameter,
    Row,
    operands,
)
from tpc.report.constants import Arrays
from tpc.report.formula import (
    Accent,
    BraKet,
    Expectation,
    Formula,
    Ket,
    Name,
    Number,
    Power,
    add,
    multiply,
    scale,
)
from tpc.report.operations import outer_factors, write_operation

LARGEST = 40
"""An unnamed subexpression with more nodes gets a local name."""

WORTH_A_NAME = 6
"""With so many nodes it gets one where it occurs more than once."""

WORTH_A_PRODUCT = 3
"""With so many nodes it gets one where a matrix multiplies it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in an expression over iid copies a node stands.

    Attributes:
        copy: Which copy kets are: 0 for none.
        bound: The number of the copy at each bound coordinate.
        deepest: The largest number in use.
    """

    copy: int = 0
    bound: tuple[tuple[str, int], ...] = ()
    deepest: int = 0


TOP = Place()


class Reader:
    """Reads the nodes of one limit; later readings use the local names of earlier ones.

    Attributes:
        products: The name of every product, by its hat.
    """

    def __init__(self, limit: Limit) -> None:
        hats = [e for e in limit.equations if isinstance(e, HatEquation)]
        dots = [e for e in limit.equations if isinstance(e, DotEquation)]
        self.products: dict[Hat, str] = {equation.node: equation.name for equation in hats}
        self._names = limit.names
        self._dots = {equation.node: equation.name for equation in reversed(dots)}
        self._dot_of = {equation.hat: equation.node for equation in dots}
        self._multiplied = {hat.operand for hat in self.products}
        self._uses = _count_uses(limit)
        self._weights: dict[Node, int] = {}
        taken = _names(limit)
        self._stems = {name.rstrip("0123456789") for name in taken}
        self._arrays = Arrays(limit.program.source, taken)
        self._local: dict[tuple[Node, Place], str] = {}
        self._defined: set[tuple[Node, Place]] = set()
        self._pending: list[tuple[Node, Place]] = []
        self._prefix = self.unused("t")

    def unused(self, letter: str) -> str:
        """Return a name made of a letter that neither is a name nor starts a numbered one."""
        candidate = letter
        while candidate in self._stems:
            candidate += letter
        return candidate

    # ---------------------------------------------------------------------------------- reading

    def own(self, node: Node) -> Formula:
        """Return the right side of a node's own equation: one step beyond its name at least."""
        self._weigh(node)
        match node:
            case Elementwise(function="add", operands=(Hat() as hat, dot)):
                if self._dot_of.get(hat) is dot:
                    name = self.products[hat]
                    return add(Ket(name, "hat"), Ket(name, "dot"))
        # A part of the body of a mean, read by itself: its copies are numbered as they come.
        names = sorted(name for name, _ in node.coords if name != FREE)
        bound = tuple((name, number) for number, name in enumerate(names, start=1))
        return self._expanded(node, Place(0, bound, len(bound)))

    def of(self, node: Node) -> Formula:
        """Return the formula of a node where it is used."""
        self._weigh(node)
        return self._formula(node, TOP)

    def dot(self, node: Node) -> Formula:
        """Return the right side of a dot's equation; a dot may be a ket that has a name."""
        return self.of(node) if node in self._names else self.own(node)

    def start_over(self) -> None:
        """Forget which local names have been defined, but not the names."""
        self._defined.clear()
        self._pending.clear()

    def local_name(self, node: Node) -> Formula | None:
        """Return the local name of a node that has one or gets one, as defined from now on."""
        self._weigh(node)
        if not (self._is_cut(node) or (node, TOP) in self._local) or self._is_named(node):
            return None
        if not (node.is_scalar or node.is_vector):
            return None
        name = self._named_here(node, TOP)
        self._pending = [pending for pending in self._pending if pending != (node, TOP)]
        return self._symbol(node, name, TOP)

    def definitions(self) -> Iterator[tuple[Formula, Formula]]:
        """Yield the local names that came up since the last call, each with what it stands for."""
        while self._pending:
            node, place = self._pending.pop(0)
            yield self._symbol(node, self._local[node, place], place), self._expanded(node, place)

    def inner(self, left: Node, right: Node) -> Formula:
        """Return <left|right>: in brackets where both are named, else as an expectation."""
        self._weigh(left)
        self._weigh(right)
        names = self._ket_name_or_cut(left), self._ket_name_or_cut(right)
        if names[0] is not None and names[1] is not None:
            return BraKet(names[0], names[1])
        x, y = self._formula(left, TOP), self._formula(right, TOP)
        if left is right and not left.shape:
            return Expectation(Power(x, Number(2)))
        if left.shape and right.shape:
            return Expectation(multiply("outer", x, y))
        return Expectation(scale(y, x) if left.shape else scale(x, y))

    def ket_name(self, node: Node) -> str | None:
        """Return the name that stands for a ket, or None where it has to be written out."""
        if node in self._names:
            return self._names[node]
        match node:
            case InitialVector(name=name):
                return name
            case Hat() if node not in self._dot_of:
                return self.products[node]
        return self._named_here(node, TOP) if (node, TOP) in self._local else None

    def _ket_name_or_cut(self, node: Node) -> str | None:
        return self.name_ket(node) if self._is_cut(node) else self.ket_name(node)

    def name_ket(self, node: Node) -> str:
        """Return the name that stands for a ket, a local one where it has none."""
        return self.ket_name(node) or self._named_here(node, TOP)

    def hat(self, hat: Hat) -> Ket:
        """Return the hat of a product."""
        return Ket(self.products[hat], "hat")

    def is_whole(self, hat: Hat) -> bool:
        """Whether a hat is all of its product's ket, and no statement names the product."""
        return hat not in self._dot_of and not self._is_named(hat)

    def product(self, hat: Hat) -> str:
        """Return `W x`, or the name of the product where x has none."""
        operand = self.ket_name(hat.operand)
        if operand is None:
            return self.products[hat]
        return f"{hat.matrix.name}{'.T' if hat.transposed else ''} {operand}"

    def bra_of(self, bra: SteinBra) -> BraKet:
        """Return the generalised bra <nabla_{W.T y}|x>."""
        return BraKet(self.product(bra.hats[bra.position]), self.name_ket(bra.operand), nabla=True)

    # ------------------------------------------------------------------------------ local names

    def _weigh(self, root: Node) -> None:
        """Count the nodes of every expression below a node, up to names."""
        pending = [root]
        while pending:
            node = pending[-1]
            missing = [part for part in _printed(node) if part not in self._weights]
            if missing:
                pending.extend(missing)
                continue
            below = sum(self._weight(part) for part in _printed(node))
            self._weights[node] = below + (not isinstance(node, Row))
            pending.pop()

    def _weight(self, node: Node) -> int:
        """Return how much a node adds to a formula: 1 where it stands by a name."""
        weight = self._weights[node]
        return 1 if self._is_cut(node) or self._is_named(node) else weight

    def _is_cut(self, node: Node) -> bool:
        """Whether an unnamed expression is too large to print, or to print twice."""
        if isinstance(node, Row):
            return False
        weight = self._weights[node]
        repeated = weight >= WORTH_A_NAME and self._uses[node] > 1
        multiplied = weight >= WORTH_A_PRODUCT and node in self._multiplied
        return weight > LARGEST or repeated or multiplied

    def _is_named(self, node: Node) -> bool:
        return node in self._names or node in self._dots

    def _named_here(self, node: Node, place: Place) -> str:
        key = node, place
        name = self._local.setdefault(key, f"{self._prefix}{len(self._local) + 1}")
        if key not in self._defined:
            self._defined.add(key)
            self._pending.append(key)
        return name

    def _symbol(self, node: Node, name: str, place: Place) -> Formula:
        return Name(name) if node.is_scalar else Ket(name, copy=place.copy)

    # -------------------------------------------------------------------------------- one node

    def _formula(self, node: Node, place: Place) -> Formula:
        if node.is_scalar:
            place = TOP
        name = self._names.get(node)
        if name is not None:
            return self._symbol(node, name, place)
        if node in self._dots:
            return Ket(self._dots[node], "dot", place.copy)
        # A copy of a ket is written as the ket is; what joins copies depends on their numbers.
        key = TOP if node.is_scalar or node.is_vector else place
        if self._is_cut(node) or (node, key) in self._local:
            return self._symbol(node, self._named_here(node, key), place)
        return self._expanded(node, place)

    def _expanded(self, node: Node, place: Place) -> Formula:
        def of(part: Node) -> Formula:
            return self._formula(part, place)

        match node:
            case Constant():
                return self._arrays.formula(node)
            case Parameter(name=name):
                return Name(name)
            case InitialScalar(limit=limit):
                return of(limit)
            case InitialVector(name=name):
                return Ket(name, copy=place.copy)
            case Hat():
                accent: Accent = "" if self.is_whole(node) else "hat"
                return Ket(self.products[node], accent, place.copy)
            case SteinBra():
                return self.bra_of(node)
            case Row(operand=operand, coordinate=coordinate):
                copy = dict(place.bound)[coordinate]
                return self._formula(operand, Place(copy, (), place.deepest))
            case Mean():
                return self._mean(node, place)
            case Inner(left=left, right=right):
                return self.inner(left, right)
            case _:
                factors = outer_factors(node)
                if factors is not None:
                    return multiply("outer", *map(of, factors))
                return write_operation(node, tuple(map(of, operands(node))))

    def _mean(self, node: Mean, place: Place) -> Formula:
        names = [name for name in node.over if name != FREE]
        numbers = tuple(range(place.deepest + 1, place.deepest + 1 + len(names)))
        bound = place.bound + tuple(zip(names, numbers, strict=True))
        inside = Place(place.copy, bound, place.deepest + len(names))
        return Expectation(self._formula(node.operand, inside), numbers if node.coords else ())


def _names(limit: Limit) -> set[str]:
    """Return every name that the formulas of a limit may use."""
    program = limit.program
    declared = {p.name for p in program.parameters} | {m.name for m in program.matrices}
    products = {e.name for e in limit.equations if isinstance(e, HatEquation)}
    return {*limit.names.values(), *products, *declared}


def _count_uses(limit: Limit) -> Counter[Node]:
    """Count how often each node is an operand in what is printed."""
    uses: Counter[Node] = Counter()
    hats = [e.node for e in limit.equations if isinstance(e, HatEquation)]
    pending = [equation.node for equation in limit.equations]
    pending += [node for output in limit.outputs for _, node in output.parts]
    pending += [part for hat in hats for part in operands(hat)]
    seen: set[Node] = set()
    while pending:
        node = pending.pop()
        if node not in seen:
            seen.add(node)
            uses.update(_printed(node))
            pending.extend(_printed(node))
    return uses


def _printed(node: Node) -> tuple[Node, ...]:
    """Return the operands that a node is written with."""
    return () if isinstance(node, Hat | SteinBra | InitialVector) else operands(node)
