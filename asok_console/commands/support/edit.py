"""``asok dlq requeue --id JOB_ID --args JSON``: one dead job with other arguments."""

from __future__ import annotations

import argparse
import json
from typing import Any

from asok_console.commands.support import trust
from asok_core.errors import JobNotFound, Refused, UsageError
from asok_core.inspection.review import call_text
from asok_core.jobs.codec import check_arguments
from asok_core.jobs.job import Job
from asok_core.jobs.nesting import DEEPEST, any_too_deep
from asok_core.operations.catalog.dead_jobs import EditDead
from asok_core.settings.settings import Settings


def requeue_edited(args: argparse.Namespace, settings: Settings) -> int:
    """Requeue the dead job with the given arguments; the original goes to the trash."""
    if args.filter is not None or args.all or len(args.id or ()) != 1:
        raise UsageError("--args and --kwargs change one dead job; pass exactly one --id JOB_ID")
    if args.canary is not None or args.rate is not None:
        raise UsageError("--canary and --rate are for many dead jobs, not for one that is edited")
    positional = _given(args.args, "--args", list)
    named = _given(args.kwargs, "--kwargs", dict)
    if args.args is not None and args.kwargs is not None:
        _check(positional, named)
    return trust.act(args, settings, lambda looked: _operation(args, looked, positional, named))


def _operation(
    args: argparse.Namespace, looked: trust.ReviewedScope, positional: Any, named: Any
) -> EditDead:
    (key,) = args.id
    if looked.counted.matching > 1:
        raise Refused(
            f"{looked.counted.matching:,} dead jobs have the id {key!r}, and an edit is about one; "
            "nothing was changed"
        )
    row = next(iter(looked.counted.sample), None)
    job = row.payload.job if row is not None else None
    if row is None or job is None or row.partial:
        raise JobNotFound(f"there is no dead job {key!r} that can be read")
    positional, named = _filled(key, job, positional, named)
    _check(positional, named)
    edited = Job(job.id, job.module, job.function, tuple(positional), named)
    return EditDead(row.payload.raw, positional, named, call_text(edited))


def _check(positional: Any, named: Any) -> None:
    try:
        check_arguments(positional, named)
    except TypeError as error:
        raise UsageError(str(error)) from None


def _given(text: str | None, option: str, expected: type[Any]) -> Any:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{option} is not JSON: {error}") from None
    if not isinstance(value, expected):
        shape = "a list" if expected is list else "an object"
        raise UsageError(f"{option} must be {shape}")
    return value


def _filled(key: str, job: Job, positional: Any, named: Any) -> tuple[Any, Any]:
    if None in (positional, named) and any_too_deep((*job.args, *job.kwargs.values())):
        raise UsageError(
            f"cannot edit {key}: its arguments are nested more than {DEEPEST} levels deep; "
            "give both --args and --kwargs"
        )
    return (
        list(job.args) if positional is None else positional,
        dict(job.kwargs) if named is None else named,
    )
