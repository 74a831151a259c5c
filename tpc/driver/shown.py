"""Programs, networks and limits that print themselves: what `tpc.parse` and `tpc.derive` return.

The stages know nothing of printing, so the views are added here, on top of all of them.
"""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from tpc.codegen.evaluator import peak_memory
from tpc.codegen.statement import Speech
from tpc.limit.equations import Limit
from tpc.network.network import Network, as_program
from tpc.program.graph import to_networkx
from tpc.program.nodes import BatchMean
from tpc.program.program import Program
from tpc.report.architecture import (
    architecture_to_html,
    architecture_to_json,
    architecture_to_latex,
    architecture_to_text,
    program_to_latex,
)
from tpc.report.graph import GraphvizMissing, draw_graph
from tpc.report.html import to_html
from tpc.report.json import to_json
from tpc.report.latex import to_latex
from tpc.report.numbers import Json
from tpc.report.text import TextPrinter, to_text

if TYPE_CHECKING:
    import networkx


@dataclass(frozen=True, slots=True, repr=False)
class ShownProgram(Program):
    """A program that shows its graph in a notebook."""

    @classmethod
    def of(cls, program: Program) -> "ShownProgram":
        """Return the same program with its views."""
        return cls(*(getattr(program, field.name) for field in fields(program)))

    @property
    def graph(self) -> "networkx.MultiDiGraph[int]":
        """The graph in networkx; its nodes carry sort, shape and source span."""
        return to_networkx(self)

    def __repr__(self) -> str:
        outputs = ", ".join(output.name for output in self.outputs) or "none"
        return f"<{self.dialect} program {self.title or self.name!r}, outputs: {outputs}>"

    def _repr_latex_(self) -> str:
        return program_to_latex(self)

    def _repr_svg_(self) -> str | None:
        try:
            return draw_graph(self.graph, "svg").decode("utf-8")
        except GraphvizMissing:
            return None


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class ShownNetwork(Network):
    """A network that shows its graph, for one input, in a notebook."""

    @classmethod
    def of(cls, network: Network) -> "ShownNetwork":
        """Return the same network with its views."""
        return cls(*(getattr(network, field.name) for field in fields(network)))

    @property
    def graph(self) -> "networkx.MultiDiGraph[int]":
        """The graph for one input in networkx; its nodes carry sort, shape and source span."""
        return to_networkx(as_program(self), {BatchMean: "batchmean"})

    def __repr__(self) -> str:
        weights = ", ".join(weight.name for weight in self.weights)
        trained = f", {self.training.steps} steps" if self.training else ""
        return f"<network {self.title or self.name!r}, weights: {weights}{trained}>"

    def to_text(self) -> str:
        """Return the weights and the equations for one input as Unicode text."""
        return architecture_to_text(self)

    def to_latex(self) -> str:
        """Return the equations for one input as LaTeX."""
        return architecture_to_latex(self)

    def to_html(self) -> str:
        """Return the weights and the equations for one input as a page of its own."""
        return architecture_to_html(self)

    def to_json(self) -> dict[str, Json]:
        """Return the weights and the equations for one input as what `json.dumps` takes."""
        return architecture_to_json(self)

    def _repr_latex_(self) -> str:
        return architecture_to_latex(self)

    def _repr_svg_(self) -> str | None:
        try:
            return draw_graph(self.graph, "svg").decode("utf-8")
        except GraphvizMissing:
            return None


@dataclass(frozen=True, slots=True, repr=False)
class ShownLimit(Limit):
    """A limit that prints its equations; in a notebook it shows them as LaTeX."""

    @classmethod
    def of(cls, limit: Limit) -> "ShownLimit":
        """Return the same limit with its views."""
        return cls(*(getattr(limit, field.name) for field in fields(limit)))

    def __repr__(self) -> str:
        title = self.program.title or self.program.name
        return f"<limit of {title!r}, {len(self.equations)} equations>"

    def to_text(self) -> str:
        """Return the equations as Unicode text."""
        return to_text(self, *peak_memory(self))

    def to_latex(self) -> str:
        """Return the equations as LaTeX."""
        return to_latex(self)

    def to_html(self) -> str:
        """Return the equations as a page of its own."""
        return to_html(self, *peak_memory(self))

    def to_json(self) -> dict[str, Json]:
        """Return the equations as what `json.dumps` takes."""
        return to_json(self)

    def _repr_latex_(self) -> str:
        return to_latex(self)


def speech(limit: Limit) -> Speech:
    """Return what prints a limit's equations in the comments of generated code."""
    printer = TextPrinter(limit)
    return Speech(printer.equation, printer.expression, printer.start_over)
