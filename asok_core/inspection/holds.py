"""Holds: rules by which matching jobs are kept from starting, and how many jobs each keeps.

A hold is a JSON text in one hash. Workers read it and check each job when it would start, so that a job
matches or not by its arguments as they were enqueued; Redis never reads these.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from asok_core.clock import DAY
from asok_core.inspection.hold_conditions import MOST_CONDITIONS, Condition, conditions_in
from asok_core.inspection.limits import LIMIT_FIELD, LimitRule, limit_rule_of
from asok_core.inspection.notes import decoded, one_line, text_in
from asok_core.inspection.pauses import moment
from asok_core.jobs.job import Job
from asok_core.jobs.numbers import number
from asok_core.settings.kinds import is_text

MOST_HOLDS = 100
LARGEST_HOLD = 8_192
"""Bytes of a hold as Redis has it that are read."""
LONGEST_REASON = 200
"""Characters."""
LONGEST_HOLD = 366.0 * DAY
"""Seconds. A hold without an end lasts until it is released."""
CUT_OFF = 60.0
"""Seconds without a batch after which a release that has not returned all counts as cut off."""
GENERATION, ENDED = "generation", "ended:"
"""The field of the generation, and what the fields of holds that ended begin with."""
END_OF_HOLD = "end_of_hold"
"""The cause of an event about a hold that ended without an operator."""
HAS_JOBS = "it keeps jobs; release it"
"""Why a hold is not removed."""
_FORM = 1
"""The form of holds that is read. Another form may mean what this release does not know."""
_LONGEST_NAME = 1_024


class Hold(NamedTuple):
    """A hold. Each part that is not empty must match. Times are epoch seconds by Redis's clock."""

    id: str
    task: str = ""
    queue: str = ""
    conditions: tuple[Condition, ...] = ()
    release: str = ""
    """The release of the application that would run the job."""
    by: str = ""
    at: float | None = None
    reason: str = ""
    until: float | None = None
    """When it ends by itself; None: when it is released."""
    operation: str = ""
    released: float | None = None
    """When its release returned jobs last, or began; None: there was none, or its operator stopped it."""
    rate: float = 0.0
    """Jobs per second of that release; 0: all at once."""
    generation: int = 0
    """In which it was made; 0: not known."""

    def is_cut_off(self, now: float) -> bool:
        """Whether its release has returned no jobs for so long that it counts as cut off."""
        if self.released is None:
            return False
        # At a low rate the next batch is due later. A moment to come is of before the clock was set back.
        return abs(now - self.released) >= max(CUT_OFF, 2 / self.rate if self.rate > 0 else 0.0)

    def matches(self, job: Job, release: str, now: float) -> bool:
        """Whether it keeps a job from starting on this release of the application."""
        if self.until is not None and now >= self.until:
            return False
        if (self.task and self.task != job.task) or (self.queue and self.queue != job.queue):
            return False
        if self.release and self.release != release:
            return False
        return all(each.matches(job) for each in self.conditions)

    @property
    def words(self) -> str:
        """What it is about: ``task shop.charge, queue 'mail', args[0] == 7``."""
        parts = [f"task {self.task}"] if self.task else []
        parts += [f"queue '{self.queue}'"] if self.queue else []
        parts += [each.words for each in self.conditions]
        parts += [f"release {self.release}"] if self.release else []
        return ", ".join(parts)

    def named(self, now: float | None) -> str:
        """The hold, with what is known of it: ``hold 4f2a1c (by ann@web1: bank down)``."""
        made = self.made(now)
        return f"hold {self.id} ({made})" if made else f"hold {self.id}"

    def made(self, now: float | None) -> str:
        """``by ann@web1: bank down, until 15:30:00 UTC``."""
        return self.about(now).lstrip(" :,")

    def about(self, now: float | None) -> str:
        """Who made it, why and until when: `` by ann@web1: bank down, until 15:30:00 UTC``."""
        words = f" by {self.by}" if self.by else ""
        words += f": {self.reason}" if self.reason else ""
        return words + (f", until {moment(self.until, now)}" if self.until is not None else "")


class HoldState(NamedTuple):
    """A hold, and the jobs that it keeps, by queue. ``hold`` is None where nothing is known of it.

    ``ended``: it matches no longer, and its jobs are to be returned.
    """

    id: str
    hold: Hold | None
    queues: Mapping[str, int]
    ended: bool = False

    @property
    def jobs(self) -> int:
        """How many jobs it keeps."""
        return sum(self.queues.values())

    @property
    def is_known(self) -> bool:
        """Whether what it matches is known, or that it has ended."""
        return self.ended or self.hold is not None

    @property
    def since(self) -> float | None:
        """When it was made."""
        return self.hold.at if self.hold else None


