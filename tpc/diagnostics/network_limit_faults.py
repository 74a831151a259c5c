"""TP31x: parametrizations in which training has no limit."""

from dataclasses import dataclass
from typing import ClassVar

from tpc.diagnostics.diagnostic import Fault


@dataclass(frozen=True, slots=True)
class NoTrainingLimit(Fault):
    """The parametrization is unstable or unfaithful, so that training has no limit."""

    code: ClassVar[str] = "TP310"
    title: ClassVar[str] = (
        "`{parametrization}` with `{optimizer}` has no infinite-width limit: {verdict}"
    )
    label: ClassVar[str] = "{condition}"
    help: ClassVar[str] = "take `mup` or `ntp`; `tpc classify` shows the exponents of every weight"

    parametrization: str
    optimizer: str
    verdict: str
    condition: str
