"""`split(x, k)` and `merge(x)`: between a dim k n' and the dim n' with an axis of length k."""

from tpc.diagnostics.function_faults import BadArguments
from tpc.diagnostics.sort_faults import NoSuchPart
from tpc.program.checking.context import Context
from tpc.program.checking.sorts import integer, vector
from tpc.program.checking.values import BROKEN, Broken, Value
from tpc.program.nodes import Node
from tpc.syntax import tree


def divide(ctx: Context, at: tree.Call, arguments: list[Value]) -> Value:
    """Return a vector in parts, or put together."""
    name, count = at.function.id, 1 + (at.function.id == "split")
    if len(arguments) != count:
        example = "`split(x, 4)`" if count == 2 else "`merge(x)`"
        found = str(len(arguments) or "none")
        return ctx.report(BadArguments(name, f"{count} arguments, {example}", found), at.span)
    spans = [argument.span for argument in at.arguments]
    x = vector(ctx, arguments[0], spans[0], f"`{name}`", "")
    if isinstance(x, Broken):
        return BROKEN
    if name == "split":
        parts = integer(ctx, arguments[1], spans[1], "the number of parts", "at least 1", 1)
        return BROKEN if isinstance(parts, Broken) else _split(ctx, at, x, parts)
    if not x.shape:
        return ctx.report(BadArguments(name, "a vector with a first axis", "one without"), at.span)
    dim = _dim_of(ctx, at, x.dim, x.shape[0], 1)
    return BROKEN if isinstance(dim, Broken) else ctx.building(at.span).merge(x, dim)


def _split(ctx: Context, at: tree.Call, x: Node, parts: int) -> Value:
    dim = _dim_of(ctx, at, x.dim, 1, parts)
    return BROKEN if isinstance(dim, Broken) else ctx.building(at.span).split(x, parts, dim)


def _dim_of(ctx: Context, at: tree.Call, dim: str, times: int, parts: int) -> str | Broken:
    """Return the dim that is a multiple or a part of another one."""
    dims = ctx.shop.dims
    wanted = dims[dim].ratio * times / parts
    found = next((name for name, known in dims.items() if known.ratio == wanted), None)
    ratio = f"{times} * {dim}" if parts == 1 else f"{dim} / {parts}"
    if found is None:
        fault = NoSuchPart("is no dim of the file", ratio, f"declare it: `dim k = {ratio}`")
        return ctx.report(fault, at.span)
    whole, count = (dim, parts) if parts > 1 else (found, times)
    if ctx.shop.parts.setdefault(whole, count) != count:
        known = f"`{whole}` has {ctx.shop.parts[whole]} parts elsewhere"
        hint = "split it in one way, and the parts by `reshape`"
        return ctx.report(NoSuchPart(f"cannot be made: {known}", ratio, hint), at.span)
    return found
