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


def positive(option: str, text: str | None) -> float | None:
    """A number above zero, or None where the option was not given. Raises UsageError."""
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= 1_000_000:
        raise UsageError(f"{option} {text!r} is not a number above 0")
    return number
