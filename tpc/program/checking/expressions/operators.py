"""Binary operators on values of all sorts: value, operator, value -> value.

    static op static        NumPy arithmetic, here and now
    matrix @ vector         MatMul, times the matrix's scale
    matrix * scalar         the same matrix, scaled
    anything @ array        Contract, the last constant axis with the first
    everything else         elementwise

Comparisons, `and` and `or` are in `tpc.program.checking.expressions.evaluate`.
"""

from dataclasses import replace
from math import prod, sqrt

import numpy as np

from tpc.diagnostics import Span
from tpc.diagnostics.cautions import EntrywiseInput
from tpc.diagnostics.data_faults import NoNumber
from tpc.diagnostics.function_faults import InsideRow
from tpc.diagnostics.sort_faults import (
    DimsDiffer,
    MatrixDimsDiffer,
    MatrixOnTheRight,
    MatrixProduct,
    NoContraction,
    ShapesDiffer,
    WrongSort,
)
from tpc.program.builder import DimMismatch, ShapeMismatch, broadcast
from tpc.program.checking import statics
from tpc.program.checking.context import Context
from tpc.program.checking.expressions import dims
from tpc.program.checking.sorts import LARGEST, bound_coordinate, small
from tpc.program.checking.values import (
    BROKEN,
    Broken,
    DimProduct,
    ScaledMatrix,
    Static,
    Value,
    describe,
    show_shape,
)
from tpc.program.nodes import Elementwise, InitialVector, Node, Placeholder
from tpc.syntax import tree

NAMES = {"+": "add", "-": "sub", "*": "mul", "/": "div", "^": "pow"}


def combine(ctx: Context, at: tree.Binary, left: Value, right: Value) -> Value:
    """Return `left at.operator right` for an arithmetic operator."""
    match left, right:
        case (Broken(), _) | (_, Broken()):
            return BROKEN
        case (DimProduct(), _) | (_, DimProduct()):
            return dims.combine(ctx, at, left, right)
        case _, ScaledMatrix():
            return _matrix_on_the_right(ctx, at, left, right)
        case ScaledMatrix(), _ if at.operator == "@":
            return _matmul(ctx, at, left, right)
        case ScaledMatrix(), _:
            return _scale(ctx, at, left, right, at.right.span)
    assert isinstance(left, Static | Node) and isinstance(right, Static | Node)
    if at.operator == "@":
        return contract(ctx, at, left, right)
    if isinstance(left, Static) and isinstance(right, Static):
        if not _fits(ctx, (left, right), at.span):
            return BROKEN
        return static_result(
            ctx,
            at.span,
            (left, right),
            (at.left.span, at.right.span),
            lambda: statics.operate(at.operator, left.value, right.value),
        )
    if at.operator in ("//", "%"):
        found = left if isinstance(right, Static) else right
        span = at.left.span if isinstance(right, Static) else at.right.span
        what = f"`{at.operator}`"
        return ctx.report(WrongSort(what, "statics", describe(found), ""), span)
    value = elementwise(
        ctx, NAMES[at.operator], (left, right), (at.left.span, at.right.span), at.span
    )
    if at.operator == "*":
        _warn_of_entrywise_input(ctx, at, (left, right), value)
    return value


def _warn_of_entrywise_input(
    ctx: Context, at: tree.Binary, operands: tuple[Static | Node, ...], value: Value
) -> None:
    """Warn of `U * xi`, where `U @ xi` adds up over the axis that both have."""
    for weight, given in (operands, operands[::-1]):
        if not (isinstance(given, Placeholder) and isinstance(value, Node) and given.shape):
            continue
        if _is_initial(weight) and weight.shape and weight.shape[-1] == given.shape[-1]:
            u, x = (side.span.text(ctx.shop.text) for side in (at.left, at.right))
            u, x = (u, x) if weight is operands[0] else (x, u)
            product = f"{u} @ {x}" + ("" if len(given.shape) == 1 else ".T")
            shown = f"{at.left.span.text(ctx.shop.text)} * {at.right.span.text(ctx.shop.text)}"
            fault = EntrywiseInput(shown, show_shape(value.shape), given.shape[-1], product)
            ctx.report(fault, at.span)


def _is_initial(value: Static | Node) -> bool:
    """Whether this is a declared vector, or a multiple of one by a number."""
    while isinstance(value, Elementwise) and value.function == "mul":
        vectors = [part for part in value.operands if part.is_vector]
        if len(vectors) != 1 or any(part.shape for part in value.operands if part.is_scalar):
            return False
        (value,) = vectors
    return isinstance(value, InitialVector)


