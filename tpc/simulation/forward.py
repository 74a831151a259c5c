"""The forward pass of a network on given tensors."""

from collections.abc import Mapping

import numpy as np

from tpc.diagnostics import UsageError
from tpc.network.batching import Lowering
from tpc.network.network import Network, Weight
from tpc.program.builder import Builder
from tpc.program.nodes import Matrix, Node, Placeholder
from tpc.simulation.parameters import resolve_parameters
from tpc.simulation.result import Array
from tpc.simulation.training.batch_evaluation import Evaluation


def forward(
    network: Network,
    tensors: Mapping[str, object],
    inputs: object,
    params: Mapping[str, object] | None = None,
) -> Array:
    """Return the sum over the n-axis of the readout, f without its factor n^-a_out.

    Args:
        network: The network.
        tensors: W for every weight by name, `W[0, 1]` of arrays of matrices and `W[l]` of families:
            a matrix of shape (rows, columns), a vector-like one of shape (n, *shape), a scalar-like
            one of its shape. Multipliers stand in the network, so W is without its own.
        inputs: Rows, of shape M + input shape.
        params: Values of params, where they are not to be the defaults.

    Returns:
        Outputs of shape M + e, e the shape of the readout.

    Raises:
        UsageError: A tensor is missing, unknown, or of another shape; the network draws noise.
    """
    return np.asarray(summands(network, tensors, inputs, params).sum(axis=0))


def summands(
    network: Network,
    tensors: Mapping[str, object],
    inputs: object,
    params: Mapping[str, object] | None = None,
) -> Array:
    """Return what the readout sums, of shape (n, M) + e; arguments and refusals as of `forward`."""
    if network.noises:
        raise UsageError("the network draws noise: its outputs are not those of tensors alone")
    rows = _rows(network, inputs)
    given = _given(network, tensors)
    b = Builder()
    b.adopt(network.nodes)
    stand_in = b.make(Placeholder, (), rows.shape, "rows")
    lowering = Lowering(b, len(rows), {network.input: stand_in})
    (found,) = Evaluation((lowering.per_input(network.readout.node),)).compute(
        {**given, stand_in: rows}, resolve_parameters(network, params)
    )
    return found


def _rows(network: Network, inputs: object) -> Array:
    rows = np.asarray(inputs, dtype=np.float64)
    shape = network.input.shape
    if rows.ndim != 1 + len(shape) or rows.shape[1:] != shape:
        raise UsageError(f"inputs have shape {rows.shape}, rows of this network {shape}")
    return rows


def _given(network: Network, tensors: Mapping[str, object]) -> dict[Node | Matrix, Array]:
    """Return the value of every weight's leaf."""
    names = [weight.name for weight in network.weights]
    for kind, listed in (
        ("no tensor for", [name for name in names if name not in tensors]),
        ("no weight", [name for name in tensors if name not in names]),
    ):
        if listed:
            raise UsageError(f"{kind} {', '.join(f'`{name}`' for name in listed)}")
    found: dict[Node | Matrix, Array] = {}
    sizes: dict[str, int] = {}
    for weight in network.weights:
        entries = np.asarray(tensors[weight.name], dtype=np.float64)
        _measure(weight, entries, sizes)
        found[weight.leaf] = entries
    return found


def _measure(weight: Weight, entries: Array, sizes: dict[str, int]) -> None:
    """Check the shape of a tensor, and note the sizes of its dims."""
    leaf = weight.leaf
    if isinstance(leaf, Matrix):
        named: tuple[str, ...] = leaf.rows, leaf.columns
    else:
        named = (leaf.dim,) if leaf.coords else ()
    wanted = (*(sizes.get(name, name) for name in named), *weight.shape)
    fits = entries.ndim == len(wanted) and all(
        isinstance(size, str) or size == own
        for size, own in zip(wanted, entries.shape, strict=True)
    )
    if not fits:
        spelled = ", ".join(map(str, wanted))
        raise UsageError(f"`{weight.name}` has shape {entries.shape}, not ({spelled})")
    sizes.update(zip(named, entries.shape, strict=False))
