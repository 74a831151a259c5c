"""Lines that are too long are broken without a change of what they say."""

import ast
import textwrap

import pytest

from tpc.codegen.statement import WIDTH, call_lines

LONG = "x" * 30
LINES = [
    f"    y = 0.3 * {LONG} * (Phi({LONG}) + {LONG} * z)",
    f"    y = f(Phi({LONG}) + {LONG} * {LONG})",
    f"    y = f({LONG}, {LONG}, (Phi({LONG}) + {LONG} * {LONG} * {LONG}))",
    f"    y = {LONG}[0]({LONG}, {LONG} + {LONG})",
    f"    y = {LONG} @ ({LONG} * ({LONG} + {LONG} * {LONG} * {LONG}))",
    f"    y = np.add({LONG}, ({LONG}, {LONG}), {LONG})",
    f"    y = {LONG}[..., None, :] * (-{LONG} @ {LONG} + {LONG})",
    f"    y = -({LONG} + {LONG} + {LONG})",
]


@pytest.mark.parametrize("line", LINES)
def test_broken_lines_say_the_same(line: str) -> None:
    assert len(line) > WIDTH
    lines = call_lines(line)
    assert len(lines) > 1
    broken = ast.parse(textwrap.dedent("\n".join(lines)))
    assert ast.dump(broken) == ast.dump(ast.parse(line.strip()))
