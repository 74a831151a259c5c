"""The loss of one example, as a graph in the output f and the target y.

mse             1/2 (f - y)^2                      summed over the entries of f
logistic        log(1 + exp(-y f)), y = +-1        summed over the entries of f
cross_entropy   -sum y log softmax(f)              over the last axis, summed over the others
otherwise       an expression in f and y           summed over its entries
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

from tpc.diagnostics.training_faults import BadLoss
from tpc.network.checking.leaves import leaves
from tpc.program.builder import Builder
from tpc.program.checking.context import Context
from tpc.program.checking.expressions.calls import CONSTANTS
from tpc.program.checking.expressions.evaluate import evaluate
from tpc.program.checking.sorts import parametric_order, plain
from tpc.program.checking.values import (
    BROKEN,
    Broken,
    Definition,
    Entity,
    Static,
    describe,
)
from tpc.program.nodes import Node, Placeholder
from tpc.program.program import Output
from tpc.syntax import tree

NAMED = ("mse", "logistic", "cross_entropy")

_HINT = f"it is {', '.join(NAMED)}, or an expression in `f` and `y`, such as `(f - y)^4`"

Pair: TypeAlias = tuple[Placeholder, Placeholder]


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss.

    Attributes:
        name: One of `NAMED`, or the empty string.
        node: A scalar node of shape () over the next two.
        output: Stands for f.
        target: Stands for y.
    """

    name: str
    node: Node
    output: Placeholder
    target: Placeholder


def loss_of(ctx: Context, readout: Output, at: tree.Expression, target: str) -> Loss | Broken:
    """Return the loss that a `train` block names or writes out.

    `f` and `y` are the output of an example and its target, unless the file gives these names to
    what a loss may be made of, other than `target`, what its data name the targets by.
    """
    name = at.id if isinstance(at, tree.Name) and at.id in NAMED else ""
    pair = _placeholders(ctx, readout, at)
    if isinstance(at, tree.Name) and not name and at.id not in (*ctx.names, *CONSTANTS, "f", "y"):
        return ctx.report(BadLoss(f"`{at.id}` is not known", _HINT), at.span)
    if name == "cross_entropy" and not readout.node.shape:
        hint = "give the readout an axis of classes, as in `weight v[3] : n`; for two: `logistic`"
        problem = "`cross_entropy` needs an axis of classes, and the output is one number"
        return ctx.report(BadLoss(problem, hint), at.span)
    if name:
        node: Node | Broken = _named(ctx.building(at.span), name, *pair)
    else:
        node = _written(ctx, readout, at, pair, target)
    return BROKEN if isinstance(node, Broken) else Loss(name, node, *pair)


def _is_known(entity: Entity | None) -> bool:
    """Whether a loss may be made of what a name stands for."""
    if isinstance(entity, Node):
        return parametric_order(entity) is not None
    return isinstance(entity, Static | Definition)


def _placeholders(ctx: Context, readout: Output, at: tree.Expression) -> Pair:
    builder, shape = ctx.building(at.span), readout.node.shape
    output = builder.make(Placeholder, (), shape, "f")
    target = builder.make(Placeholder, (), shape, "y")
    assert isinstance(output, Placeholder) and isinstance(target, Placeholder)
    return output, target


def _named(b: Builder, name: str, f: Node, y: Node) -> Node:
    """Return a loss by its name."""
    match name:
        case "mse":
            square = b.pow(b.sub(f, y), b.number(2))
            return b.mul(b.number(0.5), b.reduce("sum", square))
        case "logistic":
            return b.reduce("sum", b.apply("softplus", b.neg(b.mul(y, f))))
        case _:
            last = (len(f.shape) - 1,)
            largest = b.expand(b.reduce("amax", f, last), last)
            shifted = b.sub(f, largest)  # so that no exponential overflows
            total = b.reduce("sum", b.exp(shifted), last)
            logarithms = b.sub(shifted, b.expand(b.apply("log", total), last))
            return b.neg(b.reduce("sum", b.mul(y, logarithms)))


def _written(
    ctx: Context, readout: Output, at: tree.Expression, pair: Pair, target: str
) -> Node | Broken:
    """Return the sum of an expression in f and y."""
    output, wanted = pair
    usual = {"f": output, "y": wanted}
    own = {name for name in usual if name != target and _is_known(ctx.names.get(name))}
    named = {name: node for name, node in usual.items() if name not in own}
    inner = replace(ctx, names={**ctx.names, **named, readout.name: output})
    value = plain(inner, evaluate(inner, at), at.span, "a loss")
    if isinstance(value, Broken):
        return BROKEN
    node = ctx.node(value, at.span)
    found = leaves(node)
    strange = next((leaf for leaf in found if leaf not in pair), None)
    if strange is not None or output not in found:
        problem = "does not depend on the output `f`"
        if strange is not None:
            problem = f"is made of {describe(strange)} of the network"
        return ctx.report(BadLoss(problem, _HINT), at.span)
    return ctx.building(at.span).reduce("sum", node)
