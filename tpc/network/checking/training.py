"""The `train` block: its lines one by one, then what must fit together.

The lines of a block are executed twice, so that their order does not matter: first the settings,
then the tracks, whose shapes depend on the number of rows.
"""

from typing import TypeVar

from tpc.diagnostics.training_faults import (
    BadSetting,
    BatchMeanInBatches,
    MissingSettings,
    NotAWeight,
    SecondSetting,
    SecondTraining,
    UnknownReadout,
)
from tpc.network.checking.batch_view import batch_view
from tpc.network.checking.data import (
    array_of,
    batch_of,
    check_inputs,
    check_labels,
    check_paths,
    check_targets,
    cycle_of_batches,
    flag_of,
    steps_of,
)
from tpc.network.checking.draft import NetworkDraft, TrainBlock
from tpc.network.checking.loss import loss_of
from tpc.network.checking.optimizer_uses import use_of
from tpc.network.checking.parametrizations import parametrization_of
from tpc.network.checking.schedules import schedule
from tpc.network.checking.steps import setting_of_steps
from tpc.network.checking.tracks import track
from tpc.network.checking.whole_blocks import (
    among,
    check_over_steps,
    global_bound,
    in_block,
    written_weight,
)
from tpc.network.network import Array, Training
from tpc.network.paths import steps
from tpc.program.checking.statements import execute
from tpc.program.checking.values import Broken, Path
from tpc.program.nodes import BatchMean
from tpc.syntax import tree

Wanted = TypeVar("Wanted")

FORMS = {
    "data": "`data X, Y`",
    "loss": "`loss mse`",
    "optimizer": "`optimizer sgd(lr=0.1)`",
    "parametrization": "`parametrization mup`",
    "steps": "`steps 20`",
}
"""What every block says."""


def train(network: NetworkDraft, at: tree.Train) -> None:
    """Execute a `train` block."""
    ctx, readout, given = network.draft.ctx, network.readout, network.input
    if network.training_line:
        ctx.report(SecondTraining(network.training_line), at.span)
        return
    network.training_line = at.span.line
    _check_readout(network, at.readout)
    network.block = block = TrainBlock(readout, given)
    block.target_name = _target_name(at)
    for statement in at.body:
        execute(network.draft, statement)
    rows = block.rows
    if rows is not None and given is not None:
        block.view = batch_view(ctx.shop.builder.nodes, given, network.noises, rows)
        for statement in at.body:
            execute(network.draft, statement)
    network.training = _finished(network, block, at)


def _target_name(at: tree.Train) -> str:
    """Return the name that `data` gives the targets by, or the empty string."""
    for line in at.body:
        match line:
            case tree.Setting(word="data", values=(_, tree.Name(id=name))):
                return name
    return ""


def _check_readout(network: NetworkDraft, name: tree.Name) -> None:
    """Report a name that is not that of the readout, unless the readout itself is broken."""
    ctx, readout = network.draft.ctx, network.readout
    if readout is not None and readout.name.partition("[")[0] == name.id:
        return
    if readout is None and isinstance(ctx.names.get(name.id), Broken):
        return
    hint = "bind it before: `readout f = v * x`"
    hint = f"its readout is `{readout.name}`" if readout else hint
    ctx.report(UnknownReadout(name.id, hint), name.span)


def execute_setting(network: NetworkDraft, at: tree.TrainLine) -> None:
    """Execute a line of a `train` block, when it is its turn."""
    block = network.block
    assert block is not None
    match at:
        case tree.Track():
            if block.view is not None:
                track(network, block, at)
        case _ if block.view is not None:
            pass
        case tree.OptimizerChoice(weights=weights) if weights:
            _choose(network, block, at)
        case tree.Setting() | tree.OptimizerChoice() | tree.GlobalBound() | tree.Schedule():
            _set(network, block, at)


def _set(
    network: NetworkDraft,
    block: TrainBlock,
    at: tree.Setting | tree.OptimizerChoice | tree.GlobalBound | tree.Schedule,
) -> None:
    """Make a setting, once."""
    ctx = network.draft.ctx
    word = _word(at)
    if word in block.places:
        ctx.report(SecondSetting(word, block.places[word].line), at.span)
        return
    block.places[word] = at.span
    match at:
        case tree.OptimizerChoice():
            block.optimizer = _sound(use_of(network, at.use))
        case tree.GlobalBound():
            global_bound(network, block, at)
        case tree.Schedule():
            schedule(network, block, at)
        case tree.Setting():
            _set_value(network, block, at)


def _word(at: tree.Setting | tree.OptimizerChoice | tree.GlobalBound | tree.Schedule) -> str:
    match at:
        case tree.OptimizerChoice():
            return "optimizer"
        case tree.Schedule():
            return "schedule"
        case _:
            return at.word


def _set_value(network: NetworkDraft, block: TrainBlock, at: tree.Setting) -> None:
    ctx, value = network.draft.ctx, at.values[0]
    match at.word:
        case "data":
            _set_data(network, block, value, at.values[1])
        case "test":
            block.test = _inputs(network, block, value, "`test`", "test inputs")
        case "loss":
            if block.readout is not None:
                block.loss = _sound(loss_of(ctx, block.readout, value, block.target_name))
        case "reduce":
            _set_reduce(network, block, value)
        case "parametrization":
            block.parametrization = _sound(parametrization_of(network, value))
        case "steps":
            block.steps = _sound(steps_of(ctx, value))
        case "batch":
            block.batch = _sound(batch_of(ctx, value))
        case "center":
            block.center = _sound(flag_of(ctx, value)) or False
        case "clip_value":
            block.clip_value = _sound(setting_of_steps(ctx, at.word, value, "`clip_value 0.5`"))


