"""Declared optimizers: what a step makes of an entry of the gradient and of the states.

    optimizer heavy(g; m=0; beta=0.9):      gradient; states before the first step; options
        m = beta * m + g                    the name of a state means its newest value
        return m                            what is subtracted, times the learning rate

A block sees one entry of everything, so that the same graph serves kets, kernels of pairs and the
arrays of a finite network. With `matrix g` it sees operators (`operator_blocks.py`).
"""

from dataclasses import dataclass, field, replace

import numpy as np

from tpc.diagnostics.name_faults import BoundTwice
from tpc.diagnostics.training_faults import BadOptimizer, NotEntrywise
from tpc.network.checking.draft import NetworkDraft
from tpc.network.checking.leaves import leaves
from tpc.network.checking.operator_blocks import (
    GRADIENT,
    OperatorExpressions,
    sides_of_states,
)
from tpc.network.network import OperatorBlock, Sides, UserOptimizer
from tpc.network.optimizers.table import ALL_RULES, COMMON_FLAGS, COMMON_OPTIONS
from tpc.program.checking import statics
from tpc.program.checking.context import Context
from tpc.program.checking.expressions.evaluate import evaluate
from tpc.program.checking.names import Names, key_tuple
from tpc.program.checking.sorts import number, plain, static
from tpc.program.checking.values import BROKEN, Broken, Entity, Static, describe, show_shape
from tpc.program.nodes import Node, Placeholder
from tpc.syntax import tree

STEP = "t"
"""What the number of the step is called."""

LR, SHAPE_SCALE = "lr", "shape_scale"
"""What blocks of operators call the learning rate and sqrt(rows / columns)."""


@dataclass(slots=True)
class _Block:
    """The block of an optimizer while it is executed.

    Attributes:
        ctx: Sees the network's names and those of the optimizer, the latter first.
        own: All placeholders.
        lines: Where each name of the optimizer has been bound.
        updated: States that have been updated.
        direction: What is returned.
        operators: Evaluates expressions of operators, where the block sees the gradient as one.
    """

    at: tree.OptimizerDef
    ctx: Context
    own: dict[str, Placeholder]
    lines: dict[str, int]
    updated: set[str] = field(default_factory=set)
    direction: Node | Broken | None = None
    operators: OperatorExpressions | None = None

    def report(self, problem: str, hint: str, place: tree.Name | None = None) -> Broken:
        """Report what is wrong with the optimizer."""
        span = place.span if place else self.at.span
        return self.ctx.report(BadOptimizer(self.at.name.id, problem, hint), span)


def declare_optimizer(network: NetworkDraft, at: tree.OptimizerDef) -> None:
    """Declare an optimizer; a faulty one is known, so that its use is silent."""
    ctx, name = network.draft.ctx, at.name.id
    if name in network.optimizers:
        ctx.report(BoundTwice(name, name, network.optimizer_lines[name]), at.name.span)
        return
    network.optimizer_lines[name] = at.name.span.line
    before = len(ctx.shop.reports.found)
    found = _optimizer(ctx, at)
    network.optimizers[name] = found if len(ctx.shop.reports.found) == before else None


def _optimizer(ctx: Context, at: tree.OptimizerDef) -> UserOptimizer | None:
    if at.name.id in ALL_RULES:
        hint = "choose another name: this optimizer is built in"
        ctx.report(BadOptimizer(at.name.id, "is declared a second time", hint), at.name.span)
    block = _opened(ctx, at)
    starts = [_number(ctx, state, "the first value of a state") for state in at.states]
    defaults = [_number(ctx, option, "the default of an option") for option in at.options]
    for line in at.body:
        _execute(block, line)
    _check_whole(block)
    if not isinstance(block.direction, Node):
        return None
    named = [(state.name, start) for state, start in zip(at.states, starts, strict=True)]
    after = {name: block.ctx.names[name] for name, _ in named}
    return UserOptimizer(
        name=at.name.id,
        gradient=block.own[at.gradient.id],
        step=block.own[STEP],
        options=tuple(
            (block.own[option.name], default)
            for option, default in zip(at.options, defaults, strict=True)
        ),
        states=tuple(
            (block.own[name], start, node)
            for name, start in named
            if isinstance(node := after[name], Node)
        ),
        direction=block.direction,
        span=at.span,
        block=_operator_block(block),
    )


def _operator_block(block: _Block) -> OperatorBlock | None:
    """Return what the block does to operators, where it sees the gradient as one."""
    found = block.operators
    if found is None:
        return None
    sides = tuple(found.sides.get(block.own[state.name]) for state in block.at.states)
    return OperatorBlock(tuple(found.steps), sides, block.own[LR], block.own[SHAPE_SCALE])


def _opened(ctx: Context, at: tree.OptimizerDef) -> _Block:
    """Return the block with the names of the header bound."""
    builder = ctx.building(at.span)
    own: dict[str, Placeholder] = {}
    lines: dict[str, int] = {}
    names = [(at.gradient.id, at.gradient.span), (STEP, at.name.span)]
    names += [(keyword.name, keyword.span) for keyword in (*at.states, *at.options)]
    if at.of_operators:
        names += [(word, at.name.span) for word in (LR, SHAPE_SCALE)]
    reserved = {*COMMON_OPTIONS, *COMMON_FLAGS, "clip"}
    for name, span in names:
        if name in lines:
            ctx.report(BoundTwice(name, name, lines[name]), span)
        elif name in reserved and span != at.name.span:
            problem, hint = f"cannot call anything `{name}`", "every optimizer has this option"
            ctx.report(BadOptimizer(at.name.id, problem, hint), span)
        lines.setdefault(name, span.line)
        made = builder.make(Placeholder, (), (), name)
        assert isinstance(made, Placeholder)
        own[name] = made
    inner: dict[str, Entity] = {**ctx.names, **own}
    block = _Block(at, replace(ctx, names=inner), own, lines)
    if at.of_operators:
        sides: dict[Node, Sides] = {own[at.gradient.id]: GRADIENT}
        sides |= {own[name]: found for name, found in sides_of_states(at).items() if found}
        block.operators = OperatorExpressions(
            at.name.id, block.ctx, lambda number: _entry(block, number), sides
        )
    return block


