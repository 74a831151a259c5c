"""Executes statements: bindings, outputs, readouts, static loops and conditions."""

from typing import assert_never

import numpy as np

from tpc.diagnostics import Span
from tpc.diagnostics.name_faults import BoundTwice, TooDeep, UnknownMember
from tpc.diagnostics.program_faults import SecondDialect, UnknownDialect
from tpc.diagnostics.sort_faults import WrongSort
from tpc.program.checking import statics
from tpc.program.checking.declarations import (
    declare_const,
    declare_depth,
    declare_dim,
    declare_matrices,
    declare_param,
    declare_scalars,
    declare_vectors,
)
from tpc.program.checking.depths import RoundsOf
from tpc.program.checking.expressions.definitions import define
from tpc.program.checking.expressions.evaluate import evaluate, truth
from tpc.program.checking.loop_scopes import LoopScope
from tpc.program.checking.names import Draft, key_tuple, member, written
from tpc.program.checking.sorts import plain, static, vector
from tpc.program.checking.survey import names_bound, statements_within
from tpc.program.checking.values import (
    BROKEN,
    Broken,
    Family,
    ReadoutName,
    Static,
    StaticValue,
    Value,
    describe,
)
from tpc.program.nodes import Node
from tpc.program.program import DIALECTS, Output, OutputKind
from tpc.syntax import tree


def execute(draft: Draft, at: tree.Statement) -> None:
    """Execute a statement.

    Raises:
        Overlong: The program does not end within so many statements.
    """
    draft.ctx.step(at.span)
    try:
        if draft.network is None or not draft.network(at):
            _execute(draft, at)
    except RecursionError:
        draft.ctx.report(TooDeep(), at.span)
        give_up(draft, (at,))


def _execute(draft: Draft, at: tree.Statement) -> None:
    match at:
        case tree.Assign():
            _assign(draft, at)
        case tree.Output(value=None):
            _output(draft, at)
        case tree.Output(value=expression):
            assert expression is not None
            _bind_output(draft, at, expression)
        case tree.Readout():
            _readout(draft, at)
        case tree.For():
            _loop(draft, at)
        case tree.If():
            _condition(draft, at)
        case tree.VectorDecl() | tree.NoiseDecl():
            declare_vectors(draft, at)
        case tree.MatrixDecl():
            declare_matrices(draft, at)
        case tree.ScalarDecl():
            declare_scalars(draft, at)
        case tree.DimDecl():
            declare_dim(draft, at)
        case tree.DepthDecl():
            declare_depth(draft, at)
        case tree.ConstDecl():
            declare_const(draft, at)
        case tree.ParamDecl():
            declare_param(draft, at)
        case tree.Def():
            _define(draft, at)
        case tree.Title(text=text):
            draft.title = text
        case tree.Dialect(name=name):
            _declare_dialect(draft, name, at.span)
        case (
            tree.InputDecl()
            | tree.WeightDecl()
            | tree.OptimizerDef()
            | tree.Train()
            | tree.TrainLine()
        ):
            raise AssertionError("a file with this statement is a network")
        case _:
            assert_never(at)


def _declare_dialect(draft: Draft, name: tree.Name, span: Span) -> None:
    if name.id not in DIALECTS:
        draft.ctx.report(UnknownDialect(name.id), name.span)
    elif draft.dialect is not None:
        draft.ctx.report(SecondDialect(), span)
    else:
        draft.dialect = name


def _define(draft: Draft, at: tree.Def) -> None:
    definition = define(draft.ctx, at)
    if draft.names.free(at.name):
        draft.names.bind_local(at.name, definition)


# ----------------------------------------------------------------------------------------- bindings


def _value(draft: Draft, at: tree.Expression) -> Static | Node | Broken:
    return plain(draft.ctx, evaluate(draft.ctx, at), at.span, "a name")


def _bind(
    draft: Draft, target: tree.Target, value: Value | ReadoutName, local: bool = False
) -> str:
    """Bind a target; return how results show it, or the empty string where that failed."""
    names, ctx = draft.names, draft.ctx
    if not target.keys:
        if not names.free(target.name):
            return ""
        if local:
            assert not isinstance(value, ReadoutName)
            return names.bind_local(target.name, value)
        names.bind(target.name, value)
        return target.name.id
    family = names.family(target.name, len(target.keys))
    keys = key_tuple(ctx, [(evaluate(ctx.counting(), key), key.span) for key in target.keys])
    if family is None:
        return ""
    if isinstance(keys, Broken):
        family.broken = True
        return ""
    bound = names.bind_member(family, keys, value, target.span)
    if bound and draft.depth_loops and isinstance(value, Node):
        draft.depth_loops[-1].bound[-1][target.name.id] = value
    return written(target.name.id, keys) if bound else ""


def _assign(draft: Draft, at: tree.Assign) -> None:
    value = _value(draft, at.value)
    name = _bind(draft, at.target, value, local=True)
    if name and not isinstance(value, Broken):
        draft.record(name, draft.ctx.node(value, at.value.span), at.span)


def _bind_output(draft: Draft, at: tree.Output, expression: tree.Expression) -> None:
    value = _value(draft, expression)
    name = _bind(draft, at.target, value)
    if name and not isinstance(value, Broken):
        node = draft.ctx.node(value, expression.span)
        draft.record(name, node, at.span)
        draft.outputs[name] = Output(name, _kind(node), node, at.span)


def _kind(node: Node) -> OutputKind:
    return OutputKind.VECTOR if node.is_vector else OutputKind.SCALAR


