"""Forward and backward passes of a network over a batch of inputs, as nodes of one graph.

    backward = differentiate(builder, network)                      once for a network
    step = BatchPass(builder, backward, inputs, weights, matmul)    for each batch and weights
    y = step.output                                                 the readout's vector, (M,) + e
    gradients = step.total_gradients(seed)                          dy = seed, (M,) + S + e

This is the total program: the forward and backward programs of all inputs side by side, sharing the
weights. Kernels, limits of training and the finite trainer all take it from here. Axes come in the
order: inputs (M,), then seeds S, then those of the value.

Reference:
    Tensor Programs IVb, Definition 2.9.16.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tpc.network.batching import Lowering, Product
from tpc.network.input_sums import sum_over_inputs
from tpc.network.network import Network
from tpc.program.backpropagation import Gradients, MatrixUse, backpropagate
from tpc.program.builder import Builder
from tpc.program.nodes import MatMul, Node, Placeholder, Shape


@dataclass(frozen=True, slots=True)
class Differentiated:
    """A network with the graph of its backward pass, for one input.

    Attributes:
        network: The network.
        seed: Stands for dy, of shape S + e.
        gradients: Those of the trained weights, made of `seed`.
    """

    network: Network
    seed: Placeholder
    gradients: Gradients

    def cotangent_names(self) -> dict[Node, str]:
        """Return a name for the cotangent of every product: dh of h, else dW_1, dW_2, ... of W."""
        bound = {binding.node: binding.name for binding in reversed(self.network.bindings)}
        products = {
            (node.matrix, node.transposed, node.operand): bound.get(node, "")
            for node in self.network.nodes
            if isinstance(node, MatMul)
        }
        names: dict[Node, str] = {}
        for matrix, uses in self.gradients.matrices.items():
            for number, use in enumerate(uses, 1):
                product = products[matrix, use.transposed, use.operand]
                names.setdefault(use.cotangent, f"d{product or f'{matrix.name}_{number}'}")
        return names


def differentiate(
    b: Builder,
    network: Network,
    seed_axes: Shape = (),
    sizes: Mapping[str, float] | None = None,
) -> Differentiated:
    """Return the backward pass of a network for one input.

    Args:
        b: Makes the nodes; it takes over those of the network.
        network: The network.
        seed_axes: The seed axes S: () for the gradient of a loss; e, the shape of the readout, for
            each output on its own; (M, *e) for that where `batchmean` couples the inputs.
        sizes: Of the dims at a finite width; their limit ratios if None.
    """
    b.adopt(network.nodes)
    output = network.readout.node
    seed = b.make(Placeholder, (), seed_axes + output.shape, "seed")
    assert isinstance(seed, Placeholder)
    leaves = [weight.leaf for weight in network.weights if weight.trained]
    ratios = {name: float(dim.ratio) for name, dim in network.dims.items()}
    return Differentiated(network, seed, backpropagate(b, output, leaves, seed, sizes or ratios))


class BatchPass:
    """A forward pass over a batch, with backward passes through it."""

    def __init__(
        self,
        b: Builder,
        differentiated: Differentiated,
        inputs: Node,
        weights: Mapping[Node, Node] | None = None,
        matmul: Product | None = None,
        noises: Mapping[Node, Node] | None = None,
    ) -> None:
        """Start a pass.

        Args:
            b: Makes the nodes.
            differentiated: The network.
            inputs: The inputs, of shape (M,) + input shape.
            weights: For the leaves of vector-like and scalar-like weights what stands for them
                now; a leaf that is left out stands for itself.
            matmul: Makes the products with trainable matrices; those of the builder if None.
            noises: What stands for noise, of shape (M,) + k.
        """
        self._b = b
        self._of = differentiated
        network = differentiated.network
        size = inputs.shape[0]
        self._forward = Lowering(
            b, size, {network.input: inputs, **(noises or {})}, weights, matmul
        )

    @property
    def output(self) -> Node:
        """The vector of the readout, of shape (M,) + e."""
        return self._forward.per_input(self._of.network.readout.node)

    def image(self, node: Node) -> Node:
        """Return a node of the network for the batch, without (M,) where all inputs agree."""
        return self._forward.image(node)

    def tracked(self, given: Mapping[str, Node]) -> dict[str, Node]:
        """Return what a `train` block tracks, by name, over a batch of all rows.

        Args:
            given: The outputs `f` of data rows and the `loss` of the step.
        """
        training = self._of.network.training
        assert training is not None
        found = {}
        for track in training.tracks:
            images: dict[Node, Node] = {stand_in: self.image(node) for stand_in, node in track.uses}
            images |= {stand_in: given[name] for stand_in, name in track.given}
            found[track.name] = Lowering(self._b, 1, {}, images).image(track.node)
        return found

    def gradients(self, seed: Node) -> Gradients:
        """Return the gradients for each input.

        Args:
            seed: dy for each input, of shape (M,) + S + e.

        Returns:
            Cotangents of shape (M,) + S + k and operands of shape (M,) + k: the gradient of a
            weight is to be added up over the inputs.
        """
        lowering = self._backward(seed)
        return self._mapped(lowering, lowering.per_input)

    def total_gradients(self, seed: Node) -> Gradients:
        """Return the gradients added up over the inputs; those of vectors take no array for each.

        Args:
            seed: dy for each input, of shape (M,) + S + e.

        Returns:
            dv and dc of shape S + k; cotangents and operands of matrices with the inputs in front,
            as in `gradients`.
        """
        lowering = self._backward(seed)
        return self._mapped(lowering, lambda node: sum_over_inputs(self._b, lowering, node))

    def _backward(self, seed: Node) -> Lowering:
        return self._forward.extended({self._of.seed: seed})

    def _mapped(self, lowering: Lowering, image: Callable[[Node], Node]) -> Gradients:
        one = self._of.gradients

        def use(of: MatrixUse) -> MatrixUse:
            sides = lowering.per_input(of.cotangent), lowering.per_input(of.operand)
            return MatrixUse(of.transposed, *sides)

        return Gradients(
            {matrix: tuple(map(use, uses)) for matrix, uses in one.matrices.items()},
            {leaf: image(d) for leaf, d in one.vectors.items()},
            {leaf: image(d) for leaf, d in one.scalars.items()},
        )
