"""The elementwise functions of the language: names and arities."""

ARITIES: dict[str, int] = {
    # arithmetic
    "add": 2, "sub": 2, "mul": 2, "div": 2, "pow": 2, "neg": 1,
    # language.md 3
    "relu": 1, "leaky_relu": 2, "elu": 2, "gelu": 1, "silu": 1, "sigmoid": 1, "softplus": 1, "tanh":
    1, "erf": 1, "Phi": 1, "sin": 1, "cos": 1, "exp": 1, "log": 1, "sqrt": 1, "square": 1, "abs": 1,
    "sign": 1, "step": 1, "max": 2, "min": 2, "clip": 3,
    # only in derivatives: Dirac's delta, and 1 where two arguments are equal
    "delta": 1, "equal": 2,
}  # fmt: skip
"""How many arguments each function takes."""

BUILT_IN: frozenset[str] = frozenset(ARITIES) - {
    "add",
    "sub",
    "mul",
    "div",
    "pow",
    "neg",
    "delta",
    "equal",
}
"""The names that a program may call."""
