"""Where the thread that watches for results listens: the channels of jobs, and their records."""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Iterable, Iterator
from typing import Any, Self

from asok_core.backends.redis.bounded_records import read_bounded_records
from asok_core.backends.redis.connection import Connection, Endpoint
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.master import CONNECT_TIMEOUT
from asok_core.backends.redis.producing.deadlocks import Deadlocks
from asok_core.backends.redis.records import UNREADABLE
from asok_core.errors import Refused
from asok_core.jobs.job import JobRecord
from asok_core.jobs.states import FINAL
from asok_core.runtime.logs import safe_logger

logger = safe_logger("asok.background")

BATCH = 500
"""Jobs of one command."""


def wait_for_any(sources: Iterable[Any], timeout: float) -> set[int]:
    """Wait until one of some files can be read: those that can."""
    if not hasattr(select, "poll"):
        # eventlet removes it, and its own select() lets other green threads run meanwhile.
        readable, _, _ = select.select(list(sources), (), (), timeout)
        return {each if isinstance(each, int) else each.fileno() for each in readable}
    # Not select(): it knows no file above 1023, and a web server may have more than that.
    poll = select.poll()
    for each in sources:
        poll.register(each, select.POLLIN)
    return {file for file, _ in poll.poll(timeout * 1000)}


def is_too_large(record: JobRecord) -> bool:
    """Whether a record was too large to be read: whether the job has ended cannot be known from it."""
    return record.status == UNREADABLE and record.error is not None


class Listener:
    """Two connections for the thread: one subscribes, one reads records.

    A user who may not subscribe (ACL) gets results by looking alone.
    """

    def __init__(
        self, endpoint: Endpoint, keys: Keys, longest_record: int, ear: socket.socket
    ) -> None:
        self._endpoint = endpoint
        self._keys = keys
        self._longest_record = longest_record
        self._ear = ear
        self._channels: dict[bytes, str] = {}
        self._deaf = False
        self._reader: Connection = endpoint.connect(name="asok-results")
        try:
            self._subscriber = endpoint.connect(reply_timeout=CONNECT_TIMEOUT, name="asok-results")
        except BaseException:
            self._reader.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()
        self._subscriber.close()

    def follow(self, job_ids: Iterable[str]) -> None:
        """Subscribe to the channels of jobs. ``receive`` returns each once it is subscribed."""
        ids = list(job_ids)
        for start in range(0, len(ids), BATCH):
            channels = {self._keys.done(each).encode(): each for each in ids[start : start + BATCH]}
            self._channels.update(channels)
            self._send("SUBSCRIBE", channels)

    def receive(self, timeout: float) -> set[str]:
        """Wait for news: the ids of jobs whose records are to be read. Empty when the bell rang."""
        ids = set(self._received())
        if not ids:
            ready = wait_for_any(self._sources(), timeout)
            if self._ear.fileno() in ready:
                self._ear.recv(4096)
            ids.update(self._received())
        return ids

    @property
    def connection(self) -> Connection:
        """The connection that reads."""
        return self._reader

    def check_deadlocks(self, deadlocks: Deadlocks | None) -> None:
        """Look for waits that have no end."""
        if deadlocks is not None:
            with contextlib.suppress(Refused):  # such as an ACL: then nothing is found
                deadlocks.check(self._reader)

    def read(
        self, job_ids: Iterable[str]
    ) -> tuple[dict[str, JobRecord | None], dict[str, JobRecord]]:
        """The records of the jobs that are finished (None where it is gone), and of the others."""
        finished: dict[str, JobRecord | None] = {}
        unfinished: dict[str, JobRecord] = {}
        ids = list(job_ids)
        for start in range(0, len(ids), BATCH):
            batch = ids[start : start + BATCH]
            records = read_bounded_records(
                self._reader, self._keys, batch, whole=self._longest_record
            )
            for job_id in batch:
                record = records.get(job_id)
                if record is None or record.status in FINAL or is_too_large(record):
                    finished[job_id] = record
                else:
                    unfinished[job_id] = record
        if finished:
            channels = [self._keys.done(each).encode() for each in finished]
            for channel in channels:
                self._channels.pop(channel, None)
            self._send("UNSUBSCRIBE", channels)
        return finished, unfinished

    def _send(self, command: str, channels: Iterable[bytes]) -> None:
        if not self._deaf:
            self._subscriber.send(command, *channels)

    def _sources(self) -> list[Any]:
        file = None if self._deaf else self._subscriber.file
        return [self._ear] if file is None else [self._ear, file]

    def _received(self) -> Iterator[str]:
        try:
            while not self._deaf and self._subscriber.readable():
                kind, channel, _ = self._subscriber.read()
                # Once subscribed nothing is missed, so that is the moment for the first look.
                if kind in (b"subscribe", b"message") and channel in self._channels:
                    yield self._channels[channel]
        except Refused as error:
            self._deaf = True
            logger.warning("Results of jobs may take a second longer: %s", error)
