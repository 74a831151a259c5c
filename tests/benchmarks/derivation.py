"""Deriving and emitting long programs: seconds against size, and the growth between sizes.

    python tests/benchmarks/derivation.py [--layers L]

A layer is four instructions: a product, two elementwise functions, a sum. The largest program has
2,500 layers, 10,000 instructions, each layer with its own matrix or all with one.
"""

import argparse
from time import perf_counter

from rich.console import Console
from rich.table import Table

import tpc


def program(layers: int, tied: bool) -> str:
    """Return a deep residual network without transposes."""
    if tied:
        matrices, product = "matrix W : n x n", "W"
    else:
        matrices = "\n".join(f"matrix W{layer} : n x n" for layer in range(layers))
        product = "W{layer}"
    lines = ["dim n", matrices, "vector x0 : n", "y0 = tanh(x0)"]
    for t in range(layers):
        lines += [
            f"h{t} = {product.format(layer=t)} @ y{t}",
            f"a{t} = tanh(h{t})",
            f"b{t} = relu(a{t})",
            f"y{t + 1} = a{t} + 0.5 * b{t}",
        ]
    return "\n".join([*lines, f"output K = <y{layers}|y{layers}>", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--layers", type=int, default=2500)
    options = parser.parse_args()
    table = Table("matrices", "instructions", "parse, s", "derive and emit, s", "growth")
    for tied in (False, True):
        before = None
        for layers in (options.layers // 4, options.layers // 2, options.layers):
            text = program(layers, tied)
            start = perf_counter()
            parsed = tpc.parse(text)
            middle = perf_counter()
            tpc.emit(tpc.derive(parsed))
            spent = perf_counter() - middle
            growth = "" if before is None else f"{spent / before:.1f} x"
            kind = "one" if tied else "one a layer"
            cells = (f"{4 * layers}", f"{middle - start:.2f}", f"{spent:.2f}", growth)
            table.add_row(kind, *cells)
            before = spent
    Console().print(table)


if __name__ == "__main__":
    main()
