"""`schedule warmup(10), cosine(100, floor=0.1)`: a factor of every learning rate at step t.

warmup(k)         min(1, (t + 1) / k)
cosine(T, floor)  from 1 to `floor` over T steps from the end of warmup, as a cosine
linear(T, floor)  the same along a line
wsd(T1, T2)       1 for T1 steps from the end of warmup, then along a line to 0 over T2
step(S, gamma)    gamma to the number of steps in the list S that have come
a list            one factor a step; the last one stays
otherwise         an expression in `t`
"""

from collections.abc import Sequence

import numpy as np

from tpc.diagnostics.training_faults import BadSetting
from tpc.network.checking.draft import NetworkDraft, TrainBlock
from tpc.network.checking.steps import setting_of_steps, time_of
from tpc.program.builder import Builder
from tpc.program.checking.context import Context
from tpc.program.checking.expressions.defaults import at_defaults
from tpc.program.checking.expressions.evaluate import evaluate
from tpc.program.checking.laws import parametric
from tpc.program.checking.sorts import flag, static
from tpc.program.checking.values import BROKEN, Broken
from tpc.program.nodes import Node
from tpc.syntax import tree

FORM = "`schedule warmup(10), cosine(100, floor=0.1)`, or `schedule [1, 0.5, 0.25]`"

ARGUMENTS = {
    "warmup": ("k",),
    "cosine": ("T", "floor"),
    "linear": ("T", "floor"),
    "wsd": ("T1", "T2"),
    "step": ("steps", "gamma"),
}
"""The named factors with their arguments."""


def schedule(network: NetworkDraft, block: TrainBlock, at: tree.Schedule) -> None:
    """Set the schedule of a block."""
    ctx = network.draft.ctx
    for option in at.options:
        if option.name != "decay":
            _refuse(ctx, option, "factors, and `decay=true`", f"`{option.name}`")
            continue
        value = evaluate(ctx, option.value)
        asked = flag(ctx, value, option.value.span, lambda x: _fault("`decay=true`", x))
        block.schedules_decay = asked is True
    factors = [_factor(ctx, factor, at.factors) for factor in at.factors]
    b = ctx.building(at.span)
    total = b.number(1)
    for factor in factors:
        if isinstance(factor, Broken):
            return
        total = b.mul(total, factor)
    block.schedule = total


def _factor(ctx: Context, at: tree.Expression, among: Sequence[tree.Expression]) -> Node | Broken:
    match at:
        case tree.Call(function=tree.Name(id=name), primes=0) if _is_named(ctx, at):
            given = _arguments(ctx, at, ARGUMENTS[name])
            if isinstance(given, Broken):
                return BROKEN
            start = _end_of_warmup(ctx, among)
            return BROKEN if isinstance(start, Broken) else _named(ctx, at, given, start)
        case tree.Array():
            return _listed(ctx, at)
        case tree.Name() if at.id in ctx.names or at.id == "t":
            known = ctx.names.get(at.id)
            listed = getattr(known, "shape", ()) != ()
            return _listed(ctx, at) if listed else setting_of_steps(ctx, "schedule", at, FORM)
        case tree.Name():
            return _refuse(ctx, at, "factors of the learning rate", f"`{at.id}`")
        case _:
            return setting_of_steps(ctx, "schedule", at, FORM)


def _is_named(ctx: Context, at: tree.Call) -> bool:
    """Whether a call is of a factor by its name; `step(t - 3)` is the function."""
    name = at.function.id
    if name not in ARGUMENTS or name in ctx.names:
        return False
    return name != "step" or len(at.arguments) + len(at.keywords) > 1


