"""The runtime's source, cut to what a module reads: definitions by their names.

A name that the module reads brings its definition, with it what that reads, and so on. Of a class
come the methods and constants alone whose names are read as attributes, and what Python calls.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import zip_longest

FILES = (
    "arrays",
    "evaluation",
    "not_finite",
    "heavy_tails",
    "pinned_averages",
    "requests",
    "estimates",
    "sampled_estimates",
    "grid_estimates",
    "random_nodes",
    "sobol_nodes",
    "standard_errors",
    "wide_nodes",
    "matrix_products",
    "stacked_rounds",
    "spectral",
    "stored_pairs",
    "moving_pairs",
    "grids",
    "grid_products",
    "kets",
    "series_integrals",
    "hermite",
    "split_lines",
    "mehler",
    "pair_series",
    "plane_sums",
    "split_sums",
    "rounding",
    "orthant_arithmetic",
    "arithmetic",
    "elementwise",
)
"""The files of the runtime, in the order in which modules have what they take of them."""

ALIASES = "arrays"
"""The file whose definitions stand below the imports."""


@dataclass(frozen=True, slots=True, eq=False)
class SourcePiece:
    """A stretch of source.

    Attributes:
        text: Its lines.
        trees: What is read in them.
        member: The method or constant of a class that it is, or the empty string: always taken.
    """

    text: str
    trees: tuple[ast.AST, ...]
    member: str = ""


@dataclass(frozen=True, slots=True)
class File:
    """A file of the runtime.

    Attributes:
        definitions: Its functions, classes and constants by name, in pieces.
        imports: What it imports from outside by name: a module, and the name in it or nothing.
    """

    definitions: dict[str, tuple[SourcePiece, ...]]
    imports: dict[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Linked:
    """What a module takes.

    Attributes:
        imports: Its import statements, and below them the names of types.
        runtime: The definitions of the runtime.
    """

    imports: str
    runtime: str


def link(text: str) -> Linked:
    """Return what a module needs of the runtime.

    Args:
        text: The source of everything else in the module.
    """
    names, taken = _reach(text)
    owners = {find_owners()[name] for name in names & find_owners().keys()}
    imports: dict[str, tuple[str, str]] = {}
    sources: dict[bool, list[str]] = {True: [], False: []}
    for name in FILES:
        if name == ALIASES or name in owners:
            file = read_file(name)
            imports |= file.imports
            for pieces in dict.fromkeys(file.definitions.values()):
                if pieces[0] in taken:
                    source = "\n".join(piece.text for piece in pieces if piece in taken)
                    sources[name == ALIASES].append(source)
    lines = _import_lines(imports[name] for name in names & imports.keys())
    return Linked("\n\n".join([lines, *sources[True]]), "\n\n\n".join(sources[False]))


def _reach(text: str) -> tuple[set[str], set[SourcePiece]]:
    """Return the names that a source reads, with those that their definitions read, and these."""
    owners = find_owners()
    names, attributes = _words(text)
    taken: set[SourcePiece] = set()
    before = -1
    while before < len(taken):
        before = len(taken)
        for name in names & owners.keys():
            pieces = read_file(owners[name]).definitions[name]
            taken |= {piece for piece in pieces if not piece.member or piece.member in attributes}
        names = names.union(*(reads(piece)[0] for piece in taken))
        attributes = attributes.union(*(reads(piece)[1] for piece in taken))
    return names, taken


@cache
def find_owners() -> dict[str, str]:
    """Return all names of the runtime's functions, classes and constants, and their files."""
    head = re.compile(r"^(?:def|class) (\w+)|^(\w+(?:, \w+)*) = ", re.MULTILINE)
    return {
        name: file
        for file in FILES
        for found in head.findall(_text(file))
        for name in "".join(found).split(", ")
    }


