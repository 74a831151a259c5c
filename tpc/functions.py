"""The elementwise functions of the language: one record for each, which every stage reads.

A record is data alone, so that nothing heavy is loaded with it: derivatives are written in the
language itself, NumPy's side is text, SymPy's is a name. `step(0) = 1/2`, `sign(0) = 0`,
`gelu(x) = x Phi(x)`.

`step` is the derivative of `relu`. The derivative of `step` and `sign` holds `delta`, which no
program text may contain and no generated code can compute: a limit that needs its expectation takes
the Stein form.
"""

from dataclasses import dataclass
from enum import Enum
from math import pi, sqrt


class Regularity(Enum):
    """What a function is like where it is worst."""

    SMOOTH = "an expansion everywhere"
    POLE = "smooth inside its domain, with a pole or a branch at the edge"
    KINK = "a kink"
    JUMP = "a jump"


@dataclass(frozen=True, slots=True)
class Function:
    """An elementwise function.

    Attributes:
        name: As programs, limits and generated modules call it.
        derivatives: By each argument, in the language; empty where they are no functions.
        numpy: Its NumPy text, `{}` for the arguments; else the function of its name in
            `tpc.runtime.elementwise`.
        arguments: What derivatives call the arguments, a letter for each.
        regularity: What it is like where it is worst.
        kinks: What changes its sign where it has a kink or a jump, in the language.
        sympy: The function of SymPy or of `tpc.gaussian.functions` by which `tpc.gaussian` knows
            it; none where no closed form is known.
    """

    name: str
    derivatives: tuple[str, ...]
    numpy: str = ""
    arguments: str = "x"
    regularity: Regularity = Regularity.SMOOTH
    sympy: str = ""
    kinks: tuple[str, ...] = ()

    @property
    def arity(self) -> int:
        """How many arguments it takes."""
        return len(self.arguments)

    @property
    def has_kinks(self) -> bool:
        """Whether it has a kink or a jump: a rule for smooth functions converges slowly on it."""
        return self.regularity in (Regularity.KINK, Regularity.JUMP)

    @property
    def text(self) -> str:
        """Its NumPy text, `{}` for the arguments."""
        return self.numpy or f"{self.name}({{}})"


POLE, KINK, JUMP = Regularity.POLE, Regularity.KINK, Regularity.JUMP

_BELL = f"{1 / sqrt(2 * pi)} * exp(-0.5 * square(x))"

_OF_LEAKY = ("a + (1 - a) * step(x)", "min(x, 0)")
_OF_ELU = ("step(x) + a * exp(min(x, 0)) * step(-x)", "exp(min(x, 0)) - 1")

_OPERATORS = (
    Function("add", ("1", "1"), "np.add({})", arguments="xy"),
    Function("sub", ("1", "-1"), "np.subtract({})", arguments="xy"),
    Function("mul", ("y", "x"), "np.multiply({})", arguments="xy"),
    Function("div", ("1 / y", "-(x / square(y))"), "np.divide({})", "xy", POLE),
    Function("pow", ("y * x ** (y - 1)", "x ** y * log(x)"), "np.power({})", "xy", POLE),
    Function("neg", ("-1",), "np.negative({})"),
)

_RESERVED = (
    Function("relu", ("step(x)",), "np.maximum({}, 0)", "x", KINK, "relu", kinks=("x",)),
    Function("leaky_relu", _OF_LEAKY, "", "xa", KINK, "leaky_relu", kinks=("x",)),
    Function("elu", _OF_ELU, "", "xa", KINK, kinks=("x",)),
    Function("gelu", (f"Phi(x) + x * ({_BELL})",), sympy="gelu"),
    Function("silu", ("sigmoid(x) * (1 + x * (1 - sigmoid(x)))",)),
    Function("sigmoid", ("sigmoid(x) * (1 - sigmoid(x))",)),
    Function("softplus", ("sigmoid(x)",), "np.logaddexp(0, {})"),
    Function("tanh", ("1 - square(tanh(x))",), "np.tanh({})"),
    Function("erf", (f"{2 / sqrt(pi)} * exp(-square(x))",), sympy="erf"),
    Function("Phi", (_BELL,), sympy="Phi"),
    Function("sin", ("cos(x)",), "np.sin({})", sympy="sin"),
    Function("cos", ("-sin(x)",), "np.cos({})", sympy="cos"),
    Function("exp", ("exp(x)",), "np.exp({})", sympy="exp"),
    Function("log", ("1 / x",), "np.log({})", "x", POLE, "log"),
    Function("sqrt", ("0.5 / sqrt(x)",), "np.sqrt({})", "x", POLE, "sqrt"),
    Function("square", ("2 * x",), "np.square({})"),
    Function("abs", ("sign(x)",), "np.abs({})", "x", KINK, "Abs", kinks=("x",)),
    Function("sign", ("2 * delta(x)",), "np.sign({})", "x", JUMP, "sign", kinks=("x",)),
    Function("step", ("delta(x)",), "np.heaviside({}, 0.5)", "x", JUMP, "step", kinks=("x",)),
    Function(
        "max", ("step(x - y)", "step(y - x)"), "np.maximum({})", "xy", KINK, "Max", kinks=("x - y",)
    ),
    Function(
        "min", ("step(y - x)", "step(x - y)"), "np.minimum({})", "xy", KINK, "Min", kinks=("x - y",)
    ),
    Function(
        "clip",
        ("step(x - a) * step(b - x)", "step(a - x)", "step(x - b)"),
        "np.clip({})",
        "xab",
        KINK,
        kinks=("x - a", "x - b"),
    ),
)

_OF_DERIVATIVES = (
    Function("delta", (), "", "x", JUMP, kinks=("x",)),
    Function("equal", (), "np.equal({})", "xy", JUMP, kinks=("x - y",)),
)
"""Dirac's delta, and 1 where two arguments are equal."""

_SOFT = (Function("arctan", ("1 / (1 + square(x))",), "np.arctan({})"),)
"""Functions whose names a program may give to something else."""

FUNCTIONS: dict[str, Function] = {
    function.name: function for function in (*_OPERATORS, *_RESERVED, *_SOFT, *_OF_DERIVATIVES)
}
"""All of them, by name."""

RESERVED: frozenset[str] = frozenset(function.name for function in _RESERVED)
"""The names that are words of the language."""

BUILT_IN: frozenset[str] = RESERVED | {function.name for function in _SOFT}
"""The names that a program may call."""

DEFINED = {
    "sinh": "(exp(x) - exp(-x)) / 2",
    "cosh": "(exp(x) + exp(-x)) / 2",
    "rsqrt": "1 / sqrt(x)",
    "log1p": "log(1 + x)",
    "swish": "silu(x)",
    "mish": "x * tanh(softplus(x))",
    "selu": "1.0507009873554805 * elu(x, 1.6732632423543772)",
    "softsign": "x / (1 + abs(x))",
    "hardtanh": "clip(x, -1, 1)",
    "relu6": "clip(x, 0, 6)",
    "gelu_tanh": f"0.5 * x * (1 + tanh({sqrt(2 / pi)} * (x + 0.044715 * x ** 3)))",
}
"""Names that a program may call or give to something else, and what they stand for.

Reference:
    Klambauer et al., Self-Normalizing Neural Networks (arXiv:1706.02515), the constants of `selu`;
    Hendrycks and Gimpel, Gaussian Error Linear Units (arXiv:1606.08415), `gelu_tanh`.
"""
