"""Why a job is held, by which hold, and what ends that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from asok_core.inspection.hold_warnings import release_command
from asok_core.inspection.holds import Hold, HoldState
from asok_core.inspection.job_case import JobCase
from asok_core.inspection.pauses import LATE, moment
from asok_core.inspection.phrases import counted, named, rough_duration
from asok_core.inspection.reason import Reason


def held(case: JobCase) -> Iterator[Reason]:
    """Why a held job does not start, and what holds up its queue besides."""
    hold_id = case.detail.hold
    found = next((each for each in case.snapshot.holds if each.id == hold_id), None)
    yield _of_hold(found or HoldState(hold_id, None, {}), case)
    yield from case.not_run()


def to_come(case: JobCase) -> Iterator[Reason]:
    """Which hold will keep a waiting job from starting. Arguments that are not shown match nothing.

    Where not all workers that serve its queue enforce it, or only those of a release, one may start it.
    """
    job = case.job
    if job is None:
        return
    yield from _not_known(case)
    for each in case.snapshot.holds:
        hold = each.hold
        if hold is None or each.ended or not hold._replace(release="").matches(job, "", case.now):
            continue
        enforced = _enforced(case, hold)
        evidence = _evidence(each) | {"in_force_on": enforced.words}
        if enforced.whole and not hold.release:
            text = f"{hold.named(case.now)} keeps it from starting when its turn comes"
            yield Reason(
                "will_be_held", text, hold.at, evidence,
                _remedy(each, case), blocking=True,
            )  # fmt: skip
            return
        where = f", on workers of release {hold.release}" if hold.release else ""
        text = f"{hold.named(case.now)} may keep it from starting when its turn comes{where}"
        yield Reason("may_be_held", text, hold.at, evidence, _remedy(each, case))
        return


def _not_known(case: JobCase) -> Iterator[Reason]:
    """That there may be a hold of which is not known whether it matches the job."""
    snapshot = case.snapshot
    unread = [each.id for each in snapshot.holds if not each.is_known]
    rules = f"this release cannot read the rule of {named(unread, 'hold')}" if unread else ""
    if problem := snapshot.holds_problem or rules:
        yield Reason("holds_not_known", f"whether a hold will keep it is not known: {problem}")


class _Enforced(NamedTuple):
    """On how many of the workers that serve a queue a hold is in force."""

    confirmed: int
    serving: int
    known: bool

    @property
    def whole(self) -> bool:
        return self.known and self.confirmed == self.serving

    @property
    def words(self) -> str:
        if not self.known:
            return "not known"
        return f"{self.confirmed} of {counted(self.serving, 'worker')} of its queue"


def _enforced(case: JobCase, hold: Hold) -> _Enforced:
    snapshot = case.snapshot
    serving = [each for each in snapshot.live_workers if case.queue in each.queues]
    confirmed = sum(snapshot.enforces(each, hold) for each in serving)
    return _Enforced(confirmed, len(serving), snapshot.knows_serving)


def _of_hold(found: HoldState, case: JobCase) -> Reason:
    ahead = case.detail.position
    evidence = _evidence(found) | ({} if ahead is None else {"held_before_it": ahead})
    hold = found.hold
    if hold is None:
        text = f"hold {found.id} keeps it, of which nothing else is known"
        remedy = release_command(found) if found.id else ""
        return Reason("held", text, None, evidence, remedy, blocking=True)
    if found.ended:
        text = f"{hold.named(case.now)} has ended, and has not returned it yet"
        return Reason("held", text, None, evidence, release_command(found), blocking=True)
    text = f"{hold.named(case.now)} keeps it from starting"
    return Reason("held", text, hold.at, evidence, _remedy(found, case), blocking=True)


def _evidence(found: HoldState) -> dict[str, str | int | float]:
    hold = found.hold
    if hold is None:
        return {"hold": found.id}
    evidence: dict[str, str | int | float] = {"hold": found.id, "jobs_of": hold.words}
    evidence["by"] = hold.by or "not known"
    if hold.reason:
        evidence["reason"] = hold.reason
    if hold.until is not None:
        evidence["until_at"] = hold.until
    return evidence


def _remedy(found: HoldState, case: JobCase) -> str:
    return _how_it_ends(found.hold, case) + release_command(found)


def _how_it_ends(hold: Hold | None, case: JobCase) -> str:
    if hold is None or hold.until is None:
        return ""
    now, snapshot = case.now, case.snapshot
    left, end = hold.until - now, moment(hold.until, now)
    if not snapshot.knows_workers:
        return f"its end is {end}; whether it has ended is not known; on the master: "
    if -left >= LATE:
        return f"its end passed {rough_duration(-left)} ago, and no worker has ended it: "
    if not any(each.ends_holds(now) for each in snapshot.workers):
        absent = snapshot.has_live_worker is False
        none = "none is registered" if absent else "none that does is known to run"
        return f"a worker of this release would return it at {end}, and {none}; now: "
    if left <= 0:
        return f"its end ({end}) has come, and a worker returns it; if none does: "
    return f"a worker returns it in {rough_duration(left)} ({end}); before that: "
