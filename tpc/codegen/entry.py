"""The function `evaluate` of a module: it hands the module's own functions to the runtime."""

from typing import Literal, TypeAlias

from tpc.codegen.statement import call_lines
from tpc.codegen.steps import STEPS

Needed: TypeAlias = Literal["nothing", "samples", "samples or grids"]
"""What expectations without a closed form need: there are none, none is smooth, or some are."""

ARGUMENTS = ("samples", "seed", "method", "replicates", "rank_tolerance", "_progress")
"""What `evaluate` takes beside params."""


TOLERANCE, TOLERANCE_OF_LOOPS = "1e-22", "1e-12"
"""Which part of <x|x> a new direction has. Kets of a loop that change little from round to round
have ever smaller ones, each of which costs as much noise in a dot as any other."""


def write_entry(
    needed: Needed,
    functions: list[str],
    loops: bool = False,
    constant: bool = False,
    others: tuple[str, ...] = (),
    rounds: bool = False,
    drawn: tuple[int, int | None] = (0, None),
) -> str:
    """Write the function.

    Args:
        needed: What the outputs need.
        functions: The names of those that compute them: on nodes, or on random ones and grids.
        loops: Whether they have a loop.
        constant: Whether they return constants alone.
        others: What else is said of some outputs.
        rounds: Whether some output is computed by closed forms, so that it may be rounded.
        drawn: How many normals a round draws, and how many steps of training there are if they are
            an argument.
    """
    head = _HEAD.format(TOLERANCE_OF_LOOPS if loops else TOLERANCE)
    gaussians, problem = "BASE_GAUSSIANS", ""
    each, steps = drawn
    if each and steps is not None:
        gaussians = "gaussians"
        more = f'BASE_GAUSSIANS + {each} * (counted(request.params["{STEPS}"]) - {steps})'
        problem = f"    gaussians = {more}\n"
    given = [functions[0], gaussians, "BIASED", "SAMPLED", "ROUGH"]
    given += [f"{name.lower()}={name}" for name in others]
    problem += "\n".join(call_lines(f"    problem = Problem({', '.join(given)})")) + "\n"
    about, nodes = _ABOUT, ", Nodes"
    match needed:
        case "nothing":
            outputs = "limit(request.params)" if constant else "checked(limit, request.params)"
            about, problem, nodes = _ABOUT_EXACT, "", ""
            found = f"exact_result({outputs}, request)"
        case "samples":
            found = f"{'drawn_result' if loops else 'sampled_result'}(problem, request)"
        case "samples or grids":
            found = f"estimated_result(problem, {functions[-1]}, request)"
    end = f"    return {found}"
    if rounds:
        end = f"    result = {found}\n    return rounded(result, {functions[0]}, request{nodes})"
    return head + about + _REQUEST + problem + end


_HEAD = """def evaluate(
    *,
    samples: int = 65536,
    seed: int = 0,
    method: str = "mc",
    replicates: int = 8,
    rank_tolerance: float = {},
    _progress: Callable[[int, int], None] | None = None,
    **params: Any,
) -> Result:
"""

_ABOUT_EXACT = '''    """Compute the limit of every output: closed forms, exact by any method.

    A standard error that is not 0 is what rounding may have done to an output. Only
    `params` changes the result; the other arguments are those of every module.

    Raises:
        ValueError: An unknown method or parameter, or too few samples.
    """
'''

_ABOUT = '''    """Compute the limit of every output; what has a closed form is exact by any method.

    Args:
        samples: How many nodes; independent replicates share them. A ket on a grid may have
            64 times as many floats.
        seed: Equal seeds give equal numbers.
        method: "mc": random nodes. "qmc": scrambled Sobol points, as many in a replicate
            as the largest power of two. "quadrature": grids of all Gaussians that an
            expectation depends on. "exact": closed forms only. "auto": quadrature where
            it is precise, else qmc.
        replicates: How many replicates of random nodes or Sobol points, at least two.
        rank_tolerance: Which part of <x|x> a direction of |x> must have to count as new
            beside the earlier products of a matrix: less of it is left out of the hat.
        _progress: Called with (replicates or grids done, how many in all).
        **params: Values for `PARAMS`; the others keep their defaults.

    Raises:
        ValueError: An unknown method or parameter, or too few samples.
        MethodRefused: A method that does not suit the program, a `ValueError` too.
    """
'''

_REQUEST = """    asked = samples, seed, method, replicates, rank_tolerance, _progress
    request = Request(*asked, with_defaults(PARAMS, params))
"""
