"""`f'(x)`, `f''(x)`: f is built at a placeholder, differentiated there, and moved to x."""

from tpc.diagnostics.function_faults import BadArguments, HoldsDelta, NotElementwise
from tpc.functions import BUILT_IN, FUNCTIONS
from tpc.program.checking.context import Context
from tpc.program.checking.expressions.defaults import as_static
from tpc.program.checking.expressions.definitions import Evaluate, inline
from tpc.program.checking.expressions.differentiate import (
    NotElementwiseGraph,
    derivative,
    holds_delta,
    substituted,
)
from tpc.program.checking.sorts import plain
from tpc.program.checking.values import BROKEN, Broken, Definition, Static, Value
from tpc.program.nodes import Node
from tpc.syntax import tree


def call_derivative(
    ctx: Context,
    at: tree.Call,
    definition: Definition | None,
    arguments: list[Value],
    evaluate: Evaluate,
) -> Value:
    """Return the value of a primed call.

    Args:
        ctx: Where.
        at: The call, with at least one prime.
        definition: What is called, or None for a built-in function.
        arguments: Its evaluated arguments.
        evaluate: Evaluates the body of a `def`.
    """
    name = at.function.id
    if definition is None and name not in BUILT_IN:
        return ctx.report(NotElementwise(name, "it is not elementwise"), at.function.span)
    arity = FUNCTIONS[name].arity if definition is None else len(definition.parameters)
    if arity != 1:
        why = f"it has {arity} arguments" if arity else "it has no argument"
        return ctx.report(NotElementwise(name, why), at.function.span)
    if len(arguments) != 1:
        fault = BadArguments(f"{name}{at.primes * chr(39)}", "1 argument", str(len(arguments)))
        return ctx.report(fault, at.span)
    argument = plain(ctx, arguments[0], at.arguments[0].span, f"`{name}{at.primes * chr(39)}`")
    if isinstance(argument, Broken):
        return BROKEN
    found = _differentiated(ctx, at, definition, ctx.node(argument, at.span), evaluate)
    if isinstance(argument, Static) and isinstance(found, Node):
        return as_static(found) or found
    return found


def _differentiated(
    ctx: Context,
    at: tree.Call,
    definition: Definition | None,
    argument: Node,
    evaluate: Evaluate,
) -> Value:
    name, shop = at.function.id, ctx.shop
    builder = ctx.building(at.span)
    shop.placeholders += 1
    start = len(builder.nodes)
    variable = builder.placeholder(argument, f"{name} {shop.placeholders}")
    if definition is None:
        body: Value = builder.apply(name, variable)
    else:
        body = inline(ctx, definition, (variable,), at.span, evaluate)
    if isinstance(body, Static):
        body = ctx.node(body, at.span)
    if isinstance(body, Broken):
        return BROKEN
    if not isinstance(body, Node):
        return ctx.report(NotElementwise(name, "it returns a matrix"), at.function.span)
    ctx.building(at.span)
    for _ in range(at.primes):
        try:
            body = derivative(builder, body, variable, start)
        except NotElementwiseGraph:
            return ctx.report(NotElementwise(name, "it is not elementwise"), at.function.span)
        if holds_delta(builder, body, variable, start):
            return ctx.report(HoldsDelta(f"{name}{at.primes * chr(39)}"), at.span)
    return substituted(builder, body, variable, start, argument)
