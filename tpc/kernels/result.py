"""What kernels come to: matrices with their standard errors, and how they were computed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tpc.kernels.plan import Array


@dataclass(frozen=True, slots=True)
class KernelResult:
    """Kernels of a network over a data set.

    Attributes:
        values: `nngp` and `ntk`, of shape M x M2, or M x e x M2 x e for readouts of shape e.
        stderr: One standard error of each entry, or a bound of the error of a series; 0 where the
            value is exact.
        methods: How each kernel was computed: `exact` (closed forms), `series` (Hermite series of
            pairs), or how expectations over all inputs were estimated (`quadrature`, `qmc`, `mc`).
        method: The method that was asked for.
        samples: How many nodes estimates have.
        seed: Of random numbers.
        params: The value of every param.
        shortcut: With `assume_gia`: the kernels under gradient independence, by name. Then
            `values` are the true ones, so that the difference shows what the assumption costs.
        warnings: What to know of the errors.
        depth: The rounds of a loop over a free depth, perhaps infinitely many. Methods are then
            `recursion`, or `ode` with the error of its steps.
    """

    values: Mapping[str, Array]
    stderr: Mapping[str, Array]
    methods: Mapping[str, str]
    method: str
    samples: int
    seed: int
    params: Mapping[str, Array]
    shortcut: Mapping[str, Array] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    depth: float | None = None

    def __getitem__(self, name: str) -> Array:
        return self.values[name]
