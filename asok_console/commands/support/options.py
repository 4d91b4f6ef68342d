"""Values of options, read with the option's name in the error."""

from __future__ import annotations

from asok_core.errors import UsageError
from asok_core.settings import kinds
from asok_core.settings.declaration import shown


def whole_number(option: str, text: str, least: int, most: int) -> int:
    """A whole number of an option. Raises UsageError."""
    kind = kinds.whole_number(least, most)
    try:
        return kind.parse(text)
    except ValueError:
        raise UsageError(f"{option} {shown(text)} is not {kind.allowed}") from None
