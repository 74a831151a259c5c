"""What is to be said of matrices that are not normal, and have the limit of normal ones."""

from tpc.program.ensembles import GAUSSIAN, Ensemble, StudentT, has_independent_entries, spell
from tpc.program.nodes import MatMul
from tpc.program.program import Program


def laws(program: Program) -> dict[str, str]:
    """Return, for each matrix that multiplies and is not normal, its law and why that is fine."""
    used = {node.matrix for node in program.nodes if isinstance(node, MatMul)}
    return {
        matrix.name: f"{spell(matrix.ensemble)}: {_reason(matrix.ensemble)}"
        for matrix in program.matrices
        if matrix in used and matrix.ensemble != GAUSSIAN
    }


def _reason(ensemble: Ensemble) -> str:
    if isinstance(ensemble, StudentT):
        return "the limit of a normal matrix, empirical: the theorem asks for all moments"
    if has_independent_entries(ensemble):
        return "the limit of a normal matrix"
    return "the limit of a normal matrix, since all its products are from one side"
