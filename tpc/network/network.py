"""A checked network: an architecture for one input, and how it is trained (language.md, 7 and 8).

The architecture is a graph in the language of programs. Its leaves are the input, a `Placeholder`,
and the trainable tensors w of its weights. The multiplier of a weight W = mult n^-a w stands in the
graph: `W @ x` is mult * MatMul(w, x), and `v * x` is (mult * v) * x, so that derivatives with
respect to w have it where they should. Nothing in the graph depends on the parametrization, but
that the tensors are drawn as in the Tensor Programs that all of them lead to: matrices with entries
N(0, init^2 / n), vectors with entries N(0, init^2).

Reference:
    Tensor Programs IVb, Definitions 2.9.1 (architecture) and 2.9.7 (its parametrization).
"""

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from tpc.diagnostics import Diagnostic, Span
from tpc.program import nodes as op
from tpc.program.ensembles import GAUSSIAN
from tpc.program.nodes import Matrix, Node, Shape
from tpc.program.program import Binding, Dim, Output, OutputKind, Program

__all__ = [
    "Depth",
    "DepthLoop",
    "Exponents",
    "Network",
    "NetworkReadout",
    "OptimizerUse",
    "Parametrization",
    "Track",
    "Training",
    "UserOptimizer",
    "Weight",
    "WeightKind",
]

Array: TypeAlias = npt.NDArray[np.float64]


class WeightKind(Enum):
    """How many axes of a weight grow with n."""

    MATRIX = "matrix"
    VECTOR = "vector"
    SCALAR = "scalar"


@dataclass(frozen=True, slots=True)
class Exponents:
    """The exponents of W = mult n^-a w, w ~ N(0, init^2 n^-2b), w <- w - eta n^-c Q(n^d g)."""

    a: float
    b: float
    c: float
    d: float


@dataclass(frozen=True, slots=True)
class Weight:
    """A declared weight.

    Attributes:
        name: As declared.
        kind: How many of its axes grow.
        leaf: The trainable tensor w in the graph: a matrix with variance init^2, an initial vector
            with covariance init^2, or an initial scalar whose limit is `start`.
        shape: Its constant shape; () for matrices.
        init: The standard deviation of w, a scalar node of shape () made of statics and params.
        mult: The multiplier, a scalar node of shape ().
        lr: The factor of its learning rate, a scalar node of shape ().
        trained: Whether training changes it.
        exponents: Its own a, b, c, d, or None for those of the parametrization.
        span: Its declaration.
        depth: That of the loop that draws it anew in every round, of shape (); else None.
    """

    name: str
    kind: WeightKind
    leaf: Matrix | op.InitialVector | op.InitialScalar
    shape: Shape
    init: Node
    mult: Node
    lr: Node
    trained: bool
    exponents: Exponents | None
    span: Span
    depth: Node | None = None


@dataclass(frozen=True, slots=True)
class NetworkReadout:
    """The output f = n^-a_out * sum over the n-axis of `node`, of constant shape `node.shape`."""

    name: str
    node: Node
    span: Span


@dataclass(frozen=True, slots=True)
class Parametrization:
    """What `parametrization` says.

    Attributes:
        name: `ntp`, `mup`, `sp`, `meanfield`, `uniform` or `custom`.
        s: The argument of `uniform(s)`.
        matrix: The exponents of `custom`, else None.
        vector: The same for vector-like weights.
        scalar: The same for scalar-like weights; None also where `custom` leaves them out.
        out: The exponent a_out of `custom`.
        span: Where it stands.
        depth: The argument of `mup(depth=a)`, the exponent of blocks L^-a, or None.
    """

    name: Literal["ntp", "mup", "sp", "meanfield", "uniform", "custom"]
    s: float = 0.0
    matrix: Exponents | None = None
    vector: Exponents | None = None
    scalar: Exponents | None = None
    out: float | None = None
    span: Span | None = None
    depth: float | None = None


