"""Network with a `train` block, width, engine -> the memory of a trial, before it starts.

The dense engine holds every matrix with what its optimizer remembers. The matrix-free one holds
frames of the vectors that a matrix meets, their images, and the factors of its updates: O(n) for
each input and step.
"""

from collections.abc import Mapping, Sequence
from math import prod

from tpc.diagnostics import ProgramError
from tpc.diagnostics.data_faults import NonlinearUpdate, NoSequentialLaw, RunTooLarge
from tpc.network.network import Network, OptimizerUse, Weight, WeightKind
from tpc.network.optimizers.every_step import stays_low_rank
from tpc.program.ensembles import GAUSSIAN, spell
from tpc.program.nodes import Matrix
from tpc.simulation.cost import available_memory, spell_bytes
from tpc.simulation.engines import Engine, floats_of
from tpc.simulation.training.tensors import TensorPlan

Products = Mapping[Matrix, tuple[int, int]]
"""How many vectors every matrix, and its transpose, multiplies."""


def dense_bytes(plans: Sequence[TensorPlan]) -> int:
    """Return the bytes of the matrices of a trial, each with what its optimizer remembers."""
    matrices = [plan for plan in plans if plan.weight.kind is WeightKind.MATRIX]
    return sum(8 * prod(plan.axes) * (1 + plan.steps.states) for plan in matrices)


def matrix_free_bytes(plans: Sequence[TensorPlan], distinct: Products) -> int:
    """Return the bytes of frames, images and factors at the end of a trial."""
    total = 0
    for plan in plans:
        leaf = plan.weight.leaf
        if isinstance(leaf, Matrix):
            products = distinct[leaf]
            rows, columns = plan.axes
            total += 8 * floats_of("matrix-free", GAUSSIAN, rows, columns, products)
            total += 8 * (rows + columns) * min(products) * plan.weight.trained
    return total


def check_training_cost(
    network: Network,
    plans: Sequence[TensorPlan],
    uses: Mapping[str, OptimizerUse],
    distinct: Products,
    engine: Engine,
) -> int:
    """Return the bytes that a trial takes.

    Args:
        network: Which is trained.
        plans: Of its weights.
        uses: Their optimizers, by name.
        distinct: The vectors that matrices multiply, repeated ones once.
        engine: How matrices multiply.

    Raises:
        ProgramError: TP410, the law of further products with a matrix is not known; TP411, the
            bytes are not there; TP413, a matrix has a nonlinear update.
    """
    dense = dense_bytes(plans)
    free = matrix_free_bytes(plans, distinct)
    matrices = [plan.weight for plan in plans if plan.weight.kind is WeightKind.MATRIX]
    bent = [w for w in matrices if w.trained and not stays_low_rank(uses[w.name])]
    if engine == "matrix-free" and bent:
        needs = spell_bytes(dense)
        found = ((NonlinearUpdate(w.name, uses[w.name].name, needs), w.span) for w in bent)
        raise ProgramError.of(network, *found)
    if engine == "matrix-free":
        _refuse_unknown_laws(network, matrices)
    needed = dense if engine == "dense" else free
    room = available_memory()
    if room is not None and matrices and needed > room:
        advice = "take a smaller width"
        if engine == "dense" and not bent and 2 * free < dense:
            advice = f"`--engine matrix-free` needs {spell_bytes(free)}"
        fault = RunTooLarge(plans[0].width, engine, spell_bytes(needed), advice)
        raise ProgramError.of(network, (fault, matrices[0].span))
    return needed


def _refuse_unknown_laws(network: Network, matrices: Sequence[Weight]) -> None:
    for weight in matrices:
        if isinstance(weight.leaf, Matrix) and weight.leaf.ensemble != GAUSSIAN:
            fault = NoSequentialLaw(weight.name, spell(weight.leaf.ensemble))
            raise ProgramError.of(network, (fault, weight.span))
