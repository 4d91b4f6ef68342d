"""Entries that are too large to be read: shown as one row, acted upon without being sent to a client."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from asok_core.backends.redis.calls.cycle import CheckActive
from asok_core.backends.redis.calls.walks import SetAsideUnclaimed
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.backends.redis.consuming.orphaned_jobs import OrphanedJobs
from asok_core.backends.redis.consuming.promotion import promote_due
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.reading.reader import RedisReader
from asok_core.backends.roles import Scope
from asok_core.inspection.review import ReviewedEntries, entry_digest
from asok_core.inspection.rows import Row
from asok_core.jobs.envelope import Trust, seal
from asok_core.jobs.oversized import MOST_READ
from asok_core.jobs.states import Location
from asok_core.settings.settings import LARGEST_ENVELOPE
from tests.fixtures.bench import KEYRING, Bench
from tests.fixtures.command_line import Ran
from tests.reviewing import review_at

DEAD = Scope(Location.DEAD)
WAITING = Scope(Location.PENDING, queue="default")
LITTLE = 1_000_000
"""Bytes that an operation or a snapshot may cost where the entry has 90 times as many."""


def large(size: int = 90_000_000) -> bytes:
    return b'{"job": "' + b"\\" * size


@pytest.fixture
def reader(bench: Bench) -> Iterator[RedisReader]:
    made = RedisReader(Endpoint(bench.url), Keys(), keyring=KEYRING)
    yield made
    made.close()


@pytest.fixture
def aside(bench: Bench) -> bytes:
    """The dead job of an entry that a worker has met, beside one that failed."""
    registry = Registry(Endpoint(bench.url), Keys())
    registry.heartbeat("one", ("default",), {"queues": "default", "processes": 1})
    bench.add_dead(bench.job())
    bench.client.lpush("asok:queue", large(LARGEST_ENVELOPE))
    made = Consumer(
        Endpoint(bench.url), Keys(), worker="one", process="one.1", queues=("default",), dlq_max=9
    )
    [found] = made.cycle([], [], 1).aside
    made.close()
    registry.close()
    assert (found.queue, found.size) == ("default", LARGEST_ENVELOPE + 9)
    raw: bytes = bench.dead()[-1]
    return raw


def the_row(rows: tuple[Row, ...]) -> Row:
    [row] = (each for each in rows if each.payload.trust is Trust.OVERSIZED)
    return row


class Sent:
    """Bytes that Redis has sent since this was made."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._before = self._total()

    def _total(self) -> int:
        return int(self._client.info("stats")["total_net_output_bytes"])

    def __int__(self) -> int:
        return self._total() - self._before


def test_a_dead_job_that_was_set_aside_is_one_readable_row(
    bench: Bench, aside: bytes, reader: RedisReader, asok: Callable[..., Ran], tmp_path: Path
) -> None:
    sha1 = json.loads(aside)["oversized"]["sha1"]
    words = f"oversized: 5.0 MiB, SHA-1 {sha1}"
    row = the_row(reader.dead(0, 10).rows)
    assert row.payload.problem == words
    assert row.payload.error == (
        f"Oversized: 5242889 bytes, more than ASOK_MAX_ENVELOPE (5242880); SHA-1 {sha1}"
        "; its job id is not known"
    )
    ran = asok("dlq", "list")
    assert ran.code == 0
    # Its id is printed whole, so that of the error there is room for the beginning.
    assert "  Oversized: 5242889 " in ran.out
    assert asok("dlq", "list", "--filter", "error:oversized", "--json").out.count(sha1) >= 1
    assert "Oversized" in asok("dlq", "groups").out
    for name in ("dead.jsonl", "dead.csv"):
        assert asok("dlq", "export", "--format", name[5:], str(tmp_path / name)).code == 0
    [line] = (
        each
        for each in csv.DictReader((tmp_path / "dead.csv").read_text().splitlines())
        if not each["id"]
    )
    assert line["error"].startswith("Oversized: 5242889 bytes")
    bench.client.lrem(bench.keys.dead, 1, aside)
    assert asok("dlq", "import", str(tmp_path / "dead.jsonl")).code == 0
    assert sorted(bench.dead()) == sorted([aside, bench.dead()[0]])