def _sound(value: Wanted | Broken) -> Wanted | None:
    """Return a value, or None where it is broken, which has been reported."""
    return None if isinstance(value, Broken) else value


def _inputs(
    network: NetworkDraft, block: TrainBlock, at: tree.Expression, word: str, what: str
) -> Array | None:
    """Return inputs of the network as its graph takes them; None where they are wrong."""
    ctx, declared = network.draft.ctx, network.declared
    found = _sound(array_of(ctx, at, word))
    if found is None or declared is None or block.given is None:
        return None
    if not isinstance(declared, Path):
        return found if check_inputs(ctx, found, declared, what, at) else None
    if not check_paths(ctx, found, declared, what, at):
        return None
    finite = declared.depth in ctx.shop.depths.numbers
    return steps(found, block.given.shape[0]) if finite else found


def _set_data(
    network: NetworkDraft, block: TrainBlock, inputs: tree.Expression, targets: tree.Expression
) -> None:
    ctx = network.draft.ctx
    block.inputs = _inputs(network, block, inputs, "`data`", "inputs")
    rows = None if block.inputs is None else len(block.inputs)
    wanted = _sound(array_of(ctx, targets, "`data`"))
    if wanted is None or block.readout is None:
        return
    if check_targets(ctx, wanted, rows, block.readout.node.shape, targets):
        block.targets = wanted
        block.places["targets"] = targets.span


def _set_reduce(network: NetworkDraft, block: TrainBlock, at: tree.Expression) -> None:
    match at:
        case tree.Name(id="sum"):
            block.reduce = "sum"
        case tree.Name(id="mean"):
            block.reduce = "mean"
        case _:
            found = f"`{at.span.text(network.draft.ctx.shop.text)}`"
            fault = BadSetting("reduce", "`sum` or `mean`", found, "`reduce sum`")
            network.draft.ctx.report(fault, at.span)


def _choose(network: NetworkDraft, block: TrainBlock, at: tree.OptimizerChoice) -> None:
    """Give some weights an optimizer of their own; that of a member wins over its family's."""
    use = _sound(use_of(network, at.use))
    for written in at.weights:
        found = among(network, (written,))
        for role in found.roles:
            if role in block.role_optimizers:
                _second(network, written)
            block.role_optimizers[role] = use
        name = written_weight(network, written)
        for member in found.names:
            before = block.chosen.setdefault(member, name)
            alike = ("[" in before) == ("[" in name)
            if alike and member in block.own_optimizers:
                _second(network, written)
                break
            if alike or "[" in name:
                block.own_optimizers[member] = use
                block.chosen[member] = name


def _second(network: NetworkDraft, at: tree.Expression) -> None:
    """Report weights that have an optimizer already."""
    fault = NotAWeight(written_weight(network, at), "has two optimizers of its own", "give it one")
    network.draft.ctx.report(fault, at.span)


# --------------------------------------------------------------------------- what must fit together


def _finished(network: NetworkDraft, block: TrainBlock, at: tree.Train) -> Training | None:
    """Make the checks that need several lines; None where something is wrong."""
    ctx = network.draft.ctx
    several = bool(block.own_optimizers or block.role_optimizers)
    said = block.places.keys() | ({"optimizer"} if several else set())
    missing = [word for word in FORMS if word not in said]
    if missing:
        forms = " and ".join(FORMS[word] for word in missing)
        ctx.report(MissingSettings(" and ".join(missing), forms), at.span)
    if block.loss is not None and block.targets is not None:
        check_labels(ctx, block.loss, block.targets, block.places["targets"])
    _check_batch_means(network, block)
    if block.inputs is None or block.targets is None or block.steps is None:
        return None
    place = block.places.get("batch", at.span)
    cycle = cycle_of_batches(ctx, block.batch, len(block.inputs), place)
    check_over_steps(ctx, block, block.steps)
    b = ctx.building(at.span)
    uses = [*block.own_optimizers.items(), *block.role_optimizers.items()]
    sound = {name: in_block(b, use, block) for name, use in uses if use is not None}
    own = [(name, sound[name]) for name in block.own_optimizers if name in sound]
    usual = in_block(b, block.optimizer, block) if block.optimizer else None
    usual = usual or next(iter(sound.values()), None)
    parts = block.loss, usual, block.parametrization
    if isinstance(cycle, Broken) or any(part is None for part in parts):
        return None
    assert block.loss is not None and usual is not None
    assert block.parametrization is not None
    return Training(
        inputs=block.inputs,
        targets=block.targets,
        test=block.test,
        loss=block.loss.node,
        output=block.loss.output,
        target=block.loss.target,
        reduce=block.reduce,
        optimizer=usual,
        own_optimizers=tuple(own),
        parametrization=block.parametrization,
        steps=block.steps,
        cycle=cycle,
        center=block.center,
        tracks=tuple(block.tracks.values()),
        span=at.span,
        bound=block.bound,
    )


def _check_batch_means(network: NetworkDraft, block: TrainBlock) -> None:
    """Report mini-batches and test rows where the network averages over the inputs."""
    ctx = network.draft.ctx
    if not any(isinstance(node, BatchMean) for node in ctx.shop.builder.nodes):
        return
    if block.batch is not None:
        ctx.report(BatchMeanInBatches("write `batch full`"), block.places["batch"])
    if "test" in block.places:
        hint = "leave out `test`: its rows would take part in the averages"
        ctx.report(BatchMeanInBatches(hint), block.places["test"])
