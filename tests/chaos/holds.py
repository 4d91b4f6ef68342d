"""Holds that are added and released at random, and whether a job began that one kept from starting."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import Any

import redis

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.operating.operator import RedisOperator
from asok_core.backends.roles import Progress
from asok_core.errors import AsokError
from asok_core.inspection.holds import Hold
from asok_core.jobs.keyring import Keyring
from asok_core.operations.enforcement import wait_until_enforced
from asok_core.operations.inspector import open_reader
from asok_core.settings.settings import Settings
from tests.chaos.journal import Journal
from tests.chaos.workers import Blow
from tests.programs import wait_until

TASKS = "tests.chaos.tasks"
MOST = 3
"""Holds at once: what is held runs only at the end."""
PATIENCE = 3.0
"""Seconds that workers have to confirm a hold."""
MARGIN = 1.0
"""Seconds between the start of a job for its process and the first line of its task, on a busy machine."""
OBSCURING = ("freeze", "suspend", "clock", "full", "replica", "rename", "delete", "disk")
"""What faults begin with after which a start shows nothing: a process that was stopped between the start
of a job and its first line, or leases that were moved."""
OBSCURED = 10.0
"""Seconds before a hold in which these count."""
RULES = (
    *(Hold("", task=f"{TASKS}.{name}") for name in ("quick", "nap", "dream", "flaky", "doomed")),
    *(Hold("", queue=name) for name in ("low", "default")),
    Hold("", task=f"{TASKS}.nap", queue="high"),
)


@dataclass(frozen=True, slots=True)
class HoldInForce:
    """A hold that all workers had confirmed at ``began``; times are monotonic."""

    rule: Hold
    began: float
    ended: float = float("inf")


class RandomHolds:
    """Adds, releases and removes holds as an operator does, whose commands end now and then."""

    def __init__(self, url: str, secret: str) -> None:
        environment = {"ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": url, "SECRET_KEY": secret}
        self._settings = Settings.load(environment)
        self._operator = RedisOperator(Endpoint(url), Keys(), Keyring(secret.encode()))
        self.in_force: dict[str, HoldInForce] = {}
        """By id, also those that have ended."""
        self._open: set[str] = set()

    def add(self) -> bool:
        """Add a hold, sometimes one that ends by itself; whether there was room for one."""
        if len(self._open) >= MOST:
            return False
        lasts = random.choice((None, None, random.uniform(2.0, 8.0)))
        with suppress(AsokError):
            rule = random.choice(RULES)
            result = self._operator.add_hold(rule, lasts=lasts)
            if result.hold is None:
                return False
            self._open.add(result.hold.id)
            added = time.monotonic()
            with closing(open_reader(self._settings)) as reader:
                found = wait_until_enforced(reader, result.hold.id, result.generation, PATIENCE)
            if found.whole:
                until = float("inf") if lasts is None else added + lasts - MARGIN
                self.in_force[result.hold.id] = HoldInForce(rule, time.monotonic(), until)
            return True
        return False

    def release(self) -> bool:
        """Release a hold: at once or at a rate, to the end or only some of its jobs."""
        if not self._open:
            return False
        hold = random.choice(sorted(self._open))
        self._note_end(hold)
        rate = random.choice((None, 20.0, 500.0))
        until = time.monotonic() + random.choice((0.0, 1.0, 60.0))

        def watch(_: Progress) -> bool:
            return time.monotonic() < until

        with suppress(AsokError):
            result = self._operator.release_hold(hold, rate=rate, watch=watch)
            if not result.left:
                self._open.discard(hold)
        return True

    def remove(self) -> bool:
        """Remove a hold if it keeps no jobs."""
        if not self._open:
            return False
        hold = random.choice(sorted(self._open))
        with suppress(AsokError):
            # A worker may have held a job of it since: then it is still in force.
            if self._operator.remove_hold(hold).applied:
                self._open.discard(hold)
                self._note_end(hold)
            return True
        # What became of it is not known.
        self._note_end(hold)
        return True

    def release_all(self, client: Any) -> None:
        """Release all of them, until none is left: Redis may still be loading its data."""
        for hold in self.in_force:
            self._note_end(hold)

        def released() -> bool:
            try:
                names = [*client.hkeys("asok:holds"), *client.smembers("asok:held")]
            except redis.RedisError:
                return False
            holds = {each.decode().removeprefix("ended:").partition(":")[0] for each in names}
            # What waits for a limit starts by itself.
            holds = {each for each in holds if not each.startswith(("limit", "generation"))}
            for hold in holds:
                with suppress(AsokError):
                    self._operator.release_hold(hold, rate=None)
            return not holds

        wait_until(released, "the release of all holds")
        self._operator.close()

    def _note_end(self, hold: str) -> None:
        known = self.in_force.get(hold)
        if known is not None:
            self.in_force[hold] = replace(known, ended=min(known.ended, time.monotonic()))


def begun_although_held(
    holds: Mapping[str, HoldInForce],
    journal: Journal,
    blows: Sequence[Blow],
    records: Mapping[str, tuple[str, str]],
) -> Iterator[str]:
    """Each start of a job that a hold in force matches. ``records``: its task and queue by its word."""
    obscured = [blow.at for blow in blows if blow.kind.startswith(OBSCURING)]
    for hold_id, hold in holds.items():
        for word, (task, queue) in records.items():
            if (hold.rule.task, hold.rule.queue) not in ((task, ""), ("", queue), (task, queue)):
                continue
            for line in journal.lines.get(word, ()):
                if line.word != "start" or not hold.began + MARGIN < line.at < hold.ended:
                    continue
                if not any(hold.began - OBSCURED < at < line.at for at in obscured):
                    after = line.at - hold.began
                    yield f"{word} began {after:.1f} s after hold {hold_id} ({hold.rule.words})"