@cache
def read_file(file: str) -> File:
    """Read a file of the runtime."""
    definitions: dict[str, tuple[SourcePiece, ...]] = {}
    imports: dict[str, tuple[str, str]] = {}
    lines = _text(file).split("\n")
    for statement, rows in _stretches(ast.parse(_text(file)).body, 0):
        match statement:
            case ast.ImportFrom(module=str(module), names=names) if module.split(".")[0] != "tpc":
                imports |= {name.name: (module, name.name) for name in names}
            case ast.Import(names=[ast.alias(name=module, asname=name)]):
                imports[name or module] = f"{module} as {name}" if name else module, ""
            case ast.ClassDef(name=name):
                definitions[name] = _class_pieces(lines, rows, statement)
            case ast.FunctionDef(name=name):
                definitions[name] = (_piece(lines, rows, statement),)
            case ast.Assign():
                piece = _piece(lines, rows, statement)
                definitions |= dict.fromkeys(sorted(_bound(statement)), (piece,))
    return File(definitions, imports)


def _text(file: str) -> str:
    return files("tpc.runtime").joinpath(f"{file}.py").read_text(encoding="utf-8")


def _stretches(body: Sequence[ast.stmt], start: int) -> Iterator[tuple[ast.stmt, slice]]:
    """Yield statements with their lines: comments above them, and texts below that explain them."""
    for statement, following in zip_longest(body, body[1:]):
        end = (following if isinstance(following, ast.Expr) else statement).end_lineno
        if not isinstance(statement, ast.Expr):
            yield statement, slice(start, end)
        start = end or start


def _piece(lines: list[str], rows: slice, statement: ast.stmt) -> SourcePiece:
    return SourcePiece("\n".join(lines[rows]).strip("\n"), (statement,))


def _class_pieces(lines: list[str], rows: slice, found: ast.ClassDef) -> tuple[SourcePiece, ...]:
    """Cut a class into its head and documentation, and what stands in it."""
    documentation, *rest = found.body
    end = documentation.end_lineno or 0
    head = "\n".join(lines[rows.start : end]).strip("\n")
    pieces = [SourcePiece(head, (*found.bases, *found.decorator_list))]
    for statement, own in _stretches(rest, end):
        match statement:
            case ast.FunctionDef(name=name) | ast.Assign(targets=[ast.Name(id=name)]):
                member = "" if name.startswith("__") else name
            case _:
                member = ""
        pieces.append(SourcePiece("\n".join(lines[own]), (statement,), member))
    return tuple(pieces)


@cache
def reads(piece: SourcePiece) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names that a piece reads and does not bind, and the attributes that it reads."""
    names: set[str] = set()
    attributes: set[str] = set()
    for node in (node for tree in piece.trees for node in ast.walk(tree)):
        match node:
            case ast.Name(id=name):
                names.add(name)
            case ast.Attribute(attr=name):
                attributes.add(name)
    return frozenset(names.difference(*map(_bound, piece.trees))), frozenset(attributes)


def _bound(tree: ast.AST) -> set[str]:
    """Return the variables, arguments, functions and imports of a tree."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.alias(name=name):
                found.add(name)
            case ast.FunctionDef(name=name) if node is not tree:
                found.add(name)
    return found


def _words(text: str) -> tuple[set[str], set[str]]:
    """Return the names and attributes of a source, without those in comments and strings."""
    found = [(dot, word) for dot, word in _WORD.findall(text) if word]
    return {word for dot, word in found if not dot}, {word for dot, word in found if dot}


_WORD = re.compile(r'"""[\s\S]*?"""|"(?:\\.|[^"\\\n])*"|#.*|(\.?)\b([A-Za-z_]\w*)')
"""A string, a comment, or a word."""


def _import_lines(imports: Iterable[tuple[str, str]]) -> str:
    """Write import statements as formatters sort them: what has no other name is Python's."""
    names: dict[str, list[str]] = {}
    for module, name in sorted(imports):
        names.setdefault(module, []).append(name)
    own = [f"from {m} import {', '.join(listed)}" for m, listed in names.items() if any(listed)]
    whole = [f"import {module}" for module, listed in names.items() if not any(listed)]
    others = [line for line in whole if " as " in line]
    own = [line for line in whole if line not in others] + own
    blocks = ["from __future__ import annotations", "\n".join(own), "\n".join(others)]
    return "\n\n".join(block for block in blocks if block)
