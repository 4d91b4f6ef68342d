"""The ``.env`` file, read as systemd reads it: nothing in a value is replaced."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from asok_core.errors import SettingsError


def read_env_file(path: Path) -> dict[str, str]:
    """The variables of a file; of one that is gone, none.

    Raises SettingsError that names the file, and the line where that is at fault.
    """
    try:
        with path.open(encoding="utf-8") as stream:
            values = parse_env(stream, path)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(f"{path} cannot be read: {reason}") from None
    return {name: value for name, value in values.items() if value is not None}


def parse_env(stream: TextIO, path: Path) -> dict[str, str | None]:
    """The variables of a text; None for a name without a value. ``path`` is for the error.

    Raises SettingsError for an assignment that cannot be read. Other lines set nothing anywhere.
    """
    # Imported only where a file exists: most processes on a server have none.
    from dotenv.parser import parse_stream

    values: dict[str, str | None] = {}
    for each in parse_stream(stream):
        if each.error and "=" in each.original.string:
            text = each.original.string
            line = each.original.line + text[: len(text) - len(text.lstrip())].count("\n")
            # Not the value, which may be a secret.
            name = text.partition("=")[0].strip()[:60]
            raise SettingsError(
                f"{path}, line {line}: the value of {name!a} cannot be read; a quote "
                "that begins a value must also end it, with nothing but a comment after that"
            )
        if each.key is not None:
            values[each.key] = each.value
    return values
