"""`parametrization mup(depth=a)`: how weights of a loop over a depth L learn beside blocks of L^-a.

    lr              L^(2a - 1) where updates are linear in the gradients, L^(a - 1) for all others
    eps             L^-a, as gradients are
    decay a step    1, also where it is written as a multiple of lr

a = 1/2 is Depth-muP, a = 1 CompleteP.

Reference:
    Tensor Programs VI, Section 7.
    Dey et al., the table of CompleteP.
"""

from dataclasses import replace

from tpc.network.network import Network, OptimizerUse
from tpc.network.optimizers.every_step import is_linear
from tpc.network.optimizers.update import eps_degree, known_options, numeric_options
from tpc.program.builder import Builder
from tpc.program.nodes import Node


def scaled_in_depth(b: Builder, network: Network) -> Network:
    """Return a network whose weights in loops over a depth have optimizers of their own."""
    training = network.training
    if training is None or training.parametrization.depth is None:
        return network
    exponent, own = training.parametrization.depth, dict(training.own_optimizers)
    for weight in network.weights:
        if weight.depth is not None and weight.trained:
            use = training.optimizer_of(weight.name)
            own[weight.name] = _scaled(b, use, weight.depth, exponent)
    return replace(network, training=replace(training, own_optimizers=tuple(own.items())))


def _scaled(b: Builder, use: OptimizerUse, length: Node, exponent: float) -> OptimizerUse:
    b.span = use.span
    rate = 2 * exponent - 1 if is_linear(use) else exponent - 1
    powers = {"lr": rate, "weight_decay": -rate}
    if "eps" in known_options(use)[0]:
        powers["eps"] = -exponent * eps_degree(use)
    options, defaults = dict(use.options), numeric_options(b, use)
    for name, power in powers.items():
        value = options.get(name, defaults.get(name))
        if power and isinstance(value, Node) and (name in options or name != "weight_decay"):
            options[name] = b.mul(value, b.pow(length, b.number(power)))
    return replace(use, options=tuple(options.items()))