class Holds(NamedTuple):
    """The holds in the hash, and the limits of operators, which are kept with them.

    ``generation`` grows with each change, 0 where there has been none. ``unread`` are fields that hold
    no rule of this form: what they say is not known. ``problem``: why there may be others.
    """

    generation: int = 0
    holds: tuple[Hold, ...] = ()
    ended: tuple[Hold, ...] = ()
    unread: tuple[str, ...] = ()
    problem: str = ""
    limits: tuple[LimitRule, ...] = ()

    @property
    def unread_limits(self) -> tuple[str, ...]:
        """Of these fields those of limits."""
        return tuple(each for each in self.unread if each.startswith(LIMIT_FIELD))

    @property
    def unread_holds(self) -> tuple[str, ...]:
        """Of these fields those of holds."""
        return tuple(each for each in self.unread if not each.startswith(LIMIT_FIELD))

    @property
    def is_empty(self) -> bool:
        """Whether nothing but a generation is there."""
        return not (self.holds or self.ended or self.unread or self.limits or self.problem)


def holds_of(fields: Iterable[tuple[str, bytes]]) -> Holds:
    """The holds and limits in the fields of the hash."""
    generation, active, ended, unread = 0, list[Hold](), list[Hold](), list[str]()
    limits = list[LimitRule]()
    for field, value in fields:
        if field == GENERATION:
            generation = generation_of(value)
            continue
        if field.startswith(LIMIT_FIELD):
            rule = limit_rule_of(field.removeprefix(LIMIT_FIELD), value)
            if rule is None:
                unread.append(field)
            else:
                limits.append(rule)
            continue
        hold = hold_of(field.removeprefix(ENDED), value)
        if hold is None:
            unread.append(field)
        else:
            (ended if field.startswith(ENDED) else active).append(hold)
    by_age = sorted(active, key=lambda each: (each.at or 0.0, each.id))
    by_subject = sorted(limits, key=lambda each: each.identity)
    return Holds(generation, tuple(by_age), tuple(ended), tuple(unread), limits=tuple(by_subject))


def generation_of(value: object) -> int:
    """A generation as Redis has it; 0 for what is none."""
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else ""
    return int(text) if text.isdecimal() and text.isascii() and len(text) <= 15 else 0


def hold_of(hold_id: str, value: bytes) -> Hold | None:
    """The hold in a field of the hash; None where there is none that can be read whole."""
    known = decoded(value) if len(value) < LARGEST_HOLD else None
    if known is None or known.get("form") != _FORM:
        return None
    conditions = conditions_in(known.get("conditions"))
    if conditions is None:
        return None
    hold = Hold(
        hold_id,
        text_in(known, "task", _LONGEST_NAME),
        text_in(known, "queue", _LONGEST_NAME),
        conditions,
        text_in(known, "release", _LONGEST_NAME),
        text_in(known, "by", 300),
        number(known.get("at")),
        text_in(known, "reason", LONGEST_REASON),
        number(known.get("until")),
        text_in(known, "operation", 64),
        number(known.get("released")),
        max(0.0, number(known.get("rate")) or 0.0),
        int(number(known.get("generation")) or 0),
    )
    # What names nothing would hold every job.
    return hold if hold.words else None


def rule_text(hold: Hold) -> str:
    """The rule of a hold as Redis has it; the script adds author, time and end."""
    return json.dumps(
        {
            "form": _FORM,
            "task": hold.task,
            "queue": hold.queue,
            "conditions": [[str(each.path), each.operator, each.value] for each in hold.conditions],
            "release": hold.release,
            "reason": hold.reason,
        }
    )


def cleaned_reason(text: str) -> str:
    """The reason of a hold as it is kept: on one line. Raises UsageError for one that is too long."""
    return one_line(text, LONGEST_REASON, "reason")


def length_problem(seconds: float) -> str:
    """Why a hold cannot last this number of seconds, or an empty string."""
    if 0 < seconds <= LONGEST_HOLD:
        return ""
    most = f"at most {LONGEST_HOLD / DAY:.0f} days; without an end it lasts until it is released"
    return f"a hold lasts {'longer than 0 s' if seconds <= 0 else most}"


def problem_of(hold: Hold) -> str:
    """Why a hold cannot be made, or an empty string."""
    if not hold.words:
        return "a hold must name a task, a queue, an argument or a release"
    if hold.task and "." not in hold.task:
        return f"the task {hold.task!r} must be module.function, as jobs name it"
    if not is_text(hold.words):
        return f"the rule {hold.words!r} is not UTF-8"
    if len(hold.conditions) > MOST_CONDITIONS:
        return f"a hold has at most {MOST_CONDITIONS} conditions on arguments"
    if len(rule_text(hold).encode()) > LARGEST_HOLD // 2:
        return f"the rule is larger than {LARGEST_HOLD // 2:,} bytes"
    return ""