OperatorFunction: TypeAlias = Literal[
    "+", "-", "*", "/", "@", "transpose", "svd", "msign", "schatten", "power",
    "norm", "spectral", "nuclear", "trace", "inner",
]  # fmt: skip
"""What is made of operators; the last five are numbers."""


@dataclass(frozen=True, slots=True)
class Sides:
    """What stands at the rows and the columns of an operator: the left or the right side of G.

    Attributes:
        above: `left`, `right`, or the empty string where it is not known.
        below: The same of columns.
        shifted: Whether a multiple of the identity is part of it, as of (S + eps)^p.
    """

    above: str
    below: str
    shifted: bool = False

    @property
    def turned(self) -> "Sides":
        """Those of the transpose."""
        return Sides(self.below, self.above, self.shifted)


@dataclass(frozen=True, slots=True)
class OperatorStep:
    """One operation on operators in the block of an optimizer.

    Attributes:
        result: Stands for an operator, or for a number.
        function: What is done.
        operands: What stands for operators, and numbers as graphs of placeholders.
        values: Of `svd` what stands for a singular value, and what becomes of it.
    """

    result: op.Placeholder
    function: OperatorFunction
    operands: tuple[Node, ...]
    values: tuple[op.Placeholder, Node] | None = None


@dataclass(frozen=True, slots=True)
class OperatorBlock:
    """`optimizer Q(matrix G; m=0):`, what a step makes of operators.

    Attributes:
        steps: In order.
        sides: Of each state, or None where it is a number.
        lr: Stands for the learning rate.
        shape_scale: Stands for sqrt(rows / columns).
    """

    steps: tuple[OperatorStep, ...]
    sides: tuple[Sides | None, ...]
    lr: op.Placeholder
    shape_scale: op.Placeholder


@dataclass(frozen=True, slots=True)
class UserOptimizer:
    """`optimizer Q(g; m=0, v=0):`, an optimizer with named states, entry by entry or of operators.

    Attributes:
        name: As declared.
        gradient: Stands for the gradient g in the graphs.
        step: Stands for the number of the step, from 0.
        options: Options with their defaults, by the placeholder that stands for each.
        states: For each state: its placeholder, its value before the first step, and its value
            after a step as a graph of placeholders.
        direction: What is subtracted, times the learning rate: a graph of placeholders, those of
            the states for their values before the step; values after it are their graphs.
        span: Its declaration.
        block: What it does to operators, where it sees the gradient as one.
    """

    name: str
    gradient: op.Placeholder
    step: op.Placeholder
    options: tuple[tuple[op.Placeholder, float], ...]
    states: tuple[tuple[op.Placeholder, float, Node], ...]
    direction: Node
    span: Span
    block: OperatorBlock | None = None


@dataclass(frozen=True, slots=True)
class OptimizerUse:
    """An optimizer with its options, as in `adam(lr=0.2, beta1=0.9)`.

    Attributes:
        name: As in theory.md, section 7, or that of a declared optimizer.
        options: The options that were written, scalar nodes made of statics, params and `time`,
            most of shape (); flags (`normalize`, `eps_outside`) are booleans, others words
            (`steps=exact`), or an optimizer (`graft=adam(eps=0.1)`). What a block says of all
            gradients is among them: its schedule in `lr`, and `clip_value`.
        declared: The declared optimizer, where it is one.
        span: Where it stands.
        time: Stands for t, the number of the step from 0, where an option contains it.
    """

    name: str
    options: tuple[tuple[str, "OptionValue"], ...]
    declared: UserOptimizer | None
    span: Span
    time: op.Placeholder | None = None


OptionValue: TypeAlias = Node | bool | str | OptimizerUse
"""The value of an option."""


