"""Random programs, by every method: values and stated errors against limits by brute force.

    python -m tests.benchmarks.random_programs [--family axes] [--from 0] [--to 500]

The programs are those of `tests/numeric/random_limits.py`, `random_axes.py` (functions over
constant axes, arrays of matrices) and `random_training.py` (every optimizer). What is computed
without random numbers (closed forms, series, grids) may be off by no more than the error that it
states and the error of the brute force; grids and series are also tried on expectations that have
closed forms. Of what is sampled, z = (value - limit) / stated error over seeds has to have a root
mean square of about 1, but for averages of heavy tails that are warned of.

Each member writes one line of JSON to `--results`; what has a line there is not run again, so that
a run may be cut into slices. What takes more than `--limit` CPU seconds is skipped, and named in
the end.
"""

import argparse
import json
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import tpc
from tests.numeric.agreement import flat
from tests.numeric.random_axes import random_axes
from tests.numeric.random_limits import RandomLimit, random_limit
from tests.numeric.random_training import random_training
from tpc.diagnostics import ProgramError
from tpc.driver import compiler
from tpc.driver.compiler import Method
from tpc.driver.shown import ShownLimit
from tpc.limit.derive import derive_limit
from tpc.program.passes import normalise
from tpc.program.program import Program

FAMILIES = {"programs": random_limit, "axes": random_axes, "training": random_training}
SAMPLING: tuple[Method, ...] = ("mc", "qmc")
DETERMINED = ("exact", "series", "quadrature")
ROUNDING = 1e-12
"""What a number without a stated error may be off, relative to 1 and itself."""

SAMPLES, REPLICATES = 2**12, 16
"""Of an estimate; Student's t of 15 degrees of freedom passes 6 once in 40,000 times."""

