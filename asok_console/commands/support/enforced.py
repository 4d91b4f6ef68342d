"""What a command reports that has changed a hold or a limit: also where it is in force."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import result_document, say, write_json
from asok_console.presentation.holds import enforcement_document
from asok_console.presentation.text import safe
from asok_core.backends.roles import OperationResult, Reader, Scope
from asok_core.errors import AsokError
from asok_core.inspection.task_figures import RANGES
from asok_core.operations.catalog.entry import CatalogOperation
from asok_core.operations.enforcement import Enforcement

PATIENCE = 1.0
"""Seconds for which names of tasks are read."""


def report_enforced(
    args: argparse.Namespace,
    operation: CatalogOperation,
    scope: Scope,
    result: OperationResult,
    *,
    wait: Callable[[], Enforcement],
    listed_by: str,
    document: dict[str, Any],
) -> int:
    """Report what was changed, then whether all workers have confirmed it. Returns the exit code.

    ``wait`` waits for that. Ctrl+C ends it, and ``listed_by`` is the command that shows it later: what
    was changed must not be lost.
    """
    if not args.json:
        bulk.report(args, operation, scope, result)
    interrupted = False
    try:
        found = wait()
    except KeyboardInterrupt:
        problem = f"the wait was interrupted; see {listed_by}"
        found, interrupted = Enforcement(known=False, problem=problem), True
    if args.json:
        write_json(
            {
                **result_document(result),
                **document,
                **enforcement_document(found),
                "problem": None if found.known else found.words,
            }
        )
    else:
        say(f"asok: {safe(found.words, bulk.LONGEST_LINE)}")
    if interrupted:
        return bulk.INTERRUPTED
    return 0 if found.whole else 1


def say_unknown_task(reader: Reader, task: str) -> None:
    """Report that no job of the last day has this name, as where it is mistyped."""
    try:
        known = reader.tasks(RANGES["24h"], patience=PATIENCE).rows if task else ()
    except AsokError:
        # It is done already, and whether it is in force is what counts now.
        return
    if known and task not in {each.name for each in known}:
        hint = f"no job of task {task} ran in the last 24 hours; see asok task list --last 24h"
        say(f"asok: {safe(hint, bulk.LONGEST_LINE)}")
