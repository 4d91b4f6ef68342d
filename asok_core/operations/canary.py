"""Canary requeue: a few dead jobs first, and the rest only if those do not fail as before.

The rest follows at a steady rate. It stops by itself when the same error returns.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from asok_core.backends.roles import (
    GONE,
    OperationResult,
    Operator,
    Progress,
    Reader,
    Scope,
    Watch,
)
from asok_core.inspection.error_groups import error_group_of, normalised_error
from asok_core.inspection.rows import Row
from asok_core.jobs.envelope import UNTRUSTED
from asok_core.jobs.job import JobRecord
from asok_core.jobs.states import Status
from asok_core.operations.preview import rows_in

FIRST = 10
PATIENCE = 60.0
"""Seconds that the first jobs have to finish."""
RATE = 50.0
WATCHED = 200
OF_EACH = 25
"""Of the jobs that were sent on, at most WATCHED are watched, and at most OF_EACH of each batch."""
_PAUSE = 0.25


class Verdict(StrEnum):
    """How a canary requeue ended."""

    ALL = "all sent"
    FAILED_AGAIN = "the same error returned"
    UNDECIDED = "the first jobs did not finish in time"
    STOPPED = "stopped by the operator"
    NOTHING = "nothing to send"


@dataclass(frozen=True, slots=True)
class CanaryProgress(Progress):
    """How far it is. ``completed`` and ``failed`` are of the first jobs, of which ``sent`` were sent.

    ``patience`` are the seconds that the first jobs still have; None when the rest is being sent.
    ``queues`` counts the first jobs by queue.
    """

    sent: int
    completed: int
    failed: int
    patience: float | None = None
    queues: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CanaryResult:
    """The result. ``results`` are those of the two requeues: of the first jobs and of the rest.

    ``error`` is the error that returned; ``left`` how many of the first jobs had not finished;
    ``missing`` the ids in scope that were not there when it began.
    """

    verdict: Verdict
    results: tuple[OperationResult, ...] = ()
    completed: int = 0
    failed: int = 0
    left: int = 0
    error: str = ""
    missing: frozenset[str] = frozenset()

    @property
    def total(self) -> OperationResult:
        """All that was requeued, as one result."""
        skipped, refused = Counter[str](), Counter[str]()
        if self.results:
            # What was refused or skipped among the first jobs is counted with the rest again.
            refused.update(self.results[-1].refused)
            skipped.update(self.results[-1].skipped)
        if len(self.results) > 1:
            # The first jobs are no longer there when the rest is sent, and were not skipped.
            skipped[GONE] -= self.results[0].applied
        else:
            # The first jobs were chosen without them.
            skipped[GONE] += len(self.missing)
        return OperationResult(
            "requeue",
            sum(each.applied for each in self.results),
            {reason: n for reason, n in skipped.items() if n > 0},
            dict(refused),
            self.results[-1].operation if self.results else None,
            self.verdict is Verdict.STOPPED,
            missing=self.missing,
        )


@dataclass(slots=True)
class Canary:
    """One careful requeue of a scope. Blocks; ``watch`` may stop it at any batch."""

    reader: Reader
    operator: Operator
    first: int = FIRST
    rate: float = RATE
    patience: float = PATIENCE
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _groups_of_jobs: dict[str, str] = field(default_factory=dict)
    """Job id -> why it had failed before."""
    _queues: Counter[str] = field(default_factory=Counter)
    """How many of the first jobs belong to which queue."""

    def run(self, scope: Scope, watch: Watch | None = None) -> CanaryResult:
        """Send the oldest few, wait for them, then send the rest. Raises as ``requeue`` does."""
        first, refused, missing = self._choose(scope)
        if not first:
            nothing = OperationResult("requeue", refused=dict(refused))
            return CanaryResult(Verdict.NOTHING, (nothing,), missing=missing)
        watch = watch or _never_stop
        chosen = replace(
            scope, ids=frozenset(first), match=None, expected=None, words=f"canary {scope.words}"
        )
        # Before all that waits: behind a backlog they would not run in time.
        sent = self.operator.requeue(chosen, front=True)
        if not sent.applied:
            return CanaryResult(Verdict.NOTHING, (sent,), missing=missing)
        result = replace(self._await(first, sent, watch), missing=missing)
        if result.verdict is not Verdict.ALL:
            return result
        return self._send_rest(scope, result, watch)

    def _choose(self, scope: Scope) -> tuple[list[str], Counter[str], frozenset[str]]:
        """The ids of the first few, why others before them were left out, and those not found."""
        chosen: list[str] = []
        refused = Counter[str]()
        missing = set(scope.ids or ())
        for row in rows_in(self.reader, scope):
            missing.discard(row.key)
            # Beyond the first few only the ids are looked for.
            if len(chosen) < self.first:
                # What is not requeued shows nothing: a canary signs nothing that lacks a good signature.
                if not row.payload.id or row.payload.trust in UNTRUSTED:
                    refused[row.payload.trust.value] += 1
                else:
                    self._remember(row)
                    self._queues[row.queue] += 1
                    chosen.append(row.payload.id)
            if len(chosen) == self.first and not missing:
                break
        return chosen, refused, frozenset(missing)

    def _remember(self, row: Row) -> None:
        self._groups_of_jobs[row.payload.id] = error_group_of(row)

    def _await(self, first: Sequence[str], sent: OperationResult, watch: Watch) -> CanaryResult:
        until = self.clock() + self.patience
        while True:
            records = self.reader.records(first)
            completed = sum(each.status == Status.COMPLETED for each in records.values())
            again = self._failed_again(records)
            failed = sum(each.status == Status.FAILED for each in records.values())
            left = sent.applied - completed - failed
            result = CanaryResult(Verdict.ALL, (sent,), completed, failed, max(left, 0))
            if again:
                return replace(result, verdict=Verdict.FAILED_AGAIN, error=again)
            if left <= 0:
                return result
            patience = until - self.clock()
            if not watch(_first(result, patience, self._queues)):
                return replace(result, verdict=Verdict.STOPPED)
            if patience <= 0:
                return replace(result, verdict=Verdict.UNDECIDED)
            self.sleep(_PAUSE)

    def _failed_again(self, records: dict[str, JobRecord]) -> str:
        for job_id, record in records.items():
            if record.status in (Status.RETRYING, Status.FAILED) and record.error:
                error = normalised_error(record.error)
                if error == self._groups_of_jobs.get(job_id):
                    return error
        return ""

    def _send_rest(self, scope: Scope, so_far: CanaryResult, watch: Watch) -> CanaryResult:
        fresh: list[str] = []
        watched: list[str] = []
        again = ""

        def match(row: Row) -> bool:
            if scope.match is not None and not scope.match(row):
                return False
            if row.payload.id:
                self._remember(row)
                fresh.append(row.payload.id)
            return True

        def watch_errors(progress: Progress) -> bool:
            nonlocal again
            # A batch has hardly begun when it is reported, so some of each are kept until they end.
            records = self.reader.records(watched)
            again = self._failed_again(records)
            watched[:] = [
                each for each in watched if each in records and not records[each].finished
            ]
            watched.extend(fresh[: min(OF_EACH, WATCHED - len(watched))])
            fresh.clear()
            return watch(_progress_of_rest(so_far, progress)) and not again

        expected = scope.expected
        if expected is not None:
            expected -= so_far.results[0].applied
        rest = self.operator.requeue(
            replace(scope, match=match, expected=expected),
            watch=watch_errors,
            rate=self.rate,
        )
        verdict = Verdict.ALL
        if rest.cancelled:
            verdict = Verdict.FAILED_AGAIN if again else Verdict.STOPPED
        return replace(so_far, verdict=verdict, results=(*so_far.results, rest), error=again)


def _first(result: CanaryResult, patience: float, queues: Mapping[str, int]) -> CanaryProgress:
    (sent,) = result.results
    return CanaryProgress(
        scanned=result.completed + result.failed,
        total=sent.applied,
        applied=sent.applied,
        sent=sent.applied,
        completed=result.completed,
        failed=result.failed,
        patience=max(patience, 0.0),
        queues=queues,
    )


def _progress_of_rest(first: CanaryResult, progress: Progress) -> CanaryProgress:
    sent = first.results[0].applied
    return CanaryProgress(
        scanned=progress.scanned,
        total=progress.total,
        applied=sent + progress.applied,
        sent=sent,
        completed=first.completed,
        failed=first.failed,
    )


def _never_stop(_progress: Progress) -> bool:
    return True
