"""The driver of kernels: NNGP and neural tangent kernel of a network over a data set.

Stages:
    pair_program       Network          -> Program of two inputs, its outputs nngp and ntk
    normalise          Program          -> Program
    derive_limit       Program          -> Limit
    plan_pairs         Limit            -> Plan, steps over arrays
    evaluate           Plan, inputs     -> the matrices, tile by tile

Where an expectation of the pair has neither a closed form nor a series, or where inputs are
coupled, the program of all inputs at once is evaluated as any other:

    batch_program      Network, inputs  -> Program of all inputs
    run                Program          -> its limit by the method asked for
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast, get_args
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from tpc.diagnostics import NOWHERE, ProgramError, UsageError
from tpc.diagnostics.data_faults import NotFinite
from tpc.diagnostics.limit_faults import ExpectationInfinite
from tpc.diagnostics.network_faults import (
    InputsOfOtherShape,
    KernelOfProgram,
    KernelOverflow,
    ScalarWeightInKernel,
    SecondInputsOfBatch,
)
from tpc.driver import compiler
from tpc.driver.deep_kernels import DeepKernels, asked_depth, deep_kernels
from tpc.driver.emitted import Method, Progress
from tpc.driver.shown_results import ShownKernels
from tpc.driver.training_program import check_operator_regime
from tpc.kernels.plan import Array, KernelPlan, Side
from tpc.kernels.result import KernelResult
from tpc.kernels.rounding import alike_errors, equal_inputs, matrix_errors, pairs_first
from tpc.kernels.schedule import NoPairwiseForm, plan_pairs
from tpc.kernels.series_steps import NotSmooth
from tpc.kernels.tiling import evaluate, evaluate_alike
from tpc.limit.derive import DotChoice, derive_limit
from tpc.network.checking.build import build_network
from tpc.network.kernel_programs import FIRST, SECOND, Kind, batch_program, pair_program
from tpc.network.network import Network
from tpc.network.paths import steps
from tpc.program.passes import normalise
from tpc.program.program import Program
from tpc.runtime.arithmetic import InfiniteExpectation
from tpc.simulation.parameters import resolve_parameters
from tpc.syntax.parse import parse_source


@np.errstate(all="ignore")  # what is not finite is seen in the result
def kernel(
    network: Network,
    X: npt.ArrayLike,  # noqa: N803
    X2: npt.ArrayLike | None = None,  # noqa: N803
    kind: Sequence[Kind] | Kind = ("nngp", "ntk"),
    method: Method = "auto",
    *,
    samples: int = 65536,
    seed: int = 0,
    params: Mapping[str, object] | None = None,
    dot: DotChoice = "auto",
    assume_gia: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
    depth: float | None = None,
) -> KernelResult:
    """Compute the kernels of a network, in the parametrization ntp.

    Args:
        network: A checked network.
        X: Inputs, of shape (M,) + input shape.
        X2: Inputs of the columns, of shape (M2,) + input shape; by default those of the rows.
        kind: Which kernels.
        method: How what has no closed form is computed: by series of pairs (`quadrature`), Sobol
            points (`qmc`) or random nodes (`mc`), the best of these (`auto`), not at all (`exact`).
        samples: How many nodes estimates have.
        seed: Of random numbers.
        params: Values that replace the defaults of params.
        dot: The form of dots, as in `derive`.
        assume_gia: Also compute them as if the backward pass had matrices of its own.
        threads: How many; by default as many as the process may use.
        progress: Called as the work goes on.
        depth: How many rounds loops over the depth have, perhaps `math.inf`; default: as declared.

    Shapes:
        nngp, ntk: (M, M2), or (M,) + e + (M2,) + e for a readout of shape e.

    Raises:
        ProgramError: No Gaussian limit, a trained scalar-like weight (TP280), inputs of another
            shape (TP281) or coupled (TP282), no network (TP283), an overflow (TP284), no limit in
            depth (TP501 to TP511).
        UsageError: Inputs are no finite numbers; a kind, method or param does not exist.
        MethodRefused: The method does not suit the network.

    Reference:
        Tensor Programs IVb, section 2.9.5.
    """
    kinds = (kind,) if isinstance(kind, str) else tuple(kind)
    _check(network, kinds, method)
    first, second = _both_inputs(network, X, X2)
    given = resolve_parameters(network, params)
    if (rounds := asked_depth(network, depth)) is not None:
        if deep := deep_kernels(network, rounds, (first, second), kinds, given, dot, progress):
            return _of_depth(network, deep, kinds, rounds, samples, seed, given)
        network, first, second = _written_out(network, rounds, first, second)
    work = _Work(network, first, second, method, samples, seed, given, dot, threads, progress)
    found = work.kernels(kinds, independent=False)
    work.check_finite(found[0])
    shortcut = work.kernels(kinds, independent=True)[0] if assume_gia else {}
    return work.result(found, shortcut)


def _of_depth(
    network: Network,
    found: DeepKernels,
    kinds: Sequence[Kind],
    depth: float,
    samples: int,
    seed: int,
    params: Mapping[str, Array],
) -> ShownKernels:
    names: tuple[str, ...] = tuple(kinds)
    values = {name: found.values[name] for name in names}
    errors = {name: found.errors[name] for name in names}
    methods, told = dict.fromkeys(names, found.method), found.warnings
    method = found.method
    effort = (method, samples, seed, params)
    return ShownKernels(
        values, errors, methods, *effort, warnings=told, depth=depth, program=network.name
    )


def _written_out(
    network: Network, depth: float, rows: Array, columns: Array | None
) -> tuple[Network, Array, Array | None]:
    """Return a network with as many rounds as that, and inputs as its graph takes them."""
    if network.depth is None or network.depth.number != depth:
        network = build_network(parse_source(network.source, network.name), depth)
    if network.path:
        count = network.input.shape[0]
        rows, columns = steps(rows, count), None if columns is None else steps(columns, count)
    return network, rows, columns


@dataclass(slots=True)
class _Work:
    """Everything that one call of `kernel` computes with."""

    network: Network
    first: Array
    second: Array | None
    method: Method
    samples: int
    seed: int
    params: Mapping[str, Array]
    dot: DotChoice
    threads: int | None
    progress: Progress | None
    warnings: tuple[str, ...] = ()

    def kernels(
        self, kinds: tuple[Kind, ...], independent: bool
    ) -> tuple[dict[str, Array], dict[str, Array], dict[str, str]]:
        """Return values, errors and methods by name."""
        values: dict[str, Array] = {}
        stderr: dict[str, Array] = {}
        methods: dict[str, str] = {}
        left: tuple[Kind, ...] = kinds
        if not self.network.couples_inputs:
            for together in _attempts(kinds):
                found = self._by_pairs(together, independent)
                if found is None:
                    continue
                matrices, errors, series = found
                for name, matrix in matrices.items():
                    values[name], stderr[name] = matrix, errors[name]
                    methods[name] = "series" if name in series else "exact"
                left = tuple(kind for kind in kinds if kind not in values)
                break
        if left:
            result = self._of_batch(left, independent)
            self.warnings = tuple(dict.fromkeys([*self.warnings, *result.warnings]))
            for name in left:
                values[name] = self._symmetric(np.asarray(result.values[name]))
                stderr[name] = np.asarray(result.stderr[name])
                methods[name] = result.methods[name]
        order = [name for name in kinds if name in values]
        for name in order:
            stderr[name] = np.broadcast_to(stderr[name], values[name].shape)
        return (
            {name: values[name] for name in order},
            {name: stderr[name] for name in order},
            {name: methods[name] for name in order},
        )

    def _by_pairs(
        self, kinds: tuple[Kind, ...], independent: bool
    ) -> tuple[dict[str, Array], dict[str, Array], frozenset[str]] | None:
        """Return kernels pair by pair, their errors, and which of them have series.

        It is None where kernels need more than pairs.

        Pairs of equal inputs, such as the diagonal of one data set, come from a plan of their own.
        """
        series = self.method in ("auto", "quadrature")
        plans = _plans(self.network, kinds, independent, self.dot, series)
        if plans is None:
            return None
        plan, alike = plans
        asked = self.first, self.second, self.params
        i, j = equal_inputs(self.first, self.second)
        if self.network.noises:  # which are equal for a row alone
            same = (i == j) & (self.second is None)
            i, j = i[same], j[same]
        with ThreadPoolExecutor(1) as beside:
            equal = beside.submit(_of_equal_inputs, alike, self.first[i], self.params)
            try:
                found, error = evaluate(plan, *asked, self.threads, self.progress)
                errors = matrix_errors(plan, *asked, found)
                for name, (values, rounding) in equal.result().items():
                    pairs_first(found[name])[i, j] = values
                    if rounding.any() or errors[name].any():
                        errors[name] = np.broadcast_to(errors[name], found[name].shape).copy()
                        pairs_first(errors[name])[i, j] = rounding
            except NotSmooth:
                return None
            except InfiniteExpectation as refusal:
                fault = ExpectationInfinite(str(refusal))
                at = self.network.readout.span
                raise ProgramError.of(self.network, (fault, at)) from None
        bounds = {name: error if name in plan.series else 0.0 for name in found}
        return found, {name: errors[name] + bounds[name] for name in found}, plan.series

    def result(
        self,
        found: tuple[dict[str, Array], dict[str, Array], dict[str, str]],
        shortcut: Mapping[str, Array],
    ) -> ShownKernels:
        """Return kernels with how they came about."""
        return ShownKernels(
            *found,
            self.method,
            self.samples,
            self.seed,
            self.params,
            shortcut,
            self.warnings,
            program=self.network.name,
        )

    def check_finite(self, values: Mapping[str, Array]) -> None:
        """Refuse a kernel that is not finite; the limit of one such pair says where and why."""
        for kind, value in values.items():
            if np.isfinite(value.sum()):  # what is not finite makes the sum so: no memory is taken
                continue
            bad = np.argwhere(~np.isfinite(value))
            if not len(bad):
                continue
            i, j = bad[0, 0], bad[0, value.ndim // 2]
            others = self.first if self.second is None else self.second
            pair = (self.first[i : i + 1], others[j : j + 1])
            about = _first_not_finite(self.network, kind, *pair, self.params)
            fault = KernelOverflow(kind, len(bad), value.size, *about)
            raise ProgramError.of(self.network, (fault, self.network.readout.span))

    def _symmetric(self, value: Array) -> Array:
        """Make an estimate symmetric to the last digit, where both sets of inputs are one."""
        if self.second is not None:
            return value
        rank = value.ndim // 2
        return 0.5 * (value + value.transpose(*range(rank, 2 * rank), *range(rank)))

    def _of_batch(self, kinds: tuple[Kind, ...], independent: bool) -> Any:
        """Evaluate the program of all inputs."""
        program = batch_program(self.network, kinds, self.first, self.second, independent)
        return compiler.run(
            program,
            self.samples,
            self.seed,
            self.params,
            self.dot,
            self.progress,
            self.method,
        )


def _first_not_finite(
    network: Network, kind: str, first: Array, second: Array, params: Mapping[str, Array]
) -> tuple[str, ...]:
    """Return the equation of the limit of two inputs that is not finite, and the cause."""
    program = batch_program(network, (cast(Kind, kind),), first, second)
    try:
        compiler.run(program, FEW_SAMPLES, params=params)
    except ProgramError as refusal:
        (found,) = refusal.diagnostics
        if found.code != NotFinite.code:
            raise
        return found.label, found.hint.removeprefix("the cause is ")
    return ()


FEW_SAMPLES = 1024
"""How many nodes tell why a kernel is not finite."""


def _of_equal_inputs(
    plan: KernelPlan | None, inputs: Array, params: Mapping[str, Array]
) -> dict[str, tuple[Array, Array]]:
    """Return the kernels of inputs with themselves, and by how much rounding puts them off."""
    if plan is None or not len(inputs):
        return {}
    values = evaluate_alike(plan, inputs, params)
    errors = alike_errors(plan, inputs, params, values)
    return {name: (value, errors[name]) for name, value in values.items()}


def _attempts(kinds: tuple[Kind, ...]) -> list[tuple[Kind, ...]]:
    """Return all kinds, then fewer: the NNGP may have a form where the tangent kernel has none."""
    return [kinds, *((kind,) for kind in kinds if len(kinds) > 1)]


def _plans(
    network: Network, kinds: tuple[Kind, ...], independent: bool, dot: DotChoice, series: bool
) -> tuple[KernelPlan, KernelPlan | None] | None:
    """Return the plans of two inputs and of one input twice, or None for the first."""
    known, asked = _PLANS.setdefault(network, {}), (kinds, independent, dot, series)
    if asked not in known:
        plan = _plan(network, kinds, False, independent, dot, series)
        alike = plan and _plan(network, kinds, True, independent, dot, series)
        known[asked] = None if plan is None else (plan, alike)
    return known[asked]


_PLANS: WeakKeyDictionary[
    Network,
    dict[
        tuple[tuple[Kind, ...], bool, DotChoice, bool], tuple[KernelPlan, KernelPlan | None] | None
    ],
] = WeakKeyDictionary()
"""The plans of each network for as long as it lives."""


def _plan(
    network: Network,
    kinds: tuple[Kind, ...],
    alike: bool,
    independent: bool,
    dot: DotChoice,
    series: bool,
) -> KernelPlan | None:
    program = normalise(pair_program(network, kinds, alike, independent))
    sides = {FIRST: Side.FIRST, SECOND: Side.SECOND}
    try:
        return plan_pairs(derive_limit(program, dot), sides, series)
    except NoPairwiseForm:
        return None


# ------------------------------------------------------------------------------------------- checks


def _check(network: Network, kinds: tuple[str, ...], method: str) -> None:
    _check_options(kinds, method)
    _check_network(network, kinds)


def _check_options(kinds: tuple[str, ...], method: str) -> None:
    for kind in kinds:
        if kind not in get_args(Kind):
            raise UsageError(f"there is no kernel {kind!r}: use {', '.join(get_args(Kind))}")
    if not kinds:
        raise UsageError(f"no kernel is asked for: use {', '.join(get_args(Kind))}")
    if method not in get_args(Method):
        raise UsageError(f"there is no method {method!r}: use {', '.join(get_args(Method))}")


def no_network(program: Program) -> ProgramError:
    """Return the refusal of a program, which has no kernels."""
    span = program.outputs[0].span if program.outputs else NOWHERE
    return ProgramError.of(program, (KernelOfProgram(), span))


def _check_network(network: Network, kinds: tuple[str, ...]) -> None:
    """Refuse what has no Gaussian output or no tangent kernel."""
    if isinstance(network, Program):
        raise no_network(cast(Program, network))
    check_operator_regime(network, ScalarWeightInKernel if "ntk" in kinds else None)


def _both_inputs(
    network: Network, rows: npt.ArrayLike, columns: npt.ArrayLike | None
) -> tuple[Array, Array | None]:
    """Return both sets of inputs; where they are coupled there is one."""
    first = _inputs(network, rows)
    second = None if columns is None else _inputs(network, columns)
    if second is not None and network.couples_inputs:
        raise ProgramError.of(network, (SecondInputsOfBatch(), network.readout.span))
    return first, second


def _inputs(network: Network, given: npt.ArrayLike) -> Array:
    """Return inputs as an array of the right shape."""
    try:
        array = np.ascontiguousarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise UsageError("inputs are numbers, or lists of them of equal length") from None
    wanted = network.point
    own = array.shape[1 + network.path :]
    few = network.path and (array.ndim < 2 or array.shape[1] < 2)  # vertices
    if array.ndim == 0 or few or own != wanted or not len(array):
        sizes = ["M", *(["vertices"] if network.path else []), *map(str, wanted)]
        shape = f"({', '.join(sizes)})" if len(sizes) > 1 else "(M,)"
        fault = InputsOfOtherShape(network.input.name, str(array.shape), shape)
        raise ProgramError.of(network, (fault, network.input.span))
    if not np.isfinite(array).all():
        raise UsageError("inputs must be finite")
    return array
