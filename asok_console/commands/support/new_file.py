"""Put a file in place whole: a half-written one is never seen, and an old one never lost by mistake."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from asok_core.errors import UsageError


def write_new(path: Path, text: str, *, mode: int, force: bool = False) -> None:
    """Write ``text`` to ``path`` with the permissions ``mode``. ``force`` replaces what is there.

    Raises:
        UsageError: The file exists, or cannot be written here.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        written = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                os.fchmod(handle, mode)
                file.write(text)
            if force:
                written.replace(path)
            else:
                # A link fails where the name is taken, which a rename would not notice.
                path.hardlink_to(written)
        finally:
            written.unlink(missing_ok=True)
    except FileExistsError:
        raise UsageError(f"{path} exists already and is left as it is") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
