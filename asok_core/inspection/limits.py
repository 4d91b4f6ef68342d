"""Limits as operators set them, and how much of each is used.

The rule of an operator is a JSON text in the hash of holds, one for each queue, task or argument of a
task: workers read both at once, and enforce a limit from the same generation on. It is in force instead of
what code declares for the same. What runs and waits is kept by bucket (``jobs/limits.py``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from asok_core.errors import UsageError
from asok_core.inspection.argument_paths import ArgumentPath, parse
from asok_core.inspection.notes import decoded, text_in
from asok_core.jobs.limits import Limit, identity_of, parse_limit
from asok_core.jobs.numbers import number
from asok_core.settings.kinds import is_text

MOST_LIMITS = 100
"""Limits that operators have set."""
LIMIT_FIELD = "limit:"
"""What the fields of limits in the hash of holds begin with; the identity follows."""
LARGEST_LIMIT = 4_096
"""Bytes of the rule of a limit that are written."""
LONGEST_SUBJECT = 1_024
"""Bytes of what a limit is about."""
LONGEST_VALUE = 60
"""Characters of a value that a sentence has."""
_FORM = 1
"""The form of rules that is read. Another form may mean what this release does not know."""


class LimitRule(NamedTuple):
    """A limit that an operator set on a queue, a task, or each value of an argument of a task."""

    task: str = ""
    queue: str = ""
    key: ArgumentPath | None = None
    """The argument, only with a task."""
    limit: Limit = Limit()
    by: str = ""
    at: float | None = None
    """Epoch seconds by Redis's clock."""
    reason: str = ""
    operation: str = ""
    generation: int = 0
    """Of the holds, in which it was set; 0: not known."""

    @property
    def identity(self) -> str:
        """What it is about, as one text; see ``identity_of``."""
        return identity_of(queue=self.queue, task=self.task, key=str(self.key) if self.key else "")

    @property
    def words(self) -> str:
        """The same for persons: ``queue 'mail'``, ``task shop.charge by account_id``."""
        if self.queue:
            return f"queue '{self.queue}'"
        return f"task {self.task} by {self.key.short}" if self.key else f"task {self.task}"

    @property
    def made(self) -> str:
        """Who set it, and why: ``set by ann@web1: bank down``."""
        author = f"set by {self.by}" if self.by else "set by an operator"
        return f"{author}: {self.reason}" if self.reason else author


class LimitBucket(NamedTuple):
    """What counts for one limit together. Without an ``identity`` nothing else is known of it."""

    id: str
    identity: str = ""
    value: str = ""
    """The value of the argument as JSON; '' where the limit has no key."""
    declared: str = ""
    """The limit that code declares; '' for none."""
    free_at: float | None = None
    """From when its rate lets the next job start, epoch seconds by Redis's clock."""
    running: int | None = 0
    """Jobs that run, where there is a bound on these; None: that is not known."""
    returned: int = 0
    """Jobs that were returned to their queues as the next to run, and have not started."""
    queues: Mapping[str, int] = MappingProxyType({})
    """Jobs that wait, by queue."""

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return sum(self.queues.values())

    @property
    def has_work(self) -> bool:
        """Whether jobs run or wait."""
        return bool(self.running or self.returned or self.waiting)

    def limit(self, rules: Iterable[LimitRule]) -> Limit | None:
        """The limit that is in force; None where there is none, or it is not known."""
        rule = rule_on(self.identity, rules)
        return rule.limit if rule is not None else declared_limit(self.declared)

    def words(self, rules: Iterable[LimitRule]) -> str:
        """The limit and what it is about: ``limit 4 at once of task a.b by account_id = 17``."""
        about = subject_of(self.identity)
        if about is None:
            return f"limit {self.id}, of which nothing else is known"
        limit = self.limit(rules)
        text = f"limit {limit.text}" if limit is not None else "a limit that has ended"
        return f"{text} of {about.words}{f' = {self.shown_value}' if self.value else ''}"

    @property
    def shown_value(self) -> str:
        """The value, cut."""
        cut = self.value[: LONGEST_VALUE - 1] + "…"
        return self.value if len(self.value) <= LONGEST_VALUE else cut

    def starts_at(self, limit: Limit | None, now: float) -> float | None:
        """When it lets the next job start: ``now`` or later; None: when one that runs has ended."""
        if limit is None:
            return now
        # Those that were returned are the next to start.
        if limit.at_once and (self.running or 0) >= limit.at_once:
            return None
        return max(now, self.free_at or now) if limit.starts else now


class Limits(NamedTuple):
    """The limits of operators, and the buckets that were read. ``total`` is how many buckets there are."""

    rules: tuple[LimitRule, ...] = ()
    buckets: tuple[LimitBucket, ...] = ()
    total: int = 0
    unread: tuple[str, ...] = ()
    """Fields of rules that this release cannot read: what is in force for these is not known."""
    problem: str = ""
    """Why there may be others."""
    taken_at: float = 0.0


