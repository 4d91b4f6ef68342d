"""Jobs that are named by their ids, wherever they are, or by a filter on one location."""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import NamedTuple

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import say
from asok_console.commands.support.options import filter_to_act_on
from asok_console.commands.support.progress import ProgressMeter
from asok_console.commands.support.queue_names import known
from asok_console.presentation.text import safe
from asok_core.backends.roles import GONE, OperationResult, Reader, Scope, Watch
from asok_core.errors import AsokError, UsageError
from asok_core.inspection.job_detail import JobDetail
from asok_core.inspection.row_texts import LOCATION_TEXTS
from asok_core.jobs.states import Location
from asok_core.operations.catalog.entry import Access, CatalogOperation
from asok_core.operations.catalog.results import total_of
from asok_core.operations.inspector import on_redis, open_operator, open_reader
from asok_core.operations.preview import resolved
from asok_core.operations.search import PATIENCE
from asok_core.settings.settings import Settings

MOST_MOVED = 5
"""Jobs that have moved meanwhile of which is stated where they are."""

Home = tuple[Location, str | None, str]
"""Location, queue where the location has one for each, and hold."""


def add_arguments(
    parser: argparse.ArgumentParser, jobs: str, *, queue: bool, named: str = ""
) -> None:
    """Declare how to specify ``jobs`` (such as ``delayed jobs``); ``named``: those that ids may name."""
    parser.add_argument("id", metavar="JOB_ID", nargs="*", help=f"ids of {named or jobs}")
    parser.add_argument("--filter", metavar="FILTER", help=f"{jobs} that match")
    parser.add_argument("--all", action="store_true", help=f"all {jobs}")
    if queue:
        parser.add_argument(
            "--queue", metavar="QUEUE", help="with --filter or --all: the queue of the jobs"
        )
    bulk.add_arguments(parser, scoped=False)


def act(
    args: argparse.Namespace,
    settings: Settings,
    operation: CatalogOperation,
    allowed: Collection[Location],
) -> int:
    """Perform an operation on the jobs that are named, or on those in its location that match.

    Raises UsageError unless there are ids, a filter or ``--all``, and only one of them.
    """
    if sum((bool(args.id), args.filter is not None, args.all)) != 1:
        raise UsageError("specify exactly one of JOB_ID..., --filter, --all")
    if args.id:
        if args.dry_run:
            raise UsageError(
                "--dry-run requires --filter or --all; to show a job: asok job show JOB_ID"
            )
        return act_on_ids(args, settings, operation, allowed)
    chosen = filter_to_act_on(args.filter, operation.location)

    def scope_from(reader: Reader) -> Scope:
        queue = None
        if operation.location is Location.PENDING:
            if not args.queue:
                raise UsageError("--filter and --all require --queue QUEUE here")
            queue = known(reader, args.queue)
        return resolved(reader, operation.location, queue=queue, chosen=chosen)

    return bulk.act(args, settings, operation, scope_from)


def act_on_ids(
    args: argparse.Namespace,
    settings: Settings,
    operation: CatalogOperation,
    allowed: Collection[Location],
) -> int:
    """Perform an operation on ``args.id``. ``allowed`` are the locations in which it can act.

    A job elsewhere is refused with where it is; one that is nowhere is skipped.
    """
    settings = on_redis(settings, args.url)
    bulk.refuse_without_yes(args)
    ids = list(dict.fromkeys(args.id))
    with closing(open_reader(settings)) as reader:
        found = _found(reader, ids, allowed)
        count = sum(map(len, found.homes.values()))
        if operation.ends_lost:
            count += sum(found.nowhere.values())
        if count and (not args.yes or bulk.names_queue(operation)):
            bulk.warn(reader, operation, count, found.queues)
    asked = Scope(operation.location, ids=frozenset(ids))
    if count and not args.yes and not bulk.confirmed(settings, operation, asked, count):
        say(bulk.NOTHING_DONE)
        return 1
    done = _Done(refused=found.refused)
    with (
        closing(open_reader(settings)) as reader,
        closing(open_operator(settings)) as operator,
        ProgressMeter(operation.done) as meter,
    ):
        access = Access(reader, operator)
        _perform(operation, access, found, meter, done)
        if done.failed is None:
            _end_lost(operation, access, found, done)
    result = done.result(operation.audit_name())
    code = bulk.report(args, operation, asked, result)
    bulk.say_missing(done.missing, "JOB_ID")
    for line in done.moved:
        say(f"asok: {line}")
    for job_id in done.lost:
        say(
            f"asok: job {safe(job_id, 200)} was lost: it was in no queue, not delayed, in no trash and "
            "held by no worker; its record says so now, and its unique key is free"
        )
    if done.failed is not None:
        raise done.failed
    # Scripts rely on it that all the named jobs were there.
    return code or (1 if done.skipped else 0)


