"""A function that computes a limit -> its text."""

from tpc.codegen.function import WrittenFunction
from tpc.codegen.lifetimes import deletion


def lay_out(function: WrittenFunction, nodes: str) -> str:
    """Write a function: its parameters, its statements with `del` behind last uses, its outputs.

    Args:
        function: The function.
        nodes: The type of the nodes that it takes, or the empty string.
    """
    given = f"nodes: {nodes}, " if nodes else ""
    lines = [
        f"def {function.name}({given}params: dict[str, Any]) -> Outputs:",
        f'    """{function.summary if nodes else "Compute every output."}"""',
    ]
    lines += [f"    {target} = {value}" for target, value in function.params]
    lines += _statements(function)
    lines += ["", "    return {"]
    lines += [
        f'        ("{name}", "{part}"): {code.text},' for name, part, code in function.outputs
    ]
    return "\n".join([*lines, "    }"])


def _statements(function: WrittenFunction) -> list[str]:
    lines = [""]
    for statement, dead in zip(function.body, function.lifetimes.dead_after, strict=True):
        if statement.banner:
            lines += ["", f"    # ---- {statement.banner}"]
        elif statement.spaced and lines[-1]:
            lines.append("")
        lines += [*_comment(statement.comment), *statement.lines, *deletion(dead)]
    return lines[1:]


def _comment(text: str) -> list[str]:
    return [f"    # {line}".rstrip() for line in text.split("\n") if line]