def test_it_is_neither_requeued_nor_edited(
    bench: Bench, aside: bytes, reader: RedisReader, asok: Callable[..., Ran]
) -> None:
    key = the_row(reader.dead(0, 10).rows).key
    assert review_at(bench.url, KEYRING).refused == {"oversized": 1}
    for trust in (False, True):
        reviewed = ReviewedEntries((entry_digest(aside),)) if trust else None
        result = bench.operator.requeue(Scope(Location.DEAD, ids=frozenset((key,))), trust=reviewed)
        assert (result.applied, result.refused) == (0, {"oversized": 1})
    assert bench.operator.edit(aside, [1], {}).refused == {"oversized": 1}
    ran = asok("dlq", "requeue", "--all", "--yes")
    assert ran.out == "Requeued 1 job (1 refused: oversized)\n"
    assert (bench.dead(), len(bench.pending())) == ([aside], 1)


@pytest.mark.parametrize("everything", [True, False])
def test_it_is_purged_and_restored(
    bench: Bench, aside: bytes, reader: RedisReader, everything: bool
) -> None:
    before = bench.dead()
    key = the_row(reader.dead(0, 10).rows).key
    scope = DEAD if everything else Scope(Location.DEAD, ids=frozenset((key,)))
    result = bench.operator.purge(scope)
    assert aside not in bench.dead()
    assert bench.operator.restore(result.operation or "").applied == result.applied
    assert bench.dead() == before


def test_what_waits_unread_is_one_row_and_its_bytes_are_not_sent(
    bench: Bench, reader: RedisReader
) -> None:
    """No worker has met it: its queue is paused, or not served."""
    entry = large()
    bench.add_pending(bench.job())
    bench.client.lpush("asok:queue", entry)
    bench.client.rpush("asok:queue", entry)
    bench.client.zadd(bench.keys.delayed, {entry: 9e9})
    bench.client.lpush(bench.keys.dead, entry)
    sent = Sent(bench.client)
    snapshot = reader.snapshot()
    assert {each.name: each.pending for each in snapshot.queues}["default"] == 3
    for page in (
        reader.pending("default", 0, 10),
        reader.pending("default", 0, 10, whole=True),
        reader.delayed(0, 10),
        reader.dead(0, 10),
    ):
        for row in page.rows:
            if row.payload.job is None:
                assert row.payload.trust is Trust.OVERSIZED
                assert row.payload.problem == "oversized: 85.8 MiB, not read"
                assert len(row.payload.raw) < 100
    assert reader.job("\\", patience=60) is None
    assert int(sent) < LITTLE


def test_what_waits_unread_is_cancelled_and_restored(bench: Bench, reader: RedisReader) -> None:
    entry = large()
    others = bench.add_pending(bench.job(), bench.job())
    bench.client.rpush("asok:queue", entry)
    sent = Sent(bench.client)
    key = the_row(reader.pending("default", 0, 10).rows).key
    scope = Scope(Location.PENDING, queue="default", ids=frozenset((key,)))
    result = bench.operator.cancel(scope)
    assert result.applied == 1
    assert int(sent) < LITTLE
    assert bench.pending() == others
    assert bench.trash(result.operation) == [entry]
    sent = Sent(bench.client)
    assert bench.operator.restore(result.operation or "").applied == 1
    assert int(sent) < LITTLE
    assert sorted(bench.pending()) == sorted([*others, entry])


def test_a_queue_that_it_waits_in_is_purged_whole(bench: Bench) -> None:
    entry = large()
    bench.add_pending(bench.job())
    bench.client.lpush("asok:queue", entry)
    sent = Sent(bench.client)
    result = bench.operator.purge(WAITING)
    assert result.applied == 2
    assert int(sent) < LITTLE
    assert bench.trash(result.operation)[-1] == entry
    assert bench.operator.restore(result.operation or "").applied == 2


def test_others_are_requeued_and_promoted_beside_it(bench: Bench) -> None:
    entry, job = large(), bench.job()
    bench.add_dead(bench.job(), bench.job())
    bench.client.linsert(bench.keys.dead, "BEFORE", bench.dead()[0], entry)
    bench.delay(job)
    bench.client.zadd(bench.keys.delayed, {entry: 1.0})
    sent = Sent(bench.client)
    result = bench.operator.requeue(DEAD)
    assert (result.applied, result.refused) == (2, {"oversized": 1})
    result = bench.operator.promote(Scope(Location.DELAYED))
    assert (result.applied, result.refused) == (1, {"oversized": 1})
    assert bench.operator.cancel(Scope(Location.DELAYED)).refused == {"oversized": 1}
    assert int(sent) < LITTLE


