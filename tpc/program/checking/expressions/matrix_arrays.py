"""Arrays of independent matrices, `matrix W[3, 3] : n x n`, and convolutions, which use them.

W @ x            of the shape of W followed by that of x
conv(x, W)[t]    the sum over s of W[s] @ x[t + s], zero outside of x
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from tpc.diagnostics import Span
from tpc.diagnostics.function_faults import BadArguments, BadKeyword
from tpc.diagnostics.name_faults import NotAnInteger
from tpc.diagnostics.sort_faults import BadIndex, WrongSort
from tpc.program import rearrangements as axes
from tpc.program.builder import Builder, ShapeMismatch
from tpc.program.checking.context import Context
from tpc.program.checking.expressions.operators import combine
from tpc.program.checking.sorts import flag, integer, plain
from tpc.program.checking.values import (
    BROKEN,
    Broken,
    MatrixArray,
    ScaledMatrix,
    Static,
    Value,
    describe,
    show_shape,
)
from tpc.program.nodes import Node
from tpc.syntax import tree


def combine_arrays(ctx: Context, at: tree.Binary, left: Value, right: Value) -> Value:
    """Return `W @ x`, `c * W` or `W / c`; everything else is refused as for one matrix."""
    if isinstance(left, Broken) or isinstance(right, Broken):
        return BROKEN
    if isinstance(left, MatrixArray) and at.operator == "@":
        products = [combine(ctx, at, matrix, right) for matrix in left.members]
        nodes = [product for product in products if isinstance(product, Node)]
        if len(nodes) < len(products):
            return BROKEN
        return _nested(ctx.building(at.span), nodes, left.shape)
    if all(isinstance(side, MatrixArray | ScaledMatrix) for side in (left, right)):
        one, other = (s.members[0] if isinstance(s, MatrixArray) else s for s in (left, right))
        return combine(ctx, at, one, other)  # refused as for two matrices
    array = left if isinstance(left, MatrixArray) else right
    assert isinstance(array, MatrixArray)
    made = [
        combine(ctx, at, *((matrix, right) if array is left else (left, matrix)))
        for matrix in (array.members if at.operator in ("*", "/") else array.members[:1])
    ]
    scaled = tuple(matrix for matrix in made if isinstance(matrix, ScaledMatrix))
    return MatrixArray(array.shape, scaled) if len(scaled) == len(array.members) else BROKEN


def _nested(b: Builder, nodes: Sequence[Node], shape: tuple[int, ...]) -> Node:
    """Return nodes of one shape along new first axes, the last of which runs fastest."""
    if not shape:
        return nodes[0]
    size = len(nodes) // shape[0]
    parts = [nodes[at : at + size] for at in range(0, len(nodes), size)]
    return axes.stack(b, [_nested(b, part, shape[1:]) for part in parts], 0)


def member_of(
    ctx: Context,
    array: MatrixArray,
    keys: Sequence[tree.Expression | tree.Slice],
    indices: Sequence[object],
) -> Value:
    """Return `W[0, 2]`, or the array of those that fewer indices leave."""
    span = keys[0].span.to(keys[-1].span)
    numbers = tuple(index for index in indices if isinstance(index, int))
    if len(numbers) < len(indices):
        return ctx.report(NotAnInteger("an index of matrices", "an integer", "another one"), span)
    places = np.arange(len(array.members)).reshape(array.shape)
    try:
        left = np.asarray(places[numbers])
    except IndexError:
        written = ", ".join(map(str, numbers))
        fault = BadIndex(f"the index [{written}]", show_shape(array.shape), "")
        return ctx.report(fault, span)
    members = tuple(array.members[place] for place in left.ravel())
    return MatrixArray(left.shape, members) if left.shape else members[0]


OPTIONS = {"stride": 1, "padding": 0, "dilation": 1, "circular": 0}


def convolve(ctx: Context, at: tree.Call, arguments: list[Value], given: list[Value]) -> Value:
    """Return `conv(x, W, stride=1, padding=0, dilation=1, circular=false)`, as in torch."""
    if len(arguments) != 2:
        fault = BadArguments("conv", "2 arguments, `conv(x, W)`", str(len(arguments) or "none"))
        return ctx.report(fault, at.span)
    operand, weights = plain(ctx, arguments[0], at.arguments[0].span, "`conv`"), arguments[1]
    options = _options(ctx, at, given)
    if isinstance(operand, Broken) or isinstance(weights, Broken) or isinstance(options, Broken):
        return BROKEN
    x = ctx.node(operand, at.arguments[0].span)
    rank = len(weights.shape) if isinstance(weights, MatrixArray | Node) else 0
    count = rank if isinstance(weights, MatrixArray) else rank - 1
    if isinstance(weights, MatrixArray) and x.is_vector and count in (1, 2):
        make: Callable[[Builder], Node | Broken] = partial(
            _of_matrices, ctx, at, x, weights, options
        )
    elif isinstance(weights, Node) and weights.is_vector and x.is_scalar and count in (1, 2):
        make = partial(_of_vectors, x, weights, options)
    else:
        wanted = "an array of matrices and a vector, or `U[c, h, w] : n` and an input"
        found = f"{describe(weights)} and {describe(x)}"
        return ctx.report(WrongSort("`conv`", wanted, found, ""), at.span)
    try:
        return make(ctx.building(at.span))
    except ShapeMismatch as error:
        return ctx.report(BadIndex("`conv`", show_shape(x.shape), str(error)), at.span)


def _of_matrices(
    ctx: Context,
    at: tree.Call,
    x: Node,
    weights: MatrixArray,
    options: Mapping[str, tuple[int, int]],
    b: Builder,
) -> Node | Broken:
    """Return the sum over places of a window of a matrix times what stands there."""
    first = len(x.shape) - len(weights.shape)
    if first < 0:
        raise ShapeMismatch(f"it needs {len(weights.shape)} axes")
    tables = [
        _table(x.shape[first + axis], size, axis, options)
        for axis, size in enumerate(weights.shape)
    ]
    product = tree.Binary(at.span, "@", at.arguments[1], at.arguments[0])
    total: Node | None = None
    for place, matrix in zip(np.ndindex(weights.shape), weights.members, strict=True):
        term = combine(ctx, product, matrix, x)
        if not isinstance(term, Node):
            return BROKEN
        for axis, (table, at_place) in enumerate(zip(tables, place, strict=True)):
            term = axes.along(b, term, first + axis, table[:, :, at_place])
        total = term if total is None else b.add(total, term)
    assert total is not None
    return total


def _of_vectors(x: Node, weights: Node, options: Mapping[str, tuple[int, int]], b: Builder) -> Node:
    """Return the product of U[c, h, w] with the windows of an input of shape (..., c, H, W)."""
    count = len(weights.shape) - 1
    first = len(x.shape) - count
    if first < 1 or x.shape[first - 1] != weights.shape[0]:
        raise ShapeMismatch(f"it needs {weights.shape[0]} channels before its last {count} axes")
    for axis, size in enumerate(weights.shape[1:]):
        place = first + 2 * axis
        x = axes.along(b, x, place, _table(x.shape[place], size, axis, options))
    windows = tuple(first + 2 * axis for axis in range(count))
    inside = tuple(axis + 1 for axis in windows)
    patches = b.permute(x, (first - 1, *inside, *range(first - 1), *windows))
    return b.contract(weights, patches, count + 1)


def _table(length: int, size: int, axis: int, options: Mapping[str, tuple[int, int]]) -> axes.Array:
    stride, padding, dilation, circular = (options[name][axis] for name in OPTIONS)
    return axes.window_table(length, size, stride, dilation, padding, bool(circular))


def _options(
    ctx: Context, at: tree.Call, given: list[Value]
) -> dict[str, tuple[int, int]] | Broken:
    """Return the options of a convolution, by axis."""
    found = {name: (default, default) for name, default in OPTIONS.items()}
    for keyword, value in zip(at.keywords, given, strict=True):
        name, span = keyword.name, keyword.value.span
        if name not in found:
            fault = BadKeyword("conv", name, f"it takes {', '.join(OPTIONS)}")
            return ctx.report(fault, keyword.span)
        if name == "circular":
            known = flag(ctx, value, span, lambda what: NotAnInteger("circular", "a flag", what))
            if isinstance(known, Broken):
                return BROKEN
            found[name] = (int(known),) * 2
            continue
        pair = _pair(ctx, value, span, name)
        if isinstance(pair, Broken):
            return BROKEN
        found[name] = pair
    return found


def _pair(ctx: Context, value: Value, span: Span, name: str) -> tuple[int, int] | Broken:
    least = 0 if name == "padding" else 1
    listed = np.ravel(value.value) if isinstance(value, Static) and value.shape else None
    items = [value] * 2 if listed is None else [Static(float(number)) for number in listed]
    numbers = [integer(ctx, item, span, f"`{name}`", f"at least {least}", least) for item in items]
    known = [number for number in numbers if not isinstance(number, Broken)]
    return (known[0], known[-1]) if known and len(known) == len(numbers) else BROKEN
