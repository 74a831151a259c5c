"""Predictions from kernels, against direct computation and training step by step."""

import numpy as np
import pytest

import tpc
from tpc import predict

RANDOM = np.random.default_rng(8)
FEATURES = RANDOM.normal(size=(9, 30))
WHOLE = FEATURES @ FEATURES.T / 30
TRAIN, ACROSS, TEST = WHOLE[:6, :6], WHOLE[6:, :6], WHOLE[6:, 6:]
TARGETS = RANDOM.normal(size=6)


def test_posterior_is_the_conditional_gaussian() -> None:
    found = predict.posterior(TRAIN, TARGETS, ACROSS, TEST, noise=0.1)
    inverse = np.linalg.inv(TRAIN + 0.1 * np.eye(6))
    np.testing.assert_allclose(found.mean, ACROSS @ inverse @ TARGETS, rtol=1e-10)
    np.testing.assert_allclose(found.cov, TEST - ACROSS @ inverse @ ACROSS.T, rtol=1e-9)


def test_descent_is_training_step_by_step() -> None:
    f, at_test = np.full(6, 0.3), np.full(3, -0.2)
    for _ in range(7):
        error = f - TARGETS
        at_test = at_test - 0.4 * ACROSS @ error
        f = f - 0.4 * TRAIN @ error
    options = {"steps": 7, "learning_rate": 0.4, "start": 0.3}
    np.testing.assert_allclose(predict.gradient_descent(TRAIN, TARGETS, **options), f, rtol=1e-11)
    found = predict.gradient_descent(TRAIN, TARGETS, ACROSS, **options, test_start=-0.2)
    np.testing.assert_allclose(found, at_test, rtol=1e-11)


def test_flow_is_the_limit_of_small_steps_and_ends_in_interpolation() -> None:
    flow = predict.gradient_flow(TRAIN, TARGETS, ACROSS, time=2.5)
    small = predict.gradient_descent(TRAIN, TARGETS, ACROSS, steps=10**6, learning_rate=2.5e-6)
    np.testing.assert_allclose(flow, small, rtol=1e-5)
    np.testing.assert_allclose(predict.gradient_flow(TRAIN, TARGETS, time=np.inf), TARGETS)
    end = predict.gradient_flow(TRAIN, TARGETS, ACROSS, time=np.inf)
    np.testing.assert_allclose(end, ACROSS @ np.linalg.solve(TRAIN, TARGETS), rtol=1e-10)
    np.testing.assert_array_equal(predict.gradient_flow(TRAIN, TARGETS, time=0.0), np.zeros(6))


def test_several_times_at_once() -> None:
    found = predict.gradient_flow(TRAIN, TARGETS, ACROSS, time=[0.5, 2.0], test_start=0.1)
    for t, one in zip((0.5, 2.0), found, strict=True):
        alone = predict.gradient_flow(TRAIN, TARGETS, ACROSS, time=t, test_start=0.1)
        np.testing.assert_allclose(one, alone, rtol=1e-12)


def test_directions_without_eigenvalue_do_not_move() -> None:
    flat = np.ones((2, 2))
    found = predict.gradient_flow(flat, [1.0, 2.0], time=50.0)
    np.testing.assert_allclose(found, [1.5, 1.5])


def test_outputs_with_axes_are_flattened_together() -> None:
    coupled = np.kron(TRAIN[:3, :3], [[1, 0.5], [0.5, 1]]).reshape(3, 2, 3, 2)
    targets = TARGETS.reshape(3, 2)
    flat = predict.gradient_flow(coupled.reshape(6, 6), TARGETS, time=1.0)
    found = predict.gradient_flow(coupled, targets, time=1.0)
    np.testing.assert_allclose(found.reshape(6), flat, rtol=1e-12)
    both = predict.gradient_flow(TRAIN, np.stack([TARGETS, 2 * TARGETS], axis=1), time=1.0)
    np.testing.assert_allclose(both[:, 1], 2 * both[:, 0], rtol=1e-12)