def test_up_to_a_size_all_is_read(bench: Bench, reader: RedisReader) -> None:
    bench.client.lpush("asok:queue", b"7" * MOST_READ)
    [row] = reader.pending("default", 0, 10).rows
    assert row.payload.problem == f"{MOST_READ:,} bytes that are not a job"


VALUE = b"x" * (MOST_READ + 1)


def test_records_are_read_without_what_is_too_large(bench: Bench, reader: RedisReader) -> None:
    """Of a hash the other fields are read; of a JSON text there are none."""
    for status in ("result", "error", "attempts", "moves", "queue"):
        fields = {"status": "completed", "function": "shop.mail", status: VALUE}
        bench.client.hset(f"asok:job:{status}", mapping=fields)
        bench.client.expire(f"asok:job:{status}", 600)
        bench.client.lpush(bench.keys.recent, status)
    bench.client.set("asok:job:text", VALUE, ex=600)
    sent = Sent(bench.client)
    found = reader.records(["result", "error", "attempts", "moves", "queue", "text"])
    assert {name: str(record.status) for name, record in found.items()} == {
        **dict.fromkeys(("result", "error", "attempts", "moves", "queue"), "completed"),
        "text": "unreadable",
    }
    assert found["result"].result is None
    assert found["result"].result_error == "its result is oversized: 16.0 MiB, not read"
    assert found["error"].function == "shop.mail"
    assert len(reader.recent(0, 10).rows) == 5
    for name in found:
        detail = reader.job(name)
        assert detail is not None
        assert (detail.attempts, detail.moves) == ((), ())
    assert int(sent) < LITTLE


@pytest.mark.parametrize("form", ["hash", "text"])
def test_a_recovery_and_a_filter_read_records_without_what_is_too_large(
    bench: Bench, form: str
) -> None:
    """Neither a worker nor an operator receives what another program put into the records of jobs."""
    ran, late = bench.job(), bench.job()
    bench.add_pending(ran)
    bench.client.lmove("asok:queue", bench.keys.active("gone.1", "default"), "LEFT", "LEFT")
    bench.delay(late)
    for job in (ran, late):
        fields = {"status": "running", "worker": "gone.1"}
        if form == "hash":
            bench.client.hset(bench.keys.job(job.id), mapping={**fields, "result": VALUE})
        else:
            text = json.dumps({**fields, "zeros": "0" * (MOST_READ - 100)})
            bench.client.set(bench.keys.job(job.id), text)
        bench.client.expire(bench.keys.job(job.id), 600)
    sent = Sent(bench.client)
    registry = Registry(Endpoint(bench.url), Keys())
    orphaned = OrphanedJobs(registry, crash_limit=1, dlq_max=9)
    assert orphaned.recover("gone.1", "default").dead == 1, "it ran when its process died"
    registry.close()
    nothing = Scope(Location.DELAYED, match=lambda row: row.record is not None and not row.queue)
    assert bench.operator.promote(nothing).applied == 0
    assert int(sent) < LITTLE
    bench.client.delete(bench.keys.job(ran.id), bench.keys.job(late.id))


def test_names_and_the_audit_are_read_without_what_is_too_large(
    bench: Bench, reader: RedisReader
) -> None:
    bench.operator.pause("low")
    for key in (bench.keys.queues, bench.keys.paused):
        bench.client.sadd(key, VALUE)
    bench.client.lpush(bench.keys.recent, VALUE)
    bench.client.zadd(bench.keys.workers, {VALUE: 1})
    bench.client.xadd(bench.keys.audit, {"operation": "one", "words": VALUE})
    sent = Sent(bench.client)
    snapshot = reader.snapshot()
    assert {each.name: each.paused for each in snapshot.queues}["low"]
    assert len(reader.recent(0, 10).rows) == 1
    assert [each.action for each in reader.activity(10)] == ["", "pause"]
    assert int(sent) < LITTLE


