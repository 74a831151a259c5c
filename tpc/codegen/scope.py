"""Nodes -> the assignments of one Python function.

A node is written into the expression of its user unless it is used more than once, is asked for
by name, or would make a line too long; then it gets a variable.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import prod

from tpc.codegen.expressions import ATOM, Code, write
from tpc.codegen.identifiers import Identifiers
from tpc.codegen.statement import WIDTH, Mode, Statement
from tpc.limit.nodes import ClosedForm, Diagonal, HermiteSeries, Integral
from tpc.program.nodes import (
    Constant,
    Elementwise,
    Expand,
    Node,
    Parameter,
    Permute,
    Take,
    operands,
)


class Scope:
    """The variables of one function.

    Attributes:
        code: What has been written, by node.
        body: The statements so far.
        width: How long their lines may be.
    """

    def __init__(
        self,
        indent: int,
        uses: Mapping[Node, int],
        names: dict[Node, str],
        spell: Callable[[Node], str],
        width: int = WIDTH,
    ) -> None:
        self.width = width
        self.identifiers = Identifiers()
        self.code: dict[Node, Code] = {}
        self.body: list[Statement] = []
        self._indent = indent
        self._uses = uses
        self._names = names
        self._spell = spell

    def ensure(
        self,
        root: Node,
        needs: Callable[[Node], tuple[Node, ...]],
        special: Callable[[Node, bool], bool],
        assign: bool = False,
    ) -> Code:
        """Write a node after everything it needs.

        Args:
            root: The node.
            needs: What must be written before a node.
            special: Writes a node that is no plain operation, to a variable if told so, and says
                whether it did.
            assign: Whether the root gets a variable in any case.
        """
        pending = [root]
        while pending:
            node = pending[-1]
            missing = [operand for operand in needs(node) if operand not in self.code]
            if missing:
                pending.extend(reversed(missing))
                continue
            pending.pop()
            if node not in self.code and not special(node, assign and node is root):
                self._operation(node, assign and node is root)
        return self.code[root]

    def store(
        self, node: Node, code: Code, comment: str = "", name: str = "", updates: str = ""
    ) -> None:
        """Assign a node's code to a variable of its own.

        Args:
            node: The node.
            code: Its expression.
            comment: What to say about it.
            name: What to call it where it has no name.
            updates: The record of products that the expression adds to.
        """
        given = self._names.get(node)
        target = self.identifiers.make(given or name or self._temporary(node))
        size = prod(node.shape) if node.is_vector else 0
        self.bind(target, code, size, comment, updates=updates)
        self.code[node] = Code(target, ATOM, frozenset({target}))

    def store_by_mode(self, node: Node, sampled: Code, integrated: Code, comment: str) -> None:
        """Assign one expression to a node's variable on random nodes, another one on others."""
        target = self.identifiers.make(self._names.get(node) or self._temporary(node))
        self.bind(target, sampled, 0, comment, "sampled")
        self.bind(target, integrated, 0, "", "integrated")
        self.code[node] = Code(target, ATOM, frozenset({target}))

    def bind(
        self,
        target: str,
        code: Code,
        size: int,
        comment: str = "",
        mode: Mode = "",
        updates: str = "",
    ) -> None:
        """Append `target = code`."""
        lines = (f"{' ' * self._indent}{target} = {code.text}",)
        statement = Statement(target, lines, code.reads, code.calls, size, "", comment)
        self.body.append(replace(statement, mode=mode, updates=updates))

    def fit(
        self,
        node: Node,
        inputs: tuple[Node, ...],
        written: Callable[[list[Code]], Code],
        assign: bool = False,
    ) -> None:
        """Write a node from its inputs, giving variables to those that make the line too long.

        Args:
            node: The node.
            inputs: The nodes in its expression, whose code is known.
            written: Writes the expression, given their code.
            assign: Whether it gets a variable in any case.
        """
        code = written([self.code[operand] for operand in inputs])
        keep = assign or (self._uses.get(node, 0) > 1 and not _is_cheap(node))
        name = (self._names.get(node) or self._temporary(node)) if keep else ""
        room = self.width - self._indent - len(name) - 3 if keep else WIDTH // 2
        for operand in sorted(inputs, key=lambda o: -len(self.code[o].text)):
            if len(code.text) <= room:
                break
            if not self.code[operand].text.replace("_", "").isalnum():
                part = f"{self._names[node]} part" if node in self._names else ""
                self.store(operand, self.code[operand], self._spell(operand), part)
                code = written([self.code[o] for o in inputs])
        if keep:
            self.store(node, code, "" if assign else self._spell(node))
        else:
            self.code[node] = code

    def _operation(self, node: Node, assign: bool) -> None:
        self.fit(node, operands(node), lambda codes: write(node, codes), assign)

    def _temporary(self, node: Node) -> str:
        """Name a subexpression after its operation and the first named node in it."""
        word = type(node).__name__.lower()
        if isinstance(node, Elementwise):
            word = _WORDS.get(node.function, node.function)
        if isinstance(node, ClosedForm | HermiteSeries | Integral):
            word = "moment"
        if isinstance(node, Diagonal) and node.operand in self._names:
            return f"var {self._names[node.operand].removeprefix('cov ')}"
        first = operands(node)
        while first and first[0] not in self._names:
            first = next((ops for o in first if (ops := operands(o))), ())
        return f"{word} {self._names[first[0]]}" if first else f"{word} part"


_WORDS = {"add": "sum", "sub": "difference", "mul": "product", "div": "ratio", "neg": "minus"}


def _is_cheap(node: Node) -> bool:
    """Whether writing a node twice costs nothing: leaves and views."""
    return isinstance(node, Constant | Parameter | Take | Expand | Permute)
