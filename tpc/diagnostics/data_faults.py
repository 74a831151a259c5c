"""The faults of data and of static arithmetic, TP40x."""

from dataclasses import dataclass

from tpc.diagnostics.diagnostic import Fault


@dataclass(frozen=True, slots=True)
class UnreadableData(Fault):
    """A data file that cannot be read as numbers."""

    code = "TP401"
    title = "cannot read the data file `{file}`: {why}"
    help = "{advice}"

    file: str
    why: str
    advice: str


@dataclass(frozen=True, slots=True)
class RaggedList(Fault):
    """A nested list whose rows differ in length."""

    code = "TP402"
    title = "a ragged list: item {index} has shape {found}, the items before it {wanted}"
    label = "has shape {found}"
    help = "all items of a list have one shape"

    index: int
    found: str
    wanted: str


@dataclass(frozen=True, slots=True)
class NoNumber(Fault):
    """Static arithmetic without a finite result."""

    code = "TP403"
    title = "this has no finite value: {why}"

    why: str
