"""Limits: processes ask whether jobs may start, supervisors correct what is counted and give back jobs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from asok_core.backends.redis import parsing
from asok_core.backends.redis.calls.limits import (
    JobLimit,
    LeaveLimits,
    LeftLimit,
    LimitedJob,
    ReviewedLimit,
    ReviewLimits,
    StartLimited,
)
from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.explanations import ErrorReply, wrong_type
from asok_core.backends.redis.keys import Keys
from asok_core.inspection.limits import LimitRule, declared_limit
from asok_core.jobs.limits import BUCKET, Limit
from asok_core.jobs.numbers import number

_BUCKET = re.compile(f"{BUCKET}[0-9a-f]{{16}}")
BATCH = 50
"""Buckets that one script looks at."""
STEPS = 10
"""Scripts of one call: a supervisor has other duties."""


def start_limited(
    connection: Connection,
    keys: Keys,
    process: str,
    jobs: Sequence[LimitedJob],
    limits: Sequence[JobLimit],
) -> list[int]:
    """Start claimed jobs, or put them aside until their limits give them back: a ``StartFlag`` for each.

    Sent again after a lost reply, it counts a second start at most. Raises Unreachable or Refused.
    """
    return connection.run(
        StartLimited(ns=keys.namespace, process=process, jobs=jobs, limits=limits)
    )


def leave_limits(connection: Connection, keys: Keys, jobs: Sequence[LeftLimit]) -> None:
    """Count jobs under their limits no longer. Safe to send again. Raises Unreachable or Refused."""
    connection.run(LeaveLimits(ns=keys.namespace, jobs=jobs))


def review_due(
    connection: Connection, keys: Keys, rules: Mapping[str, LimitRule], now: float
) -> float | None:
    """Look at the buckets whose time has come. Returns the seconds until the next; None: there is none.

    ``rules`` are the limits that operators set, by identity. Raises Unreachable or Refused.
    """
    for _ in range(STEPS):
        command = ("ZRANGE", keys.limits, 0, BATCH - 1, "WITHSCORES")
        try:
            found = connection.call(*command)
        except ErrorReply as error:
            if not wrong_type(error):
                raise
            return None
        pairs = [*zip(found[::2], found[1::2], strict=True)]
        others = [name for name, _ in pairs if not _BUCKET.fullmatch(parsing.text(name))]
        if others:
            # Only another program can have put them there, where they would be due forever.
            connection.call("ZREM", keys.limits, *others)
            continue
        due = [(parsing.text(name), number(parsing.text(score)) or 0.0) for name, score in pairs]
        if not due:
            return None
        if due[0][1] > now:
            return due[0][1] - now
        _review(connection, keys, [name for name, at in due if at <= now], rules)
    return 0.0


def review_all(connection: Connection, keys: Keys, rules: Mapping[str, LimitRule]) -> None:
    """Look at every bucket, as limits were changed. Raises Unreachable or Refused."""
    try:
        found = connection.call("ZRANGE", keys.limits, 0, -1)
    except ErrorReply as error:
        if not wrong_type(error):
            raise
        return
    names = [name for name in map(parsing.text, found) if _BUCKET.fullmatch(name)]
    for at in range(0, len(names), BATCH):
        _review(connection, keys, names[at : at + BATCH], rules)


def _review(
    connection: Connection, keys: Keys, buckets: Sequence[str], rules: Mapping[str, LimitRule]
) -> None:
    commands = [("HMGET", keys.limit(bucket), "identity", "declared") for bucket in buckets]
    replies = connection.pipeline(commands)
    rows = []
    for bucket, reply in zip(buckets, replies, strict=True):
        limit = Limit() if isinstance(reply, Exception) else _limit_now(reply, rules)
        rows.append(ReviewedLimit(bucket, limit.at_once, limit.interval, limit.burst))
    connection.run(ReviewLimits(ns=keys.namespace, limits=rows))


def _limit_now(reply: Sequence[bytes | None], rules: Mapping[str, LimitRule]) -> Limit:
    """The limit of a bucket: that of an operator, else the declared one; none where there is neither."""
    identity, declared = (parsing.text(each or b"") for each in reply)
    if (rule := rules.get(identity)) is not None:
        return rule.limit
    return declared_limit(declared) or Limit()
