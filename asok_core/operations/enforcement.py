"""Whether a new hold or limit is in force: each worker publishes which all of its processes enforce."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from asok_core.backends.roles import Reader
from asok_core.inspection.holds import HoldState
from asok_core.inspection.limits import LimitRule, rule_on
from asok_core.inspection.phrases import counted
from asok_core.inspection.snapshot import Snapshot
from asok_core.operations.waiting import wait_for

PATIENCE = 10.0
"""Seconds that workers have to confirm a change; a busy process does so when its loop turns next."""
MOST_NAMED = 5
HOLD_GONE = "the hold is no longer there, or its end has come"


class Enforcement(NamedTuple):
    """On which of the workers that run a hold or limit is in force. The texts may come from Redis."""

    confirmed: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    """Those that have not confirmed it yet."""
    unable: tuple[str, ...] = ()
    """Those of earlier releases, which enforce no holds; also one that is offline, as it may return."""
    offline: int = 0
    """Others without a lease: they start no job before they have read the holds."""
    unread: str = ""
    """Why not all workers were read; empty where they were."""
    known: bool = True
    """Whether it could be read which workers there are."""
    problem: str = ""
    """Why not, where the reason is known."""
    ended: str = ""
    """Why it is not in force any longer, or ''."""

    @property
    def whole(self) -> bool:
        """Whether no job that matches begins from now on."""
        return self.known and not (self.late or self.unable or self.unread or self.ended)

    @property
    def total(self) -> int:
        """The workers that may start a job."""
        return len(self.confirmed) + len(self.late) + len(self.unable)

    @property
    def brief(self) -> str:
        """``3 of 3``, for a column."""
        if not self.known or self.unread:
            return "not known"
        if self.total:
            return f"{len(self.confirmed)} of {self.total}"
        return f"{self.offline} offline" if self.offline else "no worker"

    @property
    def words(self) -> str:
        """``in force on 3 of 3 workers``, and which others have not confirmed it."""
        if self.ended:
            return f"not in force: {self.ended}"
        if not self.known:
            why = self.problem or "this Redis does not show which workers run"
            return f"whether it is in force is not known: {why}"
        if not self.total and not self.unread:
            none = (
                f"{counted(self.offline, 'worker')} offline, and each"
                if self.offline
                else "no worker runs, and each"
            )
            return f"in force: {none} reads it before it starts a job"
        words = f"in force on {len(self.confirmed)} of {counted(self.total, 'worker')}"
        if self.late:
            words += f"; not confirmed by {_named(self.late)}"
        if self.unable:
            words += f"; earlier releases ignore it: {_named(self.unable)}"
        if self.unread:
            words += f"; not all workers were read: {self.unread}"
        return words


def enforcement(snapshot: Snapshot, generation: int) -> Enforcement:
    """Which workers enforce the holds of a generation, or of a later one."""
    live = snapshot.live_workers
    confirmed = [each.id for each in live if snapshot.confirms_holds(each, generation)]
    # An outage of Redis ends all leases, and its workers return. Of which release one is that has
    # published nothing is not known.
    unable = [each.id for each in snapshot.workers if each.holds is None and each.version]
    late = [each.id for each in live if each.id not in {*confirmed, *unable}]
    return Enforcement(
        tuple(confirmed),
        tuple(late),
        tuple(unable),
        offline=len(snapshot.workers) - len(confirmed) - len(late) - len(unable),
        unread=snapshot.workers_unread,
        known=snapshot.knows_workers,
    )


def enforced_now(snapshot: Snapshot) -> Enforcement:
    """Which workers enforce all holds of a snapshot that are in force or cannot be read."""
    newest = snapshot.holds_generation
    generations = [
        each.hold.generation or newest if each.hold else newest
        for each in snapshot.holds
        if not _is_over(snapshot, each)
    ]
    return enforcement(snapshot, max(generations, default=0))


def enforcement_of(snapshot: Snapshot, state: HoldState) -> Enforcement | None:
    """Which workers enforce one hold, since they have confirmed the generation in which it was made.

    None for a hold that has ended, or cannot be read.
    """
    if state.hold is None or _is_over(snapshot, state):
        return None
    return enforcement(snapshot, state.hold.generation or snapshot.holds_generation)


def _is_over(snapshot: Snapshot, state: HoldState) -> bool:
    """Whether it matches no job: also before a worker has ended it."""
    until = state.hold.until if state.hold else None
    # Without workers whose clock is known, Enforcement states that nothing is.
    passed = until is not None and until <= snapshot.taken_at and snapshot.knows_workers
    return state.ended or passed


def wait_until_enforced(
    reader: Reader, hold: str, generation: int, patience: float = PATIENCE
) -> Enforcement:
    """The same of a hold that was added, once all have confirmed it that can.

    Or after ``patience`` seconds. Where workers cannot be read, that is stated, not raised. It may have
    ended since: workers confirm a later generation then.
    """
    return _wait(
        reader,
        generation,
        lambda snapshot: HOLD_GONE if _has_ended(snapshot, hold) else "",
        patience,
    )


def wait_until_limited(
    reader: Reader, rule: LimitRule, generation: int, patience: float = PATIENCE
) -> Enforcement:
    """The same of a limit that was set in this generation, or reset: then ``rule`` has no limit."""
    return _wait(reader, generation, lambda snapshot: _changed_since(snapshot, rule), patience)


def _wait(
    reader: Reader, generation: int, over: Callable[[Snapshot], str], patience: float
) -> Enforcement:
    def look() -> Enforcement:
        snapshot = reader.snapshot(rates=False, jobs=False)
        if why := over(snapshot):
            return Enforcement(known=False, ended=why)
        return enforcement(snapshot, generation)

    return wait_for(
        look,
        lambda found: bool(found.late),
        lambda error: Enforcement(known=False, problem=str(error)),
        patience,
    )


def _has_ended(snapshot: Snapshot, hold: str) -> bool:
    """Whether a hold that was added is there no longer, as far as holds can be read."""
    # A replica may not have it yet.
    if snapshot.holds_problem or snapshot.server.role == "slave" or hold in snapshot.unread_holds:
        return False
    return all(_is_over(snapshot, each) for each in snapshot.holds if each.id == hold)


def _changed_since(snapshot: Snapshot, rule: LimitRule) -> str:
    """Whether another operator has set or reset a limit since, as far as limits can be read."""
    if snapshot.holds_problem or snapshot.server.role == "slave":
        return ""
    found = rule_on(rule.identity, snapshot.limits)
    if found is None:
        return "it has been reset since" if rule.limit.text else ""
    if found.operation == rule.operation and rule.limit.text:
        return ""
    return f"it has been replaced since by {found.limit.text}, {found.made}"


def _named(names: tuple[str, ...]) -> str:
    others = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + others
