"""Programs made by hand, for tests of what runs at finite width."""

from fractions import Fraction
from typing import TypeVar

import numpy.typing as npt

from tpc.diagnostics import NOWHERE
from tpc.program.builder import Builder
from tpc.program.nodes import InitialVector, Matrix, Node, Parameter
from tpc.program.program import Binding, Dim, Output, OutputKind, Program

N = TypeVar("N", bound=Node)


class Sketch(Builder):
    """A builder that also declares, and finishes a program."""

    def __init__(self, **ratios: Fraction | int) -> None:
        super().__init__()
        self.dims = {
            name: Dim(name, Fraction(ratio), NOWHERE) for name, ratio in {"n": 1, **ratios}.items()
        }
        self.matrices: list[Matrix] = []
        self.parameters: list[Parameter] = []
        self.bindings: list[Binding] = []

    def vector(
        self,
        name: str,
        shape: tuple[int, ...] = (),
        dim: str = "n",
        mean: npt.ArrayLike | None = None,
        covariance: npt.ArrayLike | Node = 1.0,
    ) -> InitialVector:
        """Declare a vector."""
        law = covariance if isinstance(covariance, Node) else self.constant(covariance)
        centre = None if mean is None else self.constant(mean)
        return self.bind(name, self.initial_vector(name, dim, shape, centre, law))

    def matrix(
        self, name: str, rows: str = "n", columns: str = "n", variance: Node | float = 1.0
    ) -> Matrix:
        """Declare a matrix."""
        law = variance if isinstance(variance, Node) else self.number(variance)
        made = Matrix(name, rows, columns, law, columns, NOWHERE)
        self.matrices.append(made)
        return made

    def param(self, name: str, default: npt.ArrayLike) -> Parameter:
        """Declare a parameter."""
        made = self.parameter(name, default)
        self.parameters.append(made)
        return made

    def bind(self, name: str, node: N) -> N:
        """Name a node."""
        self.bindings.append(Binding(name, node, NOWHERE))
        return node

    def program(self, readouts: dict[str, Node] | None = None, **outputs: Node) -> Program:
        """Finish a program."""
        made = [
            Output(name, OutputKind.VECTOR if node.is_vector else OutputKind.SCALAR, node, NOWHERE)
            for name, node in outputs.items()
        ] + [
            Output(name, OutputKind.READOUT, node, NOWHERE)
            for name, node in (readouts or {}).items()
        ]
        return Program(
            name="sketch.tp",
            title="",
            source="",
            dialect="nexort",
            dims=self.dims,
            matrices=tuple(self.matrices),
            parameters=tuple(self.parameters),
            bindings=tuple(self.bindings),
            outputs=tuple(made),
            nodes=tuple(self.nodes),
        )
