"""Syntax tree -> checked network: `build_network`.

Statements are executed as those of programs are (`tpc.program.checking`), for one input; loops,
families, definitions, conditions and params are the same. Then come the checks that need the whole
graph. Whether the readout is Gaussian is asked only where a Gaussian output is needed.
"""

from dataclasses import replace
from functools import partial

from tpc.diagnostics import Span
from tpc.diagnostics.network_faults import (
    DeclarationInNetwork,
    NoInput,
    NoReadout,
    OutputInNetwork,
    ReadoutWithoutInput,
    SecondReadout,
)
from tpc.diagnostics.sort_faults import NoFreeDim
from tpc.network.checking.declared_optimizers import declare_optimizer
from tpc.network.checking.depth_scaling import scaled_in_depth
from tpc.network.checking.draft import NetworkDraft
from tpc.network.checking.tables import table_warnings
from tpc.network.checking.training import execute_setting, train
from tpc.network.checking.weights import declare_input, declare_noise, declare_weights
from tpc.network.checking.whole_blocks import resolve
from tpc.network.network import Depth, DepthLoop, Network, NetworkReadout
from tpc.program.builder import Builder
from tpc.program.checking.build import execute_statements, first_place, refused, start_draft
from tpc.program.checking.depths import Depths
from tpc.program.checking.dialects import check_declared, dialect_of
from tpc.program.checking.statements import give_up
from tpc.program.checking.survey import statements_within
from tpc.program.checking.unused import warn_of_unused
from tpc.program.checking.values import Path
from tpc.program.nodes import BatchMean, Matrix, Node, Parameter, operands
from tpc.program.traversal import needed, walk
from tpc.syntax import tree


def is_network(source: tree.Source) -> bool:
    """Whether a file describes a network: it has statements that programs have not."""
    own = (tree.InputDecl, tree.WeightDecl, tree.Train, tree.OptimizerDef)
    return any(isinstance(at, own) for at in statements_within(source.statements))


def build_network(source: tree.Source, depth: float | None = None) -> Network:
    """Build and check the network of a file.

    Args:
        source: The syntax tree; relative paths in `load` start at the directory of its `name`.
        depth: What the free depth is, perhaps infinite; None for what the file says.

    Raises:
        ProgramError: TP2xx and TP4xx, all independent faults of the file.
    """
    draft = start_draft(source, depth)
    draft.ctx.shop.batch_mean = _batch_mean
    network = NetworkDraft(draft)
    draft.network = partial(execute_in_network, network)
    execute_statements(draft, source)
    found = _finished(source, network)
    if found is None:
        raise refused(draft, source)
    return found


def _batch_mean(builder: Builder, operand: Node) -> Node:
    return builder.make(BatchMean, operand.coords, operand.shape, operand)


def _finished(source: tree.Source, network: NetworkDraft) -> Network | None:
    """Make the checks that need the whole graph, and freeze the draft; None where it is faulty."""
    draft, reports, given = network.draft, network.draft.ctx.shop.reports, network.input
    nodes, readout = _live(network), network.readout
    _report_missing(network, first_place(source))
    warn_of_unused(draft.ctx.shop, source)
    check_declared(draft.ctx.shop, draft.dialect, dialect_of(draft.ctx.shop, nodes), nodes)
    declared = network.declared
    if declared and readout and (given is None or given not in walk((readout.node,), operands)):
        reports.add(ReadoutWithoutInput(readout.name, declared.name), readout.span)
    if reports.found:
        return None
    assert given is not None and readout is not None
    weights = [weight for weight in network.weights.values() if weight is not None]
    made = Network(
        name=source.name,
        title=draft.title,
        source=source.text,
        dim=draft.dims[draft.free],
        dims=draft.dims,
        input=given,
        weights=tuple(weights),
        noises=tuple(network.noises),
        parameters=tuple(draft.parameters),
        bindings=tuple(draft.bindings),
        readout=NetworkReadout(readout.name, readout.node, readout.span),
        training=network.training,
        nodes=nodes,
        warnings=reports.warnings(),
        depth=_depth(draft.ctx.shop.depths),
        path=isinstance(network.declared, Path),
    )
    resolved = scaled_in_depth(draft.ctx.shop.builder, resolve(made, network))
    if reports.found:
        return None
    return replace(resolved, warnings=(*resolved.warnings, *table_warnings(resolved)))


