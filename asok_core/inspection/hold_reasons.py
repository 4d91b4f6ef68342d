"""Why a job is held, by which hold, and what ends that."""

from __future__ import annotations

from collections.abc import Iterator

from asok_core.inspection.command_lines import operands
from asok_core.inspection.holds import HoldState
from asok_core.inspection.job_case import JobCase
from asok_core.inspection.pauses import moment
from asok_core.inspection.phrases import rough_duration
from asok_core.inspection.reason import Reason


def held(case: JobCase) -> Iterator[Reason]:
    """Why a held job does not start, and what holds up its queue besides."""
    hold_id = case.detail.hold
    found = next((each for each in case.snapshot.holds if each.id == hold_id), None)
    yield _of_hold(found or HoldState(hold_id, None, {}), case)
    yield from case.not_run()


def to_come(case: JobCase) -> Iterator[Reason]:
    """Which hold will keep a waiting job from starting. Arguments that are not shown match nothing."""
    job = case.job
    if job is None:
        return
    for each in case.snapshot.holds:
        hold = each.hold
        if hold is None or each.ended or hold.release or not hold.matches(job, "", case.now):
            continue
        text = f"hold {each.id} keeps it from starting when its turn comes{hold.about(case.now)}"
        yield Reason(
            "will_be_held", text, hold.at, _evidence(each), _remedy(each, case.now), blocking=True,
        )  # fmt: skip
        return


def _of_hold(found: HoldState, case: JobCase) -> Reason:
    ahead = case.detail.position
    evidence = _evidence(found) | ({} if ahead is None else {"held_before_it": ahead})
    hold = found.hold
    if hold is None:
        text = f"hold {found.id} keeps it, of which nothing else is known"
        remedy = _release(found) if found.id else ""
        return Reason("held", text, None, evidence, remedy, blocking=True)
    if found.ended:
        text = f"hold {found.id} has ended{hold.about(case.now)}, and has not returned it yet"
        return Reason("held", text, None, evidence, _release(found), blocking=True)
    text = f"hold {found.id} keeps it from starting{hold.about(case.now)}"
    return Reason("held", text, hold.at, evidence, _remedy(found, case.now), blocking=True)


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


def _remedy(found: HoldState, now: float) -> str:
    until = found.hold.until if found.hold else None
    if until is None:
        return _release(found)
    left = f"in {rough_duration(until - now)} ({moment(until, now)})" if until > now else "now"
    return f"a worker returns it {left}; before that: {_release(found)}"


def _release(found: HoldState) -> str:
    return f"asok hold release {operands(found.id)}"
