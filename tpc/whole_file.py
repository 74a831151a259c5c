"""Files that are written whole or not at all."""

import os
import shutil
from pathlib import Path


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file so that whoever reads it never sees a part of it.

    The content goes to a temporary file in the same folder, which then takes the place of `path`. A
    link keeps pointing where it did, and something that is no regular file (a pipe, a device) is
    written to directly.

    Args:
        path: Where to.
        content: Text, written as UTF-8, or bytes.

    Raises:
        OSError: It cannot be written; an old file is then as it was.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    target = path.resolve()
    if target.exists() and not target.is_file():
        with target.open("wb") as stream:
            stream.write(data)
        return
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("xb") as stream:
            stream.write(data)
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
