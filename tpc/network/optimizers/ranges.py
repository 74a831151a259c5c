"""Which values the options of optimizers may have; outside of them a step is 0/0 or worse."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

_RATES = ("beta", "beta1", "beta2", "a", "alpha", "rho")
"""How much of an average stays: at 1 it would never see a gradient."""

_OF_EVERY: MappingProxyType[str, str] = MappingProxyType(
    {"lr": "positive", "clip": "positive", "decay": "part"}
)
_OF_RULES: MappingProxyType[str, str] = MappingProxyType(
    {"eps": "not negative", **dict.fromkeys(_RATES, "part")}
)


def out_of_range(optimizer: str, declared: bool, option: str, value: float) -> str:
    """Return what is wrong with the value of a numeric option, or the empty string.

    Args:
        optimizer: The optimizer's name.
        declared: Whether a file declares it: its own options are its own affair.
        option: The option's name.
        value: At the defaults of params.
    """
    if not np.isfinite(value):
        return f"is finite, not {value}"
    known: Mapping[str, str] = _OF_EVERY if declared else {**_OF_EVERY, **_OF_RULES}
    wanted = known.get(option, "")
    if optimizer == "adadelta" and option == "eps" and not declared:
        wanted = "positive"
    match wanted:
        case "positive" if value <= 0:
            return f"is positive, not {value:g}"
        case "not negative" if value < 0:
            return f"is not negative, and this is {value:g}"
        case "part" if not 0 <= value < 1:
            return f"is at least 0 and less than 1, not {value:g}"
    return ""


BOTH_BOUNDS = "is given with `normalize`"
"""What is wrong with `clip` beside `normalize=true`: X / |X| has size 1 already."""
