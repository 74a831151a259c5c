"""Program -> its graph in networkx, for looking at and for other tools.

A graph node stands for an operation, or for a matrix; an edge runs from each operand to its use,
keyed by the operand's position there. The matrix of a product is operand 0, the vector operand 1.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from tpc.diagnostics import Span
from tpc.program import nodes as op
from tpc.program.nodes import FREE, Coordinates, Matrix, Node, operands
from tpc.program.program import Program
from tpc.program.traversal import toposort

if TYPE_CHECKING:
    import networkx


def to_networkx(
    program: Program, further: Mapping[type[Node], str] = MappingProxyType({})
) -> "networkx.MultiDiGraph[int]":
    """Return the graph of a program.

    Args:
        program: The program.
        further: What other operations are called that may occur.

    Returns:
        A graph whose nodes are numbered as in `program.nodes`, matrices after them. Node
        attributes: `sort` (matrix, vector, row, scalar, param or static; what only statics make is
        static, what only statics and params make is a param), `shape`, `dim` (of a vector, and
        "rows x columns" of a matrix, else the empty string), `operation`, `names` (all that are
        bound to it), `label` (its first name, or the operation), `outputs`, `span`, and `group`:
        the round of a loop that made it, or in programs without loops its layer.
    """
    import networkx

    graph: networkx.MultiDiGraph[int] = networkx.MultiDiGraph(
        name=program.name, title=program.title, dialect=program.dialect
    )
    names: dict[Node, list[str]] = {}
    for binding in program.bindings:
        names.setdefault(binding.node, []).append(binding.name)
    outputs: dict[Node, list[str]] = {}
    for output in program.outputs:
        outputs.setdefault(output.node, []).append(output.name)
    numbers = {node: number for number, node in enumerate(program.nodes)}
    matrices = _number_matrices(program)
    sorts: dict[Node, str] = {}
    groups = _groups(program)
    for node, number in numbers.items():
        sorts[node] = _sort(node, sorts)
        known = names.get(node) or _own_name(node, program.source) or outputs.get(node, [])
        _add(
            graph, number, sorts[node], node.shape, _dims(node.coords),
            further.get(type(node)) or _operation(node), node.span,
            names=known, outputs=outputs.get(node, []), group=groups.get(node, ""),
        )  # fmt: skip
    for matrix, number in matrices.items():
        dims = f"{matrix.rows} x {matrix.columns}"
        _add(graph, number, "matrix", (), dims, "matrix", matrix.span, names=[matrix.name])
        graph.add_edge(numbers[matrix.variance], number, key=0)
    for node, number in numbers.items():
        sources = [numbers[operand] for operand in operands(node)]
        if isinstance(node, op.MatMul):
            sources = [matrices[node.matrix], numbers[node.operand]]
        for slot, source in enumerate(sources):
            graph.add_edge(source, number, key=slot)
    return graph


def _number_matrices(program: Program) -> dict[Matrix, int]:
    """Number the matrices that are multiplied with, in order of declaration, after the nodes."""
    used = {node.matrix for node in program.nodes if isinstance(node, op.MatMul)}
    declared = [matrix for matrix in program.matrices if matrix in used]
    return {matrix: len(program.nodes) + index for index, matrix in enumerate(declared)}


def _add(
    graph: "networkx.MultiDiGraph[int]",
    number: int,
    sort: str,
    shape: tuple[int, ...],
    dim: str,
    operation: str,
    span: Span,
    names: list[str],
    outputs: list[str] | None = None,
    group: str = "",
) -> None:
    graph.add_node(
        number,
        label=names[0] if names else operation,
        sort=sort,
        shape=shape,
        dim=dim,
        operation=operation,
        names=tuple(names),
        outputs=tuple(outputs or ()),
        group=group,
        span=span,
    )


def _dims(coords: Coordinates) -> str:
    return " x ".join(dim if name == FREE else f"{dim}[{name}]" for name, dim in coords)


def _sort(node: Node, sorts: dict[Node, str]) -> str:
    if node.is_vector:
        return "vector"
    if node.coords:
        return "row"
    match node:
        case op.Constant():
            return "static"
        case op.Parameter():
            return "param"
        case op.InitialScalar() | op.Inner() | op.Mean() | op.Placeholder():
            return "scalar"
    made_of = {sorts[operand] for operand in operands(node)}
    return "scalar" if "scalar" in made_of else "param" if "param" in made_of else "static"


def _groups(program: Program) -> dict[Node, str]:
    """Return the round of each node that a loop made, or the layer of all but leaves."""
    groups: dict[Node, str] = {}
    lines = program.source.split("\n")
    for binding in program.bindings:
        rounds = []
        for line, number in binding.rounds:
            variable = re.match(r"\s*for\s+(\w+)", lines[line - 1])
            rounds.append(f"{variable[1] if variable else 'round'} = {number}")
        for node in toposort((binding.node,), operands, groups):
            if operands(node):
                groups[node] = ", ".join(rounds)
    if any(groups.values()):
        return groups
    layers: dict[Node, int] = {}
    for node in program.nodes:
        below = max((layers[part] for part in operands(node)), default=0)
        layers[node] = below + isinstance(node, op.MatMul)
    if len(set(layers.values())) < 2:
        return {}
    return {node: f"layer {layer + 1}" for node, layer in layers.items() if operands(node)}


def _own_name(node: Node, source: str) -> list[str]:
    match node:
        case op.Constant(span=span) if re.fullmatch(r"[A-Za-z_]\w*(\.T)?", span.text(source)):
            return [span.text(source)]
        case op.InitialVector(name=name) | op.InitialScalar(name=name) | op.Parameter(name=name):
            return [name]
    return []


def _operation(node: Node) -> str:
    """Return a few words for what a node does."""
    match node:
        case op.Constant(value=value):
            return f"{float(value):.6g}" if node.shape == () else "const"
        case op.Parameter():
            return "param"
        case op.InitialScalar():
            return "scalar"
        case op.InitialVector():
            return "vector"
        case op.MatMul(matrix=matrix, transposed=transposed):
            return f"{matrix.name}.T @" if transposed else f"{matrix.name} @"
        case op.Elementwise(function=function):
            return _SIGNS.get(function, function)
        case op.Contract():
            return "@"
        case op.Take(keys=keys):
            return f"[{', '.join(':' if key is None else str(key) for key in keys)}]"
        case op.Permute(order=order):
            return f"permute {order}"
        case op.Expand(axes=axes):
            return f"expand {axes}"
        case op.Reduce(reduction=reduction, axes=axes):
            return f"{reduction} over {', '.join(map(str, axes))}"
        case op.Softmax():
            return "softmax"
        case op.Stack():
            return "stack"
        case op.LinearAlgebra(function=function) | op.Spectral(function=function):
            return function
        case op.Row(coordinate=coordinate):
            return f"[{coordinate}]"
        case op.Exchange(coordinate=coordinate):
            return f"exchange [{coordinate}]"
        case op.Mean(over=over):
            return "avg" if over == (FREE,) else f"mean[{', '.join(c or 'free' for c in over)}]"
        case op.Inner():
            return "<|>"
        case op.Placeholder(name=name):
            return name
    raise AssertionError(f"{node!r} is no node of a program")


_SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "^", "neg": "neg"}
