"""The network while its statements are executed; `tpc.network.checking.build` freezes it."""

from dataclasses import dataclass, field
from typing import Literal

from tpc.diagnostics import Span
from tpc.network.checking.batch_view import BatchView
from tpc.network.checking.loss import Loss
from tpc.network.network import (
    Array,
    GlobalBound,
    OptimizerUse,
    Parametrization,
    Track,
    Training,
    UserOptimizer,
    Weight,
)
from tpc.program.checking.names import Draft
from tpc.program.checking.values import Path
from tpc.program.nodes import InitialVector, Node, Placeholder
from tpc.program.program import Output, OutputKind


@dataclass(slots=True)
class TrainBlock:
    """A `train` block while its lines are executed, twice: the settings, then the tracks.

    What is None has not been set, or has been set to something that is wrong.

    Attributes:
        readout: What is trained; None where that is wrong.
        given: The input of the network; None where that is wrong.
        places: Where each word has been set.
        view: Where tracks are evaluated, when it is their turn.
        target_name: What `data` names the targets by, where it does.
        batch: The number of rows of a batch, or lists of rows, or None for all rows.
        own_optimizers: By the name of the weight.
        chosen: How each of these is written, `W` or `W[2]`.
        role_optimizers: By the name of the role.
        schedule: The factor of learning rates, a number made of t.
        schedules_decay: Whether decays have it too.
        clip_value: The bound of entries of gradients.
        bound: What bounds the common norm of gradients, of weights that it names.
        bound_roles: The roles that it names.
        tracks: By name.
    """

    readout: Output | None
    given: Placeholder | None
    places: dict[str, Span] = field(default_factory=dict)
    view: BatchView | None = None
    target_name: str = ""
    inputs: Array | None = None
    targets: Array | None = None
    test: Array | None = None
    loss: Loss | None = None
    reduce: Literal["sum", "mean"] = "sum"
    optimizer: OptimizerUse | None = None
    own_optimizers: dict[str, OptimizerUse | None] = field(default_factory=dict)
    chosen: dict[str, str] = field(default_factory=dict)
    role_optimizers: dict[str, OptimizerUse | None] = field(default_factory=dict)
    schedule: Node | None = None
    schedules_decay: bool = False
    clip_value: Node | None = None
    bound: GlobalBound | None = None
    bound_roles: tuple[str, ...] = ()
    parametrization: Parametrization | None = None
    steps: int | None = None
    batch: int | tuple[tuple[int, ...], ...] | None = None
    center: bool = False
    tracks: dict[str, Track] = field(default_factory=dict)

    @property
    def rows(self) -> int | None:
        """The number of data and test rows, where the data are sound."""
        if self.inputs is None:
            return None
        return len(self.inputs) + (0 if self.test is None else len(self.test))


@dataclass(slots=True)
class NetworkDraft:
    """What has been declared and bound so far.

    Attributes:
        draft: What a network shares with programs.
        declared: The input as declared.
        weights: By name, in order; None where the declaration is faulty.
        noises: What is drawn anew for every row and step, in order.
        groups: The names of the weights that a declared name stands for.
        optimizers: Declared ones by name; None where the declaration is faulty.
        optimizer_lines: Where each was declared.
        block: The `train` block, which may be under way.
        training: Of the `train` block.
        training_line: Where it begins; 0 where there is none.
    """

    draft: Draft
    declared: Placeholder | Path | None = None
    weights: dict[str, Weight | None] = field(default_factory=dict)
    noises: list[InitialVector] = field(default_factory=list)
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    optimizers: dict[str, UserOptimizer | None] = field(default_factory=dict)
    optimizer_lines: dict[str, int] = field(default_factory=dict)
    block: TrainBlock | None = None
    training: Training | None = None
    training_line: int = 0

    @property
    def input(self) -> Placeholder | None:
        """What stands for the input in the graph; of a path nothing before the first step."""
        return self.declared.input if isinstance(self.declared, Path) else self.declared

    @property
    def readout(self) -> Output | None:
        """The readout, once it is bound."""
        outputs = self.draft.outputs.values()
        return next((out for out in outputs if out.kind is OutputKind.READOUT), None)
