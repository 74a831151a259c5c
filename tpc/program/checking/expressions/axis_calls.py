"""Calls of functions over constant axes: `concat(x, y, axis=0)`, `einsum("ts,sd->td", a, x)`.

Each takes some operands, then static arrays, then keywords; `tpc.program.rearrangements` says what
it makes of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from tpc.diagnostics import Span
from tpc.diagnostics.cautions import NothingToSum
from tpc.diagnostics.data_faults import NoNumber
from tpc.diagnostics.function_faults import BadArguments, BadKeyword
from tpc.diagnostics.name_faults import NotAnInteger
from tpc.diagnostics.sort_faults import BadIndex
from tpc.program import rearrangements as axes
from tpc.program.builder import Builder, DimMismatch, ShapeMismatch
from tpc.program.checking.context import Context
from tpc.program.checking.expressions.defaults import as_static
from tpc.program.checking.expressions.operators import report_dims
from tpc.program.checking.sorts import plain, static
from tpc.program.checking.values import BROKEN, Broken, Static, Value, show_shape
from tpc.program.nodes import Constant, Node
from tpc.syntax import tree

Numbers: TypeAlias = tuple[int, ...]
Make: TypeAlias = Callable[
    [Builder, Sequence[Node], Sequence[axes.Array], Mapping[str, Numbers]], Node
]


@dataclass(frozen=True, slots=True)
class AxisFunction:
    """What a function over constant axes takes, and what it makes of it.

    Attributes:
        make: Makes it, of operands, static arrays and keywords.
        operands: How many operands come first; 0 for any number of them.
        statics: What the static arguments behind them are.
        keywords: Their defaults; an empty tuple for all axes.
        spreads: Whether the static argument is written out, `permute(x, 1, 0)`.
    """

    make: Make
    operands: int = 1
    statics: tuple[str, ...] = ()
    keywords: Mapping[str, Numbers] = field(default_factory=dict)
    spreads: bool = False

    @property
    def wanted(self) -> str:
        """What it takes, in words."""
        operands = "one operand" if self.operands == 1 else f"{self.operands or 'some'} operands"
        return " and ".join([operands, *self.statics])


def _permute(b: Builder, x: Node, order: Sequence[int]) -> Node:
    named = tuple(axes.axis_of(x, axis) for axis in order)
    if sorted(named) != list(range(len(x.shape))):
        raise ShapeMismatch("its axes are named once each, as in `permute(x, 1, 0)`")
    return b.permute(x, named)


def _over(b: Builder, x: Node, over: Numbers, reduction: str) -> Node:
    """Return `sum`, `amax`, `amin` or `amean`."""
    if reduction == "amin":
        return b.neg(_over(b, b.neg(x), over, "amax"))
    named = tuple(axes.axis_of(x, axis) for axis in over) or tuple(range(len(x.shape)))
    if len(set(named)) < len(named):
        raise ShapeMismatch("an axis is named twice")
    if reduction == "amax":
        return b.reduce("amax", x, named)
    total = b.reduce("sum", x, named)
    count = np.prod([x.shape[axis] for axis in named])
    return total if reduction == "sum" else b.mul(b.number(1 / count), total)


def _last(b: Builder, x: Node, axis: int, make: Callable[[Node], Node]) -> Node:
    """Return what acts on the last axis, on another one."""
    axis, rank = axes.axis_of(x, axis), len(x.shape)
    order = (*(other for other in range(rank) if other != axis), axis)
    back = (*range(axis), rank - 1, *range(axis, rank - 1))
    return b.permute(make(b.permute(x, order)), back)


def _cumsum(b: Builder, x: Node, axis: int) -> Node:
    axis = axes.axis_of(x, axis)
    return axes.along(b, x, axis, np.triu(np.ones((x.shape[axis],) * 2)))


def _where(b: Builder, mask: Node, x: Node, y: Node) -> Node:
    if not isinstance(mask, Constant) or not np.isin(mask.value, (0, 1)).all():
        raise ShapeMismatch("a mask holds zeros and ones, as `t >= s` of statics does")
    return b.add(b.mul(mask, x), b.mul(b.constant(1 - mask.value), y))


REDUCTIONS = ("sum", "amax", "amin", "amean")


def _reduction(name: str) -> AxisFunction:
    return AxisFunction(
        lambda b, x, _, given: _over(b, x[0], given["axis"], name), keywords={"axis": ()}
    )


def _pool(average: bool) -> AxisFunction:
    return AxisFunction(
        lambda b, x, sizes, _: axes.pool(b, x[0], _listed(sizes[0]), average),
        statics=("a window",),
    )


AXIS_FUNCTIONS = {
    "reshape": AxisFunction(
        lambda b, x, shape, _: axes.reshape(b, x[0], _listed(shape[0])), statics=("a shape",)
    ),
    "permute": AxisFunction(
        lambda b, x, order, _: _permute(b, x[0], _listed(order[0])),
        statics=("its axes",),
        spreads=True,
    ),
    "concat": AxisFunction(
        lambda b, x, _, given: axes.concat(b, x, given["axis"][0]), 0, keywords={"axis": (0,)}
    ),
    "stack": AxisFunction(
        lambda b, x, _, given: axes.stack(b, x, given["axis"][0]), 0, keywords={"axis": (0,)}
    ),
    "take": AxisFunction(
        lambda b, x, places, given: axes.take(b, x[0], given["axis"][0], _listed(places[0])),
        statics=("places",),
        keywords={"axis": (0,)},
    ),
    "pad": AxisFunction(
        lambda b, x, widths, _: axes.pad(b, x[0], [_listed(w) for w in np.atleast_2d(widths[0])]),
        statics=("widths",),
    ),
    **{name: _reduction(name) for name in REDUCTIONS},
    "softmax": AxisFunction(
        lambda b, x, _, given: _last(b, x[0], given["axis"][0], b.softmax), keywords={"axis": (-1,)}
    ),
    "cumsum": AxisFunction(
        lambda b, x, _, given: _cumsum(b, x[0], given["axis"][0]), keywords={"axis": (-1,)}
    ),
    "avgpool": _pool(average=True),
    "maxpool": _pool(average=False),
}
"""Every one, by name."""


def call_on_axes(ctx: Context, at: tree.Call, arguments: list[Value], given: list[Value]) -> Value:
    """Return the value of a function over constant axes.

    Args:
        ctx: Where.
        at: The call.
        arguments: Its evaluated arguments.
        given: The evaluated values of its keywords.
    """
    name, known = at.function.id, AXIS_FUNCTIONS[at.function.id]
    keywords = _keywords(ctx, at, known, given)
    count = known.operands or len(arguments)
    statics = len(arguments) - count
    if not arguments or (statics != len(known.statics) and not (known.spreads and statics > 0)):
        fault = BadArguments(name, known.wanted, str(len(arguments) or "none"))
        return ctx.report(fault, at.span)
    spans = [argument.span for argument in at.arguments]
    operands = [
        plain(ctx, value, span, f"`{name}`")
        for value, span in zip(arguments[:count], spans, strict=False)
    ]
    arrays = [
        static(ctx, value, span, f"{known.statics[0]} of `{name}`")
        for value, span in zip(arguments[count:], spans[count:], strict=True)
    ]
    sound = [value for value in (*operands, *arrays) if not isinstance(value, Broken)]
    if isinstance(keywords, Broken) or len(sound) < len(arguments):
        return BROKEN
    tables = [np.asarray(value.value, float) for value in arrays if isinstance(value, Static)]
    tables = [np.hstack(tables)] if known.spreads and tables else tables
    plain_operands = [value for value in operands if not isinstance(value, Broken)]
    if (
        name in REDUCTIONS
        and isinstance(x := plain_operands[0], Node)
        and not (x.shape or x.is_scalar)
    ):
        shown = (at.span.text(ctx.shop.text), spans[0].text(ctx.shop.text))
        ctx.report(NothingToSum(*shown), at.span)
    return _made(ctx, at, plain_operands, lambda b, x: known.make(b, x, tables, keywords))


def einsum(ctx: Context, at: tree.Call, arguments: list[Value]) -> Value:
    """Return `einsum("ts,sd->td", a, x)`; the arguments are those behind the text."""
    if not at.arguments or not isinstance(text := at.arguments[0], tree.Text) or not arguments:
        fault = BadArguments(
            "einsum", 'letters and operands, `einsum("ts,sd->td", a, x)`', "others"
        )
        return ctx.report(fault, at.span)
    if at.keywords:
        return ctx.report(BadKeyword("einsum", at.keywords[0].name, ""), at.keywords[0].span)
    spans = [argument.span for argument in at.arguments[1:]]
    pairs = zip(arguments, spans, strict=True)
    operands = [plain(ctx, value, span, "`einsum`") for value, span in pairs]
    sound = [value for value in operands if not isinstance(value, Broken)]
    if len(sound) < len(operands):
        return BROKEN
    return _made(ctx, at, sound, lambda b, x: axes.einsum(b, text.value, x), spans)


def where(ctx: Context, at: tree.Call, arguments: list[Value]) -> Value:
    """Return `where(mask, x, y)`."""
    if len(arguments) != 3:
        fault = BadArguments("where", "a mask and 2 operands", str(len(arguments) or "none"))
        return ctx.report(fault, at.span)
    spans = [argument.span for argument in at.arguments]
    advice = "where x is positive: `y * step(x) + z * step(-x)`"
    mask = static(ctx, arguments[0], spans[0], "a mask", advice)
    x, y = (
        plain(ctx, value, span, "`where`")
        for value, span in zip(arguments[1:], spans[1:], strict=True)
    )
    if isinstance(mask, Broken) or isinstance(x, Broken) or isinstance(y, Broken):
        return BROKEN
    table = ctx.building(spans[0]).constant(np.asarray(mask.value, float))
    return _made(ctx, at, [x, y], lambda b, both: _where(b, table, *both), spans[1:])


def _keywords(
    ctx: Context, at: tree.Call, known: AxisFunction, given: list[Value]
) -> dict[str, Numbers] | Broken:
    """Return the keywords of a call, those that are not written at their defaults."""
    found = dict(known.keywords)
    for keyword, value in zip(at.keywords, given, strict=True):
        written = [other.name for other in at.keywords].count(keyword.name)
        if keyword.name not in found or written > 1:
            advice = "".join(f"it takes `{name}=0` once" for name in found)
            return ctx.report(BadKeyword(at.function.id, keyword.name, advice), keyword.span)
        number = static(ctx, value, keyword.value.span, "an axis")
        if isinstance(number, Broken):
            return BROKEN
        array = np.asarray(number.value, float)
        takes_one = len(known.keywords[keyword.name]) == 1
        is_list = array.ndim > 0 and takes_one
        if is_list or array.ndim > 1 or array.size == 0 or (array != array.round()).any():
            found_text = "an array" if array.shape else f"{number.value}".lower()
            fault = NotAnInteger("an axis", "an integer", found_text)
            return ctx.report(fault, keyword.value.span)
        found[keyword.name] = _listed(array)
    return found


def _made(
    ctx: Context,
    at: tree.Call,
    operands: Sequence[Static | Node],
    make: Callable[[Builder, Sequence[Node]], Node],
    spans: Sequence[Span] | None = None,
) -> Value:
    """Return what a function makes of operands; a static where all of them are."""
    places = [argument.span for argument in at.arguments] if spans is None else list(spans)
    nodes = tuple(ctx.node(value, span) for value, span in zip(operands, places, strict=False))
    try:
        made = make(ctx.building(at.span), nodes)
    except DimMismatch:
        return report_dims(ctx, nodes, tuple(places[: len(nodes)]))
    except ShapeMismatch as error:
        shapes = " and ".join(show_shape(node.shape) for node in nodes)
        return ctx.report(BadIndex(f"`{at.function.id}`", shapes, str(error)), at.span)
    if not all(isinstance(value, Static) for value in operands):
        return made
    known = as_static(made)
    return ctx.report(NoNumber("overflow"), at.span) if known is None else known


def _listed(array: axes.Array) -> Numbers:
    """Return a static array of integers.

    Raises:
        ShapeMismatch: It is none.
    """
    flat = np.atleast_1d(array)
    if flat.ndim > 1 or (flat != flat.round()).any():
        raise ShapeMismatch("a list of integers is wanted")
    return tuple(int(number) for number in flat)
