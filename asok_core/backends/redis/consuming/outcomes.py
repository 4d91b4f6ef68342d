"""What a process has done with the jobs that it claimed, as values and as rows of a cycle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from asok_core.backends.redis.calls.cycle import (
    CompletedGroup,
    CompletedJob,
    Settlement,
)
from asok_core.backends.redis.flags import EndedFlag, OutcomeFlag
from asok_core.jobs.job import RECORD_TTL

Verb = Literal["complete", "retry", "fail", "reject", "cancel", "return", "postpone", "hold"]


@dataclass(slots=True)
class Claim:
    """An envelope that this process has claimed. ``queue`` is the one it was taken from.

    ``ended_before`` is whether its job has ended before: see ``Consumer.look_up``.
    """

    queue: str
    envelope: bytes
    ended_before: EndedFlag = field(default=EndedFlag.NO, compare=False)


DEAD_JOB = b"="


@dataclass(slots=True)
class Outcome:
    """How a claimed job ended, ready for the script. Texts are as the record will hold them.

    ``moved`` is the envelope to delay (retry, postpone) or the dead job (fail, reject); ``delay`` is
    in seconds; ``run_us`` and ``wait_us`` are microseconds. ``started_at`` and ``finished_at`` are epoch
    seconds, 0 for none: a ``complete`` has both, and a ``return`` without ``started_at`` writes no record.
    ``result``, ``result_type``, ``result_error`` and ``kept`` are of a ``complete``. ``error`` is the
    traceback, ``error_line`` the error in one line. ``notice`` is the dead job for which another
    process is to call its failure hooks (``DEAD_JOB``: what is ``moved``).
    ``kept`` is for how many seconds the record of a completed job stays; one without ``result`` and
    ``result_error`` is of a job whose result is not to be kept. ``in_doubt``: it
    was sent, and there was no reply. ``stack`` is where the code was when its process was about to end.
    ``note`` says why it is retried or not, where the number of retries alone does not; of a ``hold`` it is
    the id of that. ``interrupted``: an attempt ended that had neither completed nor failed.
    """

    verb: Verb
    claim: Claim
    id: str = ""
    task: str = ""
    retries: int = 0
    retry_count: int = 0
    unique: str = ""
    started_at: float = 0.0
    finished_at: float = 0.0
    run_us: int = 0
    wait_us: int = 0
    error: str = ""
    result: str = ""
    result_type: str = ""
    result_error: str = ""
    moved: bytes = b""
    delay: float = 0.0
    error_line: str = ""
    notice: bytes = b""
    kept: float = RECORD_TTL
    in_doubt: bool = False
    stack: str = ""
    note: str = ""
    interrupted: bool = False

    def noted(self, note: str) -> Outcome:
        """This outcome, with a note."""
        self.note = note
        return self


@dataclass(slots=True)
class JobStart:
    """A job that has begun; or, ``returnable``, one that came by the idle wait and asks to begin.

    Of the latter nothing but the claim is needed: its record is not written yet.
    """

    claim: Claim
    id: str = ""
    task: str = ""
    retries: int = 0
    retry_count: int = 0
    started_at: float = 0.0
    returnable: bool = False


def is_settled(outcome: Outcome, flag: int) -> bool:
    """Whether the reply to an outcome is that it is settled. It then has the verb that Redis settled."""
    if flag == OutcomeFlag.CANCELLED:
        outcome.verb = "cancel"
        return True
    return flag == OutcomeFlag.SETTLED


def stamp(moment: float) -> str:
    """Epoch seconds as records hold them; '' for 0, which is none."""
    return f"{moment:.6f}" if moment else ""


def rows_of(outcomes: Sequence[Outcome]) -> list[CompletedGroup | CompletedJob | Settlement]:
    """Outcomes as ``settle.lua`` and ``complete.lua`` read them, in their order."""
    rows: list[CompletedGroup | CompletedJob | Settlement] = []
    for alike, members in groupby(outcomes, _what_a_group_has):
        if alike is None:
            rows += map(_settlement, members)
        else:
            completed = list(members)
            rows.append(_group(completed))
            rows += map(_completed, completed)
    return rows


def _what_a_group_has(outcome: Outcome) -> tuple[object, ...] | None:
    """What completed jobs of one group have in common; None for other outcomes."""
    if outcome.verb != "complete":
        return None
    return (
        outcome.task,
        outcome.claim.queue,
        outcome.retries,
        outcome.retry_count,
        outcome.kept,
        outcome.unique,
        outcome.result_type,
        outcome.result_error,
        outcome.started_at if outcome.retry_count else 0,
    )


def _group(members: Sequence[Outcome]) -> CompletedGroup:
    first = members[0]
    return CompletedGroup(
        verb="complete",
        jobs=len(members),
        queue=first.claim.queue,
        task=first.task,
        retries=first.retries,
        retry_count=first.retry_count,
        kept=math.ceil(first.kept),
        unique=first.unique,
        result_type=first.result_type,
        result_error=first.result_error,
        started_at=stamp(first.started_at) if first.retry_count else "",
    )


def _completed(outcome: Outcome) -> CompletedJob:
    end = outcome.finished_at
    return CompletedJob(
        envelope=outcome.claim.envelope,
        id=outcome.id,
        finished_at=f"{end:.6f}",
        lasted_us=int(end * 1e6 + 0.5) - int(outcome.started_at * 1e6 + 0.5),
        run_us=outcome.run_us,
        wait_us=outcome.wait_us,
        result=outcome.result,
    )


def _settlement(outcome: Outcome) -> Settlement:
    return Settlement(
        verb=outcome.verb,
        queue=outcome.claim.queue,
        envelope=outcome.claim.envelope,
        id=outcome.id,
        moved=outcome.moved,
        delay=repr(outcome.delay),
        unique=outcome.unique,
        task=outcome.task,
        retries=outcome.retries,
        retry_count=outcome.retry_count,
        started_at=stamp(outcome.started_at),
        finished_at=stamp(outcome.finished_at),
        error=outcome.error,
        run_us=outcome.run_us,
        wait_us=outcome.wait_us,
        error_line=outcome.error_line,
        notice=outcome.notice,
        stack=outcome.stack,
        note=outcome.note,
        interrupted=int(outcome.interrupted),
    )
