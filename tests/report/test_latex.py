"""LaTeX of limits: it compiles with amsmath alone, fits the page, and says what the text says."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tpc.limit.equations import Limit
from tpc.report.latex import to_latex
from tpc.report.latex_alphabet import width

LimitOf = Callable[..., Limit]

NAMES = """dim n
param x_y__z = 2
matrix W_1 : n x n
vector alpha, dh2, _a_, t1 : n
k[1, -2] = W_1.T @ (dh2 * alpha)
k[2, 3] = W_1 @ leaky_relu(k[1, -2] + _a_, 0.1) * x_y__z
B = mean[j](sign(k[2, 3] * k[1, -2][j] + t1) + relu(t1[j]))
output N100 = <B|k[2, 3]> ^ -2 * 1e-5 / sqrt(avg(B))
"""

EXPECTED = r"""\begin{align*}
% line 3: vector x : n
|x\rangle &\sim \mathcal{N}(0, 1) \\
% line 4: h = W @ x
|h\mathclose{\hat{\rangle}} = |W x\mathclose{\hat{\rangle}} &\sim \mathcal{N}(0, \langle x | x\rangle) \\
|h\rangle &= |h\mathclose{\hat{\rangle}} \\
% line 5: dx = W.T @ h / 2
|W^{\top} h\mathclose{\hat{\rangle}} &\sim \mathcal{N}(0, \langle h | h\rangle) \\
|W^{\top} h\mathclose{\dot{\rangle}} &= |x\rangle\langle \nabla_{W x} | h\rangle \\
&= |x\rangle \\
|W^{\top} h\rangle &= |W^{\top} h\mathclose{\hat{\rangle}} + |W^{\top} h\mathclose{\dot{\rangle}} \\
|dx\rangle &= \frac{|W^{\top} h\rangle}{2} \\
% line 6: output c = <dx|x>
c &= \langle dx | x\rangle
\end{align*}
"""  # noqa: E501


def test_a_whole_limit(limit_of: LimitOf) -> None:
    text = "dim n\nmatrix W : n x n\nvector x : n\nh = W @ x\ndx = W.T @ h / 2\noutput c = <dx|x>\n"
    assert to_latex(limit_of(text, integrate=False)) == EXPECTED


def _compile(body: str, folder: Path) -> str:
    document = (
        "\\documentclass{article}\n\\usepackage{amsmath}\n"
        "\\begin{document}\n" + body + "\n\\end{document}\n"
    )
    (folder / "limit.tex").write_text(document, encoding="ascii")
    run = subprocess.run(
        ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "limit.tex"],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert run.returncode == 0, run.stdout[-2000:]
    return run.stdout


NEEDS_LATEX = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is missing")


@NEEDS_LATEX
@pytest.mark.slow
def test_examples_compile_and_fit_the_page(limit_of: LimitOf, tmp_path: Path) -> None:
    limits = [limit_of(path.read_text(encoding="utf-8")) for path in Path("examples").glob("*.tp")]
    said = _compile("\n\\clearpage\n".join(map(to_latex, limits)), tmp_path)
    assert "Overfull" not in said


@NEEDS_LATEX
@pytest.mark.parametrize("dot", ["derivative", "stein"])
@pytest.mark.slow
def test_any_name_compiles(limit_of: LimitOf, tmp_path: Path, dot: str) -> None:
    said = _compile(to_latex(limit_of(NAMES, dot)), tmp_path)
    assert "Output written on limit.pdf" in said


def test_environments_are_short_and_plain(limit_of: LimitOf) -> None:
    statements = "".join(f"x{i + 1} = tanh(x{i} + {i})\n" for i in range(60))
    latex = to_latex(limit_of(f"dim n\nvector x0 : n\n{statements}output c = <x60|x0>\n"))
    environments = re.findall(r"\\begin\{align\*\}\n(.*?)\\end\{align\*\}\n", latex, re.DOTALL)
    assert len(environments) == 3
    assert all("\n\n" not in environment for environment in environments)
    assert max(environment.count(r"\\") for environment in environments) < 24


@pytest.mark.parametrize(
    ("latex", "characters"),
    [
        (r"|x_{1}\rangle", 4),
        (r"\operatorname{relu}(|\mathrm{dx}\rangle)", 10),
        (r"|h\mathclose{\hat{\rangle}} + \eta", 5),
    ],
)
def test_width_counts_what_is_seen(latex: str, characters: int) -> None:
    assert width(latex) == characters
