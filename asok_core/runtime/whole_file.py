"""Atomic creation of files: no partial file is visible, and none is replaced by mistake."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from asok_core.errors import AsokError, UsageError


@contextmanager
def new_file(path: Path, *, mode: int = 0o600, replace: bool = False) -> Iterator[TextIO]:
    """A file that a person asked for, as :func:`whole_file` makes it.

    Raises UsageError where there is one already, and AsokError where none can be written.
    """
    exists = f"{path} exists already and is left as it is"
    # Path.exists raises for a name that is too long and for a folder that may not be searched.
    if not replace and os.path.lexists(path):
        raise UsageError(exists)
    try:
        with whole_file(path, mode=mode, replace=replace) as stream:
            yield stream
    except FileExistsError:
        raise UsageError(exists) from None
    except OSError as error:
        raise AsokError(f"{path} cannot be written: {error.strerror}") from None


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
