"""Training for any number of steps: `steps` is an argument where rounds do not differ by it.

Arrays have no row for each round then: the number of the round is counted, unit vectors are made
when it is known how many there are, batches begin again.
"""

from tpc.limit.equations import Limit
from tpc.program.nodes import Constant, Node
from tpc.program.region import (
    Body,
    InnerOverRounds,
    RoundInput,
    is_first_round,
    is_identity,
    is_round_number,
)
from tpc.program.traversal import dependents

STEPS = "steps"
"""What the argument is called."""


def steps_of(limit: Limit) -> int | None:
    """Return the steps of training of a limit that holds for any number of them."""
    if limit.rounds is None or any(p.name == STEPS for p in limit.program.parameters):
        return None
    body = limit.rounds.node.body
    if any(isinstance(node, InnerOverRounds) for node in body.nodes):  # arrays over all rounds
        return None
    rows = [node for node in body.nodes if isinstance(node, RoundInput)]
    units = (row for row in rows if is_unit_row(row, body))
    if any(row in limit.names for row in units):  # batches of one row each, of as many rows
        return None
    uniform = body.of_training and all(_begins_again(row, body) for row in rows)
    counted = (carry.initial for carry in body.carries if carry.leaf in over_rounds(body))
    return body.rounds - 1 if uniform and all(map(_is_zero, counted)) else None


def made_in_function(limit: Limit) -> frozenset[Node]:
    """Return the arrays that have a row for each step, where their number is an argument."""
    if limit.rounds is None or steps_of(limit) is None:
        return frozenset()
    body = limit.rounds.node.body
    rows = (node for node in body.nodes if isinstance(node, RoundInput))
    return frozenset(row.table for row in rows if is_unit_row(row, body))


def over_rounds(body: Body) -> frozenset[Node]:
    """Return what is carried that has a number for every round: coefficients of their gradients."""
    moving = dependents(body.nodes, lambda node: is_unit_row(node, body))
    leaves = (carry.leaf for carry in body.carries if carry.following in moving)
    return frozenset(leaf for leaf in leaves if not leaf.coords and leaf.shape == (body.rounds,))


def is_unit_row(node: Node, body: Body) -> bool:
    """Whether a node is the unit vector of the round."""
    match node:
        case RoundInput(table=Constant(value=value)):
            return is_identity(value) and len(value) == body.rounds
        case _:
            return False


def is_zeros(node: Node) -> bool:
    """Whether a node is an array of zeros."""
    return _is_zero(node) and bool(node.shape)


def _is_zero(node: Node) -> bool:
    return isinstance(node, Constant) and not node.value.any()


def _begins_again(row: RoundInput, body: Body) -> bool:
    fewer = isinstance(row.table, Constant) and row.table.shape[0] < body.rounds
    return fewer or is_unit_row(row, body) or is_first_round(row) or is_round_number(row, body)
