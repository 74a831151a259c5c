"""Calls of built-in functions on evaluated arguments: elementwise, averages, statics, ranges."""

from math import e, pi

import numpy as np

from tpc.diagnostics import Span
from tpc.diagnostics.data_faults import NoNumber
from tpc.diagnostics.function_faults import BadArguments, BadKeyword, InsideRow
from tpc.diagnostics.name_faults import NotAnInteger, TooLong
from tpc.diagnostics.network_faults import BatchMeanOutside
from tpc.diagnostics.sort_faults import BadIndex, WrongSort
from tpc.functions import BUILT_IN, DEFINED, FUNCTIONS
from tpc.program import partials
from tpc.program.builder import ShapeMismatch
from tpc.program.checking import statics
from tpc.program.checking.context import Context
from tpc.program.checking.expressions.axis_calls import AXIS_FUNCTIONS, call_on_axes, where
from tpc.program.checking.expressions.defaults import as_static
from tpc.program.checking.expressions.gradients import detach, grad
from tpc.program.checking.expressions.operators import elementwise
from tpc.program.checking.sorts import bound_coordinate, integer, plain, small, static, vector
from tpc.program.checking.values import (
    BROKEN,
    Broken,
    Static,
    Value,
    describe,
    show_shape,
)
from tpc.program.nodes import ArrayFunction, Node
from tpc.syntax import tree

LINEAR_ALGEBRA: dict[str, ArrayFunction] = {"inv": "inv", "trace": "trace", "det": "det"}

CALLABLE: tuple[str, ...] = (
    *sorted(BUILT_IN), *sorted(DEFINED), "avg", "batchmean", *LINEAR_ALGEBRA,
    *AXIS_FUNCTIONS, "conv", "split", "merge", "einsum", "where", "eye", "zeros", "ones", "range",
    "len", "load",    "grad", "detach",
)  # fmt: skip
"""Everything that a program may call without defining it."""

CONSTANTS = {"pi": pi, "e": e}

NEW_AXIS = "None"
"""What makes a new constant axis in an index, `x[:, None]`, unless it is bound."""

LONGEST = 10**6
"""The longest `range`."""


def call_built_in(ctx: Context, at: tree.Call, arguments: list[Value], given: list[Value]) -> Value:
    """Return the value of a built-in function.

    Args:
        ctx: Where.
        at: The call.
        arguments: Its evaluated arguments.
        given: The evaluated values of its keywords.
    """
    name = at.function.id
    if name in AXIS_FUNCTIONS:
        return call_on_axes(ctx, at, arguments, given)
    if at.keywords:
        return ctx.report(BadKeyword(name, at.keywords[0].name, ""), at.keywords[0].span)
    if name == "where":
        return where(ctx, at, arguments)
    wanted = _arity_fault(name, len(arguments))
    if wanted:
        found = f"{len(arguments)}" if arguments else "none"
        return ctx.report(BadArguments(name, wanted, found), at.span)
    spans = tuple(argument.span for argument in at.arguments)
    if name in ("grad", "detach"):
        return (grad if name == "grad" else detach)(ctx, at, arguments)
    if name == "avg":
        advice = "a scalar has no width to average over; over constant axes it is `sum`"
        operand = vector(ctx, arguments[0], spans[0], "`avg`", advice)
        return BROKEN if isinstance(operand, Broken) else ctx.building(at.span).mean(operand)
    values: list[Static | Node] = []
    for value, span in zip(arguments, spans, strict=True):
        entries = plain(ctx, value, span, f"`{name}`")
        if not isinstance(entries, Broken):
            values.append(entries)
    if len(values) < len(arguments):
        return BROKEN
    if name == "batchmean":
        return _batch_mean(ctx, at, values[0])
    if name in DEFINED:
        node = partials.call(ctx.building(at.span), name, ctx.node(values[0], at.span))
        known = as_static(node) if isinstance(values[0], Static) else None
        return node if known is None else known
    if name in ("max", "min"):
        return _extreme(ctx, at, values, spans)
    if name in BUILT_IN:
        return elementwise(ctx, name, tuple(values), spans, at.span)
    match name:
        case "range":
            return _range(ctx, at, values)
        case "len":
            return _len(ctx, values[0], spans[0])
        case "eye" | "zeros" | "ones":
            return _filled(ctx, at, values[0])
        case _:
            return _linear_algebra(ctx, at, values[0])


def _extreme(
    ctx: Context, at: tree.Call, values: list[Static | Node], spans: tuple[Span, ...]
) -> Value:
    """Return `max` or `min` of two arguments and more."""
    found: Value = values[0]
    for value, span in zip(values[1:], spans[1:], strict=True):
        if not isinstance(found, Static | Node):
            return BROKEN
        found = elementwise(ctx, at.function.id, (found, value), (spans[0], span), at.span)
    return found


def _arity_fault(name: str, count: int) -> str:
    """Return what a function takes where `count` arguments are wrong, else the empty string."""
    if name == "range":
        return "" if 1 <= count <= 3 else "1 to 3 arguments"
    if name in ("max", "min"):
        return "" if count >= 2 else f"2 arguments or more (over an axis, `a{name}`)"
    arity = FUNCTIONS[name].arity if name in FUNCTIONS else 1 + (name == "grad")
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


def _linear_algebra(ctx: Context, at: tree.Call, operand: Static | Node) -> Value:
    """Return `inv`, `trace` or `det`."""
    name, place = at.function.id, at.arguments[0]
    if isinstance(operand, Node) and not operand.is_scalar:
        advice = "vectors make such an array by their inner products: `<x|x>`"
        fault = WrongSort(f"`{name}`", "a scalar or static array", describe(operand), advice)
        return ctx.report(fault, place.span)
    function = LINEAR_ALGEBRA[name]
    try:
        if isinstance(operand, Static):
            return Static(statics.linear_algebra(function, operand.value))
        return ctx.building(at.span).linear_algebra(function, operand)
    except statics.NoValue as error:
        return ctx.report(NoNumber(str(error)), at.span)
    except ShapeMismatch:
        advice = "it takes the last two axes, which must be equally long"
        return ctx.report(BadIndex(f"`{name}`", show_shape(operand.shape), advice), place.span)


def _filled(ctx: Context, at: tree.Call, value: Static | Node) -> Value:
    """Return `eye(3)`, `zeros([2, 3])` or `ones([2])`."""
    place = at.arguments[0].span
    shape = static(ctx, value, place, f"the shape of `{at.function.id}`")
    if isinstance(shape, Broken):
        return BROKEN
    sizes = np.atleast_1d(np.asarray(shape.value, float))
    is_eye = at.function.id == "eye"
    if (
        sizes.ndim > 1
        or (is_eye and bool(shape.shape))
        or (sizes != sizes.round()).any()
        or (sizes < 1).any()
    ):
        wanted = "a positive integer" if is_eye else "positive integers"
        return ctx.report(NotAnInteger("a shape", wanted, describe(shape)), place)
    whole = tuple(int(size) for size in sizes)
    if not small(ctx, whole * 2 if is_eye else whole, at.span, "this array"):
        return BROKEN
    match at.function.id:
        case "eye":
            return Static(np.eye(whole[0]))
        case "zeros":
            return Static(np.zeros(whole))
        case _:
            return Static(np.ones(whole))