def static_result(
    ctx: Context,
    span: Span,
    operands: tuple[Static, ...],
    spans: tuple[Span, ...],
    compute: "statics.Compute",
) -> Value:
    """Return the static that `compute` makes of the operands, or report why it cannot."""
    try:
        return Static(compute())
    except statics.NoValue as error:
        return ctx.report(NoNumber(str(error)), span)
    except ShapeMismatch:
        nodes = tuple(ctx.node(operand, span) for operand in operands)
        return _report_shapes(ctx, nodes, spans)


def elementwise(
    ctx: Context,
    function: str,
    arguments: tuple[Static | Node, ...],
    spans: tuple[Span, ...],
    span: Span,
) -> Value:
    """Return a function of arguments entry by entry: statics, scalars, vectors, rows.

    Args:
        ctx: Where.
        function: A name of `tpc.functions`.
        arguments: The arguments.
        spans: The place of each argument.
        span: The place of the whole.
    """
    if not _fits(ctx, arguments, span):
        return BROKEN
    known = [value for value in arguments if isinstance(value, Static)]
    if len(known) == len(arguments):
        values = [value.value for value in known]
        return static_result(
            ctx, span, tuple(known), spans, lambda: statics.apply(function, *values)
        )
    nodes = tuple(ctx.node(value, at) for value, at in zip(arguments, spans, strict=True))
    try:
        return ctx.building(span).apply(function, *nodes)
    except DimMismatch:
        return report_dims(ctx, nodes, spans)
    except ShapeMismatch:
        return _report_shapes(ctx, nodes, spans)


def _fits(ctx: Context, arguments: tuple[Static | Node, ...], span: Span) -> bool:
    """Whether arguments broadcast to no more entries than there may be, or do not broadcast."""
    if prod(prod(value.shape) for value in arguments) <= LARGEST:
        return True
    try:
        shape = np.broadcast_shapes(*(value.shape for value in arguments))
    except ValueError:
        return True
    return small(ctx, shape, span, "this array")


def contract(ctx: Context, at: tree.Binary, left: Static | Node, right: Static | Node) -> Value:
    """Return `x @ A`, the last constant axis of x with the first of A."""
    if isinstance(right, Node) and not right.is_scalar:
        advice = "the inner product over the width is `<x|y>`"
        if not isinstance(left, Node) or left.is_scalar:
            advice = "a vector stands on the left, `x @ A.T`: constant axes are its right side"
        fault = WrongSort("the right side of `@`", "an array or a scalar", describe(right), advice)
        return ctx.report(fault, at.right.span)
    if not small(ctx, left.shape[:-1] + right.shape[1:], at.span, "this array"):
        return BROKEN
    try:
        if isinstance(left, Static) and isinstance(right, Static):
            return Static(statics.contract(left.value, right.value))
        x, y = ctx.node(left, at.left.span), ctx.node(right, at.right.span)
        return ctx.building(at.span).contract(x, y)
    except statics.NoValue as error:
        return ctx.report(NoNumber(str(error)), at.span)
    except ShapeMismatch:
        fault_shapes = NoContraction(show_shape(left.shape), show_shape(right.shape))
        return ctx.report(fault_shapes, at.right.span)


# ----------------------------------------------------------------------------------------- matrices


def negate_matrix(ctx: Context, matrix: ScaledMatrix, span: Span) -> ScaledMatrix:
    """Return `-W`."""
    match matrix.scale:
        case Static(value=value):
            return replace(matrix, scale=Static(-value))
        case scale:
            return replace(matrix, scale=ctx.building(span).neg(scale))


def _matrix_on_the_right(ctx: Context, at: tree.Binary, left: Value, right: Value) -> Value:
    assert isinstance(right, ScaledMatrix)
    if isinstance(left, ScaledMatrix):
        if at.operator == "@":
            return ctx.report(MatrixProduct(left.text, right.text), at.span)
    elif at.operator == "*":
        return _scale(ctx, at, right, left, at.left.span)
    elif at.operator == "@":
        return ctx.report(MatrixOnTheRight(right.text, right.flipped), at.right.span)
    advice = "multiply first, then combine the vectors: `W @ x + y`"
    wanted = "vectors, scalars and statics"
    return ctx.report(WrongSort(f"`{at.operator}`", wanted, "a matrix", advice), at.right.span)


