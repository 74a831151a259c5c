"""`tpc fmt`: one layout, the same program."""

from pathlib import Path

import pytest

from tpc.command_line.cli import main
from tpc.diagnostics import ProgramError
from tpc.syntax import tree
from tpc.syntax.format import format_text
from tpc.syntax.parse import parse_source, read_source

ROOT = Path(__file__).parents[2]
PROGRAMS = sorted([*(ROOT / "examples").rglob("*.tp"), *(ROOT / "tests").rglob("*.tp")])


def meaning(part: object) -> object:
    """Return a part of a syntax tree without the places of the text."""
    if isinstance(part, tree.Syntax):
        fields = [value for name, value in vars(part).items() if name != "span"]
        return (type(part).__name__, *map(meaning, fields))
    return tuple(map(meaning, part)) if isinstance(part, tuple) else part


def comments(text: str) -> list[str]:
    return [line.partition("#")[2].strip() for line in text.split("\n") if "#" in line]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_program_means_the_same_and_keeps_its_comments(path: Path) -> None:
    try:
        text = read_source(path)
        statements = parse_source(text).statements
    except ProgramError:
        pytest.skip("it does not parse")
    formatted = format_text(text)
    assert meaning(parse_source(formatted).statements) == meaning(statements)
    assert comments(formatted) == comments(text)
    assert format_text(formatted) == formatted
    if "examples" in path.parts:
        assert formatted == text


MESSY = """\


dim  n   #the width
vector v[ 2 ],w : n~normal( 0,1 )
matrix W:n x n ~ orthogonal
def f( z )=z*sigmoid( z )   # swish


x=W@v+ -2*w ** - 2
for t in range( 2 ):
  # in the loop
  if t>=1 and not t==2:
      h[t+1]=mean[j]( f(x)[ j ]*w )
      # still inside
# outside
  output c[ t ]=< x|w*2 >/ 3
const X=[ [1,2],
          [3,4] ]  # two rows
y=x[ :,0 ]  +sum( x , axis = 0 )+f'( w )
"""

NEAT = """\
dim n    # the width
vector v[2], w : n ~ normal(0, 1)
matrix W : n x n ~ orthogonal
def f(z) = z * sigmoid(z)   # swish

x = W @ v + -2 * w**-2
for t in range(2):
    # in the loop
    if t >= 1 and not t == 2:
        h[t + 1] = mean[j](f(x)[j] * w)
        # still inside
# outside
    output c[t] = <x|w * 2> / 3
const X = [[1, 2],
          [3, 4]]  # two rows
y = x[:, 0] + sum(x, axis=0) + f'(w)
"""


def test_a_messy_program() -> None:
    assert format_text(MESSY) == NEAT


def test_networks() -> None:
    text = "dim n\ninput xi [2]\nweight U[2]:n(mult = 0.5,lr=2)\nweight g( start=1 )\n"
    text += "optimizer Q( g;m=0;beta=0.9 ) :\n  m=beta*m+g\n  return(m)\n"
    text += "train f :\n  data [[1,2]] , [1]\n  optimizer U , g :Q( lr=1 )\n  loss(f-y)^2\n"
    assert format_text(text) == (
        "dim n\ninput xi[2]\nweight U[2] : n (mult=0.5, lr=2)\nweight g (start=1)\n"
        "optimizer Q(g; m=0; beta=0.9):\n    m = beta * m + g\n    return (m)\n"
        "train f:\n    data [[1, 2]], [1]\n    optimizer U, g: Q(lr=1)\n    loss (f - y)^2\n"
    )


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "messy.tp"
    path.write_text(MESSY, encoding="utf-8")
    assert main(["fmt", str(path), "--check"]) == 1
    assert capsys.readouterr().err == f"{path} would be changed\n"
    assert main(["fmt", str(path)]) == 0
    assert path.read_text(encoding="utf-8") == NEAT
    assert main(["fmt", str(path), "--check"]) == 0
    path.write_text("dim n\nx = = 2\n", encoding="utf-8")
    assert main(["fmt", str(path)]) == 1
    assert "error[TP1" in capsys.readouterr().err


def test_a_layout_has_no_depth(tmp_path: Path) -> None:
    path = tmp_path / "program.tp"
    path.write_text("dim n\nvector v : n\noutput v\n")
    assert main(["fmt", str(path), "--depth", "3"]) == 2
