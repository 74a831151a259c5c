"""The parts of `tpc kernel`: what it reads, asks for and writes."""

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tpc.diagnostics import UsageError
from tpc.driver import kernel_matrices
from tpc.driver.emitted import Progress
from tpc.kernels.result import KernelResult
from tpc.network.network import Network
from tpc.program.checking.expressions.data import Unreadable, read_array
from tpc.program.program import Program


@dataclass(frozen=True, slots=True)
class KernelRequest:
    """What is asked for.

    Attributes:
        arguments: Of the command line.
        network: The network.
        first: The inputs of the rows.
        second: Those of the columns, None for the same ones.
        params: Values of params that are set.
        target: The file to write, if any.
    """

    arguments: Namespace
    network: Network
    first: npt.NDArray[np.float64]
    second: npt.NDArray[np.float64] | None
    params: Mapping[str, object]
    target: Path | None


def read_request(
    arguments: Namespace, described: Program | Network, params: Mapping[str, object]
) -> KernelRequest:
    """Read the inputs; refuse what is wrong before the long work.

    Raises:
        ProgramError: TP283, the file describes no network.
        UsageError: A file cannot be read, or one could not be written.
    """
    if isinstance(described, Program):
        raise kernel_matrices.no_network(described)
    second = arguments.inputs2
    return KernelRequest(
        arguments,
        described,
        read_inputs(arguments.inputs, described),
        None if second is None else read_inputs(second, described),
        params,
        _target(arguments.output),
    )


def compute(request: KernelRequest, progress: Progress | None) -> KernelResult:
    """Compute the kernels."""
    arguments = request.arguments
    return kernel_matrices.kernel(
        request.network,
        request.first,
        request.second,
        arguments.kind,
        arguments.method,
        samples=arguments.samples,
        seed=arguments.seed,
        params=request.params,
        dot=arguments.dot,
        assume_gia=arguments.assume_gia,
        progress=progress,
        depth=arguments.depth,
    )


def save(result: KernelResult, path: Path) -> None:
    """Write the kernels to a `.npz`, with their errors where they have any."""
    arrays = dict(result.values)
    for name, error in result.stderr.items():
        if error.any():
            arrays[f"{name}_stderr"] = error
    for name, value in result.shortcut.items():
        arrays[f"{name}_gia"] = value
    np.savez(path, allow_pickle=False, **arrays)


def read_inputs(name: str, network: Network) -> npt.NDArray[np.float64]:
    """Read inputs; the rows of a table are inputs, flattened where these have several axes."""
    path, _, key = name.partition(":") if ".npz:" in name else (name, "", "")
    try:
        array = read_array(Path(path), key or None)
    except Unreadable as error:
        keys = error.advice.removeprefix("it has ").split(", ") if error.advice else []
        if len(keys) == 1 and not key:
            return read_inputs(f"{path}:{keys[0][1:-1]}", network)
        advice = f"; {error.advice}: write {path}:KEY" if error.advice else ""
        raise UsageError(f"cannot read {name}: {error.why}{advice}") from None
    shape = network.input.shape
    if not network.path and Path(path).suffix == ".csv" and array[0].size == prod(shape):
        return array.reshape(len(array), *shape)
    return array


def _target(output: str | None) -> Path | None:
    if output is None:
        return None
    path = Path(output)
    if path.suffix != ".npz":
        raise UsageError(f"-o {path}: the name must end in .npz")
    if not path.parent.is_dir():
        raise UsageError(f"cannot write {path}: there is no folder {path.parent}")
    return path
