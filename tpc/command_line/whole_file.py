"""Files that are written whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tpc.diagnostics import UsageError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path to write to, whose file takes the place of `path` when that has succeeded.

    It is a temporary file of the same suffix in the same folder. A link keeps pointing where it
    did, and something that is no regular file (a pipe, a device) is written to directly.

    Raises:
        UsageError: It cannot be written; an old file is then as it was.
    """
    target = path.resolve()
    try:
        if target.exists() and not target.is_file():
            yield target
            return
        temporary = target.with_name(f".{target.stem}.{os.getpid()}{target.suffix}")
        try:
            yield temporary
            if target.exists():
                shutil.copymode(target, temporary)
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None


def write_whole(path: Path, content: str | bytes) -> None:
    """Write text, as UTF-8, or bytes to a file.

    Raises:
        UsageError: As in `replacing`.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
