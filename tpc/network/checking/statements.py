"""Executes the statements that only networks have, and refuses those that they have not."""

from tpc.diagnostics.network_faults import (
    DeclarationInNetwork,
    OutputInNetwork,
    SecondDim,
    SecondReadout,
)
from tpc.network.checking.declared_optimizers import declare_optimizer
from tpc.network.checking.draft import NetworkDraft
from tpc.network.checking.training import execute_setting, train
from tpc.network.checking.weights import declare_input, declare_weights
from tpc.program.checking.statements import give_up
from tpc.syntax import tree


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
        case tree.VectorDecl() | tree.MatrixDecl() | tree.ScalarDecl():
            _refuse_declaration(network, at)
        case tree.Output():
            network.draft.ctx.report(OutputInNetwork(at.target.name.id), at.span)
            give_up(network.draft, (at,))
        case tree.Readout() if network.readout is not None:
            network.draft.ctx.report(SecondReadout(network.readout.name), at.span)
            give_up(network.draft, (at,))
        case tree.DimDecl() if network.draft.free and at.name.id not in network.draft.dims:
            network.draft.ctx.report(SecondDim(at.name.id, network.draft.free), at.span)
            give_up(network.draft, (at,))
        case tree.OptimizerDef():
            declare_optimizer(network, at)
        case tree.Train():
            train(network, at)
        case tree.Setting() | tree.OptimizerChoice() | tree.Track():
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
            form = f"{names[0].id} : {rows.id} x {columns.id} (train=false)"
        case tree.ScalarDecl(names=declared, limit=limit):
            start = "0" if limit is None else limit.span.text(text)
            word, form = "scalar", f"{declared[0].span.text(text)} (start={start}, train=false)"
    network.draft.ctx.report(DeclarationInNetwork(word, form), at.span)
    for declared_name in names_of(at):
        network.draft.names.give_up(tree.Target(declared_name.span, declared_name, ()))


def names_of(at: tree.VectorDecl | tree.MatrixDecl | tree.ScalarDecl) -> tuple[tree.Name, ...]:
    """Return the names that a declaration binds."""
    if isinstance(at, tree.MatrixDecl):
        return at.names
    return tuple(declared.name for declared in at.names)
