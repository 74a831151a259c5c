"""What the functions of a limit share at module level: arrays, functions of expectations."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tpc.codegen.expectation_calls import ClosedFormFunctions, SeriesFunctions
from tpc.codegen.expressions import Code
from tpc.codegen.identifiers import Identifiers
from tpc.codegen.steps import made_in_function
from tpc.codegen.words import in_rounds
from tpc.limit.equations import Limit
from tpc.limit.limit_nodes import ClosedForm, HermiteSeries
from tpc.program.nodes import Constant, Node
from tpc.program.region import RoundInput, is_identity


@dataclass(frozen=True, slots=True)
class Definitions:
    """The definitions of one module, which its functions share.

    Attributes:
        arrays: The names of constant arrays.
        closed_forms: The functions of closed forms.
        series: The functions of Hermite series.
    """

    arrays: dict[Constant, str]
    closed_forms: ClosedFormFunctions
    series: SeriesFunctions

    @property
    def names(self) -> tuple[str, ...]:
        """All names."""
        return (*self.arrays.values(), *self.closed_forms.definitions, *self.series.definitions)

    @property
    def functions(self) -> tuple[str, ...]:
        """The source of all functions."""
        return (*self.closed_forms.definitions.values(), *self.series.definitions.values())

    def call(self, node: ClosedForm | HermiteSeries, operands: Sequence[Code]) -> Code:
        """Write an expectation as a call of its function."""
        if isinstance(node, ClosedForm):
            return self.closed_forms.call(node, operands)
        return self.series.call(node, operands)


def find_definitions(nodes: Iterable[Node], limit: Limit) -> Definitions:
    """Name what the functions that compute some nodes of a limit need at module level.

    Args:
        nodes: The nodes, in order.
        limit: The limit.
    """
    computed = tuple(dict.fromkeys(nodes))
    identifiers = Identifiers()
    rounds = {n.table: limit.names.get(n, "") for n in computed if isinstance(n, RoundInput)}
    made = made_in_function(limit)
    arrays = {
        node: identifiers.make(_array_name(node, limit, rounds.get(node)))
        for node in computed
        if isinstance(node, Constant) and node.shape and node not in made
    }
    forms = [node for node in computed if isinstance(node, ClosedForm)]
    series = [node for node in computed if isinstance(node, HermiteSeries)]
    return Definitions(
        arrays,
        ClosedFormFunctions(forms, identifiers),
        SeriesFunctions(series, identifiers),
    )


def _array_name(node: Constant, limit: Limit, in_loop: str | None) -> str:
    """Name an array as the program does, or after the kets of which it is the covariance.

    Args:
        node: The array.
        limit: The limit.
        in_loop: What its rows are called in the rounds of a loop; empty if they have no name.
    """
    if in_loop:
        return f"{in_rounds(in_loop)} by round"
    if in_loop is not None and node.shape[0] > 1 and is_identity(node.value):
        return "unit vectors"
    text = node.span.text(limit.program.source)
    kets = [limit.names.get(ket) for ket in limit.covariances.get(node, ())]
    if node in limit.names:
        return limit.names[node]
    if kets and None not in kets:
        return " ".join(["cov", *dict.fromkeys(map(str, kets))])
    return text if text.isidentifier() else "ARRAY"
