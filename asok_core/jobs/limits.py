"""Limits: how many jobs run at once, and how many start per unit of time.

A limit is about a queue, a task, or each value of an argument of a task; that is its identity. The jobs
that share one count are a bucket: all of the queue or the task, or those with one value of the argument.
"""

from __future__ import annotations

import hashlib
import math
import re
from typing import NamedTuple

from asok_core.suggestions import did_you_mean

MOST = 1_000_000
"""Jobs at once, starts per unit of time, and burst."""
ALLOWED = "'4 at once', '100/minute' or '5/second, burst 20'"
BUCKET = "limit-"
"""What the name of each bucket begins with; the id of no hold does."""

_SECONDS = {"second": 1.0, "minute": 60.0, "hour": 3_600.0, "day": 86_400.0}
_UNITS = {
    **{name: name for name in _SECONDS},
    "s": "second",
    "sec": "second",
    "m": "minute",
    "min": "minute",
    "h": "hour",
    "d": "day",
}
_AT_ONCE = re.compile(r"(?:at most )?([0-9]{1,12}) at once", re.ASCII)
_RATE = re.compile(r"(?:at most )?([0-9]{1,12})(?: ?/ ?| per )([a-z]{1,9})", re.ASCII)
_BURST = re.compile(r"burst ([0-9]{1,12})", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,12}", re.ASCII)


class Limit(NamedTuple):
    """A limit. ``starts`` per ``seconds`` is the steady rate; without one these and ``burst`` are 0."""

    at_once: int = 0
    """Jobs that run at the same time; 0: no bound."""
    starts: int = 0
    seconds: float = 0.0
    burst: int = 0
    """Starts that may follow each other at once, after a time without any."""

    @property
    def interval(self) -> float:
        """Seconds between two starts at the steady rate; 0.0 without a rate."""
        return self.seconds / self.starts if self.starts else 0.0

    @property
    def text(self) -> str:
        """The limit as ``parse_limit`` reads it: ``4 at once, 100/minute, burst 20``."""
        parts = [f"{self.at_once} at once"] if self.at_once else []
        if self.starts:
            unit = next(name for name, length in _SECONDS.items() if length == self.seconds)
            parts.append(f"{self.starts}/{unit}")
            if self.burst != usual_burst(self.starts, self.seconds):
                parts.append(f"burst {self.burst}")
        return ", ".join(parts)


def usual_burst(starts: int, seconds: float) -> int:
    """The burst of a rate that names none: what one second allows, at least 1."""
    return max(1, math.ceil(starts / seconds))


def parse_limit(text: str) -> Limit:
    """Read ``at most 4 at once``, ``100 per minute`` or ``5/s, burst 20``, or both with a comma between.

    Raises:
        ValueError: The text is none of these; the message is one line that says what is allowed.
    """
    at_once = starts = burst = 0
    seconds = 0.0
    for part in text.split(","):
        words = " ".join(part.lower().split())
        if found := _AT_ONCE.fullmatch(words):
            at_once = _number(text, found[1], twice=at_once)
        elif (found := _RATE.fullmatch(words)) and (unit := _unit(found[2])):
            starts, seconds = _number(text, found[1], twice=starts), _SECONDS[unit]
        elif found := _BURST.fullmatch(words):
            burst = _number(text, found[1], twice=burst)
        else:
            raise ValueError(f"limit {_shown(text)} must be {ALLOWED}{_hint(words)}")
    if burst and not starts:
        raise ValueError(f"limit {_shown(text)} has a burst without a rate; it must be {ALLOWED}")
    if starts and not burst:
        burst = usual_burst(starts, seconds)
    return Limit(at_once, starts, seconds, burst)


def identity_of(*, queue: str = "", task: str = "", key: str = "") -> str:
    """What a limit is about, as one text: ``queue:Q``, ``task:T`` or ``task:T by PATH``.

    ``key`` is an argument path in its whole form, as in ``kwargs.account_id``.
    """
    if queue:
        return f"queue:{queue}"
    return f"task:{task} by {key}" if key else f"task:{task}"


def bucket_of(identity: str, value: str = "") -> str:
    """The name of a bucket. ``value`` is the argument's as JSON; empty where the limit has no key."""
    counted = f"{identity}\n{value}".encode("utf-8", "surrogatepass")
    return BUCKET + hashlib.sha1(counted, usedforsecurity=False).hexdigest()[:16]


def _unit(word: str) -> str | None:
    return _UNITS.get(word) or _UNITS.get(word.removesuffix("s"))


def _number(text: str, digits: str, *, twice: int) -> int:
    if twice:
        raise ValueError(f"limit {_shown(text)} states the same twice; it must be {ALLOWED}")
    if not 1 <= (number := int(digits)) <= MOST:
        raise ValueError(
            f"limit {_shown(text)} has the number {number}; it must be from 1 to {MOST:,}, "
            "written without separators"
        )
    return number


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}…")


def _hint(words: str) -> str:
    """What may be meant by a part that cannot be read."""
    number = _NUMBER.search(words)
    if number is None:
        return ""
    rates = [f"{number[0]}/{unit}" for unit in _SECONDS]
    written = [each.replace("/", " per ") for each in rates]
    return did_you_mean(words, [f"{number[0]} at once", *rates, *written, f"burst {number[0]}"])
