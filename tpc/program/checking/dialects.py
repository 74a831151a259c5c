"""The least dialect that contains a program, and the check of the declared one.

    netsor    MatMul without transposes, elementwise nonlinearities
    netsor+   and Avg           netsort   and transposes
    netsort+  and both          nexort    and `mean`

Decided on the text as written, before any pass: every `mean` of the file is nexort, even one that
separates into inner products; `avg`, `<|>` and initial scalars count as Avg only where a vector
depends on them.

Reference:
    Tensor Programs I, Definitions 4.1 (netsor) and 4.2 (netsor+).
    Tensor Programs III, Definitions 2.1 (netsort) and E.1 (netsort+).
    Tensor Programs IVb, Definition 2.6.1 (nexort).
"""

from tpc.diagnostics.program_faults import (
    AverageBeyondDialect,
    MeanBeyondDialect,
    TransposeBeyondDialect,
)
from tpc.program.checking.context import Workshop
from tpc.program.nodes import FREE, InitialScalar, Inner, Mean, Node, operands
from tpc.program.traversal import needed
from tpc.syntax import tree

WITH_TRANSPOSES = ("netsort", "netsort+", "nexort")
WITH_AVERAGES = ("netsor+", "netsort+", "nexort")


def dialect_of(shop: Workshop, nodes: tuple[Node, ...]) -> str:
    """Return the least dialect that contains a program.

    Args:
        shop: Knows the `mean`s and the transposed products of the text.
        nodes: The graph in topological order.
    """
    if shop.survey.means:
        return "nexort"
    return _named(bool(shop.transposed), bool(averages_in_vectors(nodes)))


def check_declared(
    shop: Workshop, declared: tree.Name | None, least: str, nodes: tuple[Node, ...]
) -> None:
    """Report every place that is beyond the declared dialect."""
    if declared is None:
        return
    name = declared.id
    transposes = name in WITH_TRANSPOSES or least in WITH_TRANSPOSES
    averages = name in WITH_AVERAGES or least in WITH_AVERAGES
    enough = least if least == "nexort" else _named(transposes, averages)
    if name != "nexort":
        for span in shop.survey.means:
            shop.reports.add(MeanBeyondDialect(name), span)
    if name not in WITH_TRANSPOSES:
        for matrix, span in shop.transposed:
            shop.reports.add(TransposeBeyondDialect(matrix.name, name, enough), span)
    if name not in WITH_AVERAGES:
        for node in averages_in_vectors(nodes):
            shop.reports.add(AverageBeyondDialect(name, enough), node.span)


def _named(transposes: bool, averages: bool) -> str:
    return f"netsor{'t' if transposes else ''}{'+' if averages else ''}"


def averages_in_vectors(nodes: tuple[Node, ...]) -> list[Node]:
    """Return each `avg`, `<|>` and initial scalar that some vector depends on, in order."""
    inside = needed(nodes, [part for node in nodes if node.coords for part in operands(node)])
    return [node for node in inside if _is_average(node)]


def _is_average(node: Node) -> bool:
    match node:
        case Mean(over=over):
            return over == (FREE,)
        case Inner() | InitialScalar():
            return True
        case _:
            return False
