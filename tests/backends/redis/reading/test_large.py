"""Jobs of more than 32 KiB: what they are is known without reading all of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import redis

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.operating.operator import RedisOperator
from asok_core.backends.redis.reading.reader import RedisReader
from asok_core.backends.roles import Scope
from asok_core.inspection import filters
from asok_core.inspection.rows import Row
from asok_core.jobs.envelope import Trust, dead_entry, peek, seal
from asok_core.jobs.job import Job
from asok_core.jobs.keyring import Keyring
from asok_core.jobs.states import Location
from asok_core.operations.preview import preview, resolved
from tests.backends.redis.reading.seed import KEYRING, KEYS, job, push, server_time, work

BIG = "x" * 42_000
TRACEBACK = '  File "shop.py", line 1, in send\n    pay("\u00e9\\n")\n' * 300
IMITATION = {
    "args": [1], "backoff": 9, "enqueued_at": 1.5, "function": "fake", "id": "fake", "kwargs": {"a": {}},
    "module": "fake", "queue": "fake", "retries": 9, "retry_count": 9,
}  # fmt: skip
"""A job that is an argument of another, as a task that reports failures gets it."""


def framework_dead_job(each: Job, error: str, failed_at: float) -> bytes:
    fields = {
        "id": each.id, "module": each.module, "function": each.function, "args": list(each.args),
        "kwargs": dict(each.kwargs), "queue": each.queue, "retries": each.retries,
        "retry_count": each.retry_count, "backoff": each.backoff,
    }  # fmt: skip
    fields = json.loads(json.dumps(fields, sort_keys=True))
    return json.dumps(fields | {"failed_at": failed_at, "error": error}).encode()


SHAPES: dict[str, dict[str, Any]] = {
    "a long argument": {"args": (BIG,)},
    "long keyword arguments": {"args": (), "kwargs": {"body": BIG, "n": [1, {"a": []}]}},
    "both": {"args": (BIG, []), "kwargs": {"body": {"text": BIG}}},
    "a job as an argument": {"args": (BIG, IMITATION)},
    "jobs on both sides": {"args": ([IMITATION], BIG), "kwargs": {"job": IMITATION, "z": BIG}},
    "a job as text": {"args": (BIG, json.dumps(IMITATION), seal(job(7), KEYRING).decode())},
    "characters": {"args": (BIG + '\\"\u00e9\U0001f600]}, "id": "x"',)},
    "numbers": {"args": (list(range(20_000)),)},
    "our own fields": {
        "args": (BIG,), "due_at": 1.5, "timeout": 2.0, "hard_timeout": 3.0, "unique": "u", "typed": ("a",),
        "request": {"path": "/", "module": {"module": 1}}, "postponements": 2, "enqueued_at": 4.25,
    },
    "unknown fields": {"args": (BIG,), "extra": {"attempt": [1], "label": {"kwargs": {}}, "zone": 1}},
}  # fmt: skip


def buried(each: Job, error: str = "ValueError: no", **fields: Any) -> bytes:
    return dead_entry(
        seal(each, KEYRING), failed_at=1000.25, error=error, traceback=TRACEBACK, **fields
    )


ELEMENTS: dict[str, Callable[[Job], bytes]] = {
    "dead": buried,
    "dead with a long error": lambda each: buried(each, "E\u00e9\\\U0001f600" * 20_000),
    "rejected": lambda each: buried(each, rejected=True),
    "the framework's": lambda each: framework_dead_job(each, 'KeyError: "a\nb"', 77.5),
    "never signed": lambda each: dead_entry(
        framework_dead_job(each, "", 0.0), failed_at=5.0, error="the job is not signed"
    ),
    "signed by another": lambda each: dead_entry(
        seal(each, Keyring(b"another")), failed_at=6.0, error="bad signature"
    ),
    "sorted otherwise": lambda each: json.dumps(
        dict(reversed(json.loads(buried(each)).items())), indent=1
    ).encode(),
}


@pytest.fixture
def operator(redis_url: str) -> Iterator[RedisOperator]:
    operator = RedisOperator(Endpoint(redis_url), KEYS, KEYRING, who="ann@desk")
    yield operator
    operator.close()


def elements(client: redis.Redis, key: str) -> list[bytes]:
    found = client.lrange(key, 0, -1)
    return [each if isinstance(each, bytes) else each.encode() for each in found]


def identity(row: Row) -> tuple[object, ...]:
    payload, about = row.payload, row.payload.job
    assert about is not None
    error = (payload.error or "")[:50]
    return (row.key, row.queue, payload.failed_at, error, about.task, about.retries, about.retry_count,
            about.backoff, about.enqueued_at)  # fmt: skip


scripts_alone = pytest.mark.only_form("scripts")
"""Plain commands read a large job whole: no part of it is left out."""


@scripts_alone
@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_what_a_dead_job_is_is_known_however_large_it_is(
    reader: RedisReader, redis_client: redis.Redis, shape: str, element: str
) -> None:
    many = [job(n, "high", retries=4, **SHAPES[shape]) for n in range(3)]
    redis_client.lpush(KEYS.dead, *(ELEMENTS[element](each) for each in many))
    listed, whole = reader.dead(0, 9).rows, reader.dead(0, 9, whole=True).rows
    assert [identity(row) for row in listed] == [identity(row) for row in whole]
    assert len({row.key for row in listed}) == 3
    assert all(row.partial for row in listed)
    assert not any(row.partial for row in whole)
    if whole[0].payload.trust is Trust.UNSIGNED:
        assert listed[0].payload.trust is Trust.UNSIGNED
    snapshot = reader.snapshot()
    assert snapshot.oldest_dead_at == whole[0].payload.failed_at
    assert (snapshot.cost.reply_bytes or 0) < 60_000


@scripts_alone
@pytest.mark.parametrize("shape", SHAPES)
def test_what_waits_and_runs_is_known_however_large_it_is(
    reader: RedisReader, redis_client: redis.Redis, shape: str
) -> None:
    first = replace(job(1, "high", **SHAPES[shape]), enqueued_at=1.5)
    push(redis_client, first)
    redis_client.zadd(KEYS.delayed, {seal(replace(first, id="later"), KEYRING): 50.0})
    work(redis_client, "w", "high")
    redis_client.lpush(KEYS.active("w.1", "high"), seal(replace(first, id="running"), KEYRING))
    rows = [*reader.pending("high", 0, 5).rows, *reader.delayed(0, 5).rows, *reader.running()]
    assert [row.key for row in rows] == ["job-1", "later", "running"]
    assert all(
        row.partial and row.payload.job and row.payload.job.task == first.task for row in rows
    )
    (queue,) = (each for each in reader.snapshot().queues if each.name == "high")
    assert queue.oldest_at == 1.5


def bare(**fields: object) -> bytes:
    known = {"args": [BIG], "id": "a", "kwargs": {}, "module": "m", "function": "f"}
    return json.dumps(known | fields).encode()


UNREADABLE = {
    "bytes": b"\xff" * 60_000,
    "cut off": b'{"v": 1, "job": "{\\"args\\": [' + b"y" * 60_000,
    "too deep": b'{"v": 1, "job": "' + b"[" * 60_000 + b'"}',
    "half a character as id": bare(id="\ud800"),
    "a long id": bare(id="i" * 200),
    "retries": bare(retries="x"),
    "no arguments": bare(args=None),
}


@pytest.mark.parametrize("raw", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_not_a_job_is_distinguished_and_purged_by_its_digest(
    reader: RedisReader, operator: RedisOperator, redis_client: redis.Redis, raw: bytes
) -> None:
    redis_client.lpush(KEYS.dead, raw, raw + b" ")
    rows = reader.dead(0, 9).rows
    assert [row.payload.trust for row in rows] == [Trust.MALFORMED] * 2
    assert rows[0].key != rows[1].key
    assert [row.key for row in rows] == [row.key for row in reader.dead(0, 9, whole=True).rows]
    result = operator.purge(Scope(Location.DEAD, ids=frozenset({rows[1].key})))
    assert (result.applied, result.skipped) == (1, {})
    assert elements(redis_client, KEYS.dead) == [raw + b" "]


def test_a_large_dead_job_is_requeued_and_purged_by_its_key(
    reader: RedisReader, operator: RedisOperator, redis_client: redis.Redis
) -> None:
    many = [job(n, "high", args=(BIG, n)) for n in range(4)]
    redis_client.lpush(KEYS.dead, *map(buried, many))
    rows = reader.dead(0, 9).rows
    done = operator.requeue(Scope(Location.DEAD, ids=frozenset({rows[0].key})))
    assert (done.applied, done.skipped, done.refused) == (1, {}, {})
    gone = operator.purge(Scope(Location.DEAD, ids=frozenset({rows[3].key})))
    assert (gone.applied, gone.skipped, gone.refused) == (1, {}, {})
    assert [peek(raw).id for raw in elements(redis_client, KEYS.dead)] == ["job-2", "job-1"]
    (queued,) = elements(redis_client, KEYS.queue("high"))
    assert (peek(queued).job or job(9)).args == (BIG, 3)


@pytest.mark.parametrize("words", ["needle", "arg:needle", "task:send error:ValueError arg:needle"])
def test_a_filter_finds_large_jobs_by_their_arguments(
    reader: RedisReader, redis_client: redis.Redis, words: str
) -> None:
    many = [job(n, args=(BIG, ["needle"] if n == 2 else n, BIG)) for n in range(4)]
    redis_client.lpush(KEYS.dead, *map(buried, many))
    chosen = filters.parse(words)
    counted = preview(reader, resolved(reader, Location.DEAD, chosen=chosen))
    assert (counted.matching, counted.trusts) == (1, {Trust.SIGNED: 1})
    assert counted.sample[0].key == "job-2"


def test_the_newest_of_a_snapshot_freezes_what_all_dead_jobs_are(
    reader: RedisReader, operator: RedisOperator, redis_client: redis.Redis
) -> None:
    # The clock of the program that added them is ahead, so that only the newest element says where to end.
    now = server_time(redis_client)
    for size in (10, 10_000, 100_000):
        early = [
            dead_entry(seal(job(n, args=("x" * size,)), KEYRING), failed_at=now + 900, error="E")
            for n in range(5)
        ]
        redis_client.lpush(KEYS.dead, *early[:3])
        snapshot = reader.snapshot()
        redis_client.lpush(KEYS.dead, *early[3:])
        scope = Scope(
            Location.DEAD,
            before=snapshot.taken_at,
            limit=snapshot.dead,
            boundary=snapshot.dead_head,
        )
        assert operator.purge(scope).applied == 3
        redis_client.delete(KEYS.dead)