@dataclass
class _Done:
    """What was done with the named jobs, list by list."""

    refused: Counter[str]
    applied: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    operations: list[str | None] = field(default_factory=list)
    cancelled: bool = False
    missing: set[str] = field(default_factory=set)
    """Ids of which nothing is there."""
    lost: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    """A line for each job that had left its list."""
    failed: AsokError | None = None
    """Why the others were not tried."""

    def add(self, result: OperationResult) -> None:
        self.applied += result.applied
        self.refused.update(result.refused)
        self.skipped.update(result.skipped)
        self.cancelled = self.cancelled or result.cancelled
        self.operations.append(result.operation)

    def result(self, action: str) -> OperationResult:
        return OperationResult(
            action,
            self.applied,
            dict(self.skipped),
            dict(self.refused),
            self.operations[0] if len(self.operations) == 1 else None,
            self.cancelled,
            missing=frozenset(self.missing),
        )


def _perform(
    operation: CatalogOperation, access: Access, found: NamedJobs, watch: Watch, done: _Done
) -> None:
    for (location, queue, hold), each in found.homes.items():
        words = " ".join(f"id:{name}" for name in each[:3])
        scope = Scope(location, queue, frozenset(each), words=words, hold=hold)
        try:
            result = total_of(operation.perform(access, scope, watch))
        except AsokError as error:
            if not done.operations:
                raise
            # What was done in other lists before that is reported.
            done.failed = error
            return
        done.add(result)
        done.moved += _moved(access.reader, result.missing)


def _end_lost(operation: CatalogOperation, access: Access, found: NamedJobs, done: _Done) -> None:
    for job_id, has_record in found.nowhere.items():
        if not (operation.ends_lost and has_record):
            done.skipped[GONE] += 1
            done.missing.add(job_id)
            continue
        result = access.operator.cancel_lost(job_id)
        done.applied += result.applied
        done.skipped.update(result.skipped)
        if result.applied:
            done.lost.append(job_id)


def _moved(reader: Reader, ids: Collection[str]) -> Iterator[str]:
    """Where jobs are by now that have left the list in which they were found."""
    for each in sorted(ids)[:MOST_MOVED]:
        try:
            detail = reader.job(each, patience=PATIENCE)
        except AsokError:
            # What was done counts, and is reported.
            return
        if detail is not None and detail.location is not None:
            yield f"job {safe(each, 200)} {LOCATION_TEXTS[detail.location]} now"


class NamedJobs(NamedTuple):
    """Where the named jobs are."""

    homes: dict[Home, list[str]]
    nowhere: dict[str, bool]
    """Ids in no location, and whether there is a record."""
    refused: Counter[str]
    queues: Counter[str]
    """How many of those in ``homes`` belong to which queue."""


def _found(reader: Reader, ids: list[str], allowed: Collection[Location]) -> NamedJobs:
    found = NamedJobs(defaultdict(list), {}, Counter(), Counter())
    for each in ids:
        detail = reader.job(each, patience=PATIENCE)
        location = detail.location if detail else None
        if detail is None or location is None:
            found.nowhere[each] = detail is not None and detail.record is not None
        elif location not in allowed:
            found.refused[f"it {LOCATION_TEXTS[location]}"] += 1
        else:
            queue = _queue_of(detail)
            found.queues[queue] += 1
            queued = location in (Location.PENDING, Location.HELD)
            found.homes[location, queue if queued else None, detail.hold].append(each)
    return found


def _queue_of(detail: JobDetail) -> str:
    if detail.record is not None and detail.record.queue:
        return detail.record.queue
    job = detail.payload.job if detail.payload else None
    return job.queue if job else "default"
