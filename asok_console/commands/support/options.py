"""Values of options, read with the option's name in the error."""

from __future__ import annotations

from asok_core.errors import UsageError


def whole_number(option: str, text: str, least: int, most: int) -> int:
    """A whole number of an option. Raises UsageError."""
    if text.isascii() and text.isdigit() and least <= int(text) <= most:
        return int(text)
    raise UsageError(f"{option} {text!r} is not a whole number from {least} to {most}")
