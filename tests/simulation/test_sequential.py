"""Products without a matrix: they are those of one matrix, and it has the right law."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from tpc.program.ensembles import Ensemble, Gaussian, LowRank, Orthogonal
from tpc.simulation.dense import DenseMatrix, draw_entries
from tpc.simulation.engines import Operator, make_operator
from tpc.simulation.streams import Stream

LAWS: list[tuple[Ensemble, int, int]] = [
    (Gaussian(), 12, 12),
    (Gaussian(), 7, 15),
    (Gaussian(), 15, 7),
    (Orthogonal(), 12, 12),
    (LowRank(3), 12, 12),
    (LowRank(4), 9, 14),
]


def operator(ensemble: Ensemble, rows: int, columns: int, seed: int = 0) -> Operator:
    draws = Stream(np.random.default_rng(seed))
    return make_operator("matrix-free", ensemble, rows, columns, (40, 40), draws)


def entries(matrix: Operator, rows: int, columns: int, order: str) -> np.ndarray:
    """Return the implied matrix, met from one side, the other, or both in turns."""
    if order == "straight":
        return matrix.multiply(False, np.eye(columns))
    if order == "transposed":
        return matrix.multiply(True, np.eye(rows)).T
    rng = np.random.default_rng(1)
    for size in (1, 2, 3):
        matrix.multiply(False, rng.standard_normal((columns, size)))
        matrix.multiply(True, rng.standard_normal((rows, size)))
    return matrix.multiply(False, np.eye(columns))


@pytest.mark.parametrize(("ensemble", "rows", "columns"), LAWS)
@pytest.mark.parametrize("order", ["straight", "transposed", "both"])
def test_all_products_are_those_of_one_matrix(
    ensemble: Ensemble, rows: int, columns: int, order: str
) -> None:
    matrix = operator(ensemble, rows, columns)
    whole = entries(matrix, rows, columns, order)
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((columns, 3)), rng.standard_normal((rows, 5))
    np.testing.assert_allclose(matrix.multiply(False, x), whole @ x, atol=1e-12)
    np.testing.assert_allclose(matrix.multiply(True, y), whole.T @ y, atol=1e-12)


@pytest.mark.parametrize("order", ["straight", "transposed", "both"])
def test_orthogonal_matrices_are(order: str) -> None:
    whole = entries(operator(Orthogonal(), 60, 60), 60, 60, order) / np.sqrt(60)
    np.testing.assert_allclose(whole.T @ whole, np.eye(60), atol=1e-12)
    np.testing.assert_allclose(whole @ whole.T, np.eye(60), atol=1e-12)


def test_orthogonal_products_keep_lengths_at_large_width() -> None:
    """O.T O x = x and <Ox|Oy> = <x|y>, with more products than a few."""
    n = 20_000
    matrix = operator(Orthogonal(), n, n)
    rng = np.random.default_rng(3)
    x = rng.standard_normal((n, 6))
    y = matrix.multiply(False, x) / np.sqrt(n)
    np.testing.assert_allclose(y.T @ y / n, x.T @ x / n, atol=1e-12)
    z = matrix.multiply(True, np.tanh(y)) / np.sqrt(n)
    np.testing.assert_allclose(z.T @ z / n, np.tanh(y).T @ np.tanh(y) / n, atol=1e-12)
    np.testing.assert_allclose(matrix.multiply(True, y) / np.sqrt(n), x, atol=1e-12)


def test_the_rank_of_a_low_rank_matrix() -> None:
    whole = entries(operator(LowRank(3), 12, 14), 12, 14, "both")
    sizes = np.linalg.svd(whole, compute_uv=False)
    assert np.all(sizes[:4] > 0.1) and np.all(sizes[4:] < 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(("ensemble", "rows", "columns"), LAWS)
def test_implied_matrices_have_the_law_of_dense_ones(
    ensemble: Ensemble, rows: int, columns: int
) -> None:
    """Entries, products of entries, norms: each with the distribution of a dense draw."""
    count = 400
    implied = np.stack(
        [entries(operator(ensemble, rows, columns, s), rows, columns, "both") for s in range(count)]
    )
    drawn = np.stack(
        [
            draw_entries(ensemble, rows, columns, Stream(np.random.default_rng(count + s)))
            for s in range(count)
        ]
    )
    statistics: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "first": lambda w: w[:, 0, 0],
        "last": lambda w: w[:, -1, -1],
        "pair": lambda w: w[:, 0, 0] * w[:, 1, 1] - w[:, 0, 1] * w[:, 1, 0],
        "cubic": lambda w: w[:, 0, 0] * w[:, 0, 1] * w[:, 1, 0],
        "largest": lambda w: np.linalg.norm(w, ord=2, axis=(1, 2)),
        "total": lambda w: w.sum(axis=(1, 2)),
        "fourth": lambda w: (w**4).sum(axis=(1, 2)),
    }
    for name, statistic in statistics.items():
        a, b = statistic(implied), statistic(drawn)
        if np.ptp(a) < 1e-9:  # the norm of an orthogonal matrix
            np.testing.assert_allclose(a, b, rtol=1e-9)
            continue
        level = 1e-3 / (len(statistics) * len(LAWS))
        assert stats.ks_2samp(a, b).pvalue > level, name


@pytest.mark.parametrize(("ensemble", "rows", "columns"), LAWS)
def test_a_repeated_vector_gives_the_same_result_bit_for_bit(
    ensemble: Ensemble, rows: int, columns: int
) -> None:
    matrix = operator(ensemble, 50 * rows, 50 * columns)
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((50 * columns, 3)), rng.standard_normal((50 * rows, 2))
    before = matrix.multiply(False, x).copy()
    back = matrix.multiply(True, y).copy()
    matrix.multiply(False, rng.standard_normal((50 * columns, 4)))
    np.testing.assert_array_equal(matrix.multiply(False, x), before)
    np.testing.assert_array_equal(matrix.multiply(True, y), back)
    mixed = np.column_stack([rng.standard_normal(50 * columns), x[:, 2], x[:, 0], x[:, 2]])
    again = matrix.multiply(False, mixed)
    np.testing.assert_array_equal(again[:, 1:], before[:, [2, 0, 2]])
    np.testing.assert_array_equal(matrix.multiply(False, x[:, 1:2]), before[:, 1:2])


@pytest.mark.parametrize(("ensemble", "rows", "columns"), LAWS)
def test_products_are_linear_to_rounding(ensemble: Ensemble, rows: int, columns: int) -> None:
    matrix = operator(ensemble, 30 * rows, 30 * columns)
    x1, x2 = np.random.default_rng(5).standard_normal((2, 30 * columns, 2))
    parts = matrix.multiply(False, x1), matrix.multiply(False, 1e-8 * x2)
    total = matrix.multiply(False, x1 + 1e-8 * x2)
    np.testing.assert_allclose(total, parts[0] + parts[1], rtol=0, atol=1e-11)
    np.testing.assert_allclose(matrix.multiply(False, -3e200 * x1), -3e200 * parts[0], rtol=1e-9)
    np.testing.assert_array_equal(matrix.multiply(False, 0 * x1), 0 * parts[0])


def test_what_is_no_number_gives_none() -> None:
    matrix = operator(Gaussian(), 8, 9)
    vectors = np.ones((9, 4))
    vectors[2, 1], vectors[3, 3] = np.inf, np.nan
    product = matrix.multiply(False, vectors)
    assert np.isnan(product[:, [1, 3]]).all() and np.isfinite(product[:, [0, 2]]).all()


def test_dense_multiplies_by_its_entries() -> None:
    w = np.arange(6.0).reshape(2, 3)
    matrix = DenseMatrix(w)
    np.testing.assert_array_equal(matrix.multiply(False, np.eye(3)), w)
    np.testing.assert_array_equal(matrix.multiply(True, np.eye(2)), w.T)