def _depth(depths: Depths) -> Depth | None:
    if not depths.free:
        return None
    lengths, loops = depths.lengths, []
    length = lengths.get(depths.free)
    for loop in depths.loops:
        assert isinstance(length, Parameter)
        ratio = depths.counts[loop.depth] / depths.counts[depths.free]
        loops.append(DepthLoop(length, ratio, tuple(loop.bound), loop.span, loop.backward))
    number = None if depths.free in lengths else depths.number
    return Depth(depths.free, number, tuple(loops), tuple(depths.read))


def _report_missing(network: NetworkDraft, span: Span) -> None:
    """Report what every network has and this one has not, unless something else is wrong."""
    reports = network.draft.ctx.shop.reports
    if reports.found:
        return
    if not network.draft.free:
        reports.add(NoFreeDim(), span)
    if network.declared is None:
        reports.add(NoInput(), span)
    if network.readout is None:
        reports.add(NoReadout(), span)


def _live(network: NetworkDraft) -> tuple[Node, ...]:
    """Return what weights and bindings are made of, each node after its operands."""
    draft = network.draft
    roots: list[Node] = [*draft.parameters, *(binding.node for binding in draft.bindings)]
    if network.input is not None:
        roots.append(network.input)
    for weight in network.weights.values():
        if weight is not None:
            leaf = weight.leaf
            roots += weight.init, weight.mult, weight.lr
            roots.append(leaf.variance if isinstance(leaf, Matrix) else leaf)
    return needed(draft.ctx.shop.builder.nodes, roots)


def execute_in_network(network: NetworkDraft, at: tree.Statement) -> bool:
    """Execute a statement, unless it does in a network what it does in a program.

    Returns:
        Whether it has been executed, or refused.
    """
    match at:
        case tree.InputDecl():
            declare_input(network, at)
        case tree.WeightDecl():
            declare_weights(network, at)
        case tree.NoiseDecl():
            declare_noise(network, at)
        case tree.VectorDecl() | tree.MatrixDecl() | tree.ScalarDecl():
            _refuse_declaration(network, at)
        case tree.Output():
            network.draft.ctx.report(OutputInNetwork(at.target.name.id), at.span)
            give_up(network.draft, (at,))
        case tree.Readout() if network.readout is not None:
            network.draft.ctx.report(SecondReadout(network.readout.name), at.span)
            give_up(network.draft, (at,))
        case tree.OptimizerDef():
            declare_optimizer(network, at)
        case tree.Train():
            train(network, at)
        case tree.TrainLine():
            execute_setting(network, at)
        case _:
            return False
    return True


def _refuse_declaration(
    network: NetworkDraft, at: tree.VectorDecl | tree.MatrixDecl | tree.ScalarDecl
) -> None:
    text = network.draft.ctx.shop.text
    match at:
        case tree.VectorDecl(names=declared, dim=dim):
            word, form = "vector", f"{declared[0].span.text(text)} : {dim.id} (train=false)"
        case tree.MatrixDecl(names=names, rows=rows, columns=columns):
            word = "matrix"
            form = f"{names[0].span.text(text)} : {rows.id} x {columns.id} (train=false)"
        case tree.ScalarDecl(names=declared, limit=limit):
            start = "0" if limit is None else limit.span.text(text)
            word, form = "scalar", f"{declared[0].span.text(text)} (start={start}, train=false)"
    network.draft.ctx.report(DeclarationInNetwork(word, form), at.span)
    for declared_name in names_of(at):
        network.draft.names.give_up(tree.Target(declared_name.span, declared_name, ()))


def names_of(at: tree.VectorDecl | tree.MatrixDecl | tree.ScalarDecl) -> tuple[tree.Name, ...]:
    """Return the names that a declaration binds."""
    return tuple(declared.name for declared in at.names)
