"""Parametrization -> the exponents a, b, c, d of every weight and a_out.

    W = mult n^-a w,  w ~ N(0, init^2 n^-2b),  w <- w - lr eta n^-c Q(n^d g_0, ..., n^d g_t),
    f = n^-a_out * sum over the n-axis.

Shifted to (a + s, b - s, c - s, d + s) a parametrization computes the same f at every width
[Proposition 2.2.3]. The *canonical* shift has b = 1/2 for matrices and b = 0 for all others, which
is how the trainable tensors stand in a network's graph.

Reference:
    Tensor Programs IVb, Definitions 2.2.1 and 2.9.7, Proposition 2.2.3; for the tables Definitions
        2.9.11 (ntp) and 2.9.12 (mup), Remark 2.8.25 (uniform), Example 2.2.2 (sp).
"""

from dataclasses import dataclass
from types import MappingProxyType

from tpc.diagnostics import UsageError
from tpc.network.network import Exponents, Network, Parametrization, WeightKind
from tpc.network.roles import Role, roles_of

MATRIX_INIT = 0.5
"""The exponent b of a matrix in canonical form."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """The exponents of a network's weights.

    Attributes:
        exponents: By name of the weight, in order of declaration.
        out: a_out.
    """

    exponents: MappingProxyType[str, Exponents]
    out: float


@dataclass(frozen=True, slots=True)
class _Table:
    """Exponents by role; None where a parametrization says nothing."""

    matrix: Exponents | None
    vector: Exponents | None
    output: Exponents | None
    scalar: Exponents | None
    out: float


_SCALAR = Exponents(0, 0, 0, 0)


def scaling_of(network: Network, parametrization: Parametrization) -> Scaling:
    """Return the exponents of every weight, its own `abcd` first.

    Raises:
        UsageError: `meanfield` of a network with matrices; `custom` says nothing of
            a kind of weights.
    """
    roles = roles_of(network)
    table = _table(network, parametrization)
    found: dict[str, Exponents] = {}
    for weight in network.weights:
        own = weight.exponents or _entry(table, roles[weight.name])
        if own is None:
            what = f"{roles[weight.name].value} weights like `{weight.name}`"
            raise UsageError(f"custom does not say the exponents of {what}")
        found[weight.name] = own
    return Scaling(MappingProxyType(found), table.out)


def shifted(exponents: Exponents, shift: float) -> Exponents:
    """Return (a + s, b - s, c - s, d + s), the same parametrization [Proposition 2.2.3]."""
    return Exponents(
        exponents.a + shift, exponents.b - shift, exponents.c - shift, exponents.d + shift
    )


def canonical(exponents: Exponents, kind: WeightKind) -> Exponents:
    """Return the shift with b = 1/2 for a matrix, b = 0 for anything else."""
    wanted = MATRIX_INIT if kind is WeightKind.MATRIX else 0.0
    return shifted(exponents, exponents.b - wanted)


def _entry(table: _Table, role: Role) -> Exponents | None:
    match role:
        case Role.MATRIX:
            return table.matrix
        case Role.VECTOR:
            return table.vector
        case Role.OUTPUT:
            return table.output
        case Role.SCALAR:
            return table.scalar


def _table(network: Network, chosen: Parametrization) -> _Table:
    match chosen.name:
        case "ntp":
            vector = Exponents(0, 0, 0.5, 0.5)
            return _Table(Exponents(0.5, 0, 1, 1), vector, vector, _SCALAR, 0.5)
        case "mup":
            return _uniform(0)
        case "meanfield":
            deep = [weight for weight in network.weights if weight.kind is WeightKind.MATRIX]
            if deep:
                second = f"`{deep[0].name}` makes a second one"
                raise UsageError(f"meanfield is for one hidden layer: {second}")
            return _uniform(0)
        case "uniform":
            return _uniform(chosen.s)
        case "sp":
            output = Exponents(0, 0.5, 0, 0)
            return _Table(output, _SCALAR, output, _SCALAR, 0)
        case "custom":
            own, scalar = chosen.vector, chosen.scalar or _SCALAR
            return _Table(chosen.matrix, own, own, scalar, chosen.out or 0.0)


def _uniform(s: float) -> _Table:
    """uniform(s): every layer moves by n^-s [Remark 2.8.25]; mup is uniform(0), up to a shift."""
    vector = Exponents(0, 0, s, 1 - s)
    return _Table(Exponents(0, 0.5, 1 + s, 1 - s), vector, vector, _SCALAR, 1 - s)
