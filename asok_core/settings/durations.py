"""Durations as text."""

from __future__ import annotations

import re

LONGEST_KEPT = 315_360_000
"""Seconds for which a record may be kept: ten years, which is within the range of Redis's TTLs."""
ALLOWED = "a duration such as 90, 90s, 5m, 2h or 7d"

_SECONDS = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(
    r"(?P<number>[0-9]{1,12}(?:\.[0-9]{1,6})?)\s*(?P<unit>ms|[smhdw]?)", re.ASCII
)


def parse_duration(text: str) -> float:
    """Read ``90``, ``90s``, ``1.5m``, ``2h``, ``7d``, ``1w`` or ``250ms`` as seconds.

    A number without a unit is seconds.

    Raises:
        ValueError: The text is none of these; the message is one line that says what is allowed.
    """
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError(f"{text!r} is not {ALLOWED}")
    return float(found["number"]) * _SECONDS[found["unit"]]
