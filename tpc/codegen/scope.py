"""Nodes -> the assignments of one Python function.

A node is written into the expression of its user unless it is used more than once, is asked for
by name, or would make a line too long; then it gets a variable, and its comment with it.
"""

from collections.abc import Callable, Iterable, Mapping
from math import prod

from tpc.codegen.expressions import ATOM, Code, write
from tpc.codegen.identifiers import Identifiers
from tpc.codegen.statement import WIDTH, Speech, Statement, call_lines
from tpc.codegen.words import Remark, say
from tpc.limit.limit_nodes import ClosedForm, Diagonal, HermiteSeries
from tpc.program import nodes as op
from tpc.program.nodes import Node, operands
from tpc.program.region import KnownAtFirst, is_schedule
from tpc.program.traversal import walk


class Scope:
    """The variables of one function.

    Attributes:
        code: What has been written, by node.
        body: The statements so far.
        banner: What the next statement starts with: the source line that it computes.
        identifiers: The names that are taken.
        indent: How far its statements are indented.
        names: What nodes are called.
    """

    def __init__(
        self,
        indent: int,
        uses: Mapping[Node, int],
        names: Mapping[Node, str],
        remarks: Mapping[Node, Remark],
        speech: Speech,
    ) -> None:
        self.identifiers = Identifiers()
        self.code: dict[Node, Code] = {}
        self.body: list[Statement] = []
        self.banner = ""
        self.indent = indent
        self._uses = uses
        self.names = names
        self._remarks = remarks
        self._speech = speech

    def inside(self) -> "Scope":
        """Return the scope of a function that is defined in this one."""
        return Scope(self.indent + 4, self._uses, self.names, {}, self._speech)

    def function(self, uses: Mapping[Node, int]) -> "Scope":
        """Return the scope of a function before this loop, in which nodes have other uses."""
        return Scope(self.indent, uses, self.names, self._remarks, self._speech)

    def loop(
        self, uses: Mapping[Node, int], names: Mapping[Node, str], remarks: Mapping[Node, Remark]
    ) -> "Scope":
        """Return the scope of a loop in this one, whose variables it sees."""
        scope = Scope(self.indent + 4, uses, names, remarks, self._speech)
        scope.identifiers, scope.code = self.identifiers, dict(self.code)
        return scope

    def append(self, statement: Statement) -> None:
        """Add a statement."""
        self.body.append(statement)
        self.banner = ""

    def bind(
        self, target: str, code: Code, size: int = 0, comment: str = "", pairs: int = 0
    ) -> None:
        """Append `target = code`."""
        lines = call_lines(f"{' ' * self.indent}{target} = {code.text}")
        said = self.banner, comment
        self.append(Statement(target, lines, code.reads, size, *said, pairs=pairs))

    def store(self, node: Node, code: Code, name: str = "") -> None:
        """Assign a node's code to a variable of its own, under what is said of it.

        Args:
            node: The node.
            code: Its expression.
            name: What to call it where it has no name.
        """
        target = self.identifiers.make(self.names.get(node) or name or self._temporary(node))
        size = prod(node.shape) if node.is_vector else 0
        self.bind(target, code, size, self.comment(node))
        self.code[node] = Code(target, ATOM, frozenset({target}))

    def keep(self, node: Node) -> None:
        """Give a node a variable unless its code is a name or a number."""
        plain = isinstance(node, op.Constant) or self.code[node].text.replace("_", "").isalnum()
        if not plain:
            self.store(node, self.code[node])

    def comment(self, node: Node) -> str:
        """Return what to say of a node: its equation, or what it is."""
        return say(self._remarks.get(node, (node,)), self._speech)

    def fit(
        self, node: Node, inputs: Iterable[Node], written: Callable[[list[Code]], Code]
    ) -> None:
        """Write a node from its inputs, giving variables to those that make the line too long.

        Args:
            node: The node.
            inputs: The nodes in its expression, whose code is known.
            written: Writes the expression, given their code.
        """
        inputs = tuple(inputs)
        code = written([self.code[operand] for operand in inputs])
        keep = node in self._remarks or (self._uses.get(node, 0) > 1 and not _is_cheap(node))
        name = (self.names.get(node) or self._temporary(node)) if keep else ""
        room = WIDTH - self.indent - len(name) - 3 if keep else WIDTH // 2
        for operand in sorted(inputs, key=lambda o: -len(self.code[o].text)):
            if len(code.text) <= room:
                break
            if not self.code[operand].text.replace("_", "").isalnum():
                part = f"{self.names[node]} part" if node in self.names else ""
                self.store(operand, self.code[operand], part)
                code = written([self.code[o] for o in inputs])
        if keep:
            self.store(node, code)
        else:
            self.code[node] = code

    def operation(self, node: Node) -> None:
        """Write a node that is an operation of NumPy on its operands."""
        self.fit(node, operands(node), lambda codes: write(node, codes))

    def _temporary(self, node: Node) -> str:
        """Name a subexpression after its operation and the first named node in it."""
        node = node.operand if isinstance(node, KnownAtFirst) else node
        word = type(node).__name__.lower()
        word = _WORDS.get(word, word)
        if isinstance(node, op.Elementwise):
            word = _WORDS.get(node.function, node.function)
        if isinstance(node, ClosedForm | HermiteSeries):
            word = "moment"
        if isinstance(node, Diagonal) and self.names.get(node.operand, "").startswith("cov"):
            return self.names[node.operand].replace("cov", "var", 1)
        named = next((part for part in walk(operands(node), operands) if part in self.names), None)
        # Of `bra h in k` the bra is enough: lines of long names would not fit.
        return f"{word} part" if named is None else f"{word} {self.names[named].split(' in ')[0]}"


_WORDS = {"add": "sum", "sub": "difference", "mul": "product", "div": "ratio", "neg": "minus"}
_WORDS |= {"sumoverrounds": "update", "roundinput": "row"}


def _is_cheap(node: Node) -> bool:
    """Whether writing a node twice costs nothing: leaves, views, numbers of a round."""
    views = op.Constant | op.Parameter | op.Take | op.Expand | op.Permute
    return isinstance(node, views) or is_schedule(node)
