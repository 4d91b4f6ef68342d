"""Atomic creation of files: no partial file is visible, and none is replaced by mistake."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def whole_file(path: Path, *, mode: int = 0o600, replace: bool = False) -> Iterator[TextIO]:
    """A text file to write, which gets its name and the permissions ``mode`` if the body succeeds.

    ``replace`` replaces an existing file of that name; otherwise FileExistsError is raised. Raises
    OSError if it cannot be written.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    written = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            os.fchmod(handle, mode)
            yield stream
        if replace:
            written.replace(path)
        else:
            # Unlike a rename, a hard link fails if the name is taken.
            path.hardlink_to(written)
    finally:
        written.unlink(missing_ok=True)
