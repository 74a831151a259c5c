"""How deep expressions nest, so that later stages may recurse over them.

A level is a step from a node to one of its parts. The left operand of an operator is no step:
chains like `a + b + c`, of any length, stand on one level, and later stages walk them in a loop.
Nor are parentheses, which make no nodes.
"""

from collections.abc import Iterable, Iterator

from tpc.diagnostics import Diagnostic
from tpc.diagnostics.syntax_faults import NestedTooDeep
from tpc.syntax import tree

MAX_NESTING = 100
"""How many levels an expression may have below its first."""


def deep_places(statements: Iterable[tree.Statement]) -> list[Diagnostic]:
    """Return a diagnostic for each expression of a program that is nested too deep."""
    found = []
    for root in _expressions(statements):
        pending: list[tuple[tree.Syntax, int]] = [(root, 0)]
        while pending:
            node, level = pending.pop()
            if level > MAX_NESTING:
                found.append(Diagnostic.of(NestedTooDeep(MAX_NESTING), node.span))
                break
            pending += [(part, level + _is_step(node, part)) for part in tree.children(node)]
    return found


def _is_step(node: tree.Syntax, part: tree.Syntax) -> bool:
    """Whether a part of an expression stands a level below it."""
    match node:
        case tree.Binary(left=left):
            return part is not left
        case tree.Call(function=function):
            return part is not function
        case tree.Mean(body=body):
            return part is body
        case _:
            return not isinstance(node, tree.Keyword)


def _expressions(parts: Iterable[tree.Syntax]) -> Iterator[tree.Expression]:
    """Yield every outermost expression of a program."""
    for part in parts:
        if isinstance(part, tree.Expression):
            yield part
        else:
            yield from _expressions(tree.children(part))
