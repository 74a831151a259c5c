"""The table of optimizers: names, options, defaults, states (theory.md, section 7)."""

from types import MappingProxyType

from tpc.network.optimizers.adaptive import adafactor, adam, adamax, nadam
from tpc.network.optimizers.linear import momentum, nesterov, sgd
from tpc.network.optimizers.rule import Advance, Rule
from tpc.network.optimizers.scaled import adadelta, adagrad, lion, rmsprop, signsgd

EPS = 1e-8

COMMON_OPTIONS: MappingProxyType[str, float] = MappingProxyType({"lr": 1.0, "decay": 0.0})
"""Numeric options of every optimizer; there is also `clip`, which has no default."""

COMMON_FLAGS: MappingProxyType[str, bool] = MappingProxyType({"normalize": False})


def _rule(
    name: str,
    formula: str,
    advance: Advance,
    states: tuple[str, ...] = (),
    options: dict[str, float] | None = None,
    flags: dict[str, bool] | None = None,
    aliases: dict[str, str] | None = None,
    jumps: bool = False,
) -> Rule:
    return Rule(
        name,
        formula,
        MappingProxyType(options or {}),
        states,
        advance,
        MappingProxyType(flags or {}),
        MappingProxyType(aliases or {}),
        jumps,
    )


_ADAM = {"beta1": 0.9, "beta2": 0.999, "eps": EPS}
_OUTSIDE = {"eps_outside": False}

RULES: MappingProxyType[str, Rule] = MappingProxyType(
    {
        rule.name: rule
        for rule in (
            _rule("sgd", "g", sgd),
            _rule("momentum", "m = beta m + g", momentum, ("m",), {"beta": 0.9}),
            _rule("nesterov", "g + beta m", nesterov, ("m",), {"beta": 0.9}),
            _rule("signsgd", "g / sqrt(g^2 + eps^2)", signsgd, (), {"eps": 0.0}, jumps=True),
            _rule(
                "rmsprop", "g / sqrt(v + eps^2)", rmsprop, ("v",), {"a": 0.99, "eps": EPS},
                aliases={"alpha": "a"}, jumps=True,
            ),
            _rule(
                "adagrad", "g / sqrt(sum g^2 + eps^2)", adagrad, ("v",), {"eps": EPS}, jumps=True
            ),
            _rule(
                "adam", "mhat / sqrt(vhat + eps^2)", adam, ("m", "v"), _ADAM, _OUTSIDE, jumps=True
            ),
            _rule(
                "adamw", "mhat / sqrt(vhat + eps^2)", adam, ("m", "v"), _ADAM, _OUTSIDE, jumps=True
            ),
            _rule("adamax", "mhat / max(u, eps)", adamax, ("m", "u"), _ADAM, jumps=True),
            _rule(
                "nadam",
                "(beta1 mhat + (1 - beta1) g / (1 - beta1^(t+1))) / sqrt(vhat + eps^2)",
                nadam, ("m", "v"), _ADAM, jumps=True,
            ),
            _rule(
                "adadelta", "g sqrt(u + eps^2) / sqrt(v + eps^2)", adadelta, ("v", "u"),
                {"rho": 0.95, "eps": EPS}, aliases={"a": "rho"},
            ),
            _rule(
                "lion", "sign(beta1 m + (1 - beta1) g)", lion, ("m",), {"beta1": 0.9, "beta2": 0.99}
            ),
            _rule(
                "adafactor", "mhat / sqrt(vhat + eps^2), v = rows(g^2) columns(g^2) / E g^2",
                adafactor, ("m", "rows", "columns", "overall"), _ADAM, _OUTSIDE,
            ),
        )
    }
)  # fmt: skip
"""All optimizers by name."""
