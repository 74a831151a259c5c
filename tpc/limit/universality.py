"""Which matrices have the limit of Gaussian ones, though they are not.

Entries iid: always, as far as all moments are finite [Golikov and Yang, Non-Gaussian Tensor
Programs, 2022]; Student's t lacks them, and is derived all the same, marked as empirical. Matrices
that are orthogonal or of low rank: where all products are from one side. Then a product with a new
direction is uniform outside the span of the earlier products, of fixed length: normal in the limit,
with the covariances and the regression on earlier products that a Gaussian matrix has. The other
side would see O.T O = 1, or the projection C C.T, where a Gaussian matrix has a dot and a new hat.

Reference:
    Tensor Programs IVb, Setup 2.6.4 and Theorem 2.6.10.
    Golikov and Yang, Non-Gaussian Tensor Programs, 2022.
"""

from tpc.diagnostics import ProgramError, Span
from tpc.diagnostics.limit_faults import BothSides
from tpc.program.ensembles import LowRank, has_independent_entries, spell
from tpc.program.nodes import MatMul, Matrix
from tpc.program.program import Program
from tpc.program.region import with_body


def check_universality(program: Program) -> None:
    """Refuse a program with a matrix whose products have another limit than Gaussian ones.

    Raises:
        ProgramError: TP365, one for each place where such matrices multiply.
    """
    first: dict[Matrix, MatMul] = {}
    found: dict[Span, tuple[BothSides, Span]] = {}
    for node in with_body(program).nodes:
        if not isinstance(node, MatMul) or has_independent_entries(node.matrix.ensemble):
            continue
        before = first.setdefault(node.matrix, node)
        if before.transposed != node.transposed:
            ensemble = node.matrix.ensemble
            why = "its rank bounds both sides" if isinstance(ensemble, LowRank) else "W.T W = 1"
            fault = BothSides(node.matrix.name, spell(ensemble), why.replace("W", node.matrix.name))
            found.setdefault(node.span, (fault, node.span))
    if found:
        raise ProgramError.of(program, *found.values())
