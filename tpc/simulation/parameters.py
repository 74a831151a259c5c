"""Run-time parameters: the defaults of a program, with what the caller sets instead."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tpc.diagnostics import UsageError
from tpc.network.network import Network
from tpc.program.program import Program


def resolve_parameters(
    program: Program | Network, given: Mapping[str, object] | None
) -> dict[str, npt.NDArray[np.float64]]:
    """Return the value of every parameter, in order of declaration.

    Args:
        program: Whose parameters; a network has parameters too.
        given: Values that replace defaults: numbers, nested lists or arrays.

    Raises:
        UsageError: A name is unknown, or a value is no finite array of the right shape.
    """
    given = given or {}
    known = [parameter.name for parameter in program.parameters]
    for name in given:
        if name not in known:
            choice = f"it has {', '.join(known)}" if known else "it has none"
            raise UsageError(f"the program has no parameter `{name}`: {choice}")
    return {
        parameter.name: _as_array(parameter.name, given[parameter.name], parameter.shape)
        if parameter.name in given
        else parameter.default
        for parameter in program.parameters
    }


def _as_array(name: str, value: object, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise UsageError(
            f"parameter `{name}` takes numbers, or lists of them of equal length"
        ) from None
    if array.shape != shape:
        wanted = "a number" if shape == () else f"an array of shape {shape}"
        raise UsageError(f"parameter `{name}` is {wanted}, not of shape {array.shape}")
    if not np.isfinite(array).all():
        raise UsageError(f"parameter `{name}` must be finite")
    array.setflags(write=False)
    return array
