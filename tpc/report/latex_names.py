r"""Names of a program in LaTeX: x1 is x_{1}, dh2 is \mathrm{dh}_{2}, h[1,2] is h_{1,2}.

Two names never look the same: where they would, as x1 and x[1], all but the first are printed
upright as they are written.
"""

import re

_GREEK: frozenset[str] = frozenset(
    {
        "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa",
        "lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi",
        "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi",
        "Omega",
    }
)  # fmt: skip

_NAME = re.compile(r"([A-Za-z]+)_?(\d*)((?:_[A-Za-z0-9]+)*)(\[[^\]]*\])?('*)")


class LatexNames:
    """Spells names in LaTeX, each in its own way."""

    def __init__(self) -> None:
        self._spelled: dict[str, str] = {}
        self._used: dict[str, str] = {}

    def spell(self, name: str) -> str:
        """Return the LaTeX of a name, or of a product such as `W.T x` or `W (2)`."""
        if name == "...":
            return r"\dots"
        if name.startswith("|") and name.endswith("|"):  # an operator on kets
            return rf"\lvert {self.spell(name[1:-1])} \rvert"
        if name.startswith("⟨") and name.endswith("|"):  # a bra
            return rf"\langle {self.spell(name[1:-1])} |"
        left, _, right = name.partition(" ")
        if right:
            return f"{self.spell(left)} {self.spell(right)}"
        if name.endswith(".T"):
            return rf"{self.spell(name[:-2])}^{{\top}}"
        if name.startswith("("):
            return name
        if name not in self._spelled:
            self._spelled[name] = self._new(name)
        return self._spelled[name]

    def _new(self, name: str) -> str:
        pretty = _pretty(name)
        if pretty is None or self._used.setdefault(pretty, name) != name:
            escaped = name.replace("_", r"\_")
            return rf"\mathrm{{{escaped}}}"
        return pretty


def _pretty(name: str) -> str | None:
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    stem, digits, rest, keys, primes = match.groups()
    subscripts = [digits] if digits else []
    subscripts += [_upright(word) for word in rest.split("_") if word]
    subscripts += [keys[1:-1]] if keys else []
    below = f"_{{{','.join(subscripts)}}}" if subscripts else ""
    return (rf"\{stem}" if stem in _GREEK else _upright(stem)) + below + primes


def _upright(word: str) -> str:
    return word if len(word) == 1 or word.isdigit() else rf"\mathrm{{{word}}}"
