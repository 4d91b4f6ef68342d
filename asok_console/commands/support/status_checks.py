"""Thresholds of ``asok worker status`` for monitoring: what must hold, and what does not."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from asok_core.errors import UsageError
from asok_core.inspection.server_reasons import of_server
from asok_core.inspection.snapshot import Snapshot
from asok_core.inspection.workers import STATE_NOT_KNOWN
from asok_core.settings.durations import parse_duration

T = TypeVar("T")


class StatusChecks(NamedTuple):
    """What was asked for. Each name of a queue maps to its threshold.

    The name '' stands for all queues together (pending) or for each of them (age).
    """

    max_pending: Mapping[str, int]
    max_age: Mapping[str, float]
    max_dead: int | None = None
    require_workers: int | None = None
    max_hang: float | None = None

    def failures(self, snapshot: Snapshot) -> Iterator[str]:
        """One line for each threshold that is exceeded."""
        pending = {queue.name: queue.pending for queue in snapshot.queues}
        pending[""] = snapshot.pending
        for name, most in self.max_pending.items():
            found = pending.get(name, 0)
            if found > most:
                where = f"queue {name}" if name else "all queues"
                yield f"{where}: {found} pending, at most {most} allowed"
        yield from self._late(snapshot)
        if self.max_dead is not None and snapshot.dead > self.max_dead:
            yield f"dead jobs: {snapshot.dead}, at most {self.max_dead} allowed"
        live = snapshot.live_workers
        able = sum(worker.runs_jobs for worker in live)
        if self.require_workers and not snapshot.knows_workers:
            yield (
                f"workers that run jobs: {STATE_NOT_KNOWN}, at least {self.require_workers} required: "
                f"{'; '.join(reason.text for reason in of_server(snapshot))}"
            )
        elif self.require_workers is not None and able < self.require_workers:
            # One that is alive and runs no jobs has a reason.
            reasons = [
                f"{each.id}: {each.trouble or each.condition}" for each in live if each.condition
            ]
            if snapshot.workers_unread:
                reasons.append(f"not all workers were read: {snapshot.workers_unread}")
            why = f" ({'; '.join(reasons)})" if reasons else ""
            yield f"workers that run jobs: {able}, at least {self.require_workers} required{why}"

        for each in live:
            if self.max_hang is not None and each.hanging and each.hang_seconds > self.max_hang:
                yield f"worker {each.id}: {each.trouble}; at most {self.max_hang:g} s allowed"

    def unknown(self, snapshot: Snapshot) -> Iterator[str]:
        """One line for each queue that has a threshold and does not exist, or not yet."""
        from asok_console.presentation.prose import listed

        names = sorted(queue.name for queue in snapshot.queues)
        for option, thresholds in (("pending", self.max_pending), ("age", self.max_age)):
            for name in thresholds:
                if name and name not in names:
                    yield (
                        f"--max-{option} {name}=...: there is no queue {name!r}, so it is never "
                        f"exceeded; queues: {listed(names, 10)}"
                    )

    def _late(self, snapshot: Snapshot) -> Iterator[str]:
        for queue in snapshot.queues:
            most = self.max_age.get(queue.name, self.max_age.get(""))
            if most is None or queue.oldest_at is None:
                continue
            age = snapshot.taken_at - queue.oldest_at
            if age > most:
                yield (
                    f"queue {queue.name}: its oldest job has waited {age:.0f} s, "
                    f"at most {most:g} s allowed"
                )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the thresholds."""
    group = parser.add_argument_group("checks", "exit code 1 when a threshold is exceeded")
    group.add_argument(
        "--max-pending",
        metavar="[QUEUE=]N",
        action="append",
        default=[],
        help="pending jobs of a queue, or of all together; may be given several times",
    )
    group.add_argument(
        "--max-age",
        metavar="[QUEUE=]DURATION",
        action="append",
        default=[],
        help="how long the oldest job of a queue (or of any) may have waited, as in default=5m",
    )
    group.add_argument("--max-dead", metavar="N", help="dead jobs")
    group.add_argument(
        "--max-hang",
        metavar="DURATION",
        help="how long a process of a worker may hang, as in 30s",
    )
    group.add_argument("--require-workers", metavar="N", help="workers that are alive and run jobs")


def parse(args: argparse.Namespace) -> StatusChecks:
    """Read the thresholds. Raises UsageError."""
    return StatusChecks(
        max_pending=_by_queue("--max-pending", args.max_pending, _number),
        max_age=_by_queue("--max-age", args.max_age, parse_duration),
        max_dead=_parsed("--max-dead", args.max_dead, _number),
        require_workers=_parsed("--require-workers", args.require_workers, _number),
        max_hang=_parsed("--max-hang", args.max_hang, parse_duration),
    )


def _by_queue(option: str, values: Sequence[str], read: Callable[[str], T]) -> dict[str, T]:
    found = {}
    for value in values:
        queue, _, threshold = value.rpartition("=")
        try:
            found[queue] = read(threshold)
        except ValueError as error:
            raise UsageError(f"{option} {value!r}: {error}") from None
    return found


def _parsed(option: str, value: str | None, read: Callable[[str], T]) -> T | None:
    try:
        return None if value is None else read(value)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None


def _number(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 15:
        return int(text)
    raise ValueError(f"{text!r} is not a whole number such as 1000")
