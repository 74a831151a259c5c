"""From kernels to predictions: Gaussian process posteriors, training with the tangent kernel.

    mean = K(x, X) K(X, X)^-1 y                      posterior of the NNGP, noise on the diagonal
    cov = K(x, x) - K(x, X) K(X, X)^-1 K(X, x)
    f_t(X) = y + exp(-eta T t) (f_0(X) - y)          gradient flow of 1/2 |f - y|^2, T the NTK
    f_t(x) = f_0(x) + T(x, X) T^-1 (1 - exp(-eta T t)) (y - f_0(X))
    f_t of gradient descent: (1 - eta T)^t in place of exp(-eta T t)

Kernels are those of `tpc.kernel`, of shape (M, M2), or (M,) + e + (M2,) + e for outputs of shape e.
Targets have the shape (M,) + e, or more axes behind, which are predicted independently.

All that inverts a kernel does so by its eigenvalues, and refuses one whose smallest is less than
`CUT_OFF` times its largest: fewer than some four digits of an answer would be right.

Reference:
    Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006.
    Jacot, Gabriel and Hongler, Neural Tangent Kernel, 2018.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = [
    "NotPositiveDefinite",
    "Posterior",
    "gradient_descent",
    "gradient_flow",
    "posterior",
]

Array = npt.NDArray[np.float64]

CUT_OFF = 1e-12
"""An eigenvalue that is less than this part of the largest one counts as zero."""

ASYMMETRY = 1e-8
"""How much the two sides of a symmetric kernel may differ, as a part of its largest entry."""


class NotPositiveDefinite(ValueError):
    """A kernel of training inputs that has no inverse to speak of."""


@dataclass(frozen=True, slots=True)
class Posterior:
    """What a Gaussian process knows of test outputs after the training targets.

    Attributes:
        mean: Of the shape of the test outputs.
        cov: Their covariance, of that shape twice.
        condition: The largest eigenvalue of K(X, X) plus noise over its smallest: relative errors
            are of the size of this number times 2e-16.
    """

    mean: Array
    cov: Array
    condition: float


def posterior(
    train: npt.ArrayLike,
    targets: npt.ArrayLike,
    test_train: npt.ArrayLike,
    test: npt.ArrayLike,
    noise: float = 0.0,
) -> Posterior:
    """Return the posterior of the Gaussian process whose kernel is the NNGP.

    Args:
        train: K(X, X).
        targets: y.
        test_train: K(x, X).
        test: K(x, x).
        noise: The variance of independent noise in the targets.

    Raises:
        NotPositiveDefinite: K(X, X) plus noise is not, or hardly (`CUT_OFF`).
        ValueError: Shapes do not fit; a kernel is empty, not finite or not symmetric; the noise is
            negative; K(x, x) is less than what K(x, X) explains.
    """
    from scipy.linalg import eigh

    k, y, shape = _training(train, targets)
    across, lead = _across(test_train, k, shape)
    own, _ = _square(test, "K(x, x)")
    if len(own) != len(across):
        raise ValueError(f"K(x, x) is of {len(own)} outputs, K(x, X) of {len(across)}")
    if not (np.isfinite(noise) and noise >= 0):
        raise ValueError(f"the noise is a variance, at least 0, not {noise}")
    k[np.diag_indices_from(k)] += noise
    eigenvalues, vectors = eigh(k)
    _require_positive(eigenvalues)
    condition = float(eigenvalues[-1] / eigenvalues[0])
    modes = across @ vectors
    mean = modes @ ((vectors.T @ y) / eigenvalues[:, None])
    cov = _remaining(own, (modes / eigenvalues) @ modes.T, condition)
    extra = np.shape(targets)[len(shape) :]
    return Posterior(mean.reshape(lead + extra), cov.reshape(lead + lead), condition)


def _remaining(own: Array, explained: Array, condition: float) -> Array:
    """Return K(x, x) less what the targets explain, with variances that rounding made negative 0.

    Raises:
        ValueError: A variance is negative by more than rounding.
    """
    cov = own - (explained + explained.T) / 2
    variances = np.diagonal(cov)
    rounding = 1e2 * len(own) * np.finfo(float).eps * condition * np.abs(own).max()
    if variances.min() < -rounding:
        raise ValueError(
            "the three kernels are not of one process: K(x, X) explains more than K(x, x), "
            f"a variance would be {variances.min():.3g}"
        )
    np.fill_diagonal(cov, np.maximum(variances, 0))
    return cov


def gradient_flow(
    train: npt.ArrayLike,
    targets: npt.ArrayLike,
    test_train: npt.ArrayLike | None = None,
    *,
    time: npt.ArrayLike,
    learning_rate: float = 1.0,
    start: npt.ArrayLike = 0.0,
    test_start: npt.ArrayLike = 0.0,
) -> Array:
    """Return f_t after gradient flow of the squared error, 1/2 |f - y|^2 summed over inputs.

    Args:
        train: T(X, X), the tangent kernel.
        targets: y.
        test_train: T(x, X); without it the predictions are those at X.
        time: t >= 0; infinity is the end of training. Several times in a list give the result an
            axis over them in front, for one decomposition of the kernel.
        learning_rate: eta.
        start: f_0(X).
        test_start: f_0(x).

    Raises:
        NotPositiveDefinite: T(X, X) has a negative eigenvalue, or one of 0 (`CUT_OFF`) as t is
            infinite.
        ValueError: Shapes do not fit; a kernel is empty, not finite or not symmetric; t < 0; the
            learning rate is not positive.
    """

    def progress(eigenvalues: Array, t: float) -> Array:
        if np.isinf(t):
            return 1 / eigenvalues
        exponent = learning_rate * t * eigenvalues
        whole = -np.expm1(-exponent)
        return np.where(exponent == 0, learning_rate * t, whole / _nonzero(eigenvalues))

    times = np.asarray(time, dtype=float)
    if not (times >= 0).all():
        raise ValueError(f"times must not be negative: {times}")
    return _trained(train, targets, test_train, times, learning_rate, start, test_start, progress)


def gradient_descent(
    train: npt.ArrayLike,
    targets: npt.ArrayLike,
    test_train: npt.ArrayLike | None = None,
    *,
    steps: npt.ArrayLike,
    learning_rate: float,
    start: npt.ArrayLike = 0.0,
    test_start: npt.ArrayLike = 0.0,
) -> Array:
    """Return f_t after so many steps of full-batch gradient descent of the same error.

    It converges where `learning_rate` is less than 2 / (largest eigenvalue of T(X, X)).

    Args:
        train: T(X, X), the tangent kernel.
        targets: y.
        test_train: T(x, X); without it the predictions are those at X.
        steps: t, or several as in `gradient_flow`.
        learning_rate: eta.
        start: f_0(X).
        test_start: f_0(x).

    Raises:
        NotPositiveDefinite: T(X, X) has a negative eigenvalue.
        ValueError: Shapes do not fit; a kernel is empty, not finite or not symmetric; t is no
            natural number; the learning rate is not positive; numbers overflow since it is too
            large.
    """

    def progress(eigenvalues: Array, t: float) -> Array:
        left = 1 - learning_rate * eigenvalues
        gradual = -np.expm1(t * np.log(np.abs(_nonzero(left))))
        whole = np.where(left > 0, gradual, 1 - left**t)
        return np.where(eigenvalues == 0, learning_rate * t, whole / _nonzero(eigenvalues))

    times = np.asarray(steps, dtype=float)
    if not (np.isfinite(times) & (times >= 0) & (times == np.rint(times))).all():
        raise ValueError(f"steps are counted, 0, 1, 2, ..., not {times}")
    return _trained(train, targets, test_train, times, learning_rate, start, test_start, progress)


def _trained(
    train: npt.ArrayLike,
    targets: npt.ArrayLike,
    test_train: npt.ArrayLike | None,
    times: Array,
    learning_rate: float,
    start: npt.ArrayLike,
    test_start: npt.ArrayLike,
    progress: Callable[[Array, float], Array],
) -> Array:
    """Return f_0(x) + T(x, X) p(T) (y - f_0(X)) by the eigenvectors of T."""
    from scipy.linalg import eigh

    if times.ndim > 1 or not times.size:
        raise ValueError(f"one time or a list of them, not an array of shape {times.shape}")
    if not (np.isfinite(learning_rate) and learning_rate > 0):
        raise ValueError(f"the learning rate is positive, not {learning_rate}")
    k, y, shape = _training(train, targets)
    extra = np.shape(targets)[len(shape) :]
    eigenvalues, vectors = eigh(k)
    _require_positive(eigenvalues, strictly=bool(np.isinf(times).any()))
    first = _finite(np.broadcast_to(np.asarray(start, dtype=float), shape + extra), "f_0(X)")
    way = vectors.T @ (y - first.reshape(y.shape))
    across, lead = (k, shape) if test_train is None else _across(test_train, k, shape)
    before = first if test_train is None else np.asarray(test_start, dtype=float)
    before = _finite(np.broadcast_to(before, lead + extra), "f_0(x)")
    modes = across @ vectors
    found = []
    for t in times.reshape(-1):
        with np.errstate(over="ignore", invalid="ignore"):
            moved = progress(np.maximum(eigenvalues, 0), float(t))[:, None] * way
            step = modes @ moved
        if not np.isfinite(step).all():
            raise ValueError(
                f"training diverges beyond all numbers by {t:g}: the learning rate times the "
                f"largest eigenvalue is {learning_rate * eigenvalues[-1]:.3g}, and descent "
                "converges below 2"
            )
        found.append(before + step.reshape(lead + extra))
    return np.asarray(found[0] if times.ndim == 0 else found)


def _finite(array: Array, name: str) -> Array:
    """Return an array, if there is something in it and all of it is finite."""
    if not array.size:
        raise ValueError(f"{name} is empty")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} has entries that are not finite")
    return array


def _square(kernel: npt.ArrayLike, name: str) -> tuple[Array, tuple[int, ...]]:
    """Return a kernel as a matrix, and the shape of the outputs that its rows are."""
    array = np.array(kernel, dtype=float)
    rank = array.ndim // 2
    shape = array.shape[:rank]
    if array.ndim < 2 or array.shape != shape + shape:
        raise ValueError(f"{name} is of shape {array.shape}: not a shape twice")
    size = int(np.prod(shape))
    matrix = _finite(array, name).reshape(size, size)
    difference = float(np.abs(matrix - matrix.T).max())
    if difference > ASYMMETRY * np.abs(matrix).max():
        raise ValueError(f"{name} is not symmetric: its two sides differ by {difference:.3g}")
    return (matrix + matrix.T) / 2, shape


def _training(train: npt.ArrayLike, targets: npt.ArrayLike) -> tuple[Array, Array, tuple[int, ...]]:
    """Return the kernel as a matrix, targets as columns, and the shape of the outputs."""
    k, shape = _square(train, "the kernel of the training inputs")
    y = np.asarray(targets, dtype=float)
    if y.shape[: len(shape)] != shape:
        raise ValueError(f"targets of shape {y.shape} for outputs of shape {shape}")
    return k, _finite(y, "the array of targets").reshape(len(k), -1), shape


def _across(
    test_train: npt.ArrayLike, k: Array, shape: tuple[int, ...]
) -> tuple[Array, tuple[int, ...]]:
    """Return the kernel of test and training inputs as a matrix, and the shape of test outputs."""
    array = np.asarray(test_train, dtype=float)
    rank = array.ndim - len(shape)
    if rank < 1 or array.shape[rank:] != shape:
        raise ValueError(f"K(x, X) is of shape {array.shape}: it does not end in {shape}")
    return _finite(array, "K(x, X)").reshape(-1, len(k)), array.shape[:rank]


def _nonzero(x: Array) -> Array:
    return np.where(x == 0, 1.0, x)


def _require_positive(eigenvalues: Array, strictly: bool = True) -> None:
    """Refuse a kernel by its eigenvalues, ascending: negative ones, or small ones if `strictly`.

    Raises:
        NotPositiveDefinite: The smallest eigenvalue is too small.
    """
    largest = np.abs(eigenvalues).max()
    rounding = 10 * len(eigenvalues) * np.finfo(float).eps * largest
    if eigenvalues[0] < -rounding or (strictly and eigenvalues[0] <= CUT_OFF * largest):
        raise NotPositiveDefinite(
            "the kernel of the training inputs is not positive definite: its smallest eigenvalue "
            f"is {eigenvalues[0]:.3g}, its largest {eigenvalues[-1]:.3g}; leave out inputs that "
            "repeat others, or give the targets some noise"
        )
