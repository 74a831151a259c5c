"""The table of optimizers: names, options, defaults, states (theory.md, section 7)."""

from types import MappingProxyType

from tpc.network.optimizers.adaptive import adafactor, adam, adamax, nadam
from tpc.network.optimizers.linear import momentum, nesterov, sgd
from tpc.network.optimizers.rule import Rule
from tpc.network.optimizers.scaled import adadelta, adagrad, lion, rmsprop, signsgd

EPS = 1e-8

COMMON_OPTIONS: MappingProxyType[str, float] = MappingProxyType({"lr": 1.0, "decay": 0.0})
"""Numeric options of every optimizer; there is also `clip`, which has no default."""

COMMON_FLAGS: MappingProxyType[str, bool] = MappingProxyType({"normalize": False})

_ADAM = {"beta1": 0.9, "beta2": 0.999, "eps": EPS}
_OUTSIDE = {"eps_outside": False}

RULES: MappingProxyType[str, Rule] = MappingProxyType(
    {
        rule.name: rule
        for rule in (
            Rule("sgd", "g", sgd),
            Rule("momentum", "m = beta m + g", momentum, ("m",), {"beta": 0.9}),
            Rule("nesterov", "g + beta m", nesterov, ("m",), {"beta": 0.9}),
            Rule("signsgd", "g / sqrt(g^2 + eps^2)", signsgd, (), {"eps": 0.0}, jumps=True),
            Rule(
                "rmsprop", "g / sqrt(v + eps^2)", rmsprop, ("v",), {"a": 0.99, "eps": EPS},
                aliases={"alpha": "a"}, jumps=True,
            ),
            Rule(
                "adagrad", "g / sqrt(sum g^2 + eps^2)", adagrad, ("v",), {"eps": EPS}, jumps=True
            ),
            Rule(
                "adam", "mhat / sqrt(vhat + eps^2)", adam, ("m", "v"), _ADAM, _OUTSIDE, jumps=True
            ),
            Rule(
                "adamw", "mhat / sqrt(vhat + eps^2)", adam, ("m", "v"), _ADAM, _OUTSIDE, jumps=True
            ),
            Rule("adamax", "mhat / max(u, eps)", adamax, ("m", "u"), _ADAM, jumps=True),
            Rule(
                "nadam",
                "(beta1 mhat + (1 - beta1) g / (1 - beta1^(t+1))) / sqrt(vhat + eps^2)",
                nadam, ("m", "v"), _ADAM, jumps=True,
            ),
            Rule(
                "adadelta", "g sqrt(u + eps^2) / sqrt(v + eps^2)", adadelta, ("v", "u"),
                {"rho": 0.95, "eps": EPS}, aliases={"a": "rho"},
            ),
            Rule(
                "lion", "sign(beta1 m + (1 - beta1) g)", lion, ("m",), {"beta1": 0.9, "beta2": 0.99}
            ),
            Rule(
                "adafactor", "mhat / sqrt(vhat + eps^2), v = rows(g^2) columns(g^2) / E g^2",
                adafactor, ("m", "rows", "columns", "overall"), _ADAM, _OUTSIDE,
            ),
        )
    }
)  # fmt: skip
"""All optimizers by name."""
