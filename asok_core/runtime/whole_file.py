"""A file that is put in place whole: nobody sees half of it, and none is replaced by mistake."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def whole_file(path: Path, *, mode: int = 0o600, replace: bool = False) -> Iterator[TextIO]:
    """A text file to write, which gets its name with the permissions ``mode`` where the body succeeds.

    ``replace`` puts it in the place of a file of that name. Raises FileExistsError where there is one
    otherwise, and OSError where none can be written.
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
            # A link fails where the name is taken, which a rename would not notice.
            path.hardlink_to(written)
    finally:
        written.unlink(missing_ok=True)
