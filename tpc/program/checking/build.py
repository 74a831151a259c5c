"""Syntax tree -> checked program: `build_program`.

Statements are executed in order, loops unrolled and conditions decided; each binds names to static
values or to nodes of the graph (language.md, sections 1 to 6). A faulty statement is reported and
what it would have bound counts as known but broken, so that all independent faults of a file are
found in one run. Then come the checks that need the whole graph: readouts and the dialect.
"""

from pathlib import Path

from tpc.diagnostics import NOWHERE, ProgramError, Span
from tpc.diagnostics.depth_faults import NeedsDepth
from tpc.diagnostics.sort_faults import NoFreeDim
from tpc.program.builder import Builder
from tpc.program.checking.context import Context, Overlong, Reports, Workshop
from tpc.program.checking.dialects import check_declared, dialect_of
from tpc.program.checking.names import Draft, Names
from tpc.program.checking.readouts import check_readouts
from tpc.program.checking.statements import execute
from tpc.program.checking.survey import survey
from tpc.program.checking.unused import warn_of_unused
from tpc.program.nodes import Node, Placeholder
from tpc.program.program import Program
from tpc.program.traversal import needed
from tpc.syntax.tree import Source


def build_program(source: Source, depth: float | None = None) -> Program:
    """Build and check the program of a file.

    Args:
        source: The syntax tree; relative paths in `load` start at the directory of its `name`.
        depth: What the free depth is, perhaps infinite; None for what the file says.

    Returns:
        The program. `outputs` is empty where the file has neither `output` nor `readout`.

    Raises:
        ProgramError: TP2xx and TP4xx, all independent faults of the file.
    """
    draft = start_draft(source, depth)
    execute_statements(draft, source)
    reports = draft.ctx.shop.reports
    if not draft.free and not reports.found:
        reports.add(NoFreeDim(), first_place(source))
    return _finished(source, draft)


def start_draft(source: Source, depth: float | None = None) -> Draft:
    """Return the draft of a file of which no statement has been executed.

    Args:
        source: The syntax tree.
        depth: What the free depth is, perhaps infinite; None for what the file says.
    """
    directory = Path() if source.name == "<string>" else Path(source.name).parent
    shop = Workshop(Builder(), Reports(), survey(source), directory, source.text)
    shop.depths.asked = depth
    ctx = Context(shop, {})
    return Draft(ctx, Names(ctx), dims=shop.dims)


def execute_statements(draft: Draft, source: Source) -> None:
    """Execute all statements of a file.

    Raises:
        ProgramError: The file is too long to go on; with all faults up to there.
    """
    try:
        for statement in source.statements:
            execute(draft, statement)
    except Overlong:
        raise refused(draft, source) from None


def first_place(source: Source) -> Span:
    """Return where to report what a file lacks."""
    return source.statements[0].span if source.statements else NOWHERE


def refused(draft: Draft, source: Source) -> ProgramError:
    """Return the faults that have been reported."""
    return ProgramError(list(draft.ctx.shop.reports.found.values()), source.name, source.text)


def _finished(source: Source, draft: Draft) -> Program:
    """Make the checks that need the whole graph, and freeze the draft."""
    ctx, reports = draft.ctx, draft.ctx.shop.reports
    for loop in ctx.shop.depths.loops:
        reports.add(NeedsDepth("a program", loop.depth), loop.span)
    nodes, outputs = _live(draft), tuple(draft.outputs.values())
    outputs = check_readouts(ctx.shop, outputs, nodes)
    dialect = dialect_of(ctx.shop, nodes)
    check_declared(ctx.shop, draft.dialect, dialect, nodes)
    warn_of_unused(ctx.shop, source)
    if reports.found:
        raise refused(draft, source)
    return Program(
        name=source.name,
        title=draft.title,
        source=source.text,
        dialect=dialect,
        dims=draft.dims,
        matrices=tuple(draft.matrices),
        parameters=tuple(draft.parameters),
        bindings=tuple(draft.bindings),
        outputs=outputs,
        nodes=nodes,
        warnings=reports.warnings(),
    )


def _live(draft: Draft) -> tuple[Node, ...]:
    """Return what bindings, outputs and declarations are made of, each node after its operands."""
    found = needed(
        draft.ctx.shop.builder.nodes,
        [
            *draft.parameters,
            *(matrix.variance for matrix in draft.matrices),
            *(binding.node for binding in draft.bindings),
            *(output.node for output in draft.outputs.values()),
        ],
    )
    assert not any(isinstance(node, Placeholder) for node in found)
    return found
