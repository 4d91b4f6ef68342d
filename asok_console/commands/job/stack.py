"""``asok job stack``: where the code of a running job is now."""

from __future__ import annotations

import argparse
from typing import Any

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import write_json, write_lines
from asok_console.commands.support.named_job import named_job
from asok_console.commands.support.options import whole_number
from asok_console.presentation.stack import answer_lines, frames_document
from asok_core.inspection.stacks import MOST_SAMPLES, JobStack
from asok_core.operations.inspector import open_operator
from asok_core.operations.stacks import stack_of_job
from asok_core.settings.settings import Settings

FOUND, NOT_FOUND = 0, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("id", metavar="JOB_ID", help="the id of a job, or a unique beginning of it")
    parser.add_argument(
        "--samples",
        metavar="N",
        default="1",
        help=f"take N stacks in a row, at most {MOST_SAMPLES}, and merge them [1]",
    )
    bulk.add_common(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the stack. Returns 1 where there is none. Raises JobNotFound."""
    samples = whole_number("--samples", args.samples, 1, MOST_SAMPLES)
    detail = named_job(settings, args.url, args.id)
    operator = open_operator(settings, args.url)
    try:
        found = stack_of_job(operator, detail, samples=samples)
    finally:
        operator.close()
    if args.json:
        write_json(_document(found))
    else:
        write_lines(answer_lines(found))
    return FOUND if found.samples else NOT_FOUND


def _document(found: JobStack) -> dict[str, Any]:
    return {
        "id": found.job_id,
        "process": found.process or None,
        "phase": found.phase or None,
        "seconds": found.seconds,
        "interpreter_held": found.held,
        "taken": found.taken,
        "problem": found.problem or None,
        "samples": [
            {"times": each.times, "frames": frames_document(each.stack)} for each in found.samples
        ],
    }
