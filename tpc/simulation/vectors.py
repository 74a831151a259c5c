"""Initial vectors at finite width."""

import numpy as np
import numpy.typing as npt

from tpc.diagnostics import UsageError
from tpc.program.ensembles import GAUSSIAN, Bernoulli, Ensemble
from tpc.simulation.dense import draw_entries
from tpc.simulation.streams import Normals, standard_deviation

Array = npt.NDArray[np.float64]


def draw_vector(
    normals: Normals,
    name: str,
    size: int,
    shape: tuple[int, ...],
    mean: Array | None,
    covariance: Array,
    ensemble: Ensemble = GAUSSIAN,
) -> Array:
    """Draw an initial vector, rows iid N(mean, covariance) or entries iid of another law.

    Args:
        normals: The stream of its name.
        name: For messages.
        size: Number of rows.
        shape: Constant shape k.
        mean: Of shape k, or None for zero.
        covariance: Of shape k + k, or of shape () for that multiple of the identity.

        ensemble: The law.

    Returns:
        An array of shape (size,) + k.

    Raises:
        UsageError: The covariance is not positive semidefinite.
    """
    count = int(np.prod(shape, dtype=np.int64))
    if isinstance(ensemble, Bernoulli):
        assert mean is not None
        below = normals.generator.random((size, count)) < mean.reshape(count)
        return below.astype(np.float64).reshape((size, *shape))
    drawn = draw_entries(ensemble, size, count, normals)
    if covariance.shape == ():
        drawn *= standard_deviation(name, covariance)
    else:
        drawn = drawn @ _square_root(name, covariance.reshape(count, count))
    if mean is not None:
        drawn += mean.reshape(count)
    return drawn.reshape((size, *shape))


def _square_root(name: str, covariance: Array) -> Array:
    """Return the symmetric square root of a covariance that may be singular."""
    size = float(np.abs(covariance).max(initial=0.0))
    if np.isfinite(size) and np.allclose(covariance, covariance.T, rtol=0, atol=1e-10 * size):
        eigenvalues, eigenvectors = np.linalg.eigh(covariance)
        if eigenvalues[0] >= -1e-10 * size:
            root: Array = eigenvectors * np.sqrt(np.maximum(eigenvalues, 0)) @ eigenvectors.T
            return root
    raise UsageError(f"the covariance of `{name}` is not positive semidefinite here")