class LimitState(NamedTuple):
    """One limit: the rule of an operator, what code declares, and the buckets, the busiest first."""

    subject: LimitRule
    rule: LimitRule | None
    declared: str
    buckets: tuple[LimitBucket, ...]
    is_known: bool = True
    """Whether the rule of an operator could be read."""

    @property
    def limit(self) -> Limit | None:
        """The one that is in force."""
        return self.rule.limit if self.rule is not None else declared_limit(self.declared)

    @property
    def running(self) -> int | None:
        """How many jobs run, in all buckets; None where that is not known."""
        found = [each.running for each in self.buckets]
        return None if None in found else sum(each or 0 for each in found)

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return sum(each.waiting for each in self.buckets)

    @property
    def queues(self) -> Mapping[str, int]:
        """How many jobs wait, by queue."""
        found = dict[str, int]()
        for each in self.buckets:
            for queue, jobs in each.queues.items():
                found[queue] = found.get(queue, 0) + jobs
        return found


def states_of(limits: Limits) -> tuple[LimitState, ...]:
    """The limits, by what they are about. Buckets of which nothing is known are not among them."""
    rules = {each.identity: each for each in limits.rules}
    unread = {each.removeprefix(LIMIT_FIELD) for each in limits.unread}
    buckets = dict[str, list[LimitBucket]]()
    for each in limits.buckets:
        if each.identity:
            buckets.setdefault(each.identity, []).append(each)
    found = list[LimitState]()
    for identity in sorted({*rules, *unread, *buckets}):
        subject = subject_of(identity)
        if subject is None:
            continue
        own = sorted(
            buckets.get(identity, ()),
            key=lambda each: (-each.waiting, -(each.running or 0), -each.returned, each.value),
        )
        # Workers of two releases may declare two: the one of most buckets is shown.
        declared = [each.declared for each in own if each.declared]
        most = max(sorted(set(declared)), key=declared.count, default="")
        known = identity not in unread
        found.append(LimitState(subject, rules.get(identity), most, tuple(own), known))
    return tuple(found)


def rule_on(identity: str, rules: Iterable[LimitRule]) -> LimitRule | None:
    """The rule of an operator with this identity."""
    return next((each for each in rules if each.identity == identity), None)


def declared_limit(text: str) -> Limit | None:
    """A limit that code declares, as Redis has it; None where there is none that can be read."""
    try:
        return parse_limit(text)
    except ValueError:
        return None


def subject_of(identity: str) -> LimitRule | None:
    """What an identity is about, as a rule without a limit; None for another text."""
    kind, _, name = identity.partition(":")
    if kind == "queue":
        found = LimitRule(queue=name)
    elif kind == "task":
        task, by, path = name.partition(" by ")
        try:
            found = LimitRule(task, key=parse(path) if by else None)
        except UsageError:
            return None
    else:
        return None
    return found if name and found.identity == identity else None


def limit_rule_of(identity: str, value: bytes) -> LimitRule | None:
    """The rule in a field of the hash; None where there is none that can be read whole."""
    known = decoded(value) if len(value) <= LARGEST_LIMIT else None
    subject = subject_of(identity)
    if known is None or subject is None or known.get("form") != _FORM:
        return None
    limit = declared_limit(text_in(known, "limit", LARGEST_LIMIT))
    if limit is None:
        return None
    return subject._replace(
        limit=limit,
        by=text_in(known, "by", 300),
        at=number(known.get("at")),
        reason=text_in(known, "reason", 200),
        operation=text_in(known, "operation", 64),
        generation=int(number(known.get("generation")) or 0),
    )


def limit_text(rule: LimitRule) -> str:
    """The rule as Redis has it; the script adds author, time, operation and generation."""
    return json.dumps({"form": _FORM, "limit": rule.limit.text, "reason": rule.reason})


def limit_problem(rule: LimitRule) -> str:
    """Why a limit cannot be about this, or an empty string."""
    if bool(rule.task) == bool(rule.queue):
        return "a limit must name either a task or a queue"
    if rule.key is not None and not rule.task:
        return "the argument of a limit must be that of a task"
    if rule.task and ("." not in rule.task or any(each.isspace() for each in rule.task)):
        return f"the task {rule.task!r} must be module.function, as jobs name it"
    if not is_text(rule.identity):
        return f"the limit of {rule.words!r} is not UTF-8"
    if len(rule.identity.encode()) > LONGEST_SUBJECT:
        return f"what the limit is about is longer than {LONGEST_SUBJECT:,} bytes"
    return ""


def bucket_with(
    bucket: str,
    fields: Sequence[bytes | None],
    *,
    running: int | None = 0,
    returned: int = 0,
    queues: Mapping[str, int] = MappingProxyType({}),
) -> LimitBucket:
    """A bucket by the fields ``identity``, ``value``, ``declared`` and ``free_at`` of its hash."""
    identity, value, declared, free_at = (
        (each or b"").decode("utf-8", "replace") for each in fields
    )
    found = LimitBucket(bucket, running=running, returned=returned, queues=queues)
    # Another program may have written anything there. A value that is hidden is not that of the name.
    if subject_of(identity) is None:
        return found
    return found._replace(
        identity=identity, value=value, declared=declared, free_at=number(free_at)
    )
