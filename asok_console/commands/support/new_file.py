"""Put a file in place whole: a half-written one is never seen, and an old one never lost by mistake."""

from __future__ import annotations

from pathlib import Path

from asok_core.errors import UsageError
from asok_core.runtime.whole_file import whole_file


def write_new(path: Path, text: str, *, mode: int, force: bool = False) -> None:
    """Write ``text`` to ``path`` with the permissions ``mode``. ``force`` replaces what is there.

    Raises:
        UsageError: The file exists, or cannot be written here.
    """
    try:
        with whole_file(path, mode=mode, replace=force) as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} exists already and is left as it is") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
