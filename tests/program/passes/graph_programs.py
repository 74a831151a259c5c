"""Programs written as graphs, and their values at a small width, for the tests of passes."""

from collections.abc import Callable, Mapping
from fractions import Fraction

import numpy as np

from tpc.diagnostics import NOWHERE
from tpc.program.builder import Builder
from tpc.program.nodes import FREE, InitialVector, MatMul, Matrix, Mean, Node, Parameter
from tpc.program.program import Binding, Dim, Output, OutputKind, Program
from tpc.simulation.simulate import simulate

WIDTH = 12


class Text:
    """Shorthand for the statements of a program over the dims n and m = 3/2 n."""

    def __init__(self) -> None:
        self.b = Builder()

    def vector(self, name: str, *shape: int, dim: str = "n") -> InitialVector:
        return self.b.initial_vector(name, dim, shape, None, self.b.number(1))

    def matrix(self, name: str, rows: str = "n", columns: str = "n") -> Matrix:
        return Matrix(name, rows, columns, self.b.number(1.5), columns, NOWHERE)

    def product(self, matrix: Matrix, x: Node, transposed: bool = False) -> MatMul:
        return self.b.matmul(matrix, transposed, x)

    def program(self, bindings: Mapping[str, Node] | None = None, **outputs: Node) -> Program:
        matrices = dict.fromkeys(n.matrix for n in self.b.nodes if isinstance(n, MatMul))
        return Program(
            name="<string>",
            title="",
            source="",
            dialect="nexort",
            dims={"n": Dim("n", Fraction(1), NOWHERE), "m": Dim("m", Fraction(3, 2), NOWHERE)},
            matrices=tuple(matrices),
            parameters=tuple(n for n in self.b.nodes if isinstance(n, Parameter)),
            bindings=tuple(Binding(k, n, NOWHERE) for k, n in (bindings or {}).items()),
            outputs=tuple(
                Output(k, OutputKind.VECTOR if n.is_vector else OutputKind.SCALAR, n, NOWHERE)
                for k, n in outputs.items()
            ),
            nodes=tuple(self.b.nodes),
        )


def values(program: Program) -> dict[str, np.ndarray]:
    """The outputs of one trial, for a vector its mean and covariance."""
    found: dict[str, np.ndarray] = {}
    for name, value in simulate(program, WIDTH, trials=1, seed=5).values.items():
        if isinstance(value, np.ndarray):
            found[name] = value
        else:
            found |= {f"{name} {part}": array for part, array in value.items()}
    return found


def assert_same_values(before: Program, after: Program) -> None:
    """Both programs return the same at finite width, up to rounding."""
    expected, actual = values(before), values(after)
    assert expected.keys() == actual.keys()
    for name, value in expected.items():
        scale = max(1.0, float(np.max(np.abs(value), initial=0.0)))
        np.testing.assert_allclose(actual[name], value, rtol=1e-10, atol=1e-10 * scale)


def applied(apply_pass: Callable[[Program], Program], program: Program) -> Program:
    """The program after a pass, which has been checked to keep values, types and order."""
    after = apply_pass(program)
    assert_same_values(program, after)
    assert [(o.name, o.node.coords, o.node.shape) for o in after.outputs] == [
        (o.name, o.node.coords, o.node.shape) for o in program.outputs
    ]
    return after


def products(program: Program) -> list[MatMul]:
    """The products of the program, in order."""
    return [node for node in program.nodes if isinstance(node, MatMul)]


def bound_means(program: Program) -> list[Mean]:
    """The averages that have not become averages over the free coordinate."""
    return [node for node in program.nodes if isinstance(node, Mean) and node.over != (FREE,)]
