"""`def`: checked where it stands, inlined where it is called.

A body sees its parameters and the names bound before it, so its names are resolved once, at the
`def`; sorts, dims and shapes are those of the arguments and are checked at each call.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from tpc.diagnostics import Span
from tpc.diagnostics.function_faults import BadArguments, Recursion
from tpc.diagnostics.name_faults import BoundTwice
from tpc.program.checking.context import Context
from tpc.program.checking.expressions.calls import CALLABLE, CONSTANTS, NEW_AXIS
from tpc.program.checking.values import BROKEN, Definition, Entity, ScaledMatrix, Static, Value
from tpc.syntax import tree

Evaluate: TypeAlias = Callable[[Context, tree.Expression], Value]
"""`tpc.program.checking.expressions.evaluate.evaluate`, which a body is handed to."""


def define(ctx: Context, at: tree.Def) -> Definition:
    """Check the names of a `def` and return it."""
    parameters = tuple(parameter.id for parameter in at.parameters)
    sound = True
    for index, parameter in enumerate(at.parameters):
        if parameter.id in parameters[:index]:
            fault = BoundTwice(parameter.id, parameter.id, parameter.span.line)
            ctx.report(fault, parameter.span)
            sound = False
    sees: dict[str, Entity] = {}
    for name, called, coordinates in _names_within(at.body):
        if name.id in parameters or name.id in coordinates:
            continue
        if name.id in ctx.names:
            sees[name.id] = ctx.names[name.id]
        elif called and name.id == at.name.id:
            ctx.report(Recursion(name.id), name.span)
            sound = False
        elif name.id not in (*CONSTANTS, NEW_AXIS) and not (called and name.id in CALLABLE):
            ctx.unknown(name.id, name.span, CALLABLE if called else ())
            sound = False
    return Definition(at.name.id, parameters, at.body, sees, sound, at.span)


def inline(
    ctx: Context,
    definition: Definition,
    arguments: tuple[Value, ...],
    span: Span,
    evaluate: Evaluate,
) -> Value:
    """Return the value of a body with the arguments for its parameters.

    Args:
        ctx: Where the call stands.
        definition: What is called.
        arguments: Evaluated arguments.
        span: The place of the call.
        evaluate: Evaluates the body.
    """
    if len(arguments) != len(definition.parameters):
        count = len(definition.parameters)
        wanted = "1 argument" if count == 1 else f"{count} arguments"
        return ctx.report(BadArguments(definition.name, wanted, str(len(arguments))), span)
    if not definition.sound:
        return BROKEN
    key = (definition, *(_identity(argument) for argument in arguments))
    if key not in ctx.shop.inlined:
        ctx.step(span)
        inner = ctx.inside_definition(definition, arguments, span)
        ctx.shop.inlined[key] = evaluate(inner, definition.body)
    return ctx.shop.inlined[key]


def _identity(value: Value) -> object:
    """Return what makes two arguments the same."""
    match value:
        case Static(value=np.ndarray() as array):
            return (array.shape, array.tobytes())
        case Static(value=number):
            return (type(number), number)
        case ScaledMatrix():
            return (value.matrix, value.transposed, _identity(value.scale))
        case _:
            return value


def _names_within(
    body: tree.Expression,
) -> list[tuple[tree.Name, bool, tuple[str, ...]]]:
    """Return the names of a body in order: whether each is called, and what `mean`s bind there."""
    found: list[tuple[tree.Name, bool, tuple[str, ...]]] = []
    waiting: list[tuple[tree.Syntax, bool, tuple[str, ...]]] = [(body, False, ())]
    while waiting:
        part, called, coordinates = waiting.pop()
        function = part.function if isinstance(part, tree.Call) else None
        if isinstance(part, tree.Name):
            found.append((part, called, coordinates))
        elif isinstance(part, tree.Mean):
            coordinates += tuple(name.id for name in part.coordinates)
        inside = reversed(tree.children(part))
        waiting += [(child, child is function, coordinates) for child in inside]
    return found
