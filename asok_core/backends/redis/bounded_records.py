"""Reading job records where nothing that another program put into one must fill a reader's memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from asok_core.backends.redis import parsing, record_replies
from asok_core.backends.redis.calls.reading import ReadRecords
from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.records import UNREADABLE
from asok_core.jobs.job import JobRecord

WHOLE = 32_768
"""Bytes up to which a value of a record or an element of a page is read whole; else its two ends."""


def read_bounded_records(
    connection: Connection,
    keys: Keys,
    job_ids: Iterable[str],
    fields: Sequence[str] = record_replies.RECORD_FIELDS,
    whole: int = WHOLE,
) -> dict[str, JobRecord]:
    """These fields of the records of many jobs in one round trip, by id; those without one are left out.

    Of a value of more than ``whole`` bytes the two ends are read, and of one that is larger still nothing.
    Raises Unreachable or Refused.
    """
    ids = list(dict.fromkeys(job_ids))
    if not ids:
        return {}
    names = [parsing.raw(keys.job(each)) for each in ids]
    replies = connection.run(ReadRecords(records=names, whole=whole, fields=fields))
    return parsed_records(ids, replies, fields)


def parsed_records(
    job_ids: Sequence[str],
    replies: Sequence[Any],
    fields: Sequence[str] = record_replies.RECORD_FIELDS,
) -> dict[str, JobRecord]:
    """The records that the script ``records`` has read, by id; those without one are left out."""
    found = {}
    for job_id, reply in zip(job_ids, replies, strict=True):
        record: JobRecord | None
        try:
            record = record_replies.record(job_id, reply, fields)
        except Exception:  # noqa: BLE001 - one record must not keep the others from being read
            record = JobRecord(job_id, UNREADABLE)
        if record is not None:
            found[job_id] = record
    return found
