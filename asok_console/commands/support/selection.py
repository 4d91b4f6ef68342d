"""Jobs that are named by their ids, wherever they are, or by a filter on one place."""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Collection

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import say
from asok_console.commands.support.progress import Meter
from asok_console.commands.support.queue_names import known
from asok_console.presentation.text import safe
from asok_core.backends.roles import CommandResult, Reader, Scope
from asok_core.errors import UsageError
from asok_core.inspection import filters
from asok_core.inspection.snapshot import JobDetail
from asok_core.jobs.states import Location
from asok_core.operations.inspector import on_redis, open_operator, open_reader
from asok_core.operations.preview import frozen
from asok_core.operations.search import PATIENCE
from asok_core.settings.settings import Settings

Home = tuple[Location, str | None]

STANDS = {
    Location.PENDING: "it is pending",
    Location.DELAYED: "it is delayed",
    Location.ACTIVE: "a worker has claimed it",
    Location.DEAD: "it is a dead job",
    Location.TRASH: "it is in the trash",
    Location.FINISHED: "it has finished",
}
"""Why a job is not acted on where it is."""


def add_arguments(parser: argparse.ArgumentParser, jobs: str, *, queue: bool) -> None:
    """Declare how to say which ``jobs`` (such as ``delayed jobs``)."""
    parser.add_argument("id", nargs="*", help=f"ids of {jobs}")
    parser.add_argument("--filter", metavar="WORDS", help=f"{jobs} that answer to the filter")
    parser.add_argument("--all", action="store_true", help=f"all {jobs}")
    if queue:
        parser.add_argument("--queue", help="with --filter or --all: the queue to look in")
    bulk.add_arguments(parser, scoped=False)


def act(
    args: argparse.Namespace,
    settings: Settings,
    command: bulk.BulkCommand,
    allowed: Collection[Location],
) -> int:
    """Carry out a deed on the jobs that the words say, in ``command.location`` unless they are named.

    Raises UsageError unless there are ids, a filter or ``--all``, and only one of them.
    """
    if sum((bool(args.id), args.filter is not None, args.all)) != 1:
        raise UsageError("say which: ID..., --filter WORDS or --all, and only one of them")
    if args.id:
        if args.dry_run:
            raise UsageError(
                "--dry-run goes with --filter or --all; see a job by: asok job show ID"
            )
        return act_on_ids(args, settings, command, allowed)
    wanted = filters.parse(args.filter) if args.filter is not None else None
    if wanted is not None and not wanted:
        raise UsageError("--filter is empty; --all means all of them")

    def scope_from(reader: Reader) -> Scope:
        queue = None
        if command.location is Location.PENDING:
            if not args.queue:
                raise UsageError("say in which queue: --queue QUEUE")
            queue = known(reader, args.queue)
        return frozen(reader, command.location, queue=queue, chosen=wanted)

    return bulk.act(args, settings, command, scope_from)


def act_on_ids(
    args: argparse.Namespace,
    settings: Settings,
    command: bulk.BulkCommand,
    allowed: Collection[Location],
) -> int:
    """Carry out a deed on ``args.id``. ``allowed`` are the places it can act on.

    A job elsewhere is refused with where it is; one that is nowhere is skipped.
    """
    settings = on_redis(settings, args.url)
    bulk.refuse_without_yes(args)
    ids = list(dict.fromkeys(args.id))
    reader = open_reader(settings)
    try:
        homes, nowhere, refused = _sorted_by_home(reader, ids, allowed)
        count = sum(map(len, homes.values()))
        if command.lost is not None:
            count += sum(nowhere.values())
        if count and not args.yes:
            bulk.warn(
                reader, command, {queue or "": len(found) for (_, queue), found in homes.items()}
            )
    finally:
        reader.close()
    if count and not args.yes and not bulk.confirmed(settings, command, count):
        say("nothing was done")
        return 1
    skipped = Counter[str]()
    applied, operations, cancelled = 0, [], False
    lost: list[str] = []
    operator = open_operator(settings)
    try:
        with Meter(command.done) as meter:
            for (location, queue), found in homes.items():
                words = " ".join(f"id:{each}" for each in found[:3])
                scope = Scope(location, queue, frozenset(found), words=words)
                result = command.perform(operator, scope, meter)
                applied += result.applied
                refused.update(result.refused)
                skipped.update(result.skipped)
                cancelled = cancelled or result.cancelled
                operations.append(result.operation)
            for job_id, has_record in nowhere.items():
                if command.lost is None or not has_record:
                    skipped["not found"] += 1
                    continue
                result = command.lost(operator, job_id)
                applied += result.applied
                skipped.update(result.skipped)
                if result.applied:
                    lost.append(job_id)
    finally:
        operator.close()
    operation = operations[0] if len(operations) == 1 else None
    result = CommandResult(
        command.verb, applied, dict(skipped), dict(refused), operation, cancelled
    )
    code = bulk.report(args, command, result)
    for job_id in lost:
        say(
            f"asok: job {safe(job_id, 200)} was lost: it was in no queue, not delayed, in no trash and "
            "held by no worker; its record says so now, and its unique key is free"
        )
    # A job that was named and not met is what the caller wants to hear of.
    return code or (1 if skipped else 0)


def _sorted_by_home(
    reader: Reader, ids: list[str], allowed: Collection[Location]
) -> tuple[dict[Home, list[str]], dict[str, bool], Counter[str]]:
    """Ids by their homes, ids in no place (and whether there is a record), and those that are refused."""
    homes: dict[Home, list[str]] = defaultdict(list)
    nowhere: dict[str, bool] = {}
    refused = Counter[str]()
    for each in ids:
        detail = reader.job(each, patience=PATIENCE)
        location = detail.location if detail else None
        if detail is None or location is None:
            nowhere[each] = detail is not None and detail.record is not None
        elif location not in allowed:
            refused[STANDS[location]] += 1
        else:
            queue = _queue_of(detail) if location is Location.PENDING else None
            homes[location, queue].append(each)
    return homes, nowhere, refused


def _queue_of(detail: JobDetail) -> str:
    if detail.record is not None and detail.record.queue:
        return detail.record.queue
    job = detail.payload.job if detail.payload else None
    return job.queue if job else "default"
