"""Which functions of two samples are stored, and the statements that make them.

A function of the free sample and of one copy costs N^2 floats. It is stored where several means or
stored functions use it, or where a mean uses it with its samples exchanged, as the updates of a
matrix in training are: an update and its transposed use share one array. What is used once is
computed block by block inside of its mean.

    m = nodes.pair_array(PAIR_ARRAYS, body, (free kets), (kets of the copy), (pair arrays))
"""

from collections.abc import Container, Iterable

from tpc.codegen.copies import BodyWriter
from tpc.codegen.expressions import ATOM, Code
from tpc.codegen.scope import Scope
from tpc.codegen.statement import Statement, call_lines
from tpc.limit.equations import Limit
from tpc.program.nodes import FREE, Exchange, Expand, Mean, Node, Permute, Row, Take, operands
from tpc.program.traversal import toposort, walk


def find_pair_arrays(limit: Limit) -> frozenset[Node]:
    """Return the functions of two samples that are stored."""
    means = [node for node in _reachable(limit) if isinstance(node, Mean) and _is_pair(node)]
    order = _functions_of_two([mean.operand for mean in means])
    users: dict[Node, set[Node]] = {node: set() for node in order}
    for mean in means:
        users[mean.operand].add(mean)
    exchanged = {node.operand for node in order if isinstance(node, Exchange)}
    stored: set[Node] = set()
    for node in reversed(order):
        several = len(users[node]) > 1 or node in exchanged
        if several and node.shape == () and not _is_view(node):
            stored.add(node)
        passed_on = {node} if node in stored else users[node]
        for operand in operands(node):
            if operand in users:
                users[operand] |= passed_on
    return frozenset(stored)


def write_pair_array(node: Node, writer: BodyWriter, outer: Scope) -> None:
    """Write the function of two samples and the statement that makes its array."""
    function, free, (copy,), arrays = writer.write(node, f"pairs {writer.name(node)}")
    target = outer.identifiers.make(writer.name(node))
    given = ["PAIR_ARRAYS", function, free.text, copy.text, arrays.text]
    lines = call_lines(f"    {target} = nodes.pair_array({', '.join(given)})")
    reads = free.reads | copy.reads | arrays.reads | {function}
    said = outer.comment(node)
    outer.append(Statement(target, lines, reads, 0, outer.banner, said, pairs=1))
    outer.code[node] = Code(target, ATOM, frozenset({target}))


def _is_pair(mean: Mean) -> bool:
    names = tuple(name for name, _ in mean.operand.coords)
    return mean.over != (FREE,) and len(names) == 2 and FREE in names


def _is_view(node: Node) -> bool:
    return isinstance(node, Exchange | Expand | Permute | Take)


def _reachable(limit: Limit) -> Iterable[Node]:
    roots = [node for output in limit.outputs for _, node in output.parts]
    return walk([*roots, *(equation.node for equation in limit.equations)], operands)


def _functions_of_two(roots: list[Node]) -> list[Node]:
    """Return what the bodies of means are made of, each after its operands, rows left out."""

    def inside(node: Node) -> list[Node]:
        return [operand for operand in operands(node) if is_inside(operand, ())]

    return toposort(roots, inside)


def is_inside(node: Node, stored: Container[Node]) -> bool:
    """Whether a node is computed inside of a body, not before it."""
    return len(node.coords) > 1 and not isinstance(node, Row) and node not in stored
