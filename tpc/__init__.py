"""The Tensor Program compiler: from a program to its infinite-width limit.

    import tpc

    program = tpc.load("mlp.tp")
    limit = tpc.derive(program)
    module = tpc.evaluator(program)
    module.evaluate(samples=10**6, seed=1)["K"]

What is offered here is the public interface; everything else may move. Names are loaded when they
are first used, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tpc import gaussian
    from tpc.diagnostics import Diagnostic, ProgramError
    from tpc.driver.compiler import (
        classify,
        corrections,
        derive,
        emit,
        evaluator,
        load,
        parse,
        run,
        simulate,
    )
    from tpc.driver.kernel_matrices import kernel
    from tpc.driver.training_limit import train
    from tpc.driver.verification import verify
    from tpc.kernels import predict

__all__ = [
    "Diagnostic",
    "ProgramError",
    "classify",
    "corrections",
    "derive",
    "emit",
    "evaluator",
    "gaussian",
    "kernel",
    "load",
    "parse",
    "predict",
    "run",
    "simulate",
    "train",
    "verify",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in ("Diagnostic", "ProgramError"):
        from tpc import diagnostics

        return getattr(diagnostics, name)
    if name == "gaussian":
        return import_module("tpc.gaussian")
    if name == "predict":
        return import_module("tpc.kernels.predict")
    if name == "kernel":
        from tpc.driver.kernel_matrices import kernel

        return kernel
    if name == "train":
        from tpc.driver.training_limit import train

        return train
    if name == "verify":
        from tpc.driver.verification import verify

        return verify
    if name in __all__:
        from tpc.driver import compiler

        return getattr(compiler, name)
    raise AttributeError(f"module 'tpc' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
