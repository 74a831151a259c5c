"""Network -> the architecture for one input as a program, for graphs and other views.

The input is a placeholder in it, so that it has no limit and no finite width of its own.
"""

from tpc.network.network import Network
from tpc.program.nodes import Matrix
from tpc.program.program import Output, OutputKind, Program


def as_program(network: Network) -> Program:
    """Return the graph of a network with its names; the readout is its output."""
    readout = network.readout
    leaves = [weight.leaf for weight in network.weights]
    return Program(
        name=network.name,
        title=network.title,
        source=network.source,
        dialect="",
        dims={network.dim.name: network.dim},
        matrices=tuple(leaf for leaf in leaves if isinstance(leaf, Matrix)),
        parameters=network.parameters,
        bindings=network.bindings,
        outputs=(Output(readout.name, OutputKind.READOUT, readout.node, readout.span),),
        nodes=network.nodes,
    )
