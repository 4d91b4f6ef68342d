"""What a filter finds: one implementation for the console and the command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import NamedTuple

from asok_core.backends.roles import Reader
from asok_core.errors import UsageError
from asok_core.inspection.command_lines import operands
from asok_core.inspection.filters import Filter, parse, word
from asok_core.inspection.job_detail import NO_RIGHT, JobDetail
from asok_core.inspection.partial_payload import shortened
from asok_core.inspection.rows import Page, Row
from asok_core.inspection.snapshot import Snapshot
from asok_core.jobs.envelope import Payload, Trust
from asok_core.jobs.states import Location, Status
from asok_core.operations.everywhere import OPERATIONS, PAGE, AllJobs, Gaps, completed, pages

KEPT = 32_768
"""Bytes of a found job beyond which its arguments are not kept."""
PATIENCE = 30.0
"""Seconds that a command looks for a job by its id; a screen has less."""
PATIENCE_FOR_PART = 0.5
"""The same where the id looks like a part of one."""
MANY = 1000
"""Ids with the same beginning after which no more are looked for."""
MOST_READ = 20_000
"""Jobs that are read to find one whose id begins with a text, where no record has such an id."""
_UUID_BEGIN = re.compile(r"(?=.{6,35}$)[0-9a-f]{1,8}(-[0-9a-f]{0,4}){0,3}(-[0-9a-f]{0,11})?")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
STATES = ("pending", "delayed", "held", "running", "recent", "dead")


def matching(rows: Iterable[Row], chosen: Filter, now: float) -> Iterator[Row]:
    """The rows that match, as a list keeps them. They must be whole if ``chosen`` reads arguments."""
    return (shortened(row, KEPT) for row in rows if chosen.matches(row, now))


def listed(
    reader: Reader, state: str, chosen: Filter, now: float, *, queues: Sequence[str] = ()
) -> Iterator[Row]:
    """The jobs in one of the ``STATES`` that match, in the order of its list, read as they are asked for.

    ``queues`` are those whose pending jobs are listed, one after another.
    """
    whole = chosen.reads_arguments
    if state == "running":
        running = reader.running()
        rows: Iterable[Row] = (completed(reader, row) for row in running) if whole else running
    elif state == "pending":
        rows = (
            row
            for queue in queues
            for row in _scanned(reader, Location.PENDING, queue, whole=whole)
        )
    elif state == "delayed":
        rows = _scanned(reader, Location.DELAYED, whole=whole)
    elif state == "held":
        names = reader.snapshot(rates=False, jobs=False).held_lists
        rows = (row for name in names for row in _scanned(reader, Location.HELD, name, whole=whole))
    elif state == "recent":
        rows = _paged(reader.recent)
    else:
        rows = _paged(partial(reader.dead, whole=whole))
    return matching(rows, chosen, now)


def with_progress(reader: Reader, rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows, those of running jobs with what these reported of their progress last."""
    ids = [row.payload.id for row in rows if row.location is Location.ACTIVE and row.payload.id]
    records = reader.records(ids) if ids else {}
    return tuple(
        replace(row, progress=record.progress)
        if (record := records.get(row.payload.id)) and record.status == Status.RUNNING
        else row
        for row in rows
    )


def _scanned(
    reader: Reader, location: Location, queue: str | None = None, *, whole: bool
) -> Iterator[Row]:
    # Not by position, which jobs that are claimed or become due change.
    for page in reader.scan(location, queue, batch=PAGE, whole=whole):
        yield from page.readable().rows


def _paged(read: Callable[[int, int], Page]) -> Iterator[Row]:
    return chain.from_iterable(pages(read))


def by_id(reader: Reader, name: str, snapshot: Snapshot | None = None) -> JobDetail | None:
    """The job with an id, or the only one whose id begins with it; None where there is none.

    Where none is found and there may be one, its detail has ``gaps``. ``snapshot``: one taken just now.
    Raises UsageError where there are several, and where there are too many jobs to look at each.
    """
    if not name:
        raise UsageError("a job id must not be empty")
    whole = _UUID.fullmatch(name) is not None
    gaps = dict[str, None]()
    searches: list[Callable[[Reader, str, Gaps], JobDetail | None]] = [_known, _by_record]
    if _UUID_BEGIN.fullmatch(name):
        # It is most likely not a whole id, for which all lists are searched.
        searches = [_by_record, partial(_known, patience=PATIENCE_FOR_PART)]
    for search in searches[: 1 if whole else 2]:
        if (detail := search(reader, name, gaps)) is not None:
            return detail
    detail = _by_reading(reader, name, snapshot or reader.snapshot(), gaps, whole=whole)
    return detail or (JobDetail(name, None, gaps=tuple(gaps)) if gaps else None)


def _by_record(reader: Reader, name: str, gaps: Gaps) -> JobDetail | None:
    """The only job with a record whose id begins so."""
    # Keys of records have the ids: no job has to be read, of which there may be a million.
    ids = reader.ids(name, MANY)
    if ids is None:
        gaps[NO_RIGHT] = None
        return None
    if name in ids:
        ids = (name,)
    _refuse_several(ids, name)
    return reader.job(ids[0], patience=PATIENCE) if ids else None


