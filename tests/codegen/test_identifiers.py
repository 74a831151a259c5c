"""Names of the functions of expectations."""

import pytest
from sympy import Expr, Symbol, tanh

from tpc.codegen.identifiers import name_of_mean
from tpc.gaussian.functions import relu

Z, W, S = (Symbol(name, real=True) for name in ("z1", "z2", "s1"))


@pytest.mark.parametrize(
    ("integrand", "name"),
    [
        (tanh(Z), "mean of tanh"),
        (tanh(Z) ** 2, "mean of tanh squared"),
        (1 - tanh(Z) ** 2, "mean of 1 minus tanh squared"),
        (relu(Z) * relu(W), "mean of relu relu"),
        (S * Z * tanh(W), "mean of s z tanh"),
        (tanh(Z + 1), "mean with tanh"),
        ((1 - tanh(Z) ** 2) * (1 - tanh(W) ** 2), "mean with tanh"),
        (Z**7, "moment"),
    ],
)
def test_names_say_what_is_averaged(integrand: Expr, name: str) -> None:
    assert name_of_mean(integrand) == name
