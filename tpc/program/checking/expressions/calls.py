"""Calls of built-in functions on evaluated arguments: elementwise, over constant axes, statics."""

from math import e, pi

import numpy as np

from tpc.diagnostics import Span
from tpc.diagnostics.data_faults import NoNumber
from tpc.diagnostics.function_faults import BadArguments, BadKeyword, InsideRow
from tpc.diagnostics.name_faults import TooLong
from tpc.diagnostics.network_faults import BatchMeanOutside
from tpc.diagnostics.sort_faults import BadIndex, WrongSort
from tpc.functions import BUILT_IN, DEFINED, FUNCTIONS
from tpc.program import partials
from tpc.program.builder import ShapeMismatch
from tpc.program.checking import statics
from tpc.program.checking.context import Context
from tpc.program.checking.expressions.defaults import as_static
from tpc.program.checking.expressions.operators import elementwise
from tpc.program.checking.sorts import bound_coordinate, integer, plain, vector
from tpc.program.checking.values import (
    BROKEN,
    Broken,
    Static,
    StaticValue,
    Value,
    describe,
    show_shape,
)
from tpc.program.nodes import Node
from tpc.syntax import tree

ARRAY_FUNCTIONS = ("sum", "amax", "softmax", "inv", "trace", "det")

CALLABLE: tuple[str, ...] = (
    *sorted(BUILT_IN), *sorted(DEFINED), "avg", "batchmean", *ARRAY_FUNCTIONS,
    "range", "len", "load",
)  # fmt: skip
"""Everything that a program may call without defining it."""

CONSTANTS = {"pi": pi, "e": e}

LONGEST = 10**6
"""The longest `range`."""


def call_built_in(ctx: Context, at: tree.Call, arguments: list[Value], axis: Value | None) -> Value:
    """Return the value of a built-in function.

    Args:
        ctx: Where.
        at: The call.
        arguments: Its evaluated arguments.
        axis: The evaluated `axis=`, if written.
    """
    name = at.function.id
    wanted = _arity_fault(name, len(arguments))
    if wanted:
        found = f"{len(arguments)}" if arguments else "none"
        return ctx.report(BadArguments(name, wanted, found), at.span)
    spans = tuple(argument.span for argument in at.arguments)
    if name == "avg":
        advice = "a scalar has no width to average over; over constant axes it is `sum`"
        operand = vector(ctx, arguments[0], spans[0], "`avg`", advice)
        return BROKEN if isinstance(operand, Broken) else ctx.building(at.span).mean(operand)
    values: list[Static | Node] = []
    for value, span in zip(arguments, spans, strict=True):
        entries = plain(ctx, value, span, f"`{name}`")
        if not isinstance(entries, Broken):
            values.append(entries)
    if len(values) < len(arguments) or isinstance(axis, Broken):
        return BROKEN
    if name == "batchmean":
        return _batch_mean(ctx, at, values[0])
    if name in DEFINED:
        node = partials.call(ctx.building(at.span), name, ctx.node(values[0], at.span))
        known = as_static(node) if isinstance(values[0], Static) else None
        return node if known is None else known
    if name in BUILT_IN:
        return elementwise(ctx, name, tuple(values), spans, at.span)
    match name:
        case "range":
            return _range(ctx, at, values)
        case "len":
            return _len(ctx, values[0], spans[0])
        case _:
            return _array_function(ctx, at, values[0], axis)


def keyword_axis(ctx: Context, at: tree.Call) -> tree.Keyword | Broken | None:
    """Return the `axis=` of a call, and report every other keyword."""
    found: tree.Keyword | None = None
    for keyword in at.keywords:
        takes = at.function.id in ("sum", "amax") and at.primes == 0
        if keyword.name == "axis" and takes and found is None:
            found = keyword
            continue
        advice = "it takes `axis=0` once" if takes else ""
        return ctx.report(BadKeyword(at.function.id, keyword.name, advice), keyword.span)
    return found


