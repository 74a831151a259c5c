"""The names that a limit gives, those that formulas bring up, and what each stands for.

In a limit <v|v> may be 1, and the node of 1 is the same wherever it stands. So a name does not
stand for a number or an expression of parameters, unless the program bound the name to just that.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from tpc.limit.equations import DotEquation, HatEquation, Limit, ScalarEquation
from tpc.limit.limit_nodes import Hat
from tpc.program.nodes import Constant, Elementwise, InitialVector, Node, Parameter, operands
from tpc.program.traversal import walk
from tpc.report.formula import Formula, Ket


class GivenNames:
    """What the statements and equations of one limit call its nodes.

    Attributes:
        bound: The name of every ket and scalar that a statement binds.
        products: The name of every product, by its hat.
        dots: The name of every product, by its dot.
        dot_of: The dot of a product, by its hat.
    """

    def __init__(self, limit: Limit) -> None:
        accidents = coincidences(limit)
        dots = [e for e in limit.equations if isinstance(e, DotEquation)]
        hats = [e for e in limit.equations if isinstance(e, HatEquation)]
        self.bound = {node: limit.names[node] for node in limit.names if node not in accidents}
        self.products = {equation.node: equation.name for equation in hats}
        self.dots = {equation.node: equation.name for equation in reversed(dots)}
        self.dot_of = {equation.hat: equation.node for equation in dots}
        self._stated = {e.name for e in limit.equations if isinstance(e, ScalarEquation)}
        self._stems = {name.rstrip("0123456789") for name in names_used(limit)}

    def unused(self, letter: str) -> str:
        """Return a name made of a letter that neither is a name nor starts a numbered one."""
        candidate = letter
        while candidate in self._stems:
            candidate += letter
        return candidate

    def states(self, name: str) -> bool:
        """Whether an equation says the value of a scalar."""
        return name in self._stated

    def names(self, node: Node) -> bool:
        """Whether a node stands by a name."""
        return node in self.bound or node in self.dots

    def ket(self, node: Node) -> str | None:
        """Return the name that stands for a ket, if any does."""
        match node:
            case _ if node in self.bound:
                return self.bound[node]
            case InitialVector(name=name):
                return name
            case Hat() if node not in self.dot_of:
                return self.products[node]
            case _:
                return None

    def part(self, node: Node) -> Formula | None:
        """Return the hat or the dot that a node is."""
        if node in self.dots:
            return Ket(self.dots[node], "dot")
        return self.hat(node) if isinstance(node, Hat) else None

    def hat(self, hat: Hat) -> Ket:
        """Return the hat of a product."""
        return Ket(self.products[hat], "hat")

    def is_whole(self, hat: Hat) -> bool:
        """Whether a hat is all of its product's ket, and no statement names the product."""
        return hat not in self.dot_of and not self.names(hat)


def names_used(limit: Limit) -> set[str]:
    """Return every name that the formulas of a limit may use."""
    program = limit.program
    declared = {p.name for p in program.parameters} | {m.name for m in program.matrices}
    products = {e.name for e in limit.equations if isinstance(e, HatEquation)}
    return {*limit.names.values(), *products, *declared}


def coincidences(limit: Limit) -> set[Node]:
    """Return the nodes that are named for an average but are a number, or made of parameters."""
    bound = {binding.name: binding.node for binding in limit.program.bindings}
    return {
        equation.node
        for equation in limit.equations
        if isinstance(equation, ScalarEquation) and _is_parametric(equation.node)
        if equation.name in bound and not _is_parametric(bound[equation.name])
    }


def _is_parametric(root: Node) -> bool:
    return all(
        isinstance(node, Elementwise | Constant | Parameter) for node in walk((root,), operands)
    )


Other = TypeVar("Other")
"""What else waits to be defined."""


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


class LocalNames(Generic[Other]):
    """The local names of one limit, numbered as they come.

    A node gets its name once. It is defined where it is first used, and again after `start_over`.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._names: dict[tuple[Node, Place], str] = {}
        self._defined: set[tuple[Node, Place]] = set()
        self._pending: list[tuple[Node, Place] | Other] = []

    def get(self, node: Node, place: Place = TOP) -> str | None:
        """Return the name of a node, if it has one."""
        return self._names.get((node, place))

    def name(self, node: Node, place: Place = TOP) -> str:
        """Return the name of a node, a new one if need be, and have it defined."""
        name = self._names.setdefault((node, place), f"{self._prefix}{len(self._names) + 1}")
        self.define(node, place)
        return name

    def is_defined(self, node: Node) -> bool:
        """Whether a node has been defined, or waits for it."""
        return (node, TOP) in self._defined

    def define(self, node: Node, place: Place = TOP) -> None:
        """Have a node defined unless it has been."""
        if (node, place) not in self._defined:
            self._defined.add((node, place))
            self._pending.append((node, place))

    def add(self, other: Other) -> None:
        """Have something else defined."""
        self._pending.append(other)

    def forget(self, node: Node) -> None:
        """Take a node as defined."""
        self._pending = [pending for pending in self._pending if pending != (node, TOP)]

    def pending(self) -> Iterator[tuple[Node, Place] | Other]:
        """Yield what waits to be defined; what comes up meanwhile waits behind it."""
        while self._pending:
            yield self._pending.pop(0)

    def start_over(self) -> None:
        """Forget what has been defined."""
        self._defined.clear()
        self._pending.clear()
