"""`f'(x)`, `f''(x)`: f is built at a placeholder z, differentiated there, and moved to x.

    df/dz = sum over the operands u of f of  (partial f / partial u) du/dz

Nodes are visited in the order in which they were made, which is topological; terms with a zero
factor are dropped. A function is elementwise where every operation between z and f is.
"""

from tpc.diagnostics.function_faults import BadArguments, HoldsDelta, NotElementwise
from tpc.functions import BUILT_IN, DEFINED, FUNCTIONS
from tpc.program.builder import Builder
from tpc.program.checking.context import Context
from tpc.program.checking.expressions.defaults import as_static
from tpc.program.checking.expressions.definitions import Evaluate, inline
from tpc.program.checking.sorts import plain
from tpc.program.checking.values import BROKEN, Broken, Definition, Static, Value
from tpc.program.nodes import Constant, Elementwise, Node, operands
from tpc.program.partials import call, partial
from tpc.program.traversal import dependents, toposort
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
    if definition is None and name not in BUILT_IN and name not in DEFINED:
        return ctx.report(NotElementwise(name, "it is not elementwise"), at.function.span)
    arity = _arity(name) if definition is None else len(definition.parameters)
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


def _arity(name: str) -> int:
    return FUNCTIONS[name].arity if name in FUNCTIONS else 1


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
        body: Value = call(builder, name, variable)
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


class NotElementwiseGraph(ValueError):
    """An operation between the placeholder and the result mixes entries."""


def between(made: list[Node], body: Node, argument: Node) -> list[Node]:
    """Return what lies between a placeholder and `body`, both ends included, in order.

    Args:
        made: All nodes made since the placeholder, which comes first.
        body: The result.
        argument: The placeholder.
    """
    forward = dependents(made, lambda node: node is argument)
    return toposort({body} & forward, lambda node: [x for x in operands(node) if x in forward])


def derivative(builder: Builder, body: Node, argument: Node, start: int) -> Node:
    """Return d body / d argument, with the coordinates and the shape of `body`.

    Args:
        builder: Made the graph, and makes the derivative.
        body: An elementwise expression of the argument.
        argument: The placeholder.
        start: The place of the argument in `builder.nodes`.

    Raises:
        NotElementwiseGraph: The body is not elementwise in the argument.
        NotDifferentiable: It holds a delta.
    """
    tangents: dict[Node, Node] = {argument: builder.number(1)}
    for node in between(builder.nodes[start:], body, argument):
        if node is argument:
            continue
        if not isinstance(node, Elementwise):
            raise NotElementwiseGraph(type(node).__name__)
        tangent = _tangent(builder, node, tangents)
        if tangent is not None:
            tangents[node] = tangent
    return _filled(builder, tangents.get(body, builder.number(0)), argument, body)


def substituted(builder: Builder, body: Node, argument: Node, start: int, value: Node) -> Node:
    """Return an elementwise body with the placeholder replaced."""
    replaced: dict[Node, Node] = {argument: value}
    for node in between(builder.nodes[start:], body, argument):
        if isinstance(node, Elementwise):
            inner = tuple(replaced.get(operand, operand) for operand in node.operands)
            replaced[node] = builder.apply(node.function, *inner)
    return replaced.get(body, body)


def holds_delta(builder: Builder, body: Node, argument: Node, start: int) -> bool:
    """Whether a delta of the argument occurs in an elementwise body."""
    return any(
        isinstance(node, Elementwise) and node.function == "delta"
        for node in between(builder.nodes[start:], body, argument)
    )


def _tangent(builder: Builder, node: Elementwise, tangents: dict[Node, Node]) -> Node | None:
    total: Node | None = None
    for slot, operand in enumerate(node.operands):
        inner = tangents.get(operand)
        if inner is None:
            continue
        outer = partial(builder, node.function, node.operands, slot)
        if _is_zero(outer) or _is_zero(inner):
            continue
        term = builder.mul(outer, inner)
        total = term if total is None else builder.add(total, term)
    return total


def _filled(builder: Builder, found: Node, argument: Node, body: Node) -> Node:
    """Give a derivative that is constant in some axis that axis, as broadcasting would."""
    for like in (argument, body):
        if found.coords == body.coords and found.shape == body.shape:
            break
        found = builder.apply("add", found, builder.mul(builder.number(0), like))
    return found


def _is_zero(node: Node) -> bool:
    return isinstance(node, Constant) and not node.value.any()
