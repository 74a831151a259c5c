"""How the operator of a weight lies: which side grows, and what its shape scales updates by.

A matrix-like weight is m x n, of height m / n. A vector-like one of constant axes d is n x d, an
output-like one e is the transpose, e x n; `layout=transposed` exchanges rows and columns. Factors
of the shape are those of a library without their powers of n, which belong to learning rates.
"""

from math import prod, sqrt

from tpc.network.network import OptimizerUse, Weight, WeightKind
from tpc.network.optimizers.every_step import shape_degree
from tpc.network.optimizers.rule import Facing
from tpc.network.optimizers.update import words_of
from tpc.network.roles import Role


def grows_below(role: Role, use: OptimizerUse) -> bool:
    """Whether the growing axis of a vector-like weight is that of columns."""
    return (role is Role.OUTPUT) != (words_of(use).get("layout") == "transposed")


def facing_of(
    weight: Weight, role: Role, use: OptimizerUse, growing: int, height: float = 1.0
) -> Facing:
    """Return how the operator of a weight lies.

    Args:
        weight: The weight; its growing axis may be several axes of the operator's array.
        role: What it is to the network.
        use: Its optimizer.
        growing: How many axes stand for a growing one.
        height: The rows of a matrix by its columns.
    """
    if weight.kind is WeightKind.MATRIX:
        turned = words_of(use).get("layout") == "transposed"
        ratio = 1 / height if turned else height
        least = sqrt(max(1.0, ratio))
        return Facing(growing, sqrt(ratio), least, least, height if turned else 1.0, turned)
    size, own = prod(weight.shape), max(len(weight.shape), 1)
    if grows_below(role, use):
        return Facing(own, sqrt(size), turned=True)
    return Facing(growing, 1 / sqrt(size), 1 / sqrt(size), columns=float(size))


def scale_power(role: Role, use: OptimizerUse) -> float:
    """Return the power of n in a library's factor of the shape, which `lr` does not have."""
    if use.declared is not None:
        degree = shape_degree(use) if use.declared.block else 0.0
        return degree * _shape_power("spectral", role, use)
    norm = words_of(use).get("norm", "none")
    if norm in ("sign", "rows"):
        return -1.0 if role is Role.MATRIX or grows_below(role, use) else 0.0
    scale = words_of(use).get("scale", norm if norm == "spectral" else "none")
    return _shape_power(scale, role, use)


def _shape_power(scale: str, role: Role, use: OptimizerUse) -> float:
    if scale == "none":
        return 0.0
    if scale == "match_rms" or role is Role.MATRIX:
        return 0.5 if scale == "match_rms" else 0.0
    if grows_below(role, use):
        return -0.5 if scale == "spectral" else 0.0
    return 0.5
