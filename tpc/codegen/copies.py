"""Averages over iid copies that do not separate -> a function of pairs and its average.

y = mean_over_copies(body, (free kets), ((kets of copy 1), (kets of copy 2)))
"""

from collections.abc import Callable, Mapping

from tpc.codegen.expressions import ATOM, Code, joined
from tpc.codegen.scope import Scope
from tpc.codegen.statement import WIDTH, Statement
from tpc.program.nodes import FREE, Mean, Node, Row, operands


def body_leaves(body: Node) -> tuple[Node, ...]:
    """Return what a body is made of: free kets, rows and scalars, in order of occurrence."""
    found: dict[Node, None] = {}
    seen: set[Node] = set()
    pending = [body]
    while pending:
        node = pending.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.is_scalar or node.is_vector or isinstance(node, Row):
            found[node] = None
        else:
            pending.extend(reversed(operands(node)))
    return tuple(found)


def kets_of(body: Node) -> tuple[Node, ...]:
    """Return the kets and scalars that must be computed before a body: rows read kets."""
    return tuple(leaf.operand if isinstance(leaf, Row) else leaf for leaf in body_leaves(body))


def write_average(
    mean: Mean,
    outer: Scope,
    uses: Mapping[Node, int],
    names: Mapping[Node, str],
    spell: Callable[[Node], str],
) -> Code:
    """Write the function of pairs into the outer scope and return the call that averages it."""
    body = mean.operand
    leaves = body_leaves(body)
    free = [leaf for leaf in leaves if leaf.is_vector]
    coordinates = sorted(dict(body.coords).keys() - {FREE})
    rows = [[leaf for leaf in leaves if _coordinate(leaf) == name] for name in coordinates]
    if mean.is_scalar:
        # Nothing is at the free coordinate: the first copy takes its place.
        free, rows = rows[0], rows[1:]
    inner = Scope(lead=2, indent=8, uses=uses, names=dict(names), spell=spell)
    arguments: list[str] = []
    for leaf in [*free, *(row for copy in rows for row in copy)]:
        argument = inner.identifiers.make(_argument_name(leaf, names))
        arguments.append(argument)
        inner.code[leaf] = Code(argument)
    for leaf in leaves:
        if leaf.is_scalar:
            inner.code[leaf] = outer.code[leaf]
    result = inner.ensure(body, operands, lambda node: False)
    function = outer.identifiers.make(f"pairs {names.get(mean, 'average')}")
    outer.body.append(_definition(function, arguments, inner.body, result, spell(body)))
    first = _tuple([outer.code[_ket(leaf)] for leaf in free])
    rest = _tuple([_tuple([outer.code[_ket(leaf)] for leaf in copy]) for copy in rows])
    call = f"mean_over_copies({function}, {first.text}, {rest.text})"
    code = joined(call, ATOM, [first, rest, Code("", ATOM, frozenset({function}))],
                  ("mean_over_copies",))  # fmt: skip
    if mean.is_scalar:
        return joined(f"nodes.mean({code.text})", ATOM, [code])
    return code


def _coordinate(leaf: Node) -> str | None:
    return leaf.coordinate if isinstance(leaf, Row) else None


def _ket(leaf: Node) -> Node:
    return leaf.operand if isinstance(leaf, Row) else leaf


def _argument_name(leaf: Node, names: Mapping[Node, str]) -> str:
    name = names.get(_ket(leaf), "ket")
    return f"{name} {leaf.coordinate}" if isinstance(leaf, Row) else name


def _tuple(items: list[Code]) -> Code:
    comma = "," if len(items) == 1 else ""
    return joined(f"({', '.join(item.text for item in items)}{comma})", ATOM, items)


def _definition(
    function: str, arguments: list[str], body: list[Statement], result: Code, comment: str
) -> Statement:
    signature = f"    def {function}({', '.join(arguments)}):"
    lines = [signature]
    if len(signature) > WIDTH:
        lines = [f"    def {function}(", *(f"        {name}," for name in arguments), "    ):"]
    for statement in body:
        lines += [f"        # {statement.comment}", *statement.lines]
    lines += [f"        return {result.text}", ""]
    pieces = [*body, Statement("", (), result.reads, result.calls, 0)]
    reads = frozenset().union(*(piece.reads for piece in pieces))
    local = {*arguments, *(statement.target for statement in body)}
    calls = frozenset().union(*(piece.calls for piece in pieces))
    return Statement(function, tuple(lines), reads - local, calls, 0, "", comment, spaced=True)
