"""TP33x: what stands in the way of the limit of training."""

from dataclasses import dataclass
from typing import ClassVar

from tpc.diagnostics.diagnostic import Fault


@dataclass(frozen=True, slots=True)
class ScalarWeightInOperatorRegime(Fault):
    """A trained scalar-like weight where features do not move [2.9.21]."""

    code: ClassVar[str] = "TP330"
    title: ClassVar[str] = "no limit of training with the scalar-like weight `{name}`"
    label: ClassVar[str] = "its gradient stays random as the width grows"
    help: ClassVar[str] = "leave it untrained, `weight {name} (train=false)`, or take `mup`"

    name: str