@pytest.mark.parametrize("where", ["queue", "active:one.1:default", "delayed_tasks"])
def test_one_script_sets_aside_a_bounded_number_of_bytes(bench: Bench, where: str) -> None:
    """Redis serves nobody else meanwhile."""
    registry = Registry(Endpoint(bench.url), Keys())
    registry.heartbeat("one", ("default",), {"queues": "default", "processes": 1})
    consumer = Consumer(
        Endpoint(bench.url), Keys(), worker="one", process="one.1", queues=("default",), dlq_max=9
    )
    [envelope] = bench.add_pending(bench.job())
    bench.client.delete("asok:queue")
    entries = [b"%d" % n + bytes(20_000_000) for n in range(5)]
    for raw in (*entries, envelope):
        if where == "delayed_tasks":
            bench.client.zadd(bench.keys.delayed, {raw: 1.0})
        else:
            bench.client.lpush(f"asok:{where}", raw)
    asides = []
    if where == "queue":
        turn = consumer.cycle([], [], 10)
        while turn.aside:
            asides.append(len(turn.aside))
            assert turn.claims == [] or sum(asides) == 5
            turn = consumer.cycle([], [], 10)
        assert bench.client.lrange("asok:active:one.1:default", 0, -1) == [envelope]
    elif where == "delayed_tasks":
        while (done := promote_due(registry.connection, Keys(), by="one")).aside:
            asides.append(len(done.aside))
        assert bench.pending() == [envelope]
    else:
        call = CheckActive(
            ns="asok",
            process="one.1",
            guard="",
            by="",
            largest=LARGEST_ENVELOPE,
            with_rest=False,
            queues=("default",),
        )
        asides = [len(registry.connection.run(call).aside) // 3]
        # A worker that asks for it calls the script until nothing is left.
        active = consumer.active()
        assert (len(active.aside), len(active.claims)) == (5 - asides[0], 1)
        assert bench.client.lrange("asok:active:one.1:default", 0, -1) == [envelope]
    consumer.close()
    registry.close()
    assert max(asides) <= 2
    assert len(bench.client.keys("asok:oversized:*")) == len(bench.dead()) == 5


def test_a_job_that_an_edit_or_a_lower_limit_makes_too_large_is_not_requeued(bench: Bench) -> None:
    """A worker would set it aside; so it stays where it is, and the refusal says why."""
    [small, large_one] = bench.add_dead(bench.job(), bench.job(args=("x" * LARGEST_ENVELOPE,)))
    before = bench.dead()
    refused = {"larger than ASOK_MAX_ENVELOPE (5,242,880 bytes)": 1}
    assert bench.operator.edit(small, ["x" * LARGEST_ENVELOPE], {}).refused == refused
    assert bench.dead() == before
    result = bench.operator.requeue(DEAD)
    assert (result.applied, result.refused) == (1, refused)
    assert bench.dead() == [large_one]


def claimed(bench: Bench, raw: bytes) -> None:
    bench.client.lpush("asok:queue", raw)
    registry = Registry(Endpoint(bench.url), Keys())
    registry.heartbeat("one", ("default",), {"queues": "default", "processes": 1})
    consumer = Consumer(
        Endpoint(bench.url), Keys(), worker="one", process="one.1", queues=("default",), dlq_max=9
    )
    assert len(consumer.cycle([], [], 1).aside) == 1
    consumer.close()
    registry.close()


def held(bench: Bench, raw: bytes) -> None:
    bench.client.lpush("asok:active:one.1:default", raw)
    consumer = Consumer(
        Endpoint(bench.url), Keys(), worker="one", process="one.1", queues=("default",), dlq_max=9
    )
    assert len(consumer.active().aside) == 1
    consumer.close()


def delayed(bench: Bench, raw: bytes) -> None:
    bench.client.zadd(bench.keys.delayed, {raw: 1.0})
    connection = Endpoint(bench.url).connect()
    assert len(promote_due(connection, Keys(), by="one").aside) == 1
    connection.close()


def unclaimed(bench: Bench, raw: bytes) -> None:
    bench.client.lpush("asok:queue", raw)
    connection = Endpoint(bench.url).connect()
    call = SetAsideUnclaimed(
        ns="asok", queue="default", passed=0, count=10, largest=LARGEST_ENVELOPE
    )
    assert len(connection.run(call)) == 3
    connection.close()


FOUND = [claimed, held, delayed, unclaimed]


def put_record(bench: Bench, job_id: str, form: str, status: str) -> None:
    key, fields = bench.keys.job(job_id), {"status": status, "function": "shop.mail"}
    if form == "hash":
        bench.client.hset(key, mapping=fields)
    else:
        bench.client.set(key, json.dumps(fields))
    bench.client.expire(key, 2_000_000)


@pytest.mark.parametrize("form", ["hash", "text"])
@pytest.mark.parametrize("find", FOUND)
def test_the_record_of_a_job_that_is_set_aside_says_so(
    bench: Bench,
    reader: RedisReader,
    asok: Callable[..., Ran],
    find: Callable[[Bench, bytes], None],
    form: str,
) -> None:
    job = bench.job(args=("x" * LARGEST_ENVELOPE,))
    put_record(bench, job.id, form, "pending")
    find(bench, seal(job, KEYRING))
    [row] = reader.dead(0, 9).rows
    assert row.payload.error is not None
    reason, _, which = row.payload.error.rpartition("; ")
    assert which == f"job {job.id}"
    record = reader.records([job.id])[job.id]
    assert (record.status, record.function) == ("failed", "shop.mail")
    assert reason.startswith("Oversized: ")
    assert record.error == reason
    assert record.finished_at is not None
    assert 0 < bench.client.ttl(bench.keys.job(job.id)) <= 86_400
    assert bench.client.lrange(bench.keys.recent, 0, -1) == [job.id.encode()]
    shown = asok("job", "show", job.id)
    assert reason in shown.out


@pytest.mark.parametrize("holds", [True, False])
@pytest.mark.parametrize("find", FOUND)
def test_a_job_that_is_set_aside_holds_its_unique_key_no_longer(
    bench: Bench, find: Callable[[Bench, bytes], None], holds: bool
) -> None:
    kwargs = {"unique": "another"}
    job = bench.job(args=("x" * LARGEST_ENVELOPE,), kwargs=kwargs, unique="order 7")
    put_record(bench, job.id, "hash", "pending")
    mine, other = bench.keys.unique("order 7"), bench.keys.unique("another")
    bench.client.set(mine, job.id if holds else "job-of-another", ex=60)
    bench.client.set(other, "job-of-another", ex=60)
    find(bench, seal(job, KEYRING))
    assert bench.record(job.id)["status"] == "failed"
    assert bench.client.exists(mine) == (not holds)
    assert bench.client.exists(other)


@pytest.mark.parametrize("find", FOUND)
def test_the_record_of_a_job_that_has_ended_is_kept_when_a_copy_is_set_aside(
    bench: Bench, find: Callable[[Bench, bytes], None]
) -> None:
    job, gone = (bench.job(args=("x" * LARGEST_ENVELOPE,)) for _ in range(2))
    put_record(bench, job.id, "hash", "completed")
    before = bench.record(job.id)
    find(bench, seal(job, KEYRING))
    assert bench.record(job.id) == before
    # And where there is none, none is made: a client that writes entries could make any number.
    held(bench, seal(gone, KEYRING))
    assert not bench.client.exists(bench.keys.job(gone.id))
    assert not bench.client.exists(bench.keys.recent)


def test_an_entry_whose_job_is_not_known_says_so(
    bench: Bench, reader: RedisReader, asok: Callable[..., Ran]
) -> None:
    """The framework writes the arguments before the id."""
    job = bench.job(args=("x" * LARGEST_ENVELOPE,))
    put_record(bench, job.id, "text", "pending")
    text = json.loads(seal(job, KEYRING))["job"]
    text = json.dumps(json.loads(text), sort_keys=True)
    claimed(bench, json.dumps({"v": 1, "job": text, "sig": KEYRING.sign(text, 1)}).encode())
    assert "; its job id is not known" in asok("dlq", "list", "--json").out
    assert reader.records([job.id])[job.id].status == "pending"
    forged = (
        seal(bench.job(), KEYRING).replace(b"job-", b"\xff\x1b[2J-", 1) + b" " * LARGEST_ENVELOPE
    )
    held(bench, forged)
    assert asok("dlq", "list", "--json").out.count("; its job id is not known") == 2