def _arity_fault(name: str, count: int) -> str:
    """Return what a function takes where `count` arguments are wrong, else the empty string."""
    if name == "range":
        return "" if 1 <= count <= 3 else "1 to 3 arguments"
    arity = FUNCTIONS[name].arity if name in FUNCTIONS else 1
    if count == arity:
        return ""
    return "1 argument" if arity == 1 else f"{arity} arguments"


def _batch_mean(ctx: Context, at: tree.Call, value: Static | Node) -> Value:
    """Return the mean over the inputs of a network; what is static is the same for all."""
    make, span = ctx.shop.batch_mean, at.arguments[0].span
    if make is None:
        return ctx.report(BatchMeanOutside(), at.span)
    if isinstance(value, Static):
        return value
    if coordinate := bound_coordinate(value):
        return ctx.report(InsideRow("`batchmean`", coordinate), span)
    return make(ctx.building(at.span), value)


def _range(ctx: Context, at: tree.Call, values: list[Static | Node]) -> Value:
    bounds = [
        integer(ctx, value, place.span, "a bound of `range`", "an integer")
        for value, place in zip(values, at.arguments, strict=True)
    ]
    known = [bound for bound in bounds if not isinstance(bound, Broken)]
    if len(known) < len(bounds):
        return BROKEN
    if len(known) == 3 and known[2] == 0:
        return ctx.report(NoNumber("the step of a range is 0"), at.arguments[2].span)
    steps = range(*known)
    if len(steps) > LONGEST:
        return ctx.report(TooLong("this range", LONGEST), at.span)
    return Static(np.array(steps, dtype=np.float64))


def _len(ctx: Context, value: Static | Node, span: Span) -> Value:
    if value.shape:
        return Static(value.shape[0])
    return ctx.report(WrongSort("`len`", "a constant axis", describe(value), ""), span)


def _array_function(
    ctx: Context, at: tree.Call, operand: Static | Node, axis: Value | None
) -> Value:
    """Return `sum`, `amax`, `softmax`, `inv`, `trace` or `det`."""
    name, place = at.function.id, at.arguments[0]
    if name in ("inv", "trace", "det") and isinstance(operand, Node) and not operand.is_scalar:
        advice = "vectors make such an array by their inner products: `<x|x>`"
        fault = WrongSort(f"`{name}`", "a scalar or static array", describe(operand), advice)
        return ctx.report(fault, place.span)
    axes: tuple[int, ...] | None = None
    if axis is not None:
        number = integer(ctx, axis, at.keywords[0].value.span, "an axis", "an integer")
        if isinstance(number, Broken):
            return BROKEN
        axes = (number,)
    try:
        if isinstance(operand, Static):
            return Static(_static_array_function(name, operand, axes))
        return _node_array_function(ctx, at, operand, axes)
    except statics.NoValue as error:
        return ctx.report(NoNumber(str(error)), at.span)
    except ShapeMismatch:
        what = f"`{name}`" if axis is None else f"`{name}` over the axis {axes and axes[0]}"
        advice = "it takes the last two axes, which must be equally long"
        if axis is not None:
            advice = "constant axes count from 0; the average over the n-axis is `avg`"
        elif name == "softmax":
            advice = "it runs over the last constant axis, and here there is none"
        return ctx.report(BadIndex(what, show_shape(operand.shape), advice), place.span)


def _static_array_function(name: str, operand: Static, axes: tuple[int, ...] | None) -> StaticValue:
    match name:
        case "sum" | "amax":
            return statics.reduce(name, operand.value, axes)
        case "inv" | "trace" | "det":
            return statics.linear_algebra(name, operand.value)
        case _:
            return statics.softmax(operand.value)


def _node_array_function(
    ctx: Context, at: tree.Call, operand: Node, axes: tuple[int, ...] | None
) -> Node:
    builder = ctx.building(at.span)
    match at.function.id:
        case "sum" | "amax" as reduction:
            return builder.reduce(reduction, operand, axes)
        case "inv" | "trace" | "det" as function:
            return builder.linear_algebra(function, operand)
        case _:
            return builder.softmax(operand)
