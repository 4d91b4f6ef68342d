"""Pauses of queues: who paused one, why, since when and until when.

Redis has the names of paused queues in a set, and beside it a hash with what is known of each pause. A
queue in the set is paused whatever the hash says of it: other programs write only the set.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from asok_core.clock import DAY, iso
from asok_core.inspection.notes import decoded, one_line, text_in
from asok_core.jobs.numbers import number

MOST_PAUSES = 1_000
LONGEST_REASON = 200
"""Characters."""
LARGEST_PAUSE = 4_096
"""Bytes of a pause as Redis has it that are read."""
LONGEST_PAUSE = 366.0 * DAY
"""Seconds. A pause without an end lasts until the queue is resumed."""
LATE = 5.0
"""Seconds after its end from which a pause that no worker has ended is reported as that."""
END_OF_PAUSE = "end_of_pause"
"""The cause of an event that resumed a queue without an operator."""
_LONGEST_AUTHOR = 300
_END = re.compile(r"[0-9]+\.?[0-9]*")
"""An end as it is written. ``end_pauses.lua`` has the same rule: another value ends no pause."""


class QueuePause(NamedTuple):
    """What is known of a pause that is in force. Times are epoch seconds by Redis's clock.

    ``at`` is when it was made as it is, ``since`` when the queue was paused: earlier, if it was changed.
    """

    by: str = ""
    """The operator who made it as it is; '' where that is not known."""
    at: float | None = None
    since: float | None = None
    reason: str = ""
    until: float | None = None
    """When it ends by itself; None: when the queue is resumed."""
    operation: str = ""

    def overdue(self, now: float) -> bool:
        """Whether it should have ended some seconds ago."""
        return self.until is not None and now - self.until >= LATE


def pause_of(value: object) -> QueuePause | None:
    """The pause in a field of the hash; None where there is none that can be read."""
    known = decoded(value) if isinstance(value, bytes) and len(value) < LARGEST_PAUSE else None
    if known is None:
        return None
    return QueuePause(
        text_in(known, "by", _LONGEST_AUTHOR),
        number(known.get("at")),
        number(known.get("since")),
        text_in(known, "reason", LONGEST_REASON),
        _end_in(known.get("until")),
        text_in(known, "operation", 64),
    )


def _end_in(value: object) -> float | None:
    return number(value) if isinstance(value, str) and _END.fullmatch(value) else None


def cleaned_reason(text: str) -> str:
    """The reason of a pause as it is kept: on one line. Raises UsageError for one that is too long."""
    return one_line(text, LONGEST_REASON, "reason")


def length_problem(seconds: float) -> str:
    """Why a pause cannot last this number of seconds, or an empty string."""
    if 0 < seconds <= LONGEST_PAUSE:
        return ""
    most = f"at most {LONGEST_PAUSE / DAY:.0f} days; without an end it lasts until it is resumed"
    return f"a pause lasts {'longer than 0 s' if seconds <= 0 else most}"


def moment(at: float, now: float | None) -> str:
    """``15:30:00 UTC``; with the date where that is not the one of ``now``, or ``now`` is not known."""
    text = iso(at)
    if text is None:
        return "a time that cannot be shown"
    day = "" if text[:10] == (iso(now) or "")[:10] else f"{text[:10]} "
    return f"{day}{text[11:19]} UTC"


def short_moment(at: float, now: float) -> str:
    """``15:30 UTC``, the next whole minute; of another day only its date."""
    text = iso(math.ceil(at / 60) * 60) or ""
    return f"{text[11:16]} UTC" if text[:10] == (iso(now) or "")[:10] else text[:10]


def pause_words(
    pause: QueuePause | None, now: float | None, *, by: bool = True, current: bool = True
) -> str:
    """What follows the word *paused*: `` until 15:30:00 UTC by ann@web1: bank down``.

    ``current`` is false of a replica without its master, which does not know whether a pause has ended.
    The words may hold text from Redis.
    """
    if pause is None:
        return ""
    words = ""
    if pause.until is not None:
        words = f" until {moment(pause.until, now)}"
        if now is not None and pause.overdue(now):
            resumed = (
                "no worker has resumed it" if current else "whether it was resumed is not known"
            )
            words += f", which has passed, and {resumed},"
    author = f" by {pause.by}" if by and pause.by else ""
    return f"{words}{author}{f': {pause.reason}' if pause.reason else ''}"
