"""The one node that only networks have."""

from dataclasses import dataclass

from tpc.program.nodes import Node


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BatchMean(Node):
    """`batchmean(x)`: the mean over inputs, in the graph for one input; it has the shape of x."""

    operand: Node