@pytest.mark.parametrize("call", [
    lambda k: predict.posterior(k, [1.0, 2.0], k, k),
    lambda k: predict.gradient_flow(k, [1.0, 2.0], time=np.inf),
])  # fmt: skip
def test_what_has_no_inverse_is_refused(call: object) -> None:
    assert callable(call)
    with pytest.raises(predict.NotPositiveDefinite, match="smallest eigenvalue"):
        call(np.array([[1.0, 1.0], [1.0, 1.0 - 1e-9]]))


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="targets of shape"):
        predict.gradient_flow(TRAIN, TARGETS[:5], time=1.0)
    with pytest.raises(ValueError, match="does not end in"):
        predict.gradient_flow(TRAIN, TARGETS, ACROSS.T, time=1.0)
    with pytest.raises(ValueError, match="not a shape twice"):
        predict.posterior(ACROSS, TARGETS, ACROSS, TEST)


def test_it_is_public() -> None:
    assert tpc.predict is predict


def singular(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the kernels of inputs of which two are equal, and different targets."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(int(random.integers(3, 9)), 30))
    features[-1] = features[0]
    whole = np.vstack([features, random.normal(size=(2, 30))])
    kernel, size = whole @ whole.T * 10.0 ** random.integers(-6, 6), len(features)
    targets = random.normal(size=size)
    return kernel[:size, :size], targets, kernel[size:, :size], kernel[size:, size:]


@pytest.mark.parametrize("seed", range(60))
def test_repeated_inputs_with_different_targets_are_refused(seed: int) -> None:
    train, targets, across, test = singular(seed)
    with pytest.raises(predict.NotPositiveDefinite, match="smallest eigenvalue"):
        predict.posterior(train, targets, across, test)
    with pytest.raises(predict.NotPositiveDefinite, match="smallest eigenvalue"):
        predict.gradient_flow(train, targets, across, time=np.inf)


@pytest.mark.parametrize("seed", range(20))
def test_variances_are_never_negative(seed: int) -> None:
    """At the training inputs themselves, where nothing is left to know."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(6, 8)) * 10.0 ** -random.uniform(0, 4, size=8)
    kernel = features @ features.T
    found = predict.posterior(kernel, TARGETS, kernel, kernel, noise=1e-11 * kernel.trace())
    assert (np.diagonal(found.cov) >= 0).all()
    assert found.condition < 1e12


UNSUITABLE = {
    "negative noise": lambda: predict.posterior(TRAIN, TARGETS, ACROSS, TEST, noise=-0.5),
    "infinite noise": lambda: predict.posterior(TRAIN, TARGETS, ACROSS, TEST, noise=np.inf),
    "asymmetric": lambda: predict.posterior(TRAIN + np.eye(6, k=1), TARGETS, ACROSS, TEST),
    "asymmetric test": lambda: predict.posterior(TRAIN, TARGETS, ACROSS, TEST + np.eye(3, k=1)),
    "asymmetric flow": lambda: predict.gradient_flow(TRAIN + np.eye(6, k=1), TARGETS, time=1),
    "nothing": lambda: predict.posterior(np.ones((0, 0)), [], np.ones((0, 0)), np.ones((0, 0))),
    "no inputs": lambda: predict.gradient_flow(np.ones((0, 0)), [], time=1.0),
    "no times": lambda: predict.gradient_flow(TRAIN, TARGETS, time=[]),
    "nan": lambda: predict.gradient_flow(TRAIN, TARGETS * np.nan, time=1.0),
    "nan in a kernel": lambda: predict.posterior(TRAIN * np.nan, TARGETS, ACROSS, TEST),
    "half a step": lambda: predict.gradient_descent(TRAIN, TARGETS, steps=2.5, learning_rate=0.1),
    "steps without end": lambda: predict.gradient_descent(
        TRAIN, TARGETS, steps=np.inf, learning_rate=0.1
    ),
    "steps back": lambda: predict.gradient_descent(TRAIN, TARGETS, steps=-1, learning_rate=0.1),
    "no rate": lambda: predict.gradient_flow(TRAIN, TARGETS, time=np.inf, learning_rate=0),
    "negative rate": lambda: predict.gradient_descent(TRAIN, TARGETS, steps=1, learning_rate=-1),
    "nan rate": lambda: predict.gradient_flow(TRAIN, TARGETS, time=1, learning_rate=np.nan),
    "divergence": lambda: predict.gradient_descent(TRAIN, TARGETS, steps=9999, learning_rate=9),
    "not one process": lambda: predict.posterior(TRAIN, TARGETS, 9 * ACROSS, TEST),
}  # fmt: skip


@pytest.mark.parametrize("case", UNSUITABLE)
def test_what_has_no_answer_is_refused(case: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as refusal:
        UNSUITABLE[case]()
    assert type(refusal.value) in (ValueError, predict.NotPositiveDefinite)
