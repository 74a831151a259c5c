"""Words of the command line -> optimizers and parametrizations: `adam(lr=0.2)`, `uniform(0.25)`."""

import ast
from collections.abc import Mapping
from typing import Any

import numpy as np

from tpc.diagnostics import NOWHERE, UsageError
from tpc.network.network import Exponents, OptimizerUse, OptionValue, Parametrization
from tpc.network.optimizers.table import ALL_RULES, BOTH_BOUNDS, LISTS, out_of_range, out_of_shape
from tpc.network.optimizers.update import known_options, known_words
from tpc.program.builder import Builder


def optimizer_named(text: str) -> OptimizerUse:
    """Return an optimizer with its options.

    >>> optimizer_named("adam(lr=0.2, normalize=True)").name
    'adam'

    Raises:
        UsageError: There is no such optimizer or option, or not with this value.
    """
    name, positional, options = _call(text, "an optimizer")
    if name not in ALL_RULES:
        raise UsageError(f"there is no optimizer `{name}`: take one of {', '.join(ALL_RULES)}")
    use = OptimizerUse(name, (), None, NOWHERE)
    numbers, flags = known_options(use)
    b = Builder()
    given: list[tuple[str, OptionValue]] = []
    words = known_words(use)
    for option, value in options.items():
        if option in numbers and isinstance(value, int | float) and not isinstance(value, bool):
            problem = out_of_range(name, False, option, value)
            if problem:
                raise UsageError(f"the option `{option}` of `{name}` {problem}")
            given.append((option, b.number(value)))
        elif option in LISTS and option in numbers and isinstance(value, list):
            array = np.array(value, dtype=float)
            problem = out_of_shape(False, option, array.shape)
            if problem:
                raise UsageError(f"the option `{option}` of `{name}` {problem}")
            given.append((option, b.constant(array)))
        elif (option in flags and isinstance(value, bool)) or value in words.get(option, ()):
            given.append((option, value))
        else:
            known = ", ".join((*numbers, *flags, *words))
            raise UsageError(f"`{name}` takes numbers, flags and words by name: {known}")
    if "clip" in options and options.get("normalize"):
        raise UsageError(f"the option `clip` of `{name}` {BOTH_BOUNDS}: write one of the two")
    if positional:
        raise UsageError(f"the options of `{name}` are given by name, as in `{name}(lr=0.1)`")
    return OptimizerUse(name, tuple(given), None, NOWHERE)


def parametrization_named(text: str) -> Parametrization:
    """Return a parametrization.

    >>> parametrization_named("uniform(0.25)").s
    0.25

    Raises:
        UsageError: There is none of this name or with these arguments.
    """
    name, positional, options = _call(text, "a parametrization")
    match name, positional, options:
        case "uniform", [int() | float() as s], {}:
            return Parametrization("uniform", float(s))
        case "custom", [], {**given} if given:
            return _custom(given)
        case ("ntp" | "mup" | "sp" | "meanfield") as plain, [], {}:
            return Parametrization(plain)
    forms = "ntp, mup, sp, meanfield, uniform(0.25), custom(matrix=[0, 0.5, 1, 1], ..., out=1)"
    raise UsageError(f"`{text}` is no parametrization: take one of {forms}")


def _custom(given: Mapping[str, Any]) -> Parametrization:
    exponents: dict[str, Exponents] = {}
    out = 0.0
    for kind, value in given.items():
        match kind, value:
            case "out", int() | float():
                out = float(value)
            case (("matrix" | "vector" | "scalar"), [_, _, _, _]):
                exponents[kind] = Exponents(*map(float, value))
            case _:
                raise UsageError("custom takes matrix, vector, scalar=[a, b, c, d] and out=a")
    matrix, vector, scalar = map(exponents.get, ("matrix", "vector", "scalar"))
    return Parametrization("custom", matrix=matrix, vector=vector, scalar=scalar, out=out)


def _call(text: str, what: str) -> tuple[str, list[Any], dict[str, Any]]:
    """Return the name and the arguments of `name` or `name(argument, option=value)`."""
    try:
        tree = ast.parse(text.replace("true", "True").replace("false", "False"), mode="eval").body
        if isinstance(tree, ast.Name):
            return tree.id, [], {}
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
            positional = [ast.literal_eval(argument) for argument in tree.args]
            options = {str(k.arg): _value(k.value) for k in tree.keywords if k.arg}
            return tree.func.id, positional, options
    except (SyntaxError, ValueError):
        pass
    raise UsageError(f"`{text}` is not {what}: write `name` or `name(option=value)`")


def _value(at: ast.expr) -> Any:
    """Return a number, a flag, a list, or a word as text."""
    return at.id if isinstance(at, ast.Name) else ast.literal_eval(at)