def _arguments(ctx: Context, at: tree.Call, names: tuple[str, ...]) -> dict[str, Node] | Broken:
    """Return the arguments of a named factor, numbers; `floor` is 0 unless it is given."""
    form = f"`{at.function.id}({', '.join(names)})`"
    found: dict[str, Node] = {}
    given = [*zip(names, at.arguments, strict=False), *((x.name, x.value) for x in at.keywords)]
    if len(at.arguments) > len(names):
        return ctx.report(BadSetting("schedule", form, "more arguments", form), at.span)
    for name, value in given:
        if name not in names or name in found:
            return ctx.report(BadSetting("schedule", form, f"`{name}`", form), value.span)
        node = _listed_steps(ctx, value) if name == "steps" else parametric(ctx, value, f"`{name}`")
        if isinstance(node, Broken):
            return BROKEN
        fault = _problem(name, node)
        if fault:
            return ctx.report(
                BadSetting("schedule", f"{fault} as `{name}`", "this", form), value.span
            )
        found[name] = node
    if "floor" in names:
        found.setdefault("floor", ctx.shop.builder.number(0))
    missing = [name for name in names if name not in found]
    if missing:
        return ctx.report(
            BadSetting("schedule", form, f"one without `{missing[0]}`", form), at.span
        )
    return found


def _listed_steps(ctx: Context, at: tree.Expression) -> Node | Broken:
    known = static(ctx, evaluate(ctx, at), at.span, "a list of steps")
    return known if isinstance(known, Broken) else ctx.node(known, at.span)


def _problem(name: str, node: Node) -> str:
    """Return what an argument should be, or the empty string."""
    value = at_defaults(node)
    match name:
        case "steps":
            return "" if value.ndim <= 1 and np.isfinite(value).all() else "a list of steps"
        case "k" | "T" | "T2" if value.shape or not value > 0:
            return "a positive number of steps"
        case _ if value.shape or not value >= 0 or not np.isfinite(value):
            return "a number that is not negative"
    return ""


def _end_of_warmup(ctx: Context, among: Sequence[tree.Expression]) -> Node | Broken:
    """Return how many steps the warm-ups of a schedule take."""
    b = ctx.shop.builder
    total = b.number(0)
    for at in among:
        if isinstance(at, tree.Call) and at.function.id == "warmup" and _is_named(ctx, at):
            given = _arguments(ctx, at, ARGUMENTS["warmup"])
            if isinstance(given, Broken):
                return BROKEN
            total = b.add(total, given["k"])
    return total


def _named(ctx: Context, at: tree.Call, given: dict[str, Node], start: Node) -> Node:
    """Return a named factor at step t."""
    b, one = ctx.building(at.span), ctx.shop.builder.number(1)
    time = time_of(ctx)
    since = b.sub(time, start)
    match at.function.id:
        case "warmup":
            return b.apply("min", one, b.div(b.add(time, one), given["k"]))
        case "wsd":
            part = b.div(b.sub(since, given["T1"]), given["T2"])
            return b.sub(one, _within(b, part))
        case "step":
            steps = b.sub(given["steps"], b.number(0.5))
            come = b.reduce("sum", b.apply("step", b.sub(time, steps)))
            return b.pow(given["gamma"], come)
    part = _within(b, b.div(since, given["T"]))
    left = b.sub(one, part)
    if at.function.id == "cosine":
        wave = b.apply("cos", b.mul(b.number(np.pi), part))
        left = b.div(b.add(one, wave), b.number(2))
    floor = given["floor"]
    return b.add(floor, b.mul(b.sub(one, floor), left))


def _within(b: Builder, part: Node) -> Node:
    """Return a number, or 0 or 1 where it is beyond."""
    return b.apply("min", b.apply("max", part, b.number(0)), b.number(1))


def _listed(ctx: Context, at: tree.Expression) -> Node | Broken:
    """Return one factor a step, of which the last one stays: the row t of a list."""
    node = parametric(ctx, at, "`schedule`")
    if isinstance(node, Broken):
        return BROKEN
    if len(node.shape) != 1 or not node.shape[0] or not np.isfinite(at_defaults(node)).all():
        return _refuse(ctx, at, "a list of factors, one a step", "another array")
    b, count = ctx.building(at.span), node.shape[0]
    here = b.apply("min", time_of(ctx), b.number(count - 1))
    apart = b.apply("abs", b.sub(b.constant(np.arange(count)), here))
    chosen = b.sub(b.number(1), b.apply("min", b.number(1), apart))
    return b.contract(chosen, node)


def _fault(wanted: str, found: str) -> BadSetting:
    return BadSetting("schedule", wanted, found, FORM)


def _refuse(ctx: Context, at: tree.Syntax, wanted: str, found: str) -> Broken:
    return ctx.report(_fault(wanted, found), at.span)
