"""The functions that closed forms call, by name."""

from collections.abc import Callable
from inspect import isfunction
from typing import Any

from tpc.runtime import arithmetic, elementwise, orthant_arithmetic

CLOSED_FORM_FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: function
    for module in (elementwise, arithmetic, orthant_arithmetic)
    for name, function in vars(module).items()
    if isfunction(function)
}