def _by_reading(
    reader: Reader, name: str, snapshot: Snapshot, gaps: Gaps, *, whole: bool
) -> JobDetail | None:
    """The only job whose id begins so, of all that there are."""
    chosen = parse(word("id", name))
    # No other id begins with a whole one, which was looked for everywhere: only its record may be gone.
    jobs = AllJobs(reader, reader.activity(OPERATIONS))
    rows = pages(reader.recent) if whole else jobs.rows(whole=False)
    found: dict[str, Row] = {}
    for looked, row in enumerate(chain.from_iterable(rows)):
        if looked >= MOST_READ and not whole:
            _refuse_unread(name, snapshot)
        # Of an ended job whose record has expired, the id is all there is.
        bare = _name(row).startswith(name) and names_ended(row)
        if bare or chosen.matches(row, snapshot.taken_at):
            # Of a job that was edited, the trash has the original.
            found.setdefault(_name(row), row)
    if name in found:
        found = {name: found[name]}
    _refuse_several(list(found), name)
    gaps |= jobs.gaps
    for job_id, row in found.items():
        # The text of an id may be written in more than one way, of which a search by id knows one.
        return reader.job(job_id, near=row, patience=PATIENCE) or _detail_of(job_id, row)
    return None


def _known(
    reader: Reader, job_id: str, gaps: Gaps, patience: float | None = None
) -> JobDetail | None:
    """The job with exactly this id, if anything is known of it."""
    detail = reader.job(job_id, patience=PATIENCE if patience is None else patience)
    if detail is None or not detail.is_unknown:
        return detail
    gaps |= dict.fromkeys(detail.gaps)
    return None


def _refuse_unread(name: str, snapshot: Snapshot) -> None:
    total = snapshot.pending + snapshot.delayed + snapshot.active + snapshot.dead
    raise UsageError(
        f"no record of a job has an id that begins with {name!r}, and only {MOST_READ:,} of {total:,} "
        f"jobs were looked at for one without a record; type the whole id, or search all of them: "
        f"asok job find {operands(name)}"
    )


def _refuse_several(ids: Sequence[str], name: str) -> None:
    if len(ids) > 1:
        some = ", ".join(sorted(ids)[:3])
        number = f"{len(ids):,} or more" if len(ids) >= MANY else f"{len(ids):,}"
        raise UsageError(
            f"{number} jobs have ids that begin with {name!r}: {some}; type more of it"
        )


class SearchProgress(NamedTuple):
    """How far a search for a job is: jobs looked at, of how many, and those that it has just found.

    The jobs that ended last are looked at last, and are not counted.
    """

    looked: int
    rows: tuple[Row, ...] = ()
    total: int = 0
    whole: bool = False
    """Whether it reads arguments and tracebacks, for which it begins again."""
    gaps: tuple[str, ...] = ()
    """At the end: what may be missing, since it was not looked at."""


def find(reader: Reader, words: str, snapshot: Snapshot) -> Iterator[SearchProgress]:
    """Look for jobs everywhere by id, its beginning, task, error, arguments and traceback.

    The job with exactly this id comes first, and alone. Arguments and tracebacks, which take longest, are
    read only where neither an id, nor a task, nor an error matches. In the trash of the latest operations
    jobs are looked for as everywhere else. Raises Unreachable or Refused.
    """
    if not words.strip():
        raise UsageError("the text to look for must not be empty")
    detail = reader.job(words)
    if detail is not None and not detail.is_unknown:
        yield SearchProgress(1, (_row_of(detail),), 1)
        return
    met = set[str]()
    operations = reader.activity(OPERATIONS)
    everywhere = AllJobs(reader, operations)
    jobs = snapshot.pending + snapshot.delayed + snapshot.active + snapshot.dead
    total = jobs + sum(each.in_trash for each in operations)
    for names, whole in ((("id", "task", "error"), False), (("arg", "traceback"), True)):
        chosen = [parse(word(name, words)) for name in names]
        looked = 0
        for rows in everywhere.rows(whole=whole):
            found = []
            for row in rows:
                name = _name(row)
                if name not in met and any(each.matches(row, snapshot.taken_at) for each in chosen):
                    met.add(name)
                    found.append(shortened(row, KEPT))
            looked += sum(row.location is not Location.FINISHED for row in rows)
            yield SearchProgress(looked, tuple(found), max(total, looked), whole)
        yield SearchProgress(looked, (), max(total, looked), whole, tuple(everywhere.gaps))
        if met:
            return


def _name(row: Row) -> str:
    """The id of a row's job; of what is not a job its digest."""
    if row.payload.id:
        return row.payload.id
    if row.record is not None:
        return row.record.id
    finished = row.location is Location.FINISHED
    return row.payload.raw.decode("utf-8", "surrogateescape") if finished else row.key


def names_ended(row: Row) -> bool:
    """Whether the list of ended jobs names it, and it has no record."""
    return row.location is Location.FINISHED and row.record is None


def expired(row: Row | None) -> JobDetail | None:
    """What is known of an ended job without a record, which a list has shown."""
    return _detail_of(_name(row), row) if row is not None and names_ended(row) else None


def _detail_of(job_id: str, row: Row) -> JobDetail:
    """What a list shows of a job."""
    due_at = row.at if row.location is Location.DELAYED else None
    worker = row.worker.rpartition(".")[0] or None
    return JobDetail(job_id, row.record, row.location, row.payload, due_at, worker)


def _row_of(detail: JobDetail) -> Row:
    record, payload = detail.record, detail.payload
    if payload is None:
        payload = Payload(detail.id.encode("utf-8", "surrogateescape"), None, Trust.UNVERIFIED)
    queue = (payload.job.queue if payload.job else None) or (record.queue if record else None)
    return Row(0, payload, detail.location or Location.FINISHED, queue or "", detail.due_at, record)