def _readout(draft: Draft, at: tree.Readout) -> None:
    ctx = draft.ctx
    advice = "a readout sums a vector over the width, as in `v * x`"
    if draft.network is None:
        advice = f"{advice}; `output` returns a scalar"
    value = vector(ctx, evaluate(ctx, at.value), at.value.span, "`readout`", advice)
    name = _bind(draft, at.target, BROKEN if isinstance(value, Broken) else ReadoutName(value))
    if name and not isinstance(value, Broken):
        draft.record(name, value, at.span)
        draft.outputs[name] = Output(name, OutputKind.READOUT, value, at.span)


def _output(draft: Draft, at: tree.Output) -> None:
    """Make an output of what is bound; a readout is one already."""
    target, ctx = at.target, draft.ctx
    entity = ctx.names.get(target.name.id)
    member_keys: tuple[int, ...] = ()
    found: Value | ReadoutName
    if isinstance(entity, Family):
        keys = key_tuple(ctx, [(evaluate(ctx.counting(), key), key.span) for key in target.keys])
        if isinstance(keys, Broken):
            return
        member_keys = keys
        found = member(ctx, entity, keys, target.span)
    elif target.keys and entity is not None and not isinstance(entity, Broken):
        text = target.span.text(ctx.shop.text)
        advice = f"`{target.name.id}` is no family; bind its part: `output part = {text}`"
        ctx.report(UnknownMember(text, advice), target.span)
        return
    elif isinstance(entity, ReadoutName):
        return
    else:
        found = evaluate(ctx, target.name)
    if isinstance(found, ReadoutName):
        return
    value = plain(ctx, found, target.span, "`output`")
    name = written(target.name.id, member_keys)
    if not isinstance(value, Broken):
        node = ctx.node(value, target.span)
        known = draft.outputs.setdefault(name, Output(name, _kind(node), node, at.span))
        if known.node is not node:
            ctx.report(BoundTwice(name, name, known.span.line), target.span)


# ------------------------------------------------------------------------------------------- blocks


def _loop(draft: Draft, at: tree.For) -> None:
    """Unroll a static loop; its variable is bound in its body only."""
    ctx, variable, names = draft.ctx, at.variable, draft.names
    items = _items(draft, at.iterable)
    if not names.free(variable) or isinstance(items, Broken):
        give_up(draft, at.body)
        return
    names.scopes.append(LoopScope(variable.id, at.span.line, len(items) > 1))
    depths, over = ctx.shop.depths, _depth_of(draft, at.iterable)
    depth = over if over in depths.counts else ""
    if depth:
        draft.depth_loops.append(RoundsOf(depth, at.span, items[0] != 0))
        depths.loops.append(draft.depth_loops[-1])
    keys = [item for item in items if isinstance(item, int)]
    keys = keys if len(keys) == len(items) else list(range(len(items)))
    for key, item in zip(keys, items, strict=True):
        ctx.step(at.span)
        names.bind(variable, Static(item))
        names.scopes[-1].key = key
        if depth:
            draft.depth_loops[-1].bound.append({})
        if over:
            depths.around.append((over, key))
        for statement in at.body:
            execute(draft, statement)
        if over:
            depths.around.pop()
        names.end_round()
    names.end_loop()
    if depth:
        draft.depth_loops.pop()
    ctx.names.pop(variable.id, None)


def _depth_of(draft: Draft, at: tree.Expression) -> str:
    """Return the depth L of `range(L)` or `range(L - 1, -1, -1)`, or the empty string."""
    depths = draft.ctx.shop.depths
    known = depths.counts.keys() | depths.numbers.keys()
    match at:
        case tree.Call(arguments=(tree.Name(id=name),)) if name in known:
            return name
        case tree.Call(arguments=(tree.Binary(operator="-", left=tree.Name(id=name)), _, _)):
            return name if name in known else ""
        case _:
            return ""


def _items(draft: Draft, at: tree.Expression) -> list[StaticValue] | Broken:
    advice = "loops are unrolled before run time: write `range(3)` or a static list"
    ctx = draft.ctx.counting() if _depth_of(draft, at) else draft.ctx
    value = static(draft.ctx, evaluate(ctx, at), at.span, "what a loop runs over", advice)
    if isinstance(value, Broken):
        return BROKEN
    if not isinstance(value.value, np.ndarray):
        advice = "write `range(3)` or a static list"
        fault = WrongSort("a loop", "a range or a list", describe(value), advice)
        return draft.ctx.report(fault, at.span)
    return [statics.settle(item) for item in value.value]


def _condition(draft: Draft, at: tree.If) -> None:
    """Execute the branch whose condition is the first to hold."""
    for branch in at.branches:
        holds = truth(draft.ctx, evaluate(draft.ctx, branch.condition), branch.condition.span)
        if isinstance(holds, Broken):
            give_up(draft, (at,))
            return
        if holds:
            for statement in branch.body:
                execute(draft, statement)
            return
    for statement in at.otherwise:
        execute(draft, statement)


def give_up(draft: Draft, statements: tuple[tree.Statement, ...]) -> None:
    """Make everything that statements would bind known but broken."""
    for statement in statements_within(statements):
        match statement:
            case tree.Assign(target=target) | tree.Readout(target=target):
                draft.names.give_up(target)
            case tree.Output(target=target, value=value):
                if value is not None:
                    draft.names.give_up(target)
            case tree.For():
                pass
            case _:
                for name in names_bound(statement)[:1]:
                    draft.names.give_up(tree.Target(name.span, name, ()))
