"""Snapshots of a Redis with arbitrary values of any type under our keys."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from asok_core.jobs.states import Location
from asok_core.operations.inspector import open_reader
from asok_core.settings.settings import Settings
from tests.conftest import SECRET_KEY
from tests.fuzz import material as some

NAMES = (
    *("queue", "queue:high", "delayed_tasks", "dlq", "workers", "worker:w", "queues", "paused"),
    *("recent", "audit", "active:w.1:default", "job:j1", "crashes:j1", "trash:o1", "operation:o1"),
    *("stats:default:1700000000", "waits", "unique:k", "notices:default", "suspects", "pauses"),
)
WRITES = ("list", "set", "zset", "hash", "string", "stream")
write = st.tuples(
    st.sampled_from(NAMES),
    st.sampled_from(WRITES),
    st.lists(some.elements | some.scalars, min_size=1, max_size=4),
    st.sampled_from([0.0, -1.0, 1e300, float("inf"), 1.7e9, 9e15]),
)


def put(client: Any, name: str, kind: str, parts: list[bytes], score: float) -> None:
    """Write an arbitrary value."""
    key = f"asok:{name}"
    try:
        if kind == "list":
            client.lpush(key, *parts)
        elif kind == "set":
            client.sadd(key, *parts)
        elif kind == "zset":
            client.zadd(key, dict.fromkeys(parts, score))
        elif kind == "hash":
            client.hset(key, mapping=dict(zip(FIELDS, parts * len(FIELDS), strict=False)))
        elif kind == "string":
            client.set(key, parts[0])
        else:
            client.xadd(key, dict(zip(FIELDS, parts * len(FIELDS), strict=False)))
    except Exception as error:
        # The key already has another type.
        if "WRONGTYPE" not in str(error):
            raise


FIELDS = (
    *("status", "function", "queue", "ts", "result", "error", "worker", "started_at", "run_us"),
    *(
        "host",
        "pid",
        "queues",
        "concurrency",
        "processes",
        "beat_at",
        "running",
        "slots",
        "attempts",
    ),
    *(
        "moves",
        "enqueued",
        "completed",
        "failed",
        "run_b3",
        "at",
        "who",
        "action",
        "operation",
        "applied",
    ),
)


def snapshots(client: Any, url: str) -> Any:
    """The property, for one server."""
    settings = Settings.load(
        {"ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": url, "SECRET_KEY": SECRET_KEY}
    )

    @given(st.lists(write, min_size=1, max_size=10))
    def property_(writes: list[tuple[str, str, list[bytes], float]]) -> None:
        client.flushall()
        for each in writes:
            put(client, *each)
        reader = open_reader(settings)
        try:
            for _ in range(2):
                reader.snapshot()
            reader.pending("default", 0, 9)
            reader.delayed(0, 9)
            reader.dead(0, 9, whole=True)
            reader.recent(0, 9)
            reader.running()
            reader.job("j1")
            reader.activity(9)
            reader.trash()
            reader.check_key()
            for location in (Location.DEAD, Location.DELAYED, Location.PENDING):
                for page in reader.scan(location):
                    assert page.rows is not None
        finally:
            reader.close()

    return property_
