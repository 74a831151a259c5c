"""Expectations of Gaussian variables in closed form: public names.

`expect` takes and returns SymPy expressions; `relu`, `leaky_relu`, `step`, `Phi` and `gelu` are the
functions that SymPy lacks; `to_numpy` writes a closed form as NumPy source, `evaluate` computes
it on arrays; `NoClosedForm` is the refusal. `single_moment`, `pair_moment` and `listed_moment` give
the expectations of any smooth functions of one or two Gaussians as numbers.
"""

from tpc.gaussian.expectation import expect
from tpc.gaussian.functions import Phi, gelu, leaky_relu, relu, step
from tpc.gaussian.numpy_text import evaluate, to_numpy
from tpc.gaussian.refusal import NoClosedForm
from tpc.runtime.hermite import single_moment
from tpc.runtime.pair_series import listed_moment, pair_moment

__all__ = [
    "NoClosedForm", "Phi", "evaluate", "expect", "gelu", "leaky_relu", "listed_moment",
    "pair_moment", "relu", "single_moment", "step", "to_numpy",
]  # fmt: skip
