"""``asok note write``: ``EditNote`` of the catalogue."""

from __future__ import annotations

import argparse
from contextlib import closing

from asok_console.commands.support import bulk
from asok_console.commands.support.named_job import known_job
from asok_console.commands.support.queue_names import known
from asok_console.presentation.text import safe
from asok_core.backends.roles import Reader, Scope
from asok_core.errors import UsageError
from asok_core.inspection.error_groups import ErrorGroups, normalised_error
from asok_core.inspection.notes import (
    LONGEST_NOTE,
    NoteSubject,
    cleaned,
    on_error,
    on_job,
    on_queue,
)
from asok_core.jobs.states import Location
from asok_core.operations.catalog.notes import EditNote
from asok_core.operations.inspector import on_redis, open_reader
from asok_core.operations.preview import resolved, rows_in
from asok_core.settings.settings import Settings

OPERATIONS = (EditNote,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "text",
        metavar="TEXT",
        help=f"the note, at most {LONGEST_NOTE} characters; '' removes the note",
    )
    parser.add_argument("--job", metavar="JOB_ID", help="on this job")
    parser.add_argument("--queue", metavar="QUEUE", help="on this queue")
    parser.add_argument("--error", metavar="ERROR", help="on the dead jobs with this error")
    bulk.add_common(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Write the note. Raises UsageError, or JobNotFound, for a subject that there is not."""
    if sum(each is not None for each in (args.job, args.queue, args.error)) != 1:
        raise UsageError("specify exactly one of --job, --queue, --error")
    text = cleaned(args.text)
    settings = on_redis(settings, args.url)
    with closing(open_reader(settings)) as reader:
        subject = _noted(reader, args) if not text else None
        operation = EditNote(subject or _subject(reader, args), text)
    scope = Scope(operation.location)
    return bulk.report(args, operation, scope, bulk.perform(settings, operation, scope))


def _noted(reader: Reader, args: argparse.Namespace) -> NoteSubject | None:
    """The subject by its exact name, if there is a note on it: the note may be all that is left of it."""
    subject = (
        on_job(args.job)
        if args.job is not None
        else on_queue(args.queue)
        if args.queue is not None
        else on_error(normalised_error(args.error))
    )
    return subject if reader.notes().readable().on(subject) is not None else None


def _subject(reader: Reader, args: argparse.Namespace) -> NoteSubject:
    if args.queue is not None:
        return on_queue(known(reader, args.queue))
    if args.error is not None:
        return on_error(_known_error(reader, args.error))
    detail = known_job(reader, args.job)
    return on_job(detail.id, detail.task)


def _known_error(reader: Reader, error: str) -> str:
    """The error of the group, as it is listed. Raises UsageError where no dead job has it."""
    reader.dead(0, 1).readable()
    errors = ErrorGroups()
    errors.add(rows_in(reader, resolved(reader, Location.DEAD)))
    key = normalised_error(error).casefold()
    for group in errors.groups():
        if not group.is_rest and group.error.casefold() == key:
            return group.error
    raise UsageError(
        f"no dead job has the error {safe(repr(error), 200)}; asok dlq groups lists the errors"
    )
