"""Limits that an operator sets and resets at random."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import Any

import redis

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.operating.operator import RedisOperator
from asok_core.errors import AsokError, UsageError
from asok_core.inspection.argument_paths import parse
from asok_core.inspection.limits import LimitRule
from asok_core.jobs.keyring import Keyring
from asok_core.jobs.limits import parse_limit
from tests.programs import wait_until

TASKS = "tests.chaos.tasks"
SUBJECTS = (
    *(LimitRule(task=f"{TASKS}.{name}") for name in ("nap", "dream", "flaky", "doomed")),
    *(LimitRule(queue=name) for name in ("low", "default")),
    LimitRule(task=f"{TASKS}.quick", key=parse("args[0]")),
)
TEXTS = ("1 at once", "3 at once", "40/second", "2 at once, 50/second, burst 5")


class RandomLimits:
    """Sets and resets limits as an operator does, whose commands end now and then."""

    def __init__(self, url: str, secret: str) -> None:
        self._operator = RedisOperator(Endpoint(url), Keys(), Keyring(secret.encode()))

    def set(self) -> bool:
        """Set a limit, or replace one."""
        rule = random.choice(SUBJECTS)._replace(limit=parse_limit(random.choice(TEXTS)))
        with suppress(AsokError):
            self._operator.set_limit(rule)
        return True

    def reset(self) -> bool:
        """Reset a limit; whether there was one."""
        return self._reset(random.choice(SUBJECTS))

    def _reset(self, rule: LimitRule) -> bool:
        try:
            self._operator.reset_limit(rule)
        except UsageError:
            return False
        except AsokError:
            # What became of it is not known.
            pass
        return True

    def reset_all(self, client: Any) -> None:
        """Reset all of them, until none is left: Redis may still be loading its data."""

        def are_reset() -> bool:
            try:
                fields = client.hkeys("asok:holds")
            except redis.RedisError:
                return False
            if not any(each.startswith(b"limit:") for each in fields):
                return True
            for rule in SUBJECTS:
                self._reset(rule)
            return False

        wait_until(are_reset, "the reset of all limits")
        self._operator.close()
