"""The formulas of the forward and the backward pass of a network at time t of its training."""

from dataclasses import dataclass, field

from tpc.network.forward_backward import Differentiated, differentiate
from tpc.network.network import Network, Weight
from tpc.program import nodes as op
from tpc.program.builder import Builder
from tpc.program.nodes import FREE, Matrix, Node, operands
from tpc.program.traversal import toposort
from tpc.report import formula as expr
from tpc.report.architecture import inside, write_node
from tpc.report.constants import Arrays
from tpc.report.equations_in_words import Relation
from tpc.report.formula import Formula, add


@dataclass(slots=True)
class Passes:
    """The formulas of the forward and the backward pass at time t.

    Attributes:
        network: The network.
        time: What stands behind names: `[t]`, or nothing where nothing moves.
        seed: The cotangent of the readout: the error signal, or one of a single output.
    """

    network: Network
    time: str
    seed: Formula
    of: Differentiated = field(init=False)
    names: dict[Node, Formula] = field(init=False)
    formulas: dict[Node, Formula] = field(default_factory=dict)
    own: dict[Node, Formula] = field(default_factory=dict)

    def __post_init__(self) -> None:
        network = self.network
        self.of = differentiate(Builder(), network)
        self.names = {self.of.seed: self.seed}
        weights = {weight.name for weight in network.weights}
        for binding in network.bindings:
            leaf = isinstance(binding.node, op.Constant | op.Parameter | op.Placeholder)
            if not leaf and binding.name not in {*weights, network.readout.name}:
                self.names.setdefault(binding.node, self.named(binding.name, binding.node))
        for cotangent, name in self.of.cotangent_names().items():
            self.names.setdefault(cotangent, expr.Ket(name + self.time))
        uses = [use for uses in self.of.gradients.matrices.values() for use in uses]
        gradients = self.of.gradients
        order = toposort(
            [
                *network.nodes,
                *(use.cotangent for use in uses),
                *gradients.vectors.values(),
                *gradients.scalars.values(),
            ],
            operands,
        )
        arrays = Arrays(network.source, {binding.name for binding in network.bindings})
        for node in order:
            self.own[node] = self._own(node, arrays)
            self.formulas[node] = self.names.get(node, self.own[node])

    def named(self, name: str, node: Node) -> Formula:
        """Return the name of a value at time t."""
        timed = f"{name[:-1]},t]" if name.endswith("]") and self.time else name + self.time
        return expr.Ket(timed) if node.coords else expr.Name(timed)

    def forward(self) -> tuple[Relation, ...]:
        """Return the equations of the statements."""
        said: dict[Node, Relation] = {}
        for binding in self.network.bindings:
            name = self.names.get(binding.node)
            if name is not None and binding.node not in said:
                said[binding.node] = Relation((name,), "=", self.own[binding.node])
        return tuple(said.values())

    def backward(self) -> tuple[Relation, ...]:
        """Return the equations of cotangents of products and of gradients."""
        gradients = self.of.gradients
        wanted = [use.cotangent for uses in gradients.matrices.values() for use in uses]
        places = {node: at for at, node in enumerate(toposort(wanted, operands))}
        found = [
            Relation((self.names[node],), "=", self.own[node])
            for node in sorted(dict.fromkeys(wanted), key=places.__getitem__)
            if isinstance(self.names[node], expr.Ket)
        ]
        for weight in self.network.weights:
            gradient = self.gradient(weight)
            if gradient is not None:
                name = f"d{weight.name}{self.time}"
                left: Formula = expr.Ket(name) if gradient.coords else expr.Name(name)
                found.append(Relation((left,), "=", self.formulas[gradient]))
        return tuple(found)

    def gradient(self, weight: Weight) -> Node | None:
        """Return the gradient of a vector or scalar."""
        match weight.leaf:
            case op.InitialVector() as leaf:
                return self.of.gradients.vectors.get(leaf)
            case op.InitialScalar() as leaf:
                return self.of.gradients.scalars.get(leaf)
            case Matrix():
                return None

    def operator(self, matrix: Matrix, signal: Formula) -> Formula:
        """Return Gamma, the sum of |dh> chi <z| over the uses of a matrix; chi may be in dh."""
        total: Formula | None = None
        for use in self.of.gradients.matrices.get(matrix, ()):
            sides = self.formulas[use.cotangent], self.formulas[use.operand]
            left, right = sides[::-1] if use.transposed else sides
            is_ket = isinstance(right, expr.Ket)
            bra = expr.Name(f"⟨{inside(right)}|") if is_ket else expr.Raised(right, "T")
            part: Formula = expr.Product("times", (left, bra))
            if signal != expr.Number(1):
                part = expr.Product("times", (left, signal, bra))
            total = part if total is None else add(total, part)
        return expr.Number(0) if total is None else total

    def _own(self, node: Node, arrays: Arrays) -> Formula:
        """Return the formula of a node by those of its operands."""
        formulas = self.formulas
        match node:
            case op.InitialVector(name=name) | op.InitialScalar(name=name):
                return self.named(name, node)
            case op.MatMul(matrix=matrix, transposed=transposed, operand=operand):
                left: Formula = expr.Name(f"|{matrix.name}{self.time}|")
                left = expr.Raised(left, "T") if transposed else left
                return expr.Product("contract", (left, formulas[operand]))
            case op.Mean(operand=operand, over=over):
                if over == (FREE,):
                    return expr.Expectation(formulas[operand])
                return expr.Expectation(formulas[operand], tuple(range(1, len(over) + 1)))
            case op.Row(operand=operand) if isinstance(inner := formulas[operand], expr.Ket):
                return expr.Ket(inner.name, inner.accent, 1)
            case op.Row(operand=operand):
                return expr.Indexed(formulas[operand], (1,))
            case _:
                return write_node(node, formulas, arrays)
