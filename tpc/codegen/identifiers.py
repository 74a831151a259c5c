"""Names of a program -> Python identifiers, readable and unique."""

import builtins
import keyword
import re

from tpc.codegen.linker import find_owners

RESERVED: frozenset[str] = frozenset(
    {"np", "npt", "prod", "reduce", "replace", "dataclass", "Any", "Callable", "Sequence"}
    | {
        "Collection",
        "Iterator",
        "nodes",
        "params",
        *find_owners(),
        *keyword.kwlist,
        *dir(builtins),
    }
)
"""What no variable of a generated function may be called."""


class Identifiers:
    """Hands out identifiers of one scope."""

    def __init__(self) -> None:
        self._taken = set(RESERVED)

    def reserve(self, *names: str) -> None:
        """Keep names of an enclosing scope from being given to anything else."""
        self._taken.update(names)

    def make(self, name: str) -> str:
        """Return a new identifier after a name: `h[1,-2]` -> `h_1_m2`, `W.T dx` -> `WT_dx`."""
        plain = name.replace(".T", "T").replace("-", "m")
        plain = re.sub(r"\W+", "_", plain).strip("_") or "value"
        if plain[0].isdigit():
            plain = "_" + plain
        found, count = plain, 1
        while found in self._taken:
            count += 1
            found = f"{plain}_{count}"
        self._taken.add(found)
        return found
