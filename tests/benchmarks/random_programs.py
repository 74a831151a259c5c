"""Random programs, by every method: values and stated errors against limits by brute force.

    python -m tests.benchmarks.random_programs [--members 500] [--first 0] [--seeds 40]

The programs are those of `tests/numeric/random_limits.py`. What is computed without random numbers
(closed forms, series, grids) may be off by no more than the error that it states and the error of
the brute force; grids and series are also tried on expectations that have closed forms. Of what is
sampled, z = (value - limit) / stated error over seeds has to have a root mean square of about 1.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

import tpc
from tests.numeric.agreement import flat
from tests.numeric.random_limits import RandomLimit, random_limit
from tpc.diagnostics import ProgramError
from tpc.driver.shown import ShownLimit
from tpc.limit.derive import derive_limit
from tpc.program.passes import normalise
from tpc.program.program import Program

DETERMINED = ("exact", "series", "quadrature")
ROUNDING = 1e-12
"""What a number without a stated error may be off, relative to 1 and itself."""

SAMPLES, REPLICATES = 2**12, 32
"""Of an estimate; Student's t of 31 degrees of freedom passes 6 once in a million."""


@dataclass(frozen=True)
class Finding:
    """How one method did on one output.

    Attributes:
        output: Its name, or that of a part.
        method: The method asked for, and the one that it came to.
        gap: How far the value is off at most, beyond what the brute force is.
        stated: The error there.
        size: The size of the output.
        z: Over seeds and entries, empty where nothing was sampled.
    """

    output: str
    method: str
    gap: float
    stated: float
    size: float
    z: np.ndarray

    @property
    def wrong(self) -> bool:
        """Whether a value without random numbers is off by more than it states."""
        return not self.z.size and not self.gap <= self.stated + ROUNDING * (1 + self.size)

    @property
    def complaint(self) -> str:
        """What is wrong, if anything."""
        if self.wrong:
            return f"off by {self.gap:.2g}, states {self.stated:.2g}"
        if self.z.size and (self.spread > 1.5 or np.max(np.abs(self.z)) > 6):
            return (
                f"z {self.spread:.2f}, at most {np.max(np.abs(self.z)):.1f}, by {self.stated:.2g}"
            )
        return ""

    @property
    def spread(self) -> float:
        """The root mean square of z."""
        return float(np.sqrt(np.mean(self.z**2)))


def without_closed_forms(program: Program) -> ModuleType:
    """Return the evaluator of a program that integrates everything."""
    limit = ShownLimit.of(derive_limit(normalise(program), integrate=False))
    module = ModuleType(f"without_closed_forms_{abs(hash(program.source))}")
    sys.modules[module.__name__] = module
    exec(compile(tpc.emit(limit), module.__name__, "exec"), module.__dict__)
    return module


def judged(member: RandomLimit, seeds: int) -> Iterator[Finding]:
    """Yield how every method does on every output of a program.

    Raises:
        ProgramError: It is refused.
    """
    program = tpc.parse(member.text)
    assert isinstance(program, Program)
    module, bare = tpc.evaluator(program), without_closed_forms(program)
    for evaluator, method in ((module, "exact"), (module, "quadrature"), (module, "auto"),
                              (bare, "quadrature")):  # fmt: skip
        try:
            result = evaluator.evaluate(method=method, samples=2**14, **member.params)
        except evaluator.MethodRefused:
            continue
        name = method if evaluator is module else f"{method} of all"
        yield from _determined(member, result, name)
    for method in ("mc", "qmc") if seeds else ():
        runs = [
            module.evaluate(
                method=method, samples=SAMPLES, replicates=REPLICATES, seed=seed, **member.params
            )
            for seed in range(seeds)
        ]
        yield from _sampled(member, runs, method)


def _determined(member: RandomLimit, result: Any, asked: str) -> Iterator[Finding]:
    stated = dict(flat(result.stderr))
    for name, value in flat(result.values):
        method = result.methods[name.split(".")[0]]
        if method not in DETERMINED or name not in member.outputs:
            continue
        truth = member.outputs[name]
        allowed = member.errors[name] * (6 if member.sampled else 1)
        gap = np.maximum(np.abs(value - truth) - allowed, 0)
        worst = np.unravel_index(np.argmax(gap - stated[name]), np.shape(gap))
        size = float(np.max(np.abs(truth)))
        label = f"{asked}: {method}"
        error = float(np.broadcast_to(stated[name], np.shape(gap))[worst])
        yield Finding(name, label, float(gap[worst]), error, size, np.zeros(0))


def _sampled(member: RandomLimit, runs: list[Any], method: str) -> Iterator[Finding]:
    for name, truth in member.outputs.items():
        if runs[0].methods[name.split(".")[0]] != method:
            continue
        values = np.array([dict(flat(run.values))[name] for run in runs])
        errors = np.array([dict(flat(run.stderr))[name] for run in runs])
        random = errors.max(axis=0) > 1e-9 * (1 + np.abs(truth))
        known = random & (member.errors[name] < 0.06 * np.median(errors, axis=0))
        if known.any():
            z = ((values - truth) / np.where(errors > 0, errors, 1e-300))[:, known]
            gap = float(np.max(np.abs(values - truth)))
            yield Finding(name, method, gap, float(np.median(errors)), 1.0, z)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--members", type=int, default=500)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=40)
    options = parser.parse_args()
    totals: dict[str, list[Finding]] = {}
    refused = 0
    for seed in range(options.first, options.first + options.members):
        member = random_limit(seed)
        try:
            findings = list(judged(member, options.seeds))
        except ProgramError as error:
            refused += 1
            print(f"{seed}: refused: {error}\n{member.text}", flush=True)
            continue
        for one in findings:
            totals.setdefault(one.method, []).append(one)
            if one.complaint:
                print(
                    f"{seed}: {one.output} by {one.method}: {one.complaint}\n{member.text}",
                    flush=True,
                )
    for method, findings in sorted(totals.items()):
        if findings[0].z.size:
            z = np.concatenate([one.z.ravel() for one in findings])
            spreads = np.array([one.spread for one in findings])
            print(
                f"{method:24} {len(findings):5} outputs, z {np.sqrt(np.mean(z**2)):.3f} in all, "
                f"{spreads.min():.2f} to {spreads.max():.2f} by output, "
                f"{np.mean(spreads < 0.8):.1%} below 0.8, at most {np.abs(z).max():.1f}"
            )
        else:
            wrong = sum(one.wrong for one in findings)
            print(f"{method:24} {len(findings):5} outputs, {wrong} wrong")
    print(f"{refused} programs refused")


if __name__ == "__main__":
    main()
