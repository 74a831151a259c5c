"""Networks with weights, for tests: multi-layer perceptrons and others, made by hand."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from tpc.diagnostics import NOWHERE
from tpc.network.network import Exponents, Network, NetworkReadout, Weight, WeightKind
from tpc.program.builder import Builder
from tpc.program.nodes import InitialScalar, InitialVector, Matrix, Node, Placeholder
from tpc.program.program import Dim


class Assembly(Builder):
    """A builder that declares weights and closes into a `Network`."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: list[Weight] = []

    def input(self, *shape: int) -> Placeholder:
        """Declare the input."""
        made = self.make(Placeholder, (), shape, "xi")
        assert isinstance(made, Placeholder)
        self.entry = made
        return made

    def matrix(self, name: str, init: float = 1.0, **options: object) -> Matrix:
        """Declare a matrix-like weight; its multiplier is for the caller to put in the graph."""
        leaf = Matrix(name, "n", "n", self.number(init**2), "n", NOWHERE)
        self._declare(WeightKind.MATRIX, leaf, (), init, options)
        return leaf

    def vector(self, name: str, *shape: int, init: float = 1.0, **options: object) -> Node:
        """Declare a vector-like weight."""
        leaf = self.initial_vector(name, "n", shape, None, self.number(init**2))
        self._declare(WeightKind.VECTOR, leaf, shape, init, options)
        return leaf

    def scalar(self, name: str, *shape: int, start: float = 0.0, **options: object) -> Node:
        """Declare a scalar-like weight."""
        leaf = self.initial_scalar(name, self.constant(np.full(shape, start)))
        self._declare(WeightKind.SCALAR, leaf, shape, 1.0, options)
        return leaf

    def _declare(
        self,
        kind: WeightKind,
        leaf: Node | Matrix,
        shape: tuple[int, ...],
        init: float,
        options: dict[str, object],
    ) -> None:
        assert isinstance(leaf, Matrix | InitialVector | InitialScalar)
        abcd = options.get("abcd")
        self.weights.append(
            Weight(
                leaf.name,
                kind,
                leaf,
                shape,
                self.number(init),
                self.number(float(options.get("mult", 1.0))),
                self.number(float(options.get("lr", 1.0))),
                bool(options.get("train", True)),
                Exponents(*abcd) if isinstance(abcd, Sequence) else None,
                NOWHERE,
            )
        )

    def network(self, output: Node) -> Network:
        """Return the network whose readout is the sum of `output`."""
        readout = NetworkReadout("f", output, NOWHERE)
        dim, weights = Dim("n", Fraction(1), NOWHERE), tuple(self.weights)
        return Network(
            "made.tp",
            "",
            "",
            dim,
            {"n": dim},
            self.entry,
            weights,
            (),
            (),
            readout,
            None,
            tuple(self.nodes),
        )


def perceptron(hidden: int, phi: str = "tanh", bias: bool = False, inputs: int = 3) -> Network:
    """Return a multi-layer perceptron of some hidden layers: U, W2, ..., v."""
    b = Assembly()
    x = b.contract(b.vector("U", inputs), b.input(inputs))
    for layer in range(1, hidden + 1):
        if layer > 1:
            x = b.matmul(b.matrix(f"W{layer}"), False, x)
        if bias:
            x = b.add(x, b.mul(b.number(0.5), b.vector(f"b{layer}", mult=0.5)))
        x = b.apply(phi, x) if phi else x
    return b.network(b.mul(b.vector("v"), x))