@dataclass(frozen=True, slots=True)
class GlobalBound:
    """`clip_global theta over W, V`: gradients by their common norm nu, before optimizers.

    Attributes:
        threshold: theta, as options are, of gradients times min(1, theta / nu); None where they are
            divided by nu, `normalize_global true`.
        weights: Whose gradients: names, in order of declaration.
        span: Where it stands.
        time: Stands for t in `threshold`.
    """

    threshold: Node | None
    weights: tuple[str, ...]
    span: Span
    time: op.Placeholder | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """`track K = <x|x>`: recorded at every step.

    Attributes:
        name: As recorded.
        node: The scalar that is recorded, a graph over placeholders.
        uses: For each placeholder the node of the network that it stands for. A placeholder has the
            input axis first, over data rows, then test rows, where the node depends on the input.
        span: Where it stands.
        given: Placeholders for what training makes: `f`, the outputs of data rows, and `loss`.
    """

    name: str
    node: Node
    uses: tuple[tuple[op.Placeholder, Node], ...]
    span: Span
    given: tuple[tuple[op.Placeholder, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Training:
    """A checked `train` block.

    Attributes:
        inputs: X, of shape M x input shape.
        targets: Y, of shape M x output shape.
        test: Inputs that are tracked without an error signal, or None.
        loss: The loss of one example, a scalar node of shape () over `output` and `target`.
        output: Stands for the output f of one example in `loss`.
        target: Stands for its target y.
        reduce: Whether losses of a batch are added or averaged.
        optimizer: The optimizer for all weights but those in `own_optimizers`.
        own_optimizers: Optimizers of single weights, by the weight's name.
        parametrization: As written.
        steps: The number T of updates.
        cycle: The rows of the first steps, up to where batches begin again.
        center: Whether the output at initialisation is subtracted.
        tracks: In order.
        span: The whole block.
        bound: What bounds the common norm of gradients, where something does.
        assumes_rank: Whether it is assumed that directions which gradients of several steps have at
            finite width alone do not matter in the operator regime.
    """

    inputs: Array
    targets: Array
    test: Array | None
    loss: Node
    output: op.Placeholder
    target: op.Placeholder
    reduce: Literal["sum", "mean"]
    optimizer: OptimizerUse
    own_optimizers: tuple[tuple[str, OptimizerUse], ...]
    parametrization: Parametrization
    steps: int
    cycle: tuple[tuple[int, ...], ...]
    center: bool
    tracks: tuple[Track, ...]
    span: Span
    bound: GlobalBound | None = None
    assumes_rank: bool = False

    @property
    def recorded_losses(self) -> tuple[str, ...]:
        """The names of the losses that every training records, but for those that it tracks."""
        tracked = {track.name for track in self.tracks}
        return tuple(name for name in ("loss", "loss_all") if name not in tracked)

    @property
    def rows(self) -> Array:
        """The inputs of data rows, then of test rows."""
        return self.inputs if self.test is None else np.concatenate([self.inputs, self.test])

    @property
    def batches(self) -> tuple[tuple[int, ...], ...]:
        """The rows of each of the T steps."""
        return tuple(map(self.batch, range(self.steps)))

    def batch(self, step: int) -> tuple[int, ...]:
        """Return the rows of a step."""
        return self.cycle[step % len(self.cycle)]

    def optimizer_of(self, weight: str) -> OptimizerUse:
        """Return the optimizer of a weight."""
        return dict(self.own_optimizers).get(weight, self.optimizer)


@dataclass(frozen=True, slots=True)
class DepthLoop:
    """The loop over an infinite depth L, written out for a few rounds.

    Attributes:
        length: Stands for the free depth in the graph.
        ratio: How many times the free depth its rounds are.
        bound: For each round, the members of families that it binds, by the family's name.
        span: Where it begins.
        backward: Whether its variable falls.
    """

    length: op.Parameter
    ratio: float
    bound: tuple[dict[str, Node], ...]
    span: Span
    backward: bool


@dataclass(frozen=True, slots=True)
class Depth:
    """The free depth of a network.

    Attributes:
        name: As declared.
        number: How many rounds it stands for; None where it is infinite.
        loops: The loops over it, where it is infinite.
        read: Members of families that it reads, `x[L]`.
    """

    name: str
    number: int | None
    loops: tuple[DepthLoop, ...] = ()
    read: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Network:
    """An architecture after all checks, for one input.

    Attributes:
        name: The file name, or `<string>`.
        title: The text behind `program`, or the empty string.
        source: The text of the file.
        dim: The width n.
        dims: Every dim by name, multiples of the width.
        input: Stands for the one input, a scalar of its constant shape.
        weights: In order of declaration.
        noises: What is drawn anew for every row and step, for one row.
        parameters: In order of declaration.
        bindings: Every assignment, in order.
        readout: The output.
        training: The `train` block, where there is one.
        nodes: The graph for one input in topological order, without that of the loss and tracks.
        warnings: What may not have been meant.
        depth: The free depth, where one is declared.
        path: Whether the input is a path: `input` has its steps in rounds, or is its velocity.
    """

    name: str
    title: str
    source: str
    dim: Dim
    dims: dict[str, Dim]
    input: op.Placeholder
    weights: tuple[Weight, ...]
    parameters: tuple[op.Parameter, ...]
    bindings: tuple[Binding, ...]
    readout: NetworkReadout
    training: Training | None
    nodes: tuple[Node, ...]
    noises: tuple[op.InitialVector, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    depth: Depth | None = None
    path: bool = False

    @property
    def point(self) -> Shape:
        """The shape of an input; of a path that of its points."""
        return self.input.shape[self.path and not self.looped :]

    @property
    def looped(self) -> bool:
        """Whether it has a loop over an infinite depth."""
        return self.depth is not None and bool(self.depth.loops)

    def dim_of(self, weight: Weight) -> Dim:
        """Return the width that exponents of a weight are powers of: a matrix's fan-in."""
        leaf = weight.leaf
        if isinstance(leaf, Matrix):
            return self.dims[leaf.columns]
        return self.dims[leaf.dim] if leaf.coords else self.dim

    def share(self, weight: Weight) -> Fraction:
        """Return the width that the readout sums over, by that of a weight."""
        node = self.readout.node
        summed = self.dims[node.dim] if node.coords else self.dim
        return summed.ratio / self.dim_of(weight).ratio

    def height(self, weight: Weight) -> Fraction:
        """Return the rows of a matrix by its columns; 1 of a vector."""
        leaf = weight.leaf
        if not isinstance(leaf, Matrix):
            return Fraction(1)
        return self.dims[leaf.rows].ratio / self.dims[leaf.columns].ratio

    @property
    def drawn_names(self) -> tuple[str, ...]:
        """The names under which training records the output, and what is made of it."""
        training = self.training
        assert training is not None
        tracked = (track.name for track in training.tracks if track.given)
        return tuple(dict.fromkeys((self.readout.name, *training.recorded_losses, *tracked)))

    @property
    def draws_by_moments(self) -> bool:
        """Whether means and covariances say everything, and every step has the same draws."""
        leaves = (weight.leaf for weight in self.weights)
        whole = not any(isinstance(node, op.Split | op.Merge) for node in self.nodes)
        return (
            whole
            and not self.noises
            and all(
                leaf.ensemble == GAUSSIAN for leaf in leaves if isinstance(leaf, op.InitialVector)
            )
        )

    @property
    def couples_inputs(self) -> bool:
        """Whether the output at one input depends on the others."""
        return any(isinstance(node, op.BatchMean) for node in self.nodes)


def as_program(network: Network) -> Program:
    """Return the graph of a network with its names, for one input; the readout is its output.

    The input is a placeholder in it, so that it has no limit and no finite width of its own.
    """
    readout = network.readout
    return Program(
        name=network.name,
        title=network.title,
        source=network.source,
        dialect="",
        dims=network.dims,
        matrices=tuple(w.leaf for w in network.weights if isinstance(w.leaf, Matrix)),
        parameters=network.parameters,
        bindings=network.bindings,
        outputs=(Output(readout.name, OutputKind.READOUT, readout.node, readout.span),),
        nodes=network.nodes,
    )
