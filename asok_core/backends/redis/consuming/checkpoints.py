"""Reading the checkpoint of a job: its worker resumes from it, and its supervisor looks who made it."""

from __future__ import annotations

from asok_core.backends.redis.bounded_records import read_bounded_records
from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.consuming.outcomes import stamp
from asok_core.backends.redis.keys import Keys
from asok_core.jobs.checkpoint import JobCheckpoint, is_signed
from asok_core.jobs.job import JobRecord
from asok_core.jobs.keyring import Keyring
from asok_core.jobs.oversized import MOST_READ
from asok_core.runtime.logs import safe_logger

logger = safe_logger("asok.worker")

_FIELDS = ("status", "worker", "started_at", "checkpoint")


def read_checkpoint(
    connection: Connection, keys: Keys, job_id: str, keyring: Keyring
) -> JobCheckpoint | None:
    """The last checkpoint of a job that a worker signed, or None. Raises Unreachable or Refused."""
    return _signed(_record(connection, keys, job_id), keyring)


def read_advance(
    connection: Connection, keys: Keys, job_id: str, keyring: Keyring, process: str
) -> JobCheckpoint | None:
    """The same, if the last attempt is one of ``process`` and has advanced the job by it."""
    record = _record(connection, keys, job_id)
    made = _signed(record, keyring)
    if record is None or made is None or record.worker != process:
        return None
    return made if made.started_at and made.started_at == stamp(record.started_at or 0.0) else None


def _record(connection: Connection, keys: Keys, job_id: str) -> JobRecord | None:
    found = read_bounded_records(connection, keys, (job_id,), _FIELDS, MOST_READ)
    return found.get(job_id)


def _signed(record: JobRecord | None, keyring: Keyring) -> JobCheckpoint | None:
    if record is None or record.checkpoint is None:
        return None
    if is_signed(record.id, record.checkpoint, keyring):
        return record.checkpoint
    # It may be anyone's, and a task gets it as it gets its arguments.
    logger.error(
        "Checkpoint of a job is ignored: its signature is not valid", extra={"job_id": record.id}
    )
    return None
