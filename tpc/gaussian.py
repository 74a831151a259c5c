"""Expectations of Gaussian variables in closed form: public names.

`expect` takes and returns SymPy expressions; `relu`, `leaky_relu`, `step`, `Phi` and `gelu` are the
functions that SymPy lacks; `to_numpy` writes a closed form as NumPy source, `evaluate` computes
it on arrays; `NoClosedForm` is the refusal.
"""

from tpc.limit.gaussian.expect import expect
from tpc.limit.gaussian.functions import Phi, gelu, leaky_relu, relu, step
from tpc.limit.gaussian.numpy_text import evaluate, to_numpy
from tpc.limit.gaussian.refusal import NoClosedForm

__all__ = [
    "NoClosedForm", "Phi", "evaluate", "expect", "gelu", "leaky_relu", "relu", "step", "to_numpy",
]  # fmt: skip
