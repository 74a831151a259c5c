"""Averages over iid copies that do not separate -> a function of pairs and its average.

y = nodes.mean_over_copies(body, (free kets), ((kets of copy 1), (kets of copy 2)))
"""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass

from tpc.codegen.expressions import ATOM, Code, joined
from tpc.codegen.scope import Scope
from tpc.codegen.statement import WIDTH, Statement
from tpc.program.nodes import FREE, Elementwise, Exchange, Expand, Mean, Node, Reduce, Row, operands
from tpc.program.traversal import toposort, walk


def body_leaves(body: Node, stored: Container[Node] = ()) -> tuple[Node, ...]:
    """Return what a body is made of, in order of occurrence.

    Args:
        body: The body, whose own array is not counted as one where it is stored.
        stored: The functions of two samples that are stored.

    Returns:
        Free kets, rows, scalars, stored functions and exchanges of these.
    """

    def is_leaf(node: Node) -> bool:
        ends = not node.coords or node.is_vector or (len(node.coords) == 1 and _is_row(node))
        return ends or (is_array(node, stored) and node is not body)

    inside = walk([body], lambda node: () if is_leaf(node) else operands(node))
    return tuple(node for node in inside if is_leaf(node))


def is_array(node: Node, stored: Container[Node]) -> bool:
    """Whether a node is a stored function of two samples, or the exchange of one."""
    return node in stored or (isinstance(node, Exchange) and node.operand in stored)


def kets_of(body: Node, stored: Container[Node] = ()) -> tuple[Node, ...]:
    """Return what must be computed before a body: rows read kets, exchanges read arrays."""
    return tuple(map(_ket, body_leaves(body, stored)))


def kets_of_mean(body: Node, stored: Container[Node] = ()) -> tuple[Node, ...]:
    """Return what must be computed before the mean of a body, which may be an array."""
    return (_ket(body),) if is_array(body, stored) else kets_of(body, stored)


@dataclass(frozen=True, slots=True)
class BodyWriter:
    """Writes bodies of means and of pair arrays as functions.

    Attributes:
        outer: The scope that the functions are defined in.
        names: The names of nodes.
        spell: Prints a node.
        stored: The functions of two samples that are stored.
    """

    outer: Scope
    names: Mapping[Node, str]
    spell: Callable[[Node], str]
    stored: Container[Node]

    def name(self, node: Node) -> str:
        """Return what to call a stored function."""
        return self.names.get(node, "array")

    def write(
        self, body: Node, name: str, without_free: bool = False
    ) -> tuple[str, Code, list[Code], Code]:
        """Write a body as a function of free kets, kets of copies and pair arrays.

        Returns:
            The function, the tuple of free kets, those of kets of copies, that of pair arrays.
        """
        outer = self.outer
        leaves = body_leaves(body, self.stored)
        arrays = [leaf for leaf in leaves if is_array(leaf, self.stored)]
        free = [leaf for leaf in leaves if leaf.is_vector]
        coordinates = sorted(dict(body.coords).keys() - {FREE})
        rows = [[leaf for leaf in leaves if _coordinate(leaf) == name] for name in coordinates]
        if without_free:
            # Nothing is at the free coordinate: the first copy takes its place.
            free, rows = rows[0], rows[1:]
        inner = outer.inside()
        for leaf in leaves:
            if leaf.is_scalar:
                code = outer.code[leaf]
                if code.reads and not code.text.isidentifier():
                    # Once, not for every block, and while the kets in it live.
                    outer.store(leaf, code)
                inner.code[leaf] = outer.code[leaf]
                inner.identifiers.reserve(*outer.code[leaf].reads)
        arguments: list[str] = []
        for leaf in [*free, *(row for copy in rows for row in copy), *arrays]:
            argument = inner.identifiers.make(argument_name(leaf, self.names))
            arguments.append(argument)
            inner.code[leaf] = Code(argument)
        result = self._written(body, inner)
        function = outer.identifiers.make(name)
        outer.append(definition(function, arguments, inner, result, outer.banner, self.spell(body)))
        first = tuple_of([outer.code[_ket(leaf)] for leaf in free])
        rest = [tuple_of([outer.code[_ket(leaf)] for leaf in copy]) for copy in rows]
        return function, first, rest, tuple_of([self.array(leaf) for leaf in arrays])

    def array(self, node: Node) -> Code:
        """Return the code of a pair array, or of the exchange of one."""
        code = self.outer.code[_ket(node)]
        return code if node in self.stored else joined(f"{code.text}.T", ATOM, [code])

    def _written(self, body: Node, inner: Scope) -> Code:
        for node in toposort([body], lambda n: inner_of_pair(n) or operands(n), inner.code):
            pair = inner_of_pair(node)
            if pair is None:
                inner.operation(node)
                continue
            both = [inner.code[ket] for ket in pair]
            text = f"nodes.inner_of_pairs({both[0].text}, {both[1].text})"
            inner.code[node] = joined(text, ATOM, both)
        return inner.code[body]


