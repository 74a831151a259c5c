"""Results that print themselves: what `tpc.run`, `train`, `simulate`, `kernel`, `verify` return.

Printed, a result is the table of the command line; in a notebook it is one of HTML; `to_dict()` is
what `--json` prints.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from io import StringIO
from typing import IO, Any

from tpc.depth.scales import DepthScales
from tpc.kernels.result import KernelResult
from tpc.network.scales import Classification
from tpc.report.classification import classification_to_json, classification_to_text
from tpc.report.corrections import corrections_to_json, print_corrections
from tpc.report.depth_scales import depth_to_json, depth_to_text
from tpc.report.depth_verification import depth_verification_to_json, print_depth_verification
from tpc.report.numbers import Json
from tpc.report.results import (
    kernels_to_json,
    print_kernels,
    print_results,
    table_to_html,
    to_json,
)
from tpc.report.verification import print_verification, verification_to_json
from tpc.runtime.evaluation import Result as EvaluatorResult
from tpc.simulation.depths import DepthVerification
from tpc.simulation.result import Corrections, Result, Verification

WIDTH = 100
"""How many columns a printed table has."""


class _Table:
    """What prints itself by a function of the reports."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Json]:
        """Return the object of `--json`: arrays as nested lists, None for what is not finite."""
        raise NotImplementedError

    def to_json(self) -> str:
        """Return it as text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)

    def _print(self, file: IO[str]) -> None:
        raise NotImplementedError

    def __repr__(self) -> str:
        return _printed(self._print)

    def _repr_html_(self) -> str:
        return table_to_html(repr(self))


def _printed(write: Callable[[IO[str]], None]) -> str:
    file = StringIO()
    write(file)
    return "\n".join(line.rstrip() for line in file.getvalue().rstrip("\n").split("\n"))


def _fields(of: object) -> dict[str, Any]:
    return {field.name: getattr(of, field.name) for field in fields(of)}  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, repr=False)
class ShownEvaluation(_Table, EvaluatorResult):
    """The numbers of a limit: `values`, `stderr` and `methods` by output.

    Attributes:
        program: The program, by its name.
        command: What made it: `run` or `train`.
        readouts: The outputs whose value is a covariance.
        training: Whether the first axis of outputs is over steps.
        depth: The free depth, perhaps infinite; None where there is none.
    """

    program: str = ""
    command: str = "run"
    readouts: frozenset[str] = frozenset()
    training: bool = False
    depth: float | None = None

    @classmethod
    def of(
        cls, result: Any, program: str, command: str, readouts: frozenset[str], training: bool
    ) -> "ShownEvaluation":
        """Return the result of a module with its views."""
        return cls(
            **_fields(result),
            program=program,
            command=command,
            readouts=readouts,
            training=training,
        )

    def to_dict(self) -> dict[str, Json]:
        """Return the object of `--json`."""
        shown = to_json(self, self.program, self.command, self.readouts)
        return shown | ({"stein_load": dict(self.stein_load)} if self.stein_load else {})

    def _print(self, file: IO[str]) -> None:
        print_results(self, self.readouts, file=file, training=self.training, width=WIDTH)


@dataclass(frozen=True, slots=True, repr=False)
class ShownSimulation(_Table, Result):
    """Averages over finite runs: `values` and `stderr` by output.

    Attributes:
        program: The program, by its name.
        readouts: The outputs whose value is a covariance.
        training: Whether networks were trained: outputs have an axis over steps.
    """

    program: str = ""
    readouts: frozenset[str] = frozenset()
    training: bool = False

    @classmethod
    def shown(
        cls, result: Result, program: str, readouts: frozenset[str], training: bool
    ) -> "ShownSimulation":
        """Return the same result with its views."""
        return cls(**_fields(result), program=program, readouts=readouts, training=training)

    def to_dict(self) -> dict[str, Json]:
        """Return the object of `--json`."""
        return to_json(self, self.program, "simulate", self.readouts)

    def _print(self, file: IO[str]) -> None:
        print_results(self, self.readouts, file=file, training=self.training, width=WIDTH)


@dataclass(frozen=True, slots=True, repr=False)
class ShownKernels(_Table, KernelResult):
    """Kernels over a data set: `values` and `stderr` by `nngp` and `ntk`."""

    program: str = ""

    def to_dict(self) -> dict[str, Json]:
        """Return the object of `--json`."""
        return kernels_to_json(self, self.program)

    def _print(self, file: IO[str]) -> None:
        print_kernels(self, file=file, width=WIDTH)


@dataclass(frozen=True, slots=True, repr=False)
class ShownVerification(_Table, Verification):
    """Finite widths held against a limit; `agrees` says whether they go there."""

    program: str = ""

    @classmethod
    def of(cls, result: Verification, program: str) -> "ShownVerification":
        """Return the same result with its views."""
        return cls(**_fields(result), program=program)

    def to_dict(self) -> dict[str, Json]:
        """Return the object of `--json`."""
        return verification_to_json(self, self.program)

    def _print(self, file: IO[str]) -> None:
        print_verification(self, file=file)


@dataclass(frozen=True, slots=True, repr=False)
class ShownDepthVerification(_Table, DepthVerification):
    """Kernels at finite widths and depths held against their limit."""

    program: str = ""

    @classmethod
    def shown(cls, result: DepthVerification, program: str) -> "ShownDepthVerification":
        """Return the same result with its views."""
        return cls(**_fields(result), program=program)

    def to_dict(self) -> dict[str, Json]:
        """Return the object of `--json`."""
        return depth_verification_to_json(self, self.program)

    def _print(self, file: IO[str]) -> None:
        print_depth_verification(self, file=file)


@dataclass(frozen=True, slots=True, repr=False)
class ShownCorrections(_Table, Corrections):
    """What a finite width adds to a limit."""

    program: str = ""
    readouts: frozenset[str] = frozenset()

    @classmethod
    def of(cls, result: Corrections, program: str, readouts: frozenset[str]) -> "ShownCorrections":
        """Return the same result with its views."""
        return cls(**_fields(result), program=program, readouts=readouts)

    def to_dict(self) -> dict[str, Json]:
        """Return the object of `--json`."""
        return corrections_to_json(self, self.program, self.readouts)

    def _print(self, file: IO[str]) -> None:
        print_corrections(self, self.readouts, file=file)


@dataclass(frozen=True, slots=True, repr=False)
class ShownClassification(_Table, Classification):
    """The scales of a network's weights, and which limit its training has.

    Attributes:
        program: The network, by its name.
        in_depth: How it goes with its depth, where it has one.
    """

    program: str = ""
    in_depth: DepthScales | None = None

    @classmethod
    def of(
        cls, result: Classification, program: str, in_depth: DepthScales | None
    ) -> "ShownClassification":
        """Return the same result with its views."""
        return cls(**_fields(result), program=program, in_depth=in_depth)

    def to_dict(self) -> dict[str, Json]:
        """Return the object of `--json`."""
        found = classification_to_json(self, self.program)
        return (
            found if self.in_depth is None else found | {"in_depth": depth_to_json(self.in_depth)}
        )

    def to_text(self) -> str:
        """Return the tables."""
        depth = "" if self.in_depth is None else "\n" + depth_to_text(self.in_depth)
        return classification_to_text(self) + depth

    def _print(self, file: IO[str]) -> None:
        file.write(self.to_text())