def _number(ctx: Context, at: tree.Keyword, what: str) -> float:
    """Return a static number; 0 where it is none, which has been reported."""
    known = number(ctx, evaluate(ctx, at.value), at.value.span, what, NotEntrywise)
    return 0.0 if isinstance(known, Broken) else known


def _execute(block: _Block, line: tree.Syntax) -> None:
    if isinstance(line, tree.For):
        _loop(block, line)
        return
    assert isinstance(line, tree.Assign | tree.Return)
    if block.direction is not None:
        block.ctx.report(
            BadOptimizer(block.at.name.id, "goes on behind its `return`", "end with `return`"),
            line.span,
        )
        return
    value = block.operators.value(line.value) if block.operators else _entry(block, line.value)
    if isinstance(line, tree.Return):
        block.direction = value
        return
    name = line.target.name
    if line.target.keys:
        _bind_member(block, line.target, value)
    elif name.id in {state.name for state in block.at.states} - block.updated:
        block.updated.add(name.id)
        block.lines[name.id] = name.span.line
        block.ctx.names[name.id] = value
    elif name.id in block.lines:
        fault = BoundTwice(name.id, name.id, block.lines[name.id])
        block.ctx.report(fault, name.span)
    else:
        block.lines[name.id] = name.span.line
        block.ctx.names[name.id] = value


def _bind_member(block: _Block, target: tree.Target, value: Node | Broken) -> None:
    """Bind a member of a family."""
    ctx, names = block.ctx, Names(block.ctx)
    names.lines.update(block.lines)
    if target.name.id in block.lines:
        block.report("binds a family", "bind a plain name", target.name)
        return
    keys = key_tuple(ctx, [(evaluate(ctx, key), key.span) for key in target.keys])
    family = names.family(target.name, len(target.keys))
    if family is not None and not isinstance(keys, Broken):
        names.bind_member(family, keys, value, target.span)


def _loop(block: _Block, at: tree.For) -> None:
    """Write a loop out; plain names that a round binds end with it, but for states."""
    ctx, variable = block.ctx, at.variable
    items = static(ctx, evaluate(ctx, at.iterable), at.iterable.span, "what a loop runs over")
    if isinstance(items, Broken):
        return
    outer = {**block.lines, **dict.fromkeys((state.name for state in block.at.states), 0)}
    for item in np.atleast_1d(items.value):
        ctx.step(at.span)
        ctx.names[variable.id] = Static(statics.settle(item))
        for line in at.body:
            _execute(block, line)
        for name in block.lines.keys() - outer.keys():
            del block.lines[name], ctx.names[name]
    ctx.names.pop(variable.id, None)


def _entry(block: _Block, at: tree.Expression) -> Node | Broken:
    """Return a number made of what an optimizer sees."""
    ctx = block.ctx
    value = plain(ctx, evaluate(ctx, at), at.span, "an optimizer")
    if isinstance(value, Broken):
        return BROKEN
    node = ctx.node(value, at.span)
    if node.shape and node.is_scalar:
        return ctx.report(NotEntrywise(f"an array of shape {show_shape(node.shape)}"), at.span)
    made = block.operators.numbers if block.operators else []
    known = {*block.own.values(), *made} - set(block.operators.sides if block.operators else ())
    strange = next((leaf for leaf in leaves(node) if leaf not in known), None)
    if strange is not None:
        found = describe(strange) if strange is node else f"made of {describe(strange)}"
        return ctx.report(NotEntrywise(found), at.span)
    return node


def _check_whole(block: _Block) -> None:
    """Report a missing `return`, and states that never change."""
    if block.direction is None:
        block.report("returns nothing", "end its block with `return m`, what is subtracted")
        return
    if block.operators:
        _check_operators(block, block.operators)
    for state in block.at.states:
        if state.name not in block.updated:
            hint = f"update it, `{state.name} = ...`, or make it an option, behind a second `;`"
            place = tree.Name(state.span, state.name)
            block.report(f"never updates its state `{state.name}`", hint, place)


def _check_operators(block: _Block, operators: OperatorExpressions) -> None:
    """Report a direction that is not like the gradient, and states that change their sides."""
    direction = block.direction
    if isinstance(direction, Node) and operators.sides.get(direction) != GRADIENT:
        gradient = block.at.gradient.id
        block.report("returns no operator like its gradient", f"return one like `{gradient}`")
    for state in block.at.states:
        before, after = block.own[state.name], block.ctx.names[state.name]
        if not isinstance(after, Node):
            continue
        sides, place = operators.sides.get(before), tree.Name(state.span, state.name)
        if operators.sides.get(after) != sides or (sides and sides.shifted):
            hint = "a state is an operator of two sides, or a number"
            block.report(f"gives its state `{state.name}` other sides", hint, place)
        elif sides and getattr(state.value, "value", None) != 0:
            block.report(f"starts its operator `{state.name}` at a number", "start at 0", place)
