"""Frames stay orthonormal, and vectors are what their parts add up to, however dependent."""

import numpy as np
import pytest

from tpc.simulation.frame import Frame


def grow(frame: Frame, block: np.ndarray) -> int:
    """Take a block into a frame, check its parts; return the number of new directions."""
    along, across, fresh = frame.decompose(block)
    rebuilt = along @ frame.rows + across @ fresh
    lengths = np.linalg.norm(block, axis=1, keepdims=True)
    assert np.all(np.abs(rebuilt - block) <= 1e-12 * lengths)
    frame.append(fresh)
    gram = frame.rows @ frame.rows.T
    np.testing.assert_allclose(gram, np.eye(frame.count), atol=1e-13)
    return len(fresh)


@pytest.mark.parametrize("distance", [1e-2, 1e-6, 1e-9, 1e-11])
def test_nearly_dependent_vectors_keep_the_frame_orthonormal(distance: float) -> None:
    rng = np.random.default_rng(0)
    frame = Frame(300, 60)
    first = rng.standard_normal((4, 300))
    assert grow(frame, first) == 4
    for _ in range(5):
        mixed = rng.standard_normal((4, 4)) @ first + distance * rng.standard_normal((4, 300))
        assert grow(frame, mixed) == 4
    within = rng.standard_normal((3, 300))
    close = np.concatenate([within, within + distance * rng.standard_normal((3, 300))])
    assert grow(frame, close) == 6


def test_dependent_vectors_add_nothing() -> None:
    rng = np.random.default_rng(1)
    frame = Frame(50, 60)
    first = rng.standard_normal((3, 50))
    assert grow(frame, np.concatenate([first, first[:1] + first[1:2], 0 * first[:1]])) == 3
    assert grow(frame, first[::-1] * 1e-30) == 0
    assert grow(frame, np.concatenate([2 * first, rng.standard_normal((1, 50))])) == 1


def test_a_full_frame_takes_nothing_more() -> None:
    rng = np.random.default_rng(2)
    frame = Frame(7, 100)
    assert grow(frame, rng.standard_normal((5, 7))) == 5
    assert grow(frame, rng.standard_normal((9, 7))) == 2
    assert grow(frame, rng.standard_normal((9, 7))) == 0


def test_directions_far_smaller_than_others_of_the_block_count() -> None:
    """What is small against the block is not small against its own vector."""
    rng = np.random.default_rng(3)
    block = rng.standard_normal((3, 40)) * np.array([[1.0], [1e-20], [1e20]])
    assert grow(Frame(40, 3), block) == 3
