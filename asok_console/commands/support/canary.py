"""``asok dlq requeue --canary N``: a few dead jobs first, the rest only if they succeed."""

from __future__ import annotations

import argparse
import math

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import result_document, say, write_json
from asok_console.commands.support.options import whole_number
from asok_core.backends.roles import OperationResult, Progress, Reader, Scope
from asok_core.inspection.phrases import counted
from asok_core.operations.canary import RATE, CanaryProgress, CanaryResult, Verdict
from asok_core.operations.catalog.dead_jobs import CanaryRequeue
from asok_core.operations.catalog.results import reported
from asok_core.operations.hazards import hazards
from asok_core.settings.settings import Settings


def requeue_carefully(args: argparse.Namespace, settings: Settings, rate: float | None) -> int:
    """Requeue with a canary. Returns 1 where it stopped by itself."""
    operation = CanaryRequeue(whole_number("--canary", args.canary, 1, 1000), rate or RATE)

    def report(scope: Scope, result: OperationResult | CanaryResult, count: int | None) -> int:
        assert isinstance(result, CanaryResult)
        if args.json:
            total = reported(result, count)
            write_json({**result_document(total), "canary": _document(result)})
            code = bulk.exit_code(total)
        else:
            code = bulk.report(args, operation, scope, result, count)
        bad = result.verdict in (Verdict.FAILED_AGAIN, Verdict.UNDECIDED)
        return code or int(bad)

    return bulk.act(args, settings, operation, report_by=report, notice=_Waiting(warns=args.yes))


class _Waiting:
    """States once what a canary waits for, and that no worker may run it: also where no bar is drawn."""

    def __init__(self, *, warns: bool) -> None:
        self._warns = warns
        self._stated = False

    def __call__(self, reader: Reader, progress: Progress) -> None:
        if self._stated or not isinstance(progress, CanaryProgress) or progress.patience is None:
            return
        self._stated = True
        jobs = counted(progress.sent, "canary job")
        say(f"waiting up to {math.ceil(progress.patience)} s for {jobs} to finish")
        # Without --yes they were stated before the question.
        for line in hazards(reader.snapshot(jobs=False), to=progress.queues) if self._warns else ():
            say(f"warning: {line}")


def _document(canary: CanaryResult) -> dict[str, object]:
    return {
        "verdict": str(canary.verdict),
        "cause": canary.error or None,
        "first": {
            "completed": canary.completed,
            "failed": canary.failed,
            "unfinished": canary.left,
        },
    }
