"""Program, or network with a `train` block -> runs at one width, averaged over trials.

Scalars fluctuate by n^(-1/2) round their limits. A smooth function of them has an expectation that
is off by 1/n, since the first order averages out; a function with a kink, a jump or a pole where
the scalar's limit is, has not: E |avg(x)| = sqrt(2 / (pi n)) where E x = 0. So an output is rough
where such a function is applied to something that a random scalar takes part in, on the way from
the scalar without an average or a product with a matrix between.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tpc.functions import FUNCTIONS, Regularity
from tpc.network.network import Network
from tpc.program import nodes as op
from tpc.program.exchange import without_exchanges
from tpc.program.nodes import Mean, Node, operands
from tpc.program.program import OutputKind, Program
from tpc.simulation.averages import average
from tpc.simulation.cost import check_cost
from tpc.simulation.engines import Engine, has_sequential_laws
from tpc.simulation.result import Array, Result, Value
from tpc.simulation.runs import FiniteRuns, Progress, RunPlan, run_trials, summarise
from tpc.simulation.schedule import schedule_program
from tpc.simulation.streams import draws_of
from tpc.simulation.training.train import TrainingRuns
from tpc.simulation.trial import Trial


def simulate(
    described: Program | Network,
    width: int,
    trials: int = 8,
    seed: int = 0,
    params: Mapping[str, object] | None = None,
    progress: Progress | None = None,
    engine: Engine = "dense",
) -> Result:
    """Run a program, or train a network, at a finite width, with independent draws.

    Returns:
        Averages over trials and their standard errors. Those of training have a leading axis over
        steps + 1: the output for data rows, then test rows, and what is tracked.

    Args and raises: As those of `run_trials`.
    """
    runs = runs_of(described)
    found = run_trials(runs, width, trials, seed, params, progress, engine)
    return summarise(runs, found, width, seed, params, engine)


def runs_of(described: Program | Network) -> FiniteRuns:
    """Return how a program runs, or how a network with a `train` block is trained."""
    return ProgramRuns(described) if isinstance(described, Program) else TrainingRuns(described)


@dataclass(frozen=True, slots=True)
class ProgramRuns:
    """Runs of a program.

    Attributes:
        described: The program.
    """

    described: Program

    @property
    def usual_widths(self) -> tuple[int, ...]:
        """Widths at which runs take seconds.

        A run costs a multiple of n^2, which allows 64 to 2048 (about 10 seconds for a program of a
        few matrices on two cores); an average of something over several coordinates costs n to the
        power of their number, and the widths end earlier.
        """
        means = (node for node in self.described.nodes if isinstance(node, Mean))
        match max((len(node.operand.coords) for node in means), default=1):
            case 0 | 1:
                return (64, 128, 256, 512, 1024, 2048)
            case 2:
                return (64, 128, 256, 512, 1024)
            case 3:
                return (16, 32, 64, 128, 256)
            case _:
                return (8, 16, 32, 64)

    @property
    def has_laws(self) -> bool:
        """Whether the law of further products is known for every matrix."""
        return has_sequential_laws(self.described)

    @property
    def readouts(self) -> frozenset[str]:
        """The outputs that are readouts."""
        outputs = self.described.outputs
        return frozenset(output.name for output in outputs if output.kind is OutputKind.READOUT)

    @property
    def rough(self) -> frozenset[str]:
        """The outputs in which a function with a kink is applied to a random scalar."""
        return rough_outputs(self.described)

    def plan(self, width: int, params: Mapping[str, Array], engine: Engine) -> RunPlan:
        """Plan the trials of a width.

        Raises:
            ProgramError: As in `check_cost`.
        """
        program = without_exchanges(self.described)
        schedule = schedule_program(program)
        peak = check_cost(program, schedule, width, engine)

        def run(seed: int, trial: int, stage_done: Callable[[], None]) -> dict[str, Value]:
            draws = draws_of(seed, width, trial)
            found = Trial(program, schedule, params, width, draws, engine).run()
            stage_done()
            return found

        return RunPlan(run, 1, peak.bytes)

    def averages(self, trials: Sequence[dict[str, Value]]) -> dict[str, tuple[Value, Value]]:
        """Return the average of every output over trials, and its standard error."""
        certain = schedule_program(self.described).certain
        return {
            output.name: average(
                output, [found[output.name] for found in trials], output.name in certain
            )
            for output in self.described.outputs
        }


def rough_outputs(program: Program) -> frozenset[str]:
    """Return the names of the outputs that may be off by n^(-1/2)."""
    random: set[Node] = set()
    touched: set[Node] = set()
    rough: set[Node] = set()
    for node in program.nodes:
        parts = operands(node)
        if isinstance(node, op.InitialVector | op.MatMul) or not random.isdisjoint(parts):
            random.add(node)
        is_average = isinstance(node, op.Mean | op.Inner)
        if (is_average and node in random and node.is_scalar) or (
            not (is_average or isinstance(node, op.MatMul)) and not touched.isdisjoint(parts)
        ):
            touched.add(node)
        kinked = node in touched and not is_average and _has_kinks(node)
        if kinked or not rough.isdisjoint(parts):
            rough.add(node)
    return frozenset(output.name for output in program.outputs if output.node in rough)


def _has_kinks(node: Node) -> bool:
    match node:
        case op.Elementwise(function=function):
            return FUNCTIONS[function].regularity is not Regularity.SMOOTH
        case op.Reduce(reduction=reduction):
            return reduction == "amax"
        case op.LinearAlgebra(function=function):
            return function in ("inv", "root")
        case op.Spectral():
            return True
        case _:
            return False
