"""A network with a loop over a depth -> what stands before, inside and behind the loop.

Each stage is a network of its own, from the ket x that goes from round to round to the next one:

    before      the input        -> x[0]
    inside      x                -> x after a round
    behind      x[L]             -> the vector of the readout

The loop has been written out for a few rounds, in which the depth L is a number of its own. A round
is what one of them computes from the x before it. Its weights are its own where the loop draws them
anew, else those of all rounds.
"""

from dataclasses import dataclass, replace

from tpc.network.network import Network, Weight, WeightKind
from tpc.program import nodes as op
from tpc.program.builder import Builder
from tpc.program.ensembles import GAUSSIAN
from tpc.program.nodes import Matrix, Node, operands
from tpc.program.traversal import dependents, rewrite, toposort


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A part of a network.

    Attributes:
        network: Its readout is `after` times independent output weights, which are not trained, or
            the readout of the whole network.
        state: Stands for the ket x before it; None where there is none.
        after: The ket that it computes.
    """

    network: Network
    state: op.InitialVector | None
    after: Node

    @property
    def weights(self) -> tuple[Weight, ...]:
        """The weights of its own."""
        return tuple(w for w in self.network.weights if w.leaf is not self.state)


def stage(network: Network, before: Node | None, after: Node) -> Stage:
    """Return the part of a network between two kets.

    Args:
        network: The whole.
        before: The ket from which it starts, or None for the input.
        after: The ket that it computes; that of the readout stays the readout.
    """
    b = Builder()
    b.adopt(network.nodes)
    images: dict[Node, Node] = {}
    if before is not None:
        images[before] = b.make(
            op.InitialVector, before.coords, before.shape, "x", None, b.number(1)
        )
    state = None if before is None else images[before]
    assert state is None or isinstance(state, op.InitialVector)
    image = rewrite([after], lambda _, copy: copy, b, images)[after]
    last = after is network.readout.node
    output = image if last else b.mul(_output_weights(b, image), image)
    nodes = tuple(toposort([output], operands))
    used = {*nodes, *(node.matrix for node in nodes if isinstance(node, op.MatMul))}
    weights = []
    for weight in network.weights:
        leaf = weight.leaf if isinstance(weight.leaf, Matrix) else images.get(weight.leaf)
        if leaf in used and isinstance(leaf, Matrix | op.InitialVector | op.InitialScalar):
            weights.append(replace(weight, leaf=leaf))
    if state is not None:
        one = b.number(1)
        kind, at = WeightKind.VECTOR, network.readout.span
        weights.append(Weight("x", kind, state, state.shape, one, one, one, True, None, at))
    part = replace(
        network,
        weights=tuple(weights),
        parameters=tuple(node for node in nodes if isinstance(node, op.Parameter)),
        nodes=nodes,
        readout=replace(network.readout, node=output),
        training=None,
    )
    return Stage(part, state, image)


def _output_weights(b: Builder, ket: Node) -> Node:
    return b.make(op.InitialVector, ket.coords, (), "v of the stage", None, b.number(1))


def is_gaussian(ket: Node) -> bool:
    """Whether a ket is Gaussian by its form: linear in vectors and in products with matrices."""

    def below(node: Node) -> tuple[Node, ...]:
        match node:
            case op.InitialVector(ensemble=law):
                return () if law == GAUSSIAN else (node,)
            case op.MatMul():
                return ()
            case op.Elementwise(function="add" | "sub" | "neg" | "mul" | "div"):
                return tuple(part for part in node.operands if part.coords)
            case op.Contract() | op.Take() | op.Permute() | op.Expand():
                return tuple(part for part in operands(node) if part.coords)
            case op.Reduce(reduction="sum", operand=inner):
                return (inner,)
            case _:
                return (node,)

    for node in toposort([ket], lambda node: [x for x in below(node) if x is not node]):
        kets = below(node)
        if node in kets or (isinstance(node, op.Elementwise) and _is_nonlinear(node)):
            return False
    return True


def _is_nonlinear(node: op.Elementwise) -> bool:
    kets = [part for part in node.operands if part.coords]
    return (node.function in {"mul", "div"} and len(kets) > 1) or (
        node.function == "div" and bool(node.operands[1].coords)
    )


def uses_law(stage_: Stage) -> bool:
    """Whether a stage needs more of its state than mean and covariance: a function acts on it.

    Kets that are linear in the state may be multiplied by matrices, averaged, and multiplied with
    each other in averages; that needs second moments alone.
    """
    linear: set[Node] = {stage_.state} if stage_.state is not None else set()
    for node in toposort([stage_.after], operands):
        kets = [part for part in operands(node) if part in linear]
        if not kets or isinstance(node, op.MatMul | op.Inner):
            continue
        match node:
            case op.Mean(operand=op.Elementwise()) | op.Mean():
                continue
            case op.Elementwise(function="mul", operands=(x, y)) if x in linear and y in linear:
                users = [n for n in stage_.network.nodes if node in operands(n)]
                if not all(isinstance(user, op.Mean) for user in users):
                    return True
            case op.Elementwise(function="square"):
                users = [n for n in stage_.network.nodes if node in operands(n)]
                if not all(isinstance(user, op.Mean) for user in users):
                    return True
            case op.Elementwise(function="add" | "sub" | "neg" | "mul"):
                linear.add(node)
            case op.Elementwise(function="div", operands=(_, y)) if y not in linear:
                linear.add(node)
            case op.Contract() | op.Take() | op.Permute() | op.Expand():
                linear.add(node)
            case op.Reduce(reduction="sum"):
                linear.add(node)
            case _:
                return True
    return False


def adds_independently(stage_: Stage) -> bool:
    """Whether a stage adds to its state what depends on it by products with matrices alone.

    Many such steps, each of the size of a root, make a Gaussian of whatever they are.
    """

    def below(node: Node) -> tuple[Node, ...]:
        moments = isinstance(node, op.MatMul | op.Mean | op.Inner)
        return () if moments else operands(node)

    order = toposort([stage_.after], below)
    found = dependents(order, lambda node: node is stage_.state)
    return not any(
        isinstance(node, op.Softmax | op.Row)
        or (
            isinstance(node, op.Elementwise)
            and (node.function not in {"add", "sub", "neg", "mul", "div"} or _is_nonlinear(node))
        )
        for node in found
        if not isinstance(node, op.MatMul | op.Mean | op.Inner)
    )


def adds_to_state(stage_: Stage) -> bool:
    """Whether a stage makes x + B(x), where B knows x through products with matrices alone."""
    states, terms, waiting = 0, list[Node](), [stage_.after]
    while waiting:
        match waiting.pop():
            case op.Elementwise(function="add", operands=parts):
                waiting += parts
            case op.Elementwise(function="sub", operands=(one, other)):
                waiting.append(one)
                terms.append(other)
            case node if node is stage_.state:
                states += 1
            case other:
                terms.append(other)

    def below(node: Node) -> tuple[Node, ...]:
        return () if isinstance(node, op.MatMul | op.Mean | op.Inner) else operands(node)

    return states == 1 and stage_.state not in toposort(terms, below)
