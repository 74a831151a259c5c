"""Constant axes of values: lists in brackets, indexing, `.T`.

A list of statics is a static array. A list that holds scalars or parameters is the sum of its items
times unit vectors, so that it needs no operation of its own.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tpc.diagnostics import Span
from tpc.diagnostics.data_faults import RaggedList
from tpc.diagnostics.sort_faults import BadIndex, WrongSort
from tpc.program import rearrangements
from tpc.program.builder import Builder, ShapeMismatch
from tpc.program.checking import statics
from tpc.program.checking.context import Context
from tpc.program.checking.sorts import plain
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


def list_of(ctx: Context, at: tree.Array, values: list[Value]) -> Value:
    """Return the array with the values as its items."""
    items: list[Static | Node] = []
    for place, value in zip(at.items, values, strict=True):
        item = plain(ctx, value, place.span, "a list")
        if isinstance(item, Node) and not item.is_scalar:
            advice = "a multi-vector comes from a declaration or from `W @ x`"
            fault = WrongSort("a list", "statics and scalars", describe(item), advice)
            item = ctx.report(fault, place.span)
        if not isinstance(item, Broken):
            items.append(item)
    if len(items) < len(values):
        return BROKEN
    for index, item in enumerate(items):
        if item.shape != items[0].shape:
            ragged = RaggedList(index, show_shape(item.shape), show_shape(items[0].shape))
            return ctx.report(ragged, at.items[index].span)
    known = [item.value for item in items if isinstance(item, Static)]
    if len(known) == len(items):
        return Static(np.array(known, dtype=np.float64))
    return _stack(ctx, at.span, items)


def _stack(ctx: Context, span: Span, items: list[Static | Node]) -> Node:
    shape = items[0].shape
    statics_only = np.zeros((len(items), *shape))
    for index, item in enumerate(items):
        if isinstance(item, Static):
            statics_only[index] = item.value
    builder = ctx.building(span)
    total: Node | None = builder.constant(statics_only) if statics_only.any() else None
    for index, item in enumerate(items):
        if isinstance(item, Node):
            unit = np.zeros((len(items),) + (1,) * len(shape))
            unit[index] = 1
            term = builder.mul(builder.constant(unit), builder.expand(item, (0,)))
            total = term if total is None else builder.add(total, term)
    assert total is not None
    return total


def transposed(ctx: Context, at: tree.Transposed, value: Value) -> Value:
    """Return `value.T`: of a matrix, or with the last two constant axes swapped."""
    if isinstance(value, ScaledMatrix):
        return value.flip()
    if isinstance(value, MatrixArray):
        return MatrixArray(value.shape, tuple(matrix.flip() for matrix in value.members))
    operand = plain(ctx, value, at.operand.span, "`.T`")
    if isinstance(operand, Broken):
        return BROKEN
    if len(operand.shape) < 2:
        advice = "the inner product over the width is `<x|y>`" if isinstance(operand, Node) else ""
        found = f"{describe(operand)} of shape {show_shape(operand.shape)}"
        fault = WrongSort("`.T`", "a matrix or two constant axes", found, advice)
        return ctx.report(fault, at.operand.span)
    if isinstance(operand, Static):
        return Static(np.swapaxes(np.asarray(operand.value), -1, -2))
    return ctx.building(at.span).transpose(operand)


Index: TypeAlias = int | slice | None
"""Of constant axes: None makes a new one."""


def taken(
    ctx: Context, at: tree.Subscript, operand: Static | Node, keys: tuple[Index, ...]
) -> Value:
    """Return `operand[keys]`, indices of constant axes as in NumPy."""
    try:
        if isinstance(operand, Node):
            return _part(ctx.building(at.span), operand, keys)
        array: npt.NDArray[np.float64] = np.asarray(operand.value, dtype=np.float64)
        found = array[keys]
        if found.size:
            return Static(statics.settle(found))
    except (IndexError, ShapeMismatch, ValueError):  # the last of a slice whose step is 0
        pass
    is_vector = isinstance(operand, Node) and bool(operand.coords)
    advice = (
        "constant axes alone have indices; a vector's rows are read by `mean[j](... x[j] ...)`"
        if is_vector and not operand.shape
        else "indices count from 0, negative ones from the end"
    )
    written = ", ".join(map(_written, keys))
    fault = BadIndex(f"the index [{written}]", show_shape(operand.shape), advice)
    return ctx.report(fault, at.keys[0].span.to(at.keys[-1].span))


def _part(b: Builder, x: Node, keys: tuple[Index, ...]) -> Node:
    own = [key for key in keys if key is not None]
    if len(own) > len(x.shape):
        raise ShapeMismatch("too many indices")
    x = b.take(x, tuple(key if isinstance(key, int) else None for key in own))
    for axis, key in enumerate(key for key in own if isinstance(key, slice)):
        places = range(*key.indices(x.shape[axis]))
        if not places:
            raise ShapeMismatch("an empty slice")
        x = rearrangements.take(b, x, axis, places)
    left = [key for key in keys if not isinstance(key, int)]
    return b.expand(x, tuple(at for at, key in enumerate(left) if key is None))


def _written(key: Index) -> str:
    if not isinstance(key, slice):
        return str(key)
    start, stop, step = ("" if at is None else str(at) for at in (key.start, key.stop, key.step))
    return f"{start}:{stop}:{step}" if step else f"{start}:{stop}"
