"""Limit -> the functions that compute it, one for each reading, and what they share."""

from dataclasses import dataclass

from tpc.codegen.definitions import Definitions, find_definitions
from tpc.codegen.function import WrittenFunction, write_function
from tpc.codegen.lifetimes import Lifetimes
from tpc.codegen.statement import Speech
from tpc.codegen.writing_order import find_readings
from tpc.limit.equations import Limit


@dataclass(frozen=True, slots=True)
class Evaluator:
    """What computes a limit.

    Attributes:
        functions: `limit` alone, or `limit_sampled` and `limit_integrated`.
        definitions: What they share at module level.
    """

    functions: tuple[WrittenFunction, ...]
    definitions: Definitions

    @property
    def lifetimes(self) -> tuple[Lifetimes, ...]:
        """When the variables of each function die."""
        return tuple(function.lifetimes for function in self.functions)


def write_evaluator(limit: Limit, speech: Speech, grids: bool = True) -> Evaluator:
    """Write the functions of a limit, each statement under the equation it computes.

    Args:
        limit: The limit.
        speech: What comments say.
        grids: Whether outputs are computed on grids too.
    """
    readings = find_readings(limit, grids)
    computed = [node for reading in readings for node in reading.nodes]
    definitions = find_definitions(computed, limit)
    functions = tuple(write_function(reading, definitions, speech) for reading in readings)
    return Evaluator(functions, definitions)


def peak_memory(limit: Limit) -> tuple[int, int]:
    """Return how many floats a sample, and a pair of samples, variables hold at most at once."""
    lifetimes = write_evaluator(limit, _SILENCE).lifetimes
    return max(own.peak for own in lifetimes), max(own.pairs for own in lifetimes)


_SILENCE = Speech(lambda equation: "", lambda node: "", lambda: None)
"""Says nothing."""
