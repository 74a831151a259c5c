"""Names that a file binds and never reads: a warning for each."""

from tpc.diagnostics.cautions import Unused
from tpc.program.checking.context import Workshop
from tpc.program.checking.survey import names_bound, statements_within
from tpc.syntax import tree

_READ_OUTSIDE = (tree.Output, tree.Readout, tree.Track, tree.For)
"""What these bind is read by whom the results are for, or counts."""


def warn_of_unused(shop: Workshop, source: tree.Source) -> None:
    """Warn of names that nothing reads; of values only where the file puts something out."""
    statements = list(statements_within(source.statements))
    has_outputs = any(isinstance(at, tree.Output | tree.Readout) for at in statements)
    bound: dict[str, tree.Name] = {}
    read: set[str] = set()
    for at in statements:
        if isinstance(at, tree.Def):
            bound.setdefault(at.name.id, at.name)
        elif not isinstance(at, _READ_OUTSIDE) and (has_outputs or not isinstance(at, tree.Assign)):
            for name in names_bound(at):
                bound.setdefault(name.id, name)
        read |= _names_read(at)
    for name in bound.values():
        if name.id not in read and not name.id.startswith("_"):
            shop.reports.add(Unused(name.id), name.span)


def _names_read(at: tree.Statement) -> set[str]:
    """Return the names that a statement reads itself, blocks left out."""
    match at:
        case tree.For(iterable=iterable):
            parts: tuple[tree.Syntax, ...] = (iterable,)
        case tree.If(branches=branches):
            parts = tuple(branch.condition for branch in branches)
        case tree.Train(readout=readout):
            parts = (readout,)
        case tree.Output(target=target, value=None):
            parts = (target,)
        case tree.Assign(target=target, value=value) | tree.Track(target=target, value=value):
            parts = (*target.keys, value)
        case tree.Output(target=target, value=value) | tree.Readout(target=target, value=value):
            assert value is not None
            parts = (*target.keys, value)
        case tree.OptimizerDef(states=states, options=options, body=body):
            parts = (*states, *options, *body)
        case _:
            own = {name.span for name in names_bound(at)}
            return {p.id for p in tree.walk(at) if isinstance(p, tree.Name) and p.span not in own}
    return {part.id for part in tree.walk(*parts) if isinstance(part, tree.Name)}
