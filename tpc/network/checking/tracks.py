"""`track K = <x|x>`: scalars that training records at every step, made of batch vectors."""

from dataclasses import replace

from tpc.diagnostics.name_faults import BoundTwice
from tpc.diagnostics.training_faults import BadTrack
from tpc.network.checking.draft import NetworkDraft, TrainBlock
from tpc.network.checking.leaves import matrices, placeholders
from tpc.network.network import Track
from tpc.program.checking.context import Context
from tpc.program.checking.expressions.evaluate import evaluate
from tpc.program.checking.names import key_tuple, written
from tpc.program.checking.sorts import plain
from tpc.program.checking.values import Broken, describe
from tpc.program.nodes import Node, Placeholder
from tpc.syntax import tree


def track(network: NetworkDraft, block: TrainBlock, at: tree.Track) -> None:
    """Evaluate a track over all rows."""
    ctx, view = network.draft.ctx, block.view
    assert view is not None
    name = _name(network, block, at.target)
    inner, made = _with_outputs(block, ctx, view.context(ctx, at.value))
    value = plain(inner, evaluate(inner, at.value), at.value.span, "`track`")
    if isinstance(value, Broken) or not name:
        return
    node = ctx.node(value, at.value.span)
    fault = _fault(node, at.value.span.text(ctx.shop.text))
    if fault is not None:
        ctx.report(fault, at.value.span)
        return
    found = placeholders(node)
    uses = tuple((x, view.originals[x]) for x in found if x not in made)
    given = tuple((x, made[x]) for x in found if x in made)
    block.tracks[name] = Track(name, node, uses, at.span, given)


def _with_outputs(
    block: TrainBlock, outer: Context, view: Context
) -> tuple[Context, dict[Placeholder, str]]:
    """Add the outputs `f` of data rows, their targets `y`, and `loss`, where these names are free.

    Returns:
        Where tracks are evaluated, and what stands for outputs and for the loss.
    """
    if block.readout is None or block.inputs is None or block.targets is None:
        return view, {}
    b, readout = view.shop.builder, block.readout
    shape = (len(block.inputs), *readout.node.shape)
    outputs = b.make(Placeholder, (), shape, "f of data rows")
    loss = b.make(Placeholder, (), (), "loss of the step")
    assert isinstance(outputs, Placeholder) and isinstance(loss, Placeholder)
    usual = {"f": outputs, "y": b.constant(block.targets), "loss": loss}
    free = {name: node for name, node in usual.items() if name not in outer.names}
    names = {**view.names, **free, readout.name: outputs}
    return replace(view, names=names), {outputs: "f", loss: "loss"}


def _name(network: NetworkDraft, block: TrainBlock, target: tree.Target) -> str:
    """Return the name to record by, or the empty string where it cannot be bound."""
    draft, name = network.draft, target.name.id
    keys = key_tuple(draft.ctx, [(evaluate(draft.ctx, key), key.span) for key in target.keys])
    if isinstance(keys, Broken):
        return ""
    shown = written(name, keys)
    if shown in block.tracks:
        line = block.tracks[shown].span.line
        draft.ctx.report(BoundTwice(shown, name, line), target.span)
        return ""
    return shown if draft.names.free(target.name) else ""


def _fault(node: Node, text: str) -> BadTrack | None:
    if node.coords:
        short = text if text.isidentifier() else "x"
        hint = f"record what it is on average: `<{short}|{short}>`, `avg({short})`"
        return BadTrack(describe(node), hint)
    used = matrices(node)
    if used:
        hint = f"bind it in the network, `h = {used[0].name} @ x`, and record what `h` makes"
        return BadTrack(f"a product with the weight `{used[0].name}`", hint)
    return None
