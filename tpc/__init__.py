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
    from tpc.driver.imported import from_torch, import_capture
    from tpc.driver.kernel_matrices import kernel
    from tpc.driver.training_limit import train
    from tpc.driver.verification import verify
    from tpc.importing.faults import ImportRefused
    from tpc.kernels import predict
    from tpc.simulation.forward import forward

__all__ = [
    "Diagnostic",
    "ImportRefused",
    "ProgramError",
    "classify",
    "corrections",
    "derive",
    "emit",
    "evaluator",
    "forward",
    "from_torch",
    "gaussian",
    "import_capture",
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


_MODULES = {
    "Diagnostic": "tpc.diagnostics",
    "ImportRefused": "tpc.importing.faults",
    "ProgramError": "tpc.diagnostics",
    "forward": "tpc.simulation.forward",
    "from_torch": "tpc.driver.imported",
    "import_capture": "tpc.driver.imported",
    "kernel": "tpc.driver.kernel_matrices",
    "train": "tpc.driver.training_limit",
    "verify": "tpc.driver.verification",
}
"""Where names come from, if not from the driver of the stages."""


def __getattr__(name: str) -> Any:
    if name == "gaussian":
        return import_module("tpc.gaussian")
    if name == "predict":
        return import_module("tpc.kernels.predict")
    if name in __all__:
        return getattr(import_module(_MODULES.get(name, "tpc.driver.compiler")), name)
    raise AttributeError(f"module 'tpc' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
