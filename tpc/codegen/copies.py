"""Averages over iid copies that do not separate -> a function of pairs and its average.

y = mean_over_copies(body, (free kets), ((kets of copy 1), (kets of copy 2)))
"""

from collections.abc import Callable, Mapping

from tpc.codegen.expressions import ATOM, Code, joined
from tpc.codegen.scope import Scope
from tpc.codegen.statement import Statement
from tpc.program.nodes import FREE, Elementwise, Expand, Mean, Node, Reduce, Row, operands


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
    body, onto = _operator(mean.operand)
    leaves = body_leaves(body)
    free = [leaf for leaf in leaves if leaf.is_vector]
    coordinates = sorted(dict(body.coords).keys() - {FREE})
    rows = [[leaf for leaf in leaves if _coordinate(leaf) == name] for name in coordinates]
    if mean.is_scalar:
        # Nothing is at the free coordinate: the first copy takes its place.
        free, rows = rows[0], rows[1:]
    inner = Scope(indent=8, uses=uses, names=dict(names), spell=spell, width=outer.width)
    for leaf in leaves:
        if leaf.is_scalar:
            inner.code[leaf] = outer.code[leaf]
            inner.identifiers.reserve(*outer.code[leaf].reads)
    arguments: list[str] = []
    for leaf in [*free, *(row for copy in rows for row in copy)]:
        argument = inner.identifiers.make(_argument_name(leaf, names))
        arguments.append(argument)
        inner.code[leaf] = Code(argument)

    def write_inner(node: Node, assign: bool) -> bool:
        if (pair := _inner_of_pair(node)) is None:
            return False
        both = [inner.code[ket] for ket in pair]
        text = f"inner_of_pairs({both[0].text}, {both[1].text})"
        inner.code[node] = joined(text, ATOM, both, ("inner_of_pairs",))
        return True

    result = inner.ensure(body, lambda node: _inner_of_pair(node) or operands(node), write_inner)
    function = outer.identifiers.make(f"pairs {names.get(mean, 'average')}")
    outer.body.append(_definition(function, arguments, inner, result, spell(body)))
    first = _tuple([outer.code[_ket(leaf)] for leaf in free])
    rest = _tuple([_tuple([outer.code[_ket(leaf)] for leaf in copy]) for copy in rows])
    inputs = [first, rest, Code("", ATOM, frozenset({function}))]
    call = f"mean_over_copies(nodes, {function}, {first.text}, {rest.text})"
    if onto is not None:
        inputs.append(outer.code[onto])
        call = f"{call[:-1]}, {outer.code[onto].text})"
    code = joined(call, ATOM, inputs, ("mean_over_copies",))
    if mean.is_scalar:
        return joined(f"nodes.mean({code.text})", ATOM, [code])
    return code


def _operator(body: Node) -> tuple[Node, Node | None]:
    """Split a body of two coordinates into an operator and the ket of the copy it multiplies."""
    if isinstance(body, Elementwise) and body.function == "mul" and len(body.coords) == 2:
        for kernel, row in (body.operands, body.operands[::-1]):
            while isinstance(kernel, Expand):
                kernel = kernel.operand
            last = isinstance(row, Row) and row.coordinate == body.coords[-1][0]
            if last and isinstance(row, Row) and kernel.shape == () and row.shape == body.shape:
                return kernel, row.operand
    return body, None


def _inner_of_pair(node: Node) -> tuple[Node, Node] | None:
    """Return u and v where a node is the sum of u v[j] over their only constant axis."""
    if isinstance(node, Reduce) and node.reduction == "sum" and node.shape == ():
        match node.operand:
            case (
                Elementwise(function="mul", operands=(Row() as row, Node() as ket))
                | Elementwise(function="mul", operands=(Node() as ket, Row() as row))
            ) if ket.is_vector and ket.shape == row.shape and len(row.shape) == 1:
                return ket, row
    return None


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
    function: str, arguments: list[str], inner: Scope, result: Code, comment: str
) -> Statement:
    body = inner.body
    signature = f"    def {function}({', '.join(arguments)}):"
    lines = [signature]
    if len(signature) > inner.width:
        lines = [f"    def {function}(", *(f"        {name}," for name in arguments), "    ):"]
    for statement in body:
        lines += [f"        # {line}" for line in statement.comment.split("\n")]
        lines += statement.lines
    lines += [f"        return {result.text}", ""]
    pieces = [*body, Statement("", (), result.reads, result.calls, 0)]
    reads = frozenset().union(*(piece.reads for piece in pieces))
    local = {*arguments, *(statement.target for statement in body)}
    calls = frozenset().union(*(piece.calls for piece in pieces))
    return Statement(function, tuple(lines), reads - local, calls, 0, "", comment, spaced=True)
