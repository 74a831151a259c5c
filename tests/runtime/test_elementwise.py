"""The elementwise functions that modules carry, against SciPy."""

import numpy as np
import pytest
from scipy import special

from tpc.runtime import elementwise


@pytest.mark.parametrize("name", ["erf", "Phi", "sigmoid", "gelu", "silu"])
def test_functions_against_scipy(name: str) -> None:
    reference = {
        "erf": special.erf,
        "Phi": special.ndtr,
        "sigmoid": special.expit,
        "gelu": lambda x: x * special.ndtr(x),
        "silu": lambda x: x * special.expit(x),
    }[name]
    x = np.concatenate([np.linspace(-40, 40, 4001), np.linspace(-1, 1, 1001), [0.0]])
    np.testing.assert_allclose(getattr(elementwise, name)(x), reference(x), rtol=0, atol=1e-14)


def test_piecewise_functions() -> None:
    x = np.array([-2.0, 0.0, 3.0])
    np.testing.assert_allclose(elementwise.leaky_relu(x, 0.1), [-0.2, 0, 3])
    np.testing.assert_allclose(elementwise.elu(x, 2.0), [2 * np.expm1(-2), 0, 3])
    np.testing.assert_allclose(
        elementwise.softmax(np.array([[1.0, 1.0], [1e4, 0]])), [[0.5, 0.5], [1, 0]]
    )


def test_the_root_of_a_covariance_with_several_axes() -> None:
    half = np.random.default_rng(0).normal(size=(2, 3, 4))
    covariance = np.tensordot(half, half, (2, 2))
    found = elementwise.root(covariance)
    np.testing.assert_allclose(np.tensordot(found, found, 2), covariance, atol=1e-12)
    assert np.isnan(elementwise.root(np.full((2, 2), np.inf))).all()
