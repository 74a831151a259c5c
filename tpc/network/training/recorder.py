"""What is recorded over the steps of training, and the program of which that is the output.

Rows are data, then test inputs. Test rows, and data rows outside of a batch, have error signal
zero, so that they need no pass of their own.
"""

from collections.abc import Callable, Mapping

from tpc.network.network import Network, WeightKind
from tpc.program.builder import Builder
from tpc.program.nodes import Matrix, Node, Parameter, operands
from tpc.program.program import Binding, Output, OutputKind, Program
from tpc.program.traversal import toposort

DIALECT = "nexort"
"""What training leads to: updates are averages over coordinates."""

SINGULAR_VALUES, EIGENVALUES = "singular_values_of_", "eigenvalues_of_"
"""What spectra are recorded as, in front of the name of a weight."""

Image = Callable[[Node], Node]
"""Gives what a node of the network is for all rows at one step."""


class Recorder:
    """Gathers bindings and outputs over the steps."""

    def __init__(self, network: Network) -> None:
        assert network.training is not None
        self._network = network
        self._training = network.training
        self._bindings: dict[str, Binding] = {}
        self._recorded: dict[str, list[Node]] = {}

    def bind(self, name: str, step: int | str | None, node: Node) -> None:
        """Name a node of a step, `h[1]` as `h[1,t]`, or of all steps together."""
        full = f"{name[:-1]},{step}]" if name.endswith("]") else f"{name}[{step}]"
        full = name if step is None else full
        self._bindings.setdefault(full, Binding(full, node, node.span))

    def bind_forward(self, step: int | str, image: Image, values: Mapping[Node, Node]) -> None:
        """Name the weights that are vectors or scalars, and what statements of the network name."""
        for weight in self._network.weights:
            if not isinstance(weight.leaf, Matrix):
                self.bind(weight.name, step, values[weight.leaf])
        for binding in self._network.bindings:
            self.bind(binding.name, step, image(binding.node))

    def record(
        self,
        step: int | str,
        outputs: Node,
        tracks: Mapping[str, Node],
        losses: Mapping[str, Node],
    ) -> None:
        """Record the outputs of all rows, what is tracked, and losses."""
        kept = {name: losses[name] for name in self._training.recorded_losses}
        for name, node in {**kept, self._network.readout.name: outputs, **tracks}.items():
            self.bind(name, step, node)
            self._recorded.setdefault(name, []).append(node)

    def watch(self, name: str, node: Node) -> None:
        """Record a spectrum of a round, unless something is called so."""
        if name not in {track.name for track in self._training.tracks}:
            self._recorded.setdefault(name, []).append(node)

    def program(self, b: Builder, *extra: Parameter) -> Program:
        """Return the program whose outputs are what has been recorded, over steps."""
        network = self._network
        matrices, parameters = _matrices(network), (*network.parameters, *extra)
        losses = self._training.recorded_losses
        watched = {track.name for track in self._training.tracks if track.given}
        spans = {track.name: track.span for track in self._training.tracks}
        outputs = tuple(
            Output(
                name, OutputKind.SCALAR, b.stack(tuple(nodes)),
                spans.get(name, network.readout.span),
                is_watched=name in watched or name.startswith((SINGULAR_VALUES, EIGENVALUES)),
            )
            for name, nodes in sorted(self._recorded.items(), key=lambda item: item[0] in losses)
        )  # fmt: skip
        bindings = tuple(self._bindings.values())
        needed = [*(output.node for output in outputs), *(bound.node for bound in bindings)]
        variances = [matrix.variance for matrix in matrices]
        return Program(
            name=network.name,
            title=network.title,
            source=network.source,
            dialect=DIALECT,
            dims=network.dims,
            matrices=matrices,
            parameters=parameters,
            bindings=bindings,
            outputs=outputs,
            nodes=tuple(toposort([*needed, *variances, *parameters], operands)),
        )


def _matrices(network: Network) -> tuple[Matrix, ...]:
    """Return the trainable tensors of matrix-like weights."""
    leaves = (weight.leaf for weight in network.weights if weight.kind is WeightKind.MATRIX)
    return tuple(leaf for leaf in leaves if isinstance(leaf, Matrix))
