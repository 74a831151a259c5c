"""The program while its statements are executed; `tpc.program.checking.build` freezes it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tpc.diagnostics import Span
from tpc.program.checking.context import Context
from tpc.program.checking.names import Names
from tpc.program.nodes import Matrix, Node, Parameter
from tpc.program.program import Binding, Dim, Output
from tpc.syntax import tree


@dataclass(slots=True)
class Draft:
    """What has been declared and bound so far.

    Attributes:
        ctx: The context of the statements; its names are the program's.
        names: Binds them.
        title: Of the `program` statement.
        dialect: The declared one, with its place.
        dims: By name, in order.
        free: The free dim.
        network: In the file of a network, executes what is said there only, and refuses what may
            not be said there; whether it has done so.
    """

    ctx: Context
    names: Names
    title: str = ""
    dialect: tree.Name | None = None
    dims: dict[str, Dim] = field(default_factory=dict)
    free: str = ""
    matrices: list[Matrix] = field(default_factory=list)
    parameters: list[Parameter] = field(default_factory=list)
    bindings: list[Binding] = field(default_factory=list)
    outputs: dict[str, Output] = field(default_factory=dict)
    network: Callable[[tree.Statement], bool] | None = None

    def record(self, name: str, node: Node, span: Span) -> None:
        """Take a binding into the program."""
        self.bindings.append(Binding(name, node, span))
