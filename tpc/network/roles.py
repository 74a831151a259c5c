"""Network -> what each weight is to it: matrix-like, vector-like, output-like, scalar-like.

A vector-like weight is *output-like* where its every use is as a `v` of the readout (language.md,
5): the readout is linear in a set of vector-like weights with coefficients that depend on none of
them, and the weight is in that set. Where there is a choice, as in v * (U @ xi), the weights
declared last are taken.

A network is a *multi-layer perceptron* of L hidden layers where

    h^1 = U @ xi,  h^l = W^l @ x^(l-1),  x^l = phi(h^l),  f = v * x^L,

each weight is used once, not transposed, and biases may be added; phi acts entry by entry.

Reference:
    Tensor Programs IVb, equation (2.3), Example 2.9.6.
"""

from enum import Enum

from tpc.network.network import Network, WeightKind
from tpc.program import nodes as op
from tpc.program.checking.expansion import expand, is_polynomial, region_of
from tpc.program.checking.readouts import choose, dependence_of
from tpc.program.nodes import BatchMean, Node, operands
from tpc.program.traversal import walk


class Role(Enum):
    """What a weight is to its network."""

    MATRIX = "matrix-like"
    VECTOR = "vector-like"
    OUTPUT = "output-like"
    SCALAR = "scalar-like"


def roles_of(network: Network) -> dict[str, Role]:
    """Return the role of every weight, in order of declaration."""
    outputs = _output_like(network)
    plain = {
        WeightKind.MATRIX: Role.MATRIX,
        WeightKind.VECTOR: Role.VECTOR,
        WeightKind.SCALAR: Role.SCALAR,
    }
    return {
        weight.name: Role.OUTPUT if weight.leaf in outputs else plain[weight.kind]
        for weight in network.weights
    }


def _output_like(network: Network) -> set[Node]:
    """Return the weights in which the readout is linear, those declared last preferred."""
    nodes = network.nodes
    weights = [weight.leaf for weight in network.weights if weight.kind is WeightKind.VECTOR]
    region, denominators = region_of(network.readout.node)
    masks = dependence_of(nodes).masks
    factors = [part for part in region if not is_polynomial(part)]
    entangled = 0
    for part in (*(x for x in factors if not isinstance(x, op.InitialVector)), *denominators):
        entangled |= masks[part]
    fresh = [
        leaf
        for leaf in reversed(weights)
        if isinstance(leaf, op.InitialVector)
        and leaf.mean is None
        and leaf in factors
        and not masks[leaf] & entangled
    ]
    bits = {leaf: 1 << at for at, leaf in enumerate(fresh)}
    chosen = choose(sorted(expand(region, bits))) or 0
    return {leaf for leaf, bit in bits.items() if bit & chosen}


def layers_of(network: Network) -> tuple[str, ...] | None:
    """Return the weights of layers 1, ..., L + 1 of a multi-layer perceptron, or None.

    A first layer of several weights is none; biases are no layers.
    """
    roles = roles_of(network)
    outputs = [name for name, role in roles.items() if role is Role.OUTPUT]
    if len(outputs) != 1 or Role.SCALAR in roles.values():
        return None
    layers = [outputs[0]]
    entrances = _entrances(network)
    below = network.readout.node
    while True:
        products, entered = _reached(below, entrances)
        entered.discard(outputs[0])
        if len(products) + len(entered) != 1:
            return None
        if entered:
            layers.append(entered.pop())
            break
        product = products.pop()
        layers.append(product.matrix.name)
        below = product.operand
    all_products = [node for node in network.nodes if isinstance(node, op.MatMul)]
    plain = not any(node.transposed for node in all_products)
    whole = len(all_products) == len(layers) - 2 and len(set(layers)) == len(layers)
    return tuple(reversed(layers)) if whole and plain else None


def _entrances(network: Network) -> dict[Node, str]:
    """Return the operations in which a vector-like weight, scaled or indexed, meets the input."""
    scaled: dict[Node, str] = {
        weight.leaf: weight.name
        for weight in network.weights
        if isinstance(weight.leaf, op.InitialVector)
    }
    fed: set[Node] = {network.input}
    entrances: dict[Node, str] = {}
    for node in network.nodes:
        below = operands(node)
        if node.is_scalar and not fed.isdisjoint(below):
            fed.add(node)
        names = [scaled[x] for x in below if x in scaled]
        if len(names) == 1 and is_polynomial(node):
            others = [x for x in below if x not in scaled]
            if all(x.is_scalar and x not in fed for x in others):
                scaled[node] = names[0]
            elif all(x.is_scalar for x in others):
                entrances[node] = names[0]
    return entrances


def _reached(start: Node, entrances: dict[Node, str]) -> tuple[set[op.MatMul], set[str]]:
    """Return the products and the weights meeting the input that `start` is directly made of.

    Nothing is returned where an average stands between, since no perceptron has one.
    """
    products: set[op.MatMul] = set()
    entered: set[str] = set()

    def below(node: Node) -> tuple[Node, ...]:
        return () if node in entrances or isinstance(node, op.MatMul) else operands(node)

    for node in walk((start,), below):
        if node in entrances:
            entered.add(entrances[node])
        elif isinstance(node, op.MatMul):
            products.add(node)
        elif isinstance(node, op.Mean | op.Inner | BatchMean):
            return set(), set()
    return products, entered
