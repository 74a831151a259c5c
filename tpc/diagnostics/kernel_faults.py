"""The faults of kernels, TP280 to TP289: what has no NNGP or neural tangent kernel."""

from dataclasses import dataclass

from tpc.diagnostics.diagnostic import Fault


@dataclass(frozen=True, slots=True)
class ScalarWeightInKernel(Fault):
    """A trained scalar-like weight: its gradient stays random as the width grows."""

    code = "TP280"
    title = "no tangent kernel with the scalar-like weight `{name}`"
    label = "the gradient in `{name}` is random at every width, and so would the kernel be"
    help = "leave it untrained, `weight {name} (train=false)`, or ask for `--kind nngp`"

    name: str


@dataclass(frozen=True, slots=True)
class InputsOfOtherShape(Fault):
    """Inputs of a kernel whose shape is not that of the network's input."""

    code = "TP281"
    title = "inputs of shape {found} for `{name}`"
    help = "the array has an axis over inputs, then those of one input: {wanted}"

    name: str
    found: str
    wanted: str


@dataclass(frozen=True, slots=True)
class SecondInputsOfBatch(Fault):
    """Second inputs for a network with `batchmean`, whose outputs depend on the whole batch."""

    code = "TP282"
    title = "no kernel between two sets of inputs: `batchmean` averages over one"
    help = "give all inputs as one array and take a block of its kernel"


@dataclass(frozen=True, slots=True)
class KernelOfProgram(Fault):
    """`kernel` on a program, which has no weights."""

    code = "TP283"
    title = "a program has no kernels; they are those of a network"
    help = "describe the architecture with an `input`, `weight`s and one `readout`"


@dataclass(frozen=True, slots=True)
class KernelOverflow(Fault):
    """Inputs or weights so large that a kernel is no number."""

    code = "TP284"
    title = "the kernel `{kind}` is not finite for {count} of {pairs} pairs of inputs"
    help = "make the inputs or the multipliers smaller"

    kind: str
    count: int
    pairs: int
