"""A checked program: what the compiler's later stages work on."""

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

from tpc.diagnostics import Diagnostic, Span
from tpc.program.nodes import Matrix, Node, Parameter


@dataclass(frozen=True, slots=True)
class Dim:
    """A width: `ratio` times the free dim, whose ratio is 1."""

    name: str
    ratio: Fraction
    span: Span

    def size(self, width: int) -> int:
        """Return the number of entries at a width: rounded, halves up, at least 1."""
        return max(1, int(self.ratio * width + Fraction(1, 2)))


class OutputKind(Enum):
    """How an evaluator reports an output (language.md, sections 4 and 5)."""

    SCALAR = "scalar"
    VECTOR = "vector"
    READOUT = "readout"


@dataclass(frozen=True, slots=True)
class Output:
    """A named result.

    Attributes:
        name: As results show it.
        kind: How it is reported.
        node: Its value; for a readout the vector e that is summed.
        span: The whole statement.
        fresh: Of a readout, the names of initial vectors of mean zero in which e is linear, with
            coefficients that depend on none of them.
        is_watched: Whether it is made of what training gives out, and may jump there: an accuracy
            before training, where outputs are 0, is that of either sign.
    """

    name: str
    kind: OutputKind
    node: Node
    span: Span
    fresh: tuple[str, ...] = ()
    is_watched: bool = False


@dataclass(frozen=True, slots=True)
class Binding:
    """A statement that binds a name to a node, in the order of the (unrolled) text.

    Attributes:
        name: The name as results show it; a family member without blanks, `h[1,2]`.
        node: What it stands for.
        span: The whole statement.
        rounds: The loops around it, outermost first: the line of each, and its round.
    """

    name: str
    node: Node
    span: Span
    rounds: tuple[tuple[int, int], ...] = ()


DIALECTS: tuple[str, ...] = ("netsor", "netsor+", "netsort", "netsort+", "nexort")


@dataclass(frozen=True, slots=True)
class Program:
    """A program after all checks: its graph and the names in it.

    Attributes:
        name: The file name, or `<string>`.
        title: The text behind `program`, or the empty string.
        source: The program text.
        dialect: The least dialect that contains the text as written.
        dims: Every dim by name; exactly one has been declared free.
        matrices: In order of declaration.
        parameters: In order of declaration.
        bindings: Declared vectors and scalars and every assignment, in program order.
        outputs: In program order.
        nodes: The graph in topological order, each node after its operands.
        warnings: What may not have been meant.
    """

    name: str
    title: str
    source: str
    dialect: str
    dims: dict[str, Dim]
    matrices: tuple[Matrix, ...]
    parameters: tuple[Parameter, ...]
    bindings: tuple[Binding, ...]
    outputs: tuple[Output, ...]
    nodes: tuple[Node, ...]
    warnings: tuple[Diagnostic, ...] = ()
