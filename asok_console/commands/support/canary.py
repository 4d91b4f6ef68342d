"""``asok dlq requeue --canary N``: a few first, the rest only if they go well."""

from __future__ import annotations

import argparse

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import result_document, say, write_json
from asok_console.commands.support.options import whole_number
from asok_console.presentation.text import safe
from asok_core.backends.roles import CommandResult, Operator, Scope, Watch
from asok_core.jobs.states import Location
from asok_core.operations.canary import RATE, Canary, CanaryResult, Verdict
from asok_core.operations.inspector import on_redis, open_reader
from asok_core.settings.settings import Settings


def requeue_carefully(args: argparse.Namespace, settings: Settings, rate: float | None) -> int:
    """Requeue with a canary. Returns 1 where it stopped by itself."""
    first = whole_number("--canary", args.canary, 1, 1000)
    settings = on_redis(settings, args.url)
    bulk.refuse_without_yes(args)
    reader = open_reader(settings)
    results: list[CanaryResult] = []

    def perform(operator: Operator, scope: Scope, watch: Watch) -> CommandResult:
        canary = Canary(reader, operator, first=first, rate=rate or RATE)
        results.append(canary.run(scope, watch))
        return results[0].total

    command = bulk.BulkCommand(
        "requeue", "requeued", "dead letter", Location.DEAD, perform, returns=True
    )
    try:
        return bulk.act(
            args, settings, command, tell=lambda result: _tell(args, command, results, result)
        )
    finally:
        reader.close()


def _tell(
    args: argparse.Namespace,
    command: bulk.BulkCommand,
    results: list[CanaryResult],
    result: CommandResult,
) -> int:
    canary = results[0]
    outcome = {
        "verdict": str(canary.verdict),
        "cause": canary.cause or None,
        "first": {
            "completed": canary.completed,
            "failed": canary.failed,
            "unfinished": canary.left,
        },
    }
    if args.json:
        write_json({**result_document(result), "canary": outcome})
        code = bulk.exit_code(result)
    else:
        code = bulk.report(args, command, result)
        say(f"canary: {canary.verdict}{': ' + safe(canary.cause, 300) if canary.cause else ''}")
    bad = canary.verdict in (Verdict.FAILED_AGAIN, Verdict.UNDECIDED)
    return code or (1 if bad else 0)
