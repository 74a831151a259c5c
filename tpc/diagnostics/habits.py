"""What people type who come from NumPy, PyTorch or a page of mathematics, and what it is here."""

import re

LIBRARIES = frozenset(("np", "numpy", "jnp", "jax", "torch", "nn", "F", "math", "tf", "scipy"))
"""Names that stand in front of a `.` elsewhere; here every function is built in."""

_NORM = "({x} - avg({x})) / sqrt(avg(square({x} - avg({x}))) + 1e-6)"
_BATCH_NORM = "({x} - batchmean({x})) / sqrt(batchmean(square({x} - batchmean({x}))) + 1e-6)"
_HERE = {
    "mean": "avg({x})",
    "average": "avg({x})",
    "E": "avg({x})",
    "expectation": "avg({x})",
    "dot": "<{x}|{y}>",
    "vdot": "<{x}|{y}>",
    "inner": "<{x}|{y}>",
    "var": "avg(square({x} - avg({x})))",
    "variance": "avg(square({x} - avg({x})))",
    "std": "sqrt(avg(square({x} - avg({x}))))",
    "cov": "avg(({x} - avg({x})) * ({y} - avg({y})))",
    "norm": "sqrt(avg(square({x})))",
    "T": "W.T",
    "t": "W.T",
    "transpose": "W.T",
    "matmul": "W @ {x}",
    "mm": "W @ {x}",
    "mv": "W @ {x}",
    "multiply": "{x} * {y}",
    "add": "{x} + {y}",
    "power": "{x}^2",
    "pow": "{x}^2",
    "maximum": "max({x}, {y})",
    "minimum": "min({x}, {y})",
    "absolute": "abs({x})",
    "ndtr": "Phi({x})",
    "atan": "arctan({x})",
    "SiLU": "silu({x})",
    "clamp": "clip({x}, -1, 1)",
    "heaviside": "step({x})",
    "identity": "eye(2)",
    "linear": "W @ {x}",
    "embedding": "W @ {x}",
    "conv1d": "conv({x}, W, padding=1)",
    "conv2d": "conv({x}, W, padding=1)",
    "layernorm": _NORM,
    "layer_norm": _NORM,
    "rmsnorm": "{x} / sqrt(avg(square({x})) + 1e-6)",
    "rms_norm": "{x} / sqrt(avg(square({x})) + 1e-6)",
    "batchnorm": _BATCH_NORM,
    "batchnorm1d": _BATCH_NORM,
    "batchnorm2d": _BATCH_NORM,
    "batch_norm": _BATCH_NORM,
    "dropout": "{x} * r / 0.9` with `noise r : n ~ bernoulli(0.9)",
    "randn": "vector v : n",
    "reshape": "reshape({x}, [2, 3])",
    "flatten": "reshape({x}, [6])",
    "permute": "permute({x}, 1, 0)",
    "squeeze": "{x}[0]",
    "size": "len({x})",
    "shape": "len({x})",
    "view": "reshape({x}, [2, 3])",
    "cat": "concat({x}, {y}, axis=0)",
    "concatenate": "concat({x}, {y}, axis=0)",
    "unsqueeze": "{x}[:, None]",
    "array": "[1, 2]",
    "tensor": "[1, 2]",
    "arange": "range(3)",
    "cross": "cross_entropy",
    "entropy": "cross_entropy",
    "crossentropy": "cross_entropy",
    "CrossEntropyLoss": "cross_entropy",
    "MSELoss": "mse",
}


def written_here(name: str, *of: str) -> str:
    """Return how a value is written that is called so elsewhere, or nothing.

    Args:
        name: Of a function, method or attribute of another language.
        of: What it is called on, x and y by default.
    """
    x, y = (*of, *("x", "y")[len(of) :])[:2]
    return (_HERE.get(name) or _HERE.get(name.lower(), "")).format(x=x, y=y)


def advice(name: str, behind: str = "") -> str:
    """Return a hint for a name of another language, or nothing.

    Args:
        name: The name.
        behind: The text behind it: its arguments, in brackets, stand in the hint.

    >>> advice("dot", "(v, tanh(w))")
    'write `<v|tanh(w)>`'
    """
    form = "" if name.lower() == "t" else written_here(name, "{x}", "{y}")
    if not form:
        return ""
    of = [] if form.startswith("W") else _arguments(behind, "({x})" in form)
    return f"write `{written_here(name, *of)}`"


def _arguments(text: str, any_one: bool) -> list[str]:
    """Return the arguments in the brackets that a text begins with, if these need no brackets."""
    if text[:1] not in ("(", "["):
        return []
    depth, found, start = 0, list[str](), 1
    for at, character in enumerate(text.partition("\n")[0]):
        depth += (character in "([") - (character in ")]")
        if depth == 0 or (depth == 1 and character == ","):
            found.append(text[start:at].strip())
            start = at + 1
        if depth == 0:
            break
    plain = all(re.fullmatch(r"\w+(\[[^\]]*\]|\(\w+\))?", argument) for argument in found)
    return found if depth == 0 and (plain or (any_one and len(found) == 1)) else []
