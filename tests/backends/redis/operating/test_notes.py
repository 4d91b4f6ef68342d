"""Notes on jobs, queues and error groups: with their audit in one step, bounded, never on another job."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import pytest
import redis

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.operating.operator import RedisOperator
from asok_core.backends.redis.reading.reader import RedisReader
from asok_core.backends.roles import Scope
from asok_core.errors import Refused, Unreachable, UsageError
from asok_core.inspection.notes import (
    LONGEST_NOTE,
    MOST_NOTES,
    NOTE_TTL,
    NoteSubject,
    on_error,
    on_job,
    on_queue,
)
from asok_core.inspection.redaction import Redaction
from asok_core.jobs.states import Location
from asok_core.operations.catalog.entry import Access
from asok_core.operations.catalog.notes import EditNote
from asok_core.operations.catalog.results import result_line
from tests.fixtures.bench import KEYRING, Bench

DEAD = Scope(Location.DEAD)


@pytest.fixture
def reader(bench: Bench) -> Iterator[RedisReader]:
    with closing(RedisReader(Endpoint(bench.url), Keys(), keyring=KEYRING)) as reader:
        yield reader


@pytest.mark.parametrize(
    "subject",
    [
        on_job("job-1", "shop.mail"),
        on_queue("high"),
        on_error("TimeoutError: N s"),
        on_queue("Ä b"),
    ],
    ids=lambda each: each.field,
)
def test_a_note_is_written_replaced_and_removed_with_its_audit(
    bench: Bench, reader: RedisReader, subject: NoteSubject
) -> None:
    assert bench.operator.write_note(subject, "  waits for\n the vendor ").applied == 1
    note = reader.snapshot().notes.on(subject)
    assert note is not None
    assert (note.text, note.who) == ("waits for the vendor", "ann@desk")
    assert note.subject.field == subject.field
    assert note.at == pytest.approx(float(bench.client.time()[0]), abs=10)
    bench.operator.write_note(subject, "done")
    assert [each.text for each in reader.snapshot().notes.values()] == ["done"]
    assert reader.notes() == reader.snapshot().notes
    removed = bench.operator.write_note(subject, " ")
    assert (removed.applied, removed.skipped) == (1, {})
    assert not reader.snapshot().notes
    again = bench.operator.write_note(subject, "")
    assert (again.applied, again.skipped) == (0, {"it has no note": 1})
    none, gone, second, first = reader.activity(9)
    assert {each.action for each in (none, gone, second, first)} == {"note"}
    assert first.target == f"{subject.words}: waits for the vendor"
    assert (second.note, second.who, second.state, second.applied) == (
        "done",
        "ann@desk",
        "done",
        1,
    )
    assert gone.target == f"{subject.words}: removed"
    assert none.target == f"{subject.words}: no note"
    assert not bench.client.exists("asok:notes")


def test_a_note_follows_its_job_and_is_on_no_other(bench: Bench, reader: RedisReader) -> None:
    job, other = bench.job(), bench.job()
    bench.add_dead(job, other)
    bench.operator.write_note(on_job(job.id, job.task), "ask Ann first")

    def noted_rows() -> list[str]:
        notes = reader.snapshot().notes
        found = [row.payload for row in reader.dead(0, 9).rows]
        return [each.id for each in found if each.job and notes.on(on_job(each.id, each.job.task))]

    assert noted_rows() == [job.id]

    def noted(job_id: str) -> str:
        detail = reader.job(job_id)
        return detail.note.text if detail is not None and detail.note is not None else ""

    assert (noted(job.id), noted(other.id)) == ("ask Ann first", "")
    purged = bench.operator.purge(Scope(Location.DEAD, ids=frozenset({job.id})))
    assert noted(job.id) == "ask Ann first"
    bench.operator.restore(purged.operation or "")
    assert noted_rows() == [job.id]
    bench.operator.requeue(Scope(Location.DEAD, ids=frozenset({job.id})))
    assert noted(job.id) == "ask Ann first"
    # Another program may give a job the id of another, and many jobs none.
    copy = replace(job, function="other")
    bench.client.delete("asok:queue", f"asok:job:{job.id}")
    bench.add_dead(copy, replace(job, id="", function="nameless"))
    assert noted_rows() == []
    assert noted(job.id) == ""
    with pytest.raises(UsageError, match="not an empty one"):
        bench.operator.write_note(on_job(""), "x")


def test_a_note_on_a_job_is_kept_for_thirty_days(bench: Bench, reader: RedisReader) -> None:
    for subject in (on_job("old"), on_queue("old"), on_error("old")):
        bench.operator.write_note(subject, "x")
    for field, value in bench.client.hgetall("asok:notes").items():
        written = json.loads(value)
        old = written | {"at": written["at"] - NOTE_TTL - 1}
        bench.client.hset("asok:notes", field, json.dumps(old))
    notes = reader.snapshot().notes
    assert set(notes) == {"queue:old", "error:old"}
    assert len(bench.client.hkeys("asok:notes")) == 3
    bench.client.hset("asok:job:old", mapping={"status": "failed", "function": "a.b"})
    bench.client.expire("asok:job:old", 600)
    detail = reader.job("old")
    assert detail is not None
    assert detail.note is None
    bench.operator.write_note(on_job("new"), "x")
    assert set(bench.client.hkeys("asok:notes")) == {b"queue:old", b"error:old", b"job:new"}


def test_notes_are_bounded_in_number_and_size(bench: Bench, reader: RedisReader) -> None:
    widest = "\N{GRINNING FACE}" * LONGEST_NOTE
    for number in range(MOST_NOTES):
        bench.operator.write_note(on_error("\N{GRINNING FACE}" * 298 + f"{number:02}"), widest)
    assert len(reader.snapshot().notes) == MOST_NOTES
    refused = bench.operator.write_note(on_queue("high"), "x")
    assert (refused.applied, refused.refused) == (
        0, {f"there are {MOST_NOTES} others; remove one first": 1},
    )  # fmt: skip
    operation = EditNote(on_queue("high"), "x")
    assert result_line(operation, Scope(Location.ACTIVE), refused) == (
        "Queue 'high' is unchanged (there are 100 others; remove one first)"
    )
    assert bench.client.hlen("asok:notes") == MOST_NOTES
    assert reader.activity(1)[0].refused == dict(refused.refused)
    # One that exists can still be changed and removed.
    first = reader.notes().ordered()[0].subject
    assert bench.operator.write_note(first, "y").applied == 1
    assert bench.operator.write_note(first, "").applied == 1
    assert bench.operator.write_note(on_queue("high"), "x").applied == 1
    with pytest.raises(UsageError, match="the note has 301 characters; at most 300 are kept"):
        bench.operator.write_note(on_queue("high"), "x" * 301)
    with pytest.raises(UsageError, match="at most 1,024 bytes"):
        bench.operator.write_note(on_queue("x" * 1025), "x")


def test_notes_that_have_not_changed_are_not_sent_again(bench: Bench, reader: RedisReader) -> None:
    bench.operator.write_note(on_queue("high"), "x" * 300)
    first, second = reader.snapshot(), reader.snapshot()
    assert first.notes == second.notes != {}
    assert first.cost.round_trips == second.cost.round_trips
    bench.operator.write_note(on_queue("high"), "y")
    assert [each.text for each in reader.snapshot().notes.values()] == ["y"]
    bench.client.delete("asok:notes")
    assert not reader.snapshot().notes


@pytest.mark.parametrize("kind", ["string", "list", "many"])
def test_a_key_that_holds_something_else_is_reported(
    bench: Bench, reader: RedisReader, kind: str
) -> None:
    if kind == "many":
        bench.client.hset("asok:notes", mapping={f"queue:{n}": "{}" for n in range(101)})
    elif kind == "list":
        bench.client.lpush("asok:notes", "x")
    else:
        bench.client.set("asok:notes", "x", ex=60)
    snapshot = reader.snapshot()
    assert any(
        each.startswith("notes cannot be read: the key asok:notes") for each in snapshot.problems
    )
    with pytest.raises(Refused, match="notes cannot be read"):
        reader.notes().readable()
    if kind == "many":
        assert bench.operator.write_note(on_queue("high"), "x").refused
    else:
        with pytest.raises(
            Refused, match=r"nothing was changed: asok:notes is a .* should be a hash"
        ):
            bench.operator.write_note(on_queue("high"), "x")
        assert not bench.client.exists("asok:audit")


HOSTILE = {
    "job:a": b"\xff\xfe", "job:b": b"[" * 900 + b"]" * 900, "job:c": b"1", "job:": b'{"text":"x"}',
    "queue:d": b'{"text": 1}', "other:e": b'{"text": "x", "at": 1}', "": b"{}", "error:f": b'{"text": ""}',
    "queue:g": b'{"text": "' + b"x" * 9_000 + b'"}', "job:h": b'{"text": "x", "at": 1e999}',
}  # fmt: skip


def test_what_another_program_wrote_is_no_note(bench: Bench, reader: RedisReader) -> None:
    bench.client.hset("asok:notes", mapping=HOSTILE)
    notes = reader.snapshot().notes
    assert notes == {}
    assert notes.unread + 1 >= len(HOSTILE) - 1
    bench.operator.write_note(on_queue("high"), "x")
    bench.client.hset(
        "asok:notes", "queue:big", json.dumps({"text": "y" * 999, "who": [], "at": "x"})
    )
    found = reader.snapshot().notes
    assert set(found) == {"queue:high", "queue:big"}
    big = found["queue:big"]
    assert (len(big.text), big.who, big.at) == (LONGEST_NOTE, "", None)


def test_a_note_that_quotes_a_hidden_value_is_shown_without_it(bench: Bench) -> None:
    job = bench.job(kwargs={"card": "4929123456789012"})
    bench.add_dead(job)
    bench.operator.write_note(on_job(job.id, job.task), "card 4929123456789012 is stolen")
    redacted = RedisReader(
        Endpoint(bench.url), Keys(), keyring=KEYRING, redaction=Redaction(("card",))
    )
    with closing(redacted):
        detail = redacted.job(job.id)
    assert detail is not None
    assert detail.note is not None
    assert "4929" not in detail.note.text
    assert detail.note.text.endswith("is stolen")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_user_without_a_right_to_the_notes_reads_all_else(
    bench: Bench, request: pytest.FixtureRequest, *, scripts: bool
) -> None:
    bench.operator.write_note(on_queue("high"), "x")
    bench.add_pending(bench.job(queue="high"))
    bench.add_dead(job := bench.job())
    commands = ["+@all"] if scripts else ["+@all", "-@scripting"]
    bench.client.acl_setuser(
        "limited", enabled=True, reset=True, passwords=["+pw"], keys=["asok:[^n]*"], channels=["*"],
        commands=commands,
    )  # fmt: skip
    request.addfinalizer(lambda: bench.client.acl_deluser("limited"))
    url = bench.url + ("&" if "?" in bench.url else "?") + "username=limited&password=pw"
    with closing(RedisReader(Endpoint(url), Keys(), keyring=KEYRING)) as reader:
        snapshot = reader.snapshot()
        assert (snapshot.pending, snapshot.dead, snapshot.problems) == (1, 1, ())
        detail = reader.job(job.id)
        assert detail is not None
        assert detail.note is None
        for notes in (snapshot.notes, reader.notes()):
            assert not notes
            with pytest.raises(Refused, match="this user has no right to the key asok:notes"):
                notes.readable()
    with closing(RedisOperator(Endpoint(url), bench.keys, KEYRING)) as operator:
        for text in ("y", ""):
            with pytest.raises(Refused, match="this user may not do that"):
                operator.write_note(on_queue("high"), text)
    assert json.loads(bench.client.hget("asok:notes", "queue:high"))["text"] == "x"
    assert bench.client.xlen("asok:audit") == 1


def test_a_full_redis_takes_a_note_and_its_removal(bench: Bench, reader: RedisReader) -> None:
    bench.client.config_set("maxmemory", 1)
    try:
        assert bench.operator.write_note(on_queue("high"), "Redis is full, ask Ann").applied == 1
        assert reader.snapshot().notes
        assert bench.operator.write_note(on_queue("high"), "").applied == 1
    finally:
        bench.client.config_set("maxmemory", 0)


def test_a_replica_shows_notes_and_takes_none(embedded_redis: Callable[..., EmbeddedRedis]) -> None:
    server = embedded_redis()
    with (
        closing(RedisOperator(Endpoint(server.url), Keys(), KEYRING)) as operator,
        closing(RedisReader(Endpoint(server.url), Keys())) as reader,
        redis.Redis.from_url(server.url) as client,
    ):
        operator.write_note(on_queue("high"), "x")
        # Of a master that cannot be reached: it keeps what it has, and serves that.
        client.replicaof("127.0.0.1", 1)
        assert [each.text for each in reader.snapshot().notes.values()] == ["x"]
        for text in ("y", ""):
            with pytest.raises(Unreachable, match="read-only replica"):
                operator.write_note(on_queue("high"), text)
        assert [each.text for each in reader.notes().values()] == ["x"]


def test_a_read_only_session_writes_no_note(bench: Bench, reader: RedisReader) -> None:
    operation = EditNote(on_queue("high"), "x")
    with pytest.raises(Refused, match="read-only"):
        operation.perform(Access(reader, None), Scope(Location.ACTIVE), lambda _: True)
    assert not bench.client.exists("asok:notes")
    assert operation.changes


def test_a_result_says_whether_it_was_written_or_removed(bench: Bench, reader: RedisReader) -> None:
    scope, access = Scope(Location.ACTIVE), Access(reader, bench.operator)
    lines = []
    for text in ("x", "", ""):
        operation = EditNote(on_queue("high"), text)
        result = operation.perform(access, scope, lambda _: True)
        lines.append(result_line(operation, scope, result))
    assert lines == [
        "Wrote the note on queue 'high'",
        "Removed the note on queue 'high'",
        "Queue 'high' is unchanged (it has no note)",
    ]
