"""Reads data files into statics: `load("X.npy")`, `load("d.npz", "key")`, `load("t.csv")`.

A .csv has rows of numbers between commas and no header; one column makes a list of numbers, several
columns make rows x columns, a single row too. Nothing is unpickled, and NaN is refused.
"""

import zipfile
import zlib
from io import StringIO
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tpc.diagnostics.data_faults import UnreadableData
from tpc.diagnostics.function_faults import BadArguments, BadKeyword
from tpc.program.checking import statics
from tpc.program.checking.context import Context
from tpc.program.checking.values import Static, Value
from tpc.syntax import tree


class Unreadable(ValueError):
    """The file is not what it should be; `advice` is a whole hint or empty."""

    def __init__(self, why: str, advice: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.advice = advice


def load(ctx: Context, at: tree.Call) -> Value:
    """Return the array in a data file; relative paths start at the program file."""
    texts = [argument for argument in at.arguments if isinstance(argument, tree.Text)]
    if len(texts) < len(at.arguments) or not 1 <= len(texts) <= 2 or at.primes:
        found = f"{len(at.arguments)} argument(s)"
        wanted = 'one file name, and the key of an .npz: `load("d.npz", "key")`'
        return ctx.report(BadArguments("load", wanted, found), at.span)
    if at.keywords:
        return ctx.report(BadKeyword("load", at.keywords[0].name, ""), at.keywords[0].span)
    key = texts[1].value if len(texts) == 2 else None
    try:
        array = read_array(ctx.shop.directory / texts[0].value, key)
    except Unreadable as error:
        fault = UnreadableData(texts[0].value, error.why, error.advice)
        return ctx.report(fault, texts[0].span)
    return Static(statics.settle(array))


def read_array(path: Path, key: str | None) -> npt.NDArray[np.float64]:
    """Return the array in a data file.

    Args:
        path: A `.npy`, `.npz` or `.csv` file.
        key: Which array of a `.npz`.

    Raises:
        Unreadable: There is no such file, or it does not hold numbers.
    """
    if key is not None and path.suffix != ".npz":
        raise Unreadable("a key goes with .npz files only")
    try:
        match path.suffix:
            case ".npy":
                array = np.load(path, allow_pickle=False)
            case ".npz":
                array = _read_npz(path, key)
            case ".csv":
                array = _read_csv(path)
            case _:
                raise Unreadable("its name ends in none of .npy, .npz, .csv")
    except Unreadable:
        raise
    except OSError as error:
        raise Unreadable((error.strerror or "it cannot be opened").lower()) from None
    except (ValueError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error):
        what = "numbers separated by commas" if path.suffix == ".csv" else f"a {path.suffix} file"
        raise Unreadable(f"it is not {what}") from None
    return _numbers(array)


def _read_csv(path: Path) -> npt.NDArray[np.float64]:
    """Return rows x columns, or a plain list of numbers where there is one column."""
    text = path.read_text(encoding="utf-8")
    if not text.strip():
        raise Unreadable("it is empty")
    table = np.loadtxt(
        StringIO(text), delimiter=",", ndmin=2, comments=None, skiprows=int(_has_header(text))
    )
    return table[:, 0] if table.shape[1] == 1 else table


def _has_header(text: str) -> bool:
    """Return whether the first line names columns: none of its cells is a number."""
    return not any(map(_is_number, text.lstrip().partition("\n")[0].split(",")))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _read_npz(path: Path, key: str | None) -> npt.NDArray[np.generic]:
    if not zipfile.is_zipfile(path):
        raise Unreadable("it is not a .npz file")
    with np.load(path, allow_pickle=False) as archive:
        keys = ", ".join(f'"{name}"' for name in sorted(archive.files))
        if key is None:
            raise Unreadable("the key is missing", f"it has {keys}")
        if key not in archive.files:
            raise Unreadable(f'it has no key "{key}"', f"it has {keys}")
        array: npt.NDArray[np.generic] = archive[key]
        return array


def _numbers(array: object) -> npt.NDArray[np.float64]:
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "buif":
        raise Unreadable("it does not hold real numbers")
    if not array.size:
        raise Unreadable("it is empty")
    numbers = array.astype(np.float64)
    if np.isnan(numbers).any():
        raise Unreadable("it holds NaN")
    return numbers