def _scale(ctx: Context, at: tree.Binary, matrix: Value, by: Value, by_span: Span) -> Value:
    """Return `c * W` or `W / c`."""
    assert isinstance(matrix, ScaledMatrix) and isinstance(by, Static | Node)
    if at.operator not in ("*", "/"):
        advice = "multiply first, then combine the vectors: `W @ x + y`"
        if is_power_t(at):
            advice = transpose_of(matrix)
        wanted = "vectors, scalars and statics"
        span = at.left.span if by_span == at.right.span else at.right.span
        return ctx.report(WrongSort(f"`{at.operator}`", wanted, "a matrix", advice), span)
    if by.shape or (isinstance(by, Node) and not by.is_scalar):
        is_vector = isinstance(by, Node) and not by.is_scalar
        found = describe(by) if is_vector else "an array"
        written = by_span.text(ctx.shop.text)
        product = f"{matrix.text} @ {written if written.isidentifier() else 'x'}"
        advice = f"write `{product}`" if is_vector else f"multiply the product: `c * ({product})`"
        fault = WrongSort("a matrix's factor", "a number or a scalar of shape ()", found, advice)
        return ctx.report(fault, by_span)
    if isinstance(matrix.scale, Static) and isinstance(by, Static):
        try:
            factor: Static | Node = Static(
                statics.operate(at.operator, matrix.scale.value, by.value)
            )
        except statics.NoValue as error:
            return ctx.report(NoNumber(str(error)), at.span)
    else:
        nodes = (ctx.node(matrix.scale, at.span), ctx.node(by, at.span))
        factor = ctx.building(at.span).apply(NAMES[at.operator], *nodes)
    return replace(matrix, scale=factor)


def is_power_t(at: tree.Binary) -> bool:
    """Whether this is `... ^ T`, as papers write a transpose."""
    return at.operator == "^" and isinstance(at.right, tree.Name) and at.right.id == "T"


def transpose_of(value: Value) -> str:
    """Return a hint for who has written `value ^ T`."""
    match value:
        case ScaledMatrix():
            return f"the transpose of `{value.text}` is `{value.flipped}`"
        case Node(is_scalar=False):
            return "the inner product over the width is `<x|y>`"
        case _:
            return "the transpose of `A` is `A.T`"


def _matmul(ctx: Context, at: tree.Binary, left: Value, operand: Value) -> Value:
    """Return `c * W @ x` as c times MatMul."""
    assert isinstance(left, ScaledMatrix)
    matrix = left.matrix
    if isinstance(operand, Node) and (coordinate := bound_coordinate(operand)):
        return ctx.report(InsideRow(f"product `{left.text} @`", coordinate), at.right.span)
    if not isinstance(operand, Node) or operand.is_scalar:
        fault = WrongSort(f"`{left.text} @`", "a vector", describe(operand), "")
        if isinstance(operand, Placeholder) and operand.shape:
            # The input of a network, which grows with nothing.
            sizes = ", ".join(map(str, operand.shape[:1]))
            advice = f"what multiplies an input is vector-like: `weight {left.matrix.name}[{sizes}]"
            fault = replace(fault, advice=f"{advice} : {matrix.columns}`")
        return ctx.report(fault, at.right.span)
    wanted = matrix.rows if left.transposed else matrix.columns
    if operand.dim != wanted:
        into = matrix.columns if left.transposed else matrix.rows
        advice = f"did you mean `{left.flipped} @ ...`?" if operand.dim == into else ""
        fault_dims = MatrixDimsDiffer(left.text, wanted, operand.dim, advice)
        return ctx.report(fault_dims, at.right.span)
    if left.transposed or left.symmetric:
        ctx.shop.transposed.append((matrix, ctx.place(at.left.span)))
    builder = ctx.building(at.span)
    product = builder.matmul(matrix, left.transposed, operand)
    if left.symmetric:
        both = builder.add(product, builder.matmul(matrix, True, operand))
        product = builder.div(both, builder.number(sqrt(2)))
    return builder.mul(ctx.node(left.scale, at.span), product)


# -------------------------------------------------------------------------------------- complaints


def report_dims(ctx: Context, nodes: tuple[Node, ...], spans: tuple[Span, ...]) -> Broken:
    """Report the first argument whose dim differs from that of one before it."""
    seen: dict[str, str] = {}
    for node, span in zip(nodes, spans, strict=True):
        for coordinate, dim in node.coords:
            first = seen.setdefault(coordinate, dim)
            if first != dim:
                return ctx.report(DimsDiffer(first, dim), span)
    raise AssertionError("the dims agree")


def _report_shapes(ctx: Context, nodes: tuple[Node, ...], spans: tuple[Span, ...]) -> Broken:
    """Report the first argument whose shape does not broadcast with those before it."""
    for count in range(2, len(nodes) + 1):
        try:
            broadcast(nodes[:count])
        except ShapeMismatch:
            before = broadcast(nodes[: count - 1])
            fault = ShapesDiffer(show_shape(before), show_shape(nodes[count - 1].shape))
            return ctx.report(fault, spans[count - 1])
    raise AssertionError("the shapes broadcast")
