"""The network while its statements are executed; `tpc.network.checking.build` freezes it."""

from dataclasses import dataclass, field

from tpc.network.network import Training, UserOptimizer, Weight
from tpc.program.checking.draft import Draft
from tpc.program.nodes import Placeholder
from tpc.program.program import Output, OutputKind


@dataclass(slots=True)
class NetworkDraft:
    """What has been declared and bound so far.

    Attributes:
        draft: What a network shares with programs.
        input: The input.
        weights: By name, in order; None where the declaration is faulty.
        optimizers: Declared ones by name; None where the declaration is faulty.
        training: Of the `train` block.
    """

    draft: Draft
    input: Placeholder | None = None
    weights: dict[str, Weight | None] = field(default_factory=dict)
    optimizers: dict[str, UserOptimizer | None] = field(default_factory=dict)
    training: Training | None = None

    @property
    def readout(self) -> Output | None:
        """The readout, once it is bound."""
        outputs = self.draft.outputs.values()
        return next((out for out in outputs if out.kind is OutputKind.READOUT), None)
