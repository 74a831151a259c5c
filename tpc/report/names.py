"""The names that a limit gives: which there are, what each stands for, and which do by accident.

In a limit <v|v> may be 1, and the node of 1 is the same wherever it stands. So a name does not
stand for a number or an expression of parameters, unless the program bound the name to just that.
"""

from tpc.limit.equations import DotEquation, HatEquation, Limit, ScalarEquation
from tpc.limit.nodes import Hat
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