def write_average(mean: Mean, writer: BodyWriter) -> Code:
    """Write the function of pairs into the outer scope and return the call that averages it."""
    body, onto = _operator(mean.operand)
    outer = writer.outer
    if is_array(body, writer.stored):
        inputs = [writer.array(body), *([outer.code[onto]] if onto is not None else [])]
        call = f"nodes.product_of_pairs({', '.join(code.text for code in inputs)})"
        return joined(call, ATOM, inputs)
    name = f"pairs {writer.names.get(mean, 'average')}"
    function, first, copies, arrays = writer.write(body, name, mean.is_scalar)
    rest = tuple_of(copies)
    inputs = [first, rest, Code("", ATOM, frozenset({function}))]
    call = f"nodes.mean_over_copies({function}, {first.text}, {rest.text}"
    if onto is not None:
        inputs.append(outer.code[onto])
        call = f"{call}, {outer.code[onto].text}"
    if arrays.reads:
        inputs.append(arrays)
        call = f"{call}, {'' if onto is not None else 'arrays='}{arrays.text}"
    code = joined(f"{call})", ATOM, inputs)
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


def inner_of_pair(node: Node) -> tuple[Node, Node] | None:
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


def _is_row(node: Node) -> bool:
    return isinstance(node, Row)


def _ket(leaf: Node) -> Node:
    """Return what a row is of, or an exchange."""
    return leaf.operand if isinstance(leaf, Row | Exchange) else leaf


def argument_name(leaf: Node, names: Mapping[Node, str]) -> str:
    """Return what a function of samples calls a ket, a row, or a number."""
    name = names.get(_ket(leaf), "array" if len(leaf.coords) > 1 else "ket")
    return f"{name} {leaf.coordinate}" if isinstance(leaf, Row | Exchange) else name


def tuple_of(items: list[Code]) -> Code:
    """Write a tuple."""
    comma = "," if len(items) == 1 else ""
    return joined(f"({', '.join(item.text for item in items)}{comma})", ATOM, items)


def definition(
    function: str, arguments: list[str], inner: Scope, result: Code, banner: str, comment: str
) -> Statement:
    """Write a function of samples, whose statements are in a scope of its own."""
    body, inside = inner.body, " " * inner.indent
    margin = inside[4:]
    signature = f"{margin}def {function}({', '.join(arguments)}):"
    lines = [signature]
    if len(signature) > WIDTH:
        listed = (f"{inside}{name}," for name in arguments)
        lines = [f"{margin}def {function}(", *listed, f"{margin}):"]
    for statement in body:
        lines += [f"{inside}# {line}" for line in statement.comment.split("\n") if line]
        lines += statement.lines
    lines += [f"{inside}return {result.text}", ""]
    pieces = [*body, Statement("", (), result.reads, 0)]
    reads = frozenset().union(*(piece.reads for piece in pieces))
    local = {*arguments, *(statement.target for statement in body)}
    return Statement(function, tuple(lines), reads - local, 0, banner, comment, spaced=True)