PARTS = ("determined", "sampled")
"""The kinds of methods that are judged."""


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
        warned: Whether heavy tails were warned of.
    """

    output: str
    method: str
    gap: float
    stated: float
    size: float
    z: np.ndarray
    warned: bool = False

    @property
    def wrong(self) -> bool:
        """Whether a value without random numbers is off by more than it states."""
        return not self.z.size and not self.gap <= self.stated + ROUNDING * (1 + self.size)

    @property
    def complaint(self) -> str:
        """What is wrong, if anything."""
        if self.wrong:
            return f"off by {self.gap:.2g}, states {self.stated:.2g}"
        if self.z.size and not self.warned and (self.spread > 1.5 or np.max(np.abs(self.z)) > 6):
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


def judged(member: RandomLimit, seeds: int, parts: Sequence[str] = PARTS) -> Iterator[Finding]:
    """Yield how every method does on every output of a program.

    Raises:
        ProgramError: It is refused.
    """
    if "determined" in parts:
        yield from _determined_ways(member)
    for method in SAMPLING if "sampled" in parts else ():
        module = evaluator_of(member.text, method)
        runs = [
            module.evaluate(
                method=method, samples=SAMPLES, replicates=REPLICATES, seed=seed, **member.params
            )
            for seed in range(seeds)
        ]
        yield from _sampled(member, runs, method)


def evaluator_of(text: str, method: Method) -> ModuleType:
    """Return the evaluator of a program, or of the training of a network."""
    program = compiler.program_of(tpc.parse(text), "training", method=method)
    return tpc.evaluator(program, method=method)


def _determined_ways(member: RandomLimit) -> Iterator[Finding]:
    module = evaluator_of(member.text, "auto")
    ways: list[tuple[ModuleType, Method]] = [
        (module, "exact"), (module, "quadrature"), (module, "auto")
    ]  # fmt: skip
    program = tpc.parse(member.text)
    if isinstance(program, Program):
        ways.append((without_closed_forms(program), "quadrature"))
    for evaluator, method in ways:
        try:
            result = evaluator.evaluate(method=method, samples=2**14, **member.params)
        except evaluator.MethodRefused:
            continue
        name = method if evaluator is module else f"{method} of all"
        yield from _determined(member, result, name)


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
            warned = any(run.warnings for run in runs)
            yield Finding(name, method, gap, float(np.median(errors)), 1.0, z, warned)


class TooLong(BaseException):
    """A member takes more CPU time than it may; nothing between here and there may catch it."""


@contextmanager
def cpu_limit(seconds: float) -> Iterator[None]:
    """Raise `TooLong` after so much time of the processor."""

    def stop(*_: Any) -> None:
        raise TooLong

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def record(
    family: str, seed: int, seeds: int, limit: float, parts: Sequence[str]
) -> dict[str, Any]:
    """Return what became of a member, as it stands in the file of results."""
    started = time.process_time()
    found: dict[str, Any] = {"family": family, "member": seed}
    member = None
    try:
        with cpu_limit(limit):
            member = FAMILIES[family](seed)
            found["findings"] = [entry(one) for one in judged(member, seeds, parts)]
    except ProgramError as error:
        found["refused"] = str(error)
    except (ArithmeticError, ValueError, LookupError, AssertionError, TypeError) as error:
        found["failed"] = repr(error)
    except TooLong:
        found["skipped"] = "writing it" if member is None else "judging it"
    if member is not None and wants_reading(found):
        found["text"] = member.text
    return found | {"seconds": round(time.process_time() - started, 2)}


def wants_reading(found: dict[str, Any]) -> bool:
    """Whether a record tells of more than that all is well."""
    return "findings" not in found or any(one["complaint"] for one in found["findings"])


def entry(one: Finding) -> dict[str, Any]:
    """Return a finding as JSON."""
    written: dict[str, Any] = {"output": one.output, "method": one.method}
    written |= {"gap": one.gap, "stated": one.stated, "complaint": one.complaint}
    if one.z.size:
        z = np.abs(one.z)
        written |= {"spread": one.spread, "largest": float(z.max()), "values": one.z.size}
    return written


def summary(records: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines that tell what was found in all."""
    by_method: dict[str, list[dict[str, Any]]] = {}
    for line in records:
        for one in line.get("findings", []):
            by_method.setdefault(one["method"], []).append(one)
            if one["complaint"]:
                yield f"{line['member']}: {one['output']} by {one['method']}: {one['complaint']}"
    for method, ones in sorted(by_method.items()):
        if "spread" in ones[0]:
            spreads, counts = (np.array([one[key] for one in ones]) for key in ("spread", "values"))
            yield (
                f"{method:24} {len(ones):5} outputs, "
                f"z {np.sqrt(np.average(spreads**2, weights=counts)):.3f} in all, "
                f"{spreads.min():.2f} to {spreads.max():.2f} by output, "
                f"{np.mean(spreads < 0.8):.1%} below 0.8, "
                f"at most {max(one['largest'] for one in ones):.1f}"
            )
        else:
            wrong = sum(bool(one["complaint"]) for one in ones)
            yield f"{method:24} {len(ones):5} outputs, {wrong} wrong"
    for what in ("refused", "failed", "skipped"):
        named = [f"{line['member']} ({line[what]})" for line in records if what in line]
        yield f"{len(named)} {what}" + (": " + ", ".join(named) if named else "")
    yield f"{len(records)} members, {sum(line['seconds'] for line in records):.0f} CPU s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--family", choices=FAMILIES, default="programs")
    parser.add_argument("--from", type=int, default=0, dest="first")
    parser.add_argument("--to", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--only", choices=PARTS, help="one kind of methods")
    parser.add_argument("--limit", type=float, default=60, help="CPU seconds of a member")
    parser.add_argument("--results", type=Path, default=Path("random_programs.jsonl"))
    options = parser.parse_args()
    members = range(options.first, options.to)
    parts = [options.only] if options.only else PARTS
    options.results.touch()
    known = [json.loads(line) for line in options.results.read_text("utf-8").splitlines()]
    records = [line for line in known if line["family"] == options.family]
    done = {line["member"] for line in records}
    with options.results.open("a", encoding="utf-8") as file:
        for seed in (seed for seed in members if seed not in done):
            records.append(record(options.family, seed, options.seeds, options.limit, parts))
            print(json.dumps(records[-1]), file=file, flush=True)
    print(*summary([line for line in records if line["member"] in members]), sep="\n")


if __name__ == "__main__":
    main()
