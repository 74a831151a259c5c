"""Declared optimizers: what a step makes of an entry of the gradient and of the states.

    optimizer heavy(g; m=0; beta=0.9):      gradient; states before the first step; options
        m = beta * m + g                    the name of a state means its newest value
        return m                            what is subtracted, times the learning rate

A block sees one entry of everything, so that the same graph serves kets, kernels of pairs and the
arrays of a finite network.
"""

from dataclasses import dataclass, field, replace

from tpc.diagnostics.name_faults import BoundTwice
from tpc.diagnostics.training_faults import BadOptimizer, NotEntrywise
from tpc.network.checking.draft import NetworkDraft
from tpc.network.checking.leaves import leaves
from tpc.network.network import UserOptimizer
from tpc.network.optimizers.table import ALL_RULES, COMMON_FLAGS, COMMON_OPTIONS
from tpc.program.checking.context import Context
from tpc.program.checking.expressions.evaluate import evaluate
from tpc.program.checking.sorts import number, plain
from tpc.program.checking.values import BROKEN, Broken, Entity, describe, show_shape
from tpc.program.nodes import Node, Placeholder
from tpc.syntax import tree

STEP = "t"
"""What the number of the step is called."""


@dataclass(slots=True)
class _Block:
    """The block of an optimizer while it is executed.

    Attributes:
        ctx: Sees the network's names and those of the optimizer, the latter first.
        own: All placeholders.
        lines: Where each name of the optimizer has been bound.
        updated: States that have been updated.
        direction: What is returned.
    """

    at: tree.OptimizerDef
    ctx: Context
    own: dict[str, Placeholder]
    lines: dict[str, int]
    updated: set[str] = field(default_factory=set)
    direction: Node | Broken | None = None

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
    states = []
    for state, start in zip(at.states, starts, strict=True):
        after = block.ctx.names[state.name]
        assert isinstance(after, Node | Broken)
        if isinstance(after, Node):
            states.append((block.own[state.name], start, after))
    return UserOptimizer(
        name=at.name.id,
        gradient=block.own[at.gradient.id],
        step=block.own[STEP],
        options=tuple(
            (block.own[option.name], default)
            for option, default in zip(at.options, defaults, strict=True)
        ),
        states=tuple(states),
        direction=block.direction,
        span=at.span,
    )


def _opened(ctx: Context, at: tree.OptimizerDef) -> _Block:
    """Return the block with the names of the header bound."""
    builder = ctx.building(at.span)
    own: dict[str, Placeholder] = {}
    lines: dict[str, int] = {}
    names = [(at.gradient.id, at.gradient.span), (STEP, at.name.span)]
    names += [(keyword.name, keyword.span) for keyword in (*at.states, *at.options)]
    reserved = {*COMMON_OPTIONS, *COMMON_FLAGS, "clip"}
    for name, span in names:
        if name in lines:
            ctx.report(BoundTwice(name, name, lines[name]), span)
        elif name in reserved:
            problem, hint = f"cannot call anything `{name}`", "every optimizer has this option"
            ctx.report(BadOptimizer(at.name.id, problem, hint), span)
        lines.setdefault(name, span.line)
        made = builder.make(Placeholder, (), (), name)
        assert isinstance(made, Placeholder)
        own[name] = made
    inner: dict[str, Entity] = {**ctx.names, **own}
    return _Block(at, replace(ctx, names=inner), own, lines)


def _number(ctx: Context, at: tree.Keyword, what: str) -> float:
    """Return a static number; 0 where it is none, which has been reported."""
    known = number(ctx, evaluate(ctx, at.value), at.value.span, what, NotEntrywise)
    return 0.0 if isinstance(known, Broken) else known


def _execute(block: _Block, line: tree.Assign | tree.Return) -> None:
    if block.direction is not None:
        block.ctx.report(
            BadOptimizer(block.at.name.id, "goes on behind its `return`", "end with `return`"),
            line.span,
        )
        return
    value = _entry(block, line.value)
    if isinstance(line, tree.Return):
        block.direction = value
        return
    name = line.target.name
    if line.target.keys:
        block.report("binds a family", "bind a plain name", name)
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


def _entry(block: _Block, at: tree.Expression) -> Node | Broken:
    """Return a number made of what an optimizer sees."""
    ctx = block.ctx
    value = plain(ctx, evaluate(ctx, at), at.span, "an optimizer")
    if isinstance(value, Broken):
        return BROKEN
    node = ctx.node(value, at.span)
    if node.shape and node.is_scalar:
        return ctx.report(NotEntrywise(f"an array of shape {show_shape(node.shape)}"), at.span)
    strange = next((leaf for leaf in leaves(node) if leaf not in block.own.values()), None)
    if strange is not None:
        found = describe(strange) if strange is node else f"made of {describe(strange)}"
        return ctx.report(NotEntrywise(found), at.span)
    return node


def _check_whole(block: _Block) -> None:
    """Report a missing `return`, and states that never change."""
    if block.direction is None:
        block.report("returns nothing", "end its block with `return m`, what is subtracted")
        return
    for state in block.at.states:
        if state.name not in block.updated:
            hint = f"update it, `{state.name} = ...`, or make it an option, behind a second `;`"
            place = tree.Name(state.span, state.name)
            block.report(f"never updates its state `{state.name}`", hint, place)
