"""Numbers that may depend on the step of training: made of statics, params and `t`, from 0."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from tpc.diagnostics import Fault
from tpc.diagnostics.name_faults import NotStatic
from tpc.diagnostics.training_faults import BadOptimizerOption, BadSetting
from tpc.network.checking.leaves import leaves
from tpc.network.network import OptimizerUse, OptionValue
from tpc.network.optimizers.table import out_of_range
from tpc.network.optimizers.update import at_step
from tpc.program.builder import Builder
from tpc.program.checking.context import Context
from tpc.program.checking.expressions.defaults import at_defaults
from tpc.program.checking.expressions.evaluate import evaluate
from tpc.program.checking.laws import STATIC, parametric
from tpc.program.checking.sorts import plain
from tpc.program.checking.values import BROKEN, Broken, describe, show_shape
from tpc.program.nodes import Node, Placeholder
from tpc.syntax import tree

TIME = "t"
"""The number of the step, where the file binds no other `t`."""

LOOKED_AT = 1000
"""So many steps are looked at, for values out of range."""

Problem: TypeAlias = Callable[[float], str]
"""Says what is wrong with a value, or returns the empty string."""


def time_of(ctx: Context) -> Placeholder:
    """Return what stands for `t`."""
    made = ctx.shop.builder.make(Placeholder, (), (), TIME)
    assert isinstance(made, Placeholder)
    return made


def timed(ctx: Context, at: tree.Expression, what: str) -> Node | Broken:
    """Return an expression of statics, params and `t` as a node."""
    used = any(isinstance(part, tree.Name) and part.id == TIME for part in tree.walk(at))
    if not used or TIME in ctx.names:
        return parametric(ctx, at, what)
    time = time_of(ctx)
    inner = replace(ctx, names={**ctx.names, TIME: time})
    value = plain(inner, evaluate(inner, at), at.span, what)
    if isinstance(value, Broken):
        return BROKEN
    node = ctx.node(value, at.span)
    strange = node if node.coords else next((x for x in leaves(node) if x is not time), None)
    if strange is not None:
        return ctx.report(NotStatic(what, f"{STATIC} and `t`", describe(strange), ""), at.span)
    return node


def time_in(*nodes: OptionValue) -> Placeholder | None:
    """Return what stands for `t` in some numbers, where one of them contains it."""
    found = (x for node in nodes if isinstance(node, Node) for x in leaves(node))
    return next((leaf for leaf in found if isinstance(leaf, Placeholder)), None)


def problem_over_steps(node: Node, steps: int, problem: Problem) -> str:
    """Return what is wrong with a number in one of the steps, or the empty string."""
    time = time_in(node)
    for step in range(min(steps, LOOKED_AT) if time else 1):
        found = problem(float(at_defaults(at_step(Builder(), node, time, step))))
        if found:
            return f"{found}, in step {step}" if time else found
    return ""


def setting_of_steps(ctx: Context, word: str, at: tree.Expression, form: str) -> Node | Broken:
    """Return the threshold of a setting, a number."""
    node = timed(ctx, at, f"`{word}`")
    if isinstance(node, Node) and node.shape:
        found = f"an array of shape {show_shape(node.shape)}"
        return ctx.report(BadSetting(word, "a number", found, form), at.span)
    return node


def not_positive(value: float) -> str:
    """Say of a value that is no positive number that it is none."""
    return "" if np.isfinite(value) and value > 0 else f"{value:g}"


def check_use(ctx: Context, use: OptimizerUse, steps: int) -> None:
    """Report options that leave their range in one of the steps."""
    if use.time is None:
        return
    for name, value in use.options:
        if not isinstance(value, Node) or value.shape or name == "clip_value":
            continue

        def problem(found: float, name: str = name) -> str:
            ends = name == "lr" and found == 0  # a schedule may end there
            return "" if ends else out_of_range(use.name, use.declared is not None, name, found)

        said = problem_over_steps(value, steps, problem)
        if said:
            fault: Fault = BadOptimizerOption(name, said, "")
            ctx.report(fault, use.span)
