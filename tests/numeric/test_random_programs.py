"""Random programs: text against NumPy, passes against none, dot forms and limits against widths."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tpc
from tests.numeric.agreement import assert_agree, flat, pooled
from tests.numeric.random_programs import SEED, WIDTH, RandomProgram, random_program
from tpc.limit.equations import DotEquation
from tpc.program.passes import normalise
from tpc.program.program import OutputKind, Program
from tpc.simulation.simulate import simulate
from tpc.simulation.verify import verify

SEEDS = range(12)
WIDTHS = {0: (64, 128, 256), 1: (64, 128, 256), 2: (64, 128, 256), 3: (16, 32, 64)}
"""By how many coordinates a program averages over: n^3 values take their time."""


def measured(random: RandomProgram, program: Program) -> Iterator[tuple[str, np.ndarray]]:
    """Yield what a trial contributes to each output, from the values of its expression."""
    for output in program.outputs:
        value = random.finite[output.name]
        match output.kind:
            case OutputKind.SCALAR:
                yield output.name, value
            case OutputKind.READOUT:
                f = value.sum(axis=0) / np.sqrt(len(value))
                yield output.name, np.multiply.outer(f, f)
            case OutputKind.VECTOR:
                mean = value.mean(axis=0)
                second = np.tensordot(value, value, (0, 0)) / len(value)
                yield f"{output.name}.mean", mean
                yield f"{output.name}.cov", second - np.multiply.outer(mean, mean)


def one_trial(program: Program, params: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return every output of one trial, readouts under their names."""
    run = simulate(program, WIDTH, trials=1, seed=SEED, params=params)
    return {name.removesuffix(".value"): value for name, value in flat(run.values)}


@pytest.mark.parametrize("seed", range(60))
def test_finite_networks(seed: int) -> None:
    """A program means what it says, before and after the passes."""
    random = random_program(seed)
    program = tpc.parse(random.text)
    expected = dict(measured(random, program))
    for found in (one_trial(p, random.params) for p in (program, normalise(program))):
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-9, atol=1e-9, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_limits(seed: int) -> None:
    """Finite widths go where the limit is, and the two forms of its dots agree."""
    random = random_program(seed)
    program = tpc.parse(random.text)
    samples = 2**14 if random.coordinates < 2 else 2**12
    limit = tpc.evaluator(program).evaluate(samples=4 * samples, seed=SEED, **random.params)
    assert found_at(random, program, limit).agrees, random.text
    try:
        equations = tpc.derive(program, dot="derivative").equations
    except tpc.ProgramError:
        return  # a derivative holds a delta
    if any(isinstance(equation, DotEquation) for equation in equations):
        derivative = pooled(tpc.evaluator(program, dot="derivative"), samples, 0, random.params)
        stein = pooled(tpc.evaluator(program, dot="stein"), samples, 100, random.params)
        assert_agree(derivative, stein)


@pytest.mark.slow
def test_a_wrong_limit_is_noticed() -> None:
    """The comparison can fail: with other params there are other limits."""
    wrong = 0
    for random in map(random_program, SEEDS):
        if random.params:
            program = tpc.parse(random.text)
            limit = tpc.evaluator(program).evaluate(samples=2**14, seed=SEED)
            wrong += not found_at(random, program, limit).agrees
    assert wrong > 0


def found_at(random: RandomProgram, program: Program, limit: Any) -> Any:
    """Return the comparison of a limit with finite widths."""
    return verify(program, limit, WIDTHS[random.coordinates], 32, SEED, random.params)
