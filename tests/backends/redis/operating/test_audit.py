"""Every action leaves one entry that is true, and says for how long it can be undone."""

from __future__ import annotations

import pytest

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.operating.operator import RedisOperator
from asok_core.backends.redis.reading.reader import RedisReader
from asok_core.backends.roles import Scope
from asok_core.errors import AsokError, Refused
from asok_core.inspection.audit import TRASH_TTL
from asok_core.inspection.rows import Row
from asok_core.jobs.states import Location
from tests.fixtures.bench import KEYRING, Bench, dead_job, foreign_dead_job, number

ALL = Scope(Location.DEAD)


@pytest.fixture
def reader(bench: Bench) -> RedisReader:
    return RedisReader(Endpoint(bench.url), Keys())


def test_activity_reports_who_did_what_newest_first(bench: Bench, reader: RedisReader) -> None:
    bench.add_dead(*(bench.job() for _ in range(700)))
    bench.client.lpush("asok:dlq", foreign_dead_job(bench.job(), 1.0))
    bench.operator.requeue(Scope(Location.DEAD, words="task:mail", match=lambda _row: True))
    purged = bench.operator.purge(ALL)
    bench.operator.pause("high")

    pause, purge, requeue = reader.activity(10)

    assert (requeue.action, requeue.who, requeue.words) == ("requeue", "ann@desk", "task:mail")
    assert (requeue.applied, requeue.refused) == (700, {"unsigned": 1})
    assert (requeue.state, requeue.location, requeue.in_trash) == ("done", "dead", 0)
    assert "asok" in requeue.where
    assert (purge.action, purge.words, purge.applied) == ("purge", "everything", 1)
    assert (purge.operation, purge.in_trash) == (purged.operation, 1)
    assert purge.at is not None
    assert purge.trash_until == pytest.approx(purge.at + 86_400, abs=10)
    left = bench.client.ttl("asok:trash:" + purge.operation)
    assert left > TRASH_TTL - 60
    assert purge.undo_left(purge.at) == pytest.approx(left, abs=10)
    assert purge.undo_left(purge.at + TRASH_TTL - 60) > 0
    assert purge.undo_left(purge.at + TRASH_TTL + 60) == 0
    assert (pause.action, pause.queue, pause.state) == ("pause", "high", "done")
    assert reader.activity(1) == (pause,)


def test_activity_of_a_restore_leaves_nothing_to_undo(bench: Bench, reader: RedisReader) -> None:
    bench.add_dead(bench.job())
    operation = bench.operator.purge(ALL).operation or ""
    bench.operator.restore(operation)
    restore, purge = reader.activity(10)
    assert (restore.action, restore.words, restore.applied) == ("restore", operation, 1)
    assert (purge.in_trash, purge.undo_left(purge.at or 0)) == (0, 0)


def test_activity_survives_names_that_are_no_utf_8(bench: Bench, reader: RedisReader) -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    bench.operator.pause(name)
    assert bench.client.smembers("asok:paused") == {b"caf\xe9"}
    assert reader.activity(1)[0].queue == "caf\N{REPLACEMENT CHARACTER}"
    bench.operator.resume(name)


def test_an_audit_of_another_type_is_not_an_empty_one(bench: Bench, reader: RedisReader) -> None:
    assert reader.activity(5).readable() == ()
    bench.client.set("asok:audit", "text", ex=60)
    assert reader.activity(5) == ()
    with pytest.raises(Refused, match="The key asok:audit is not a stream"):
        reader.activity(5).readable()


def test_words_of_an_operation_do_not_state_the_type_of_the_audit(
    bench: Bench, request: pytest.FixtureRequest
) -> None:
    bench.add_dead(bench.job())
    bench.operator.requeue(Scope(Location.DEAD, words="error:WRONGTYPE", match=lambda _row: True))
    # Who may not run scripts reads the entries as they are.
    rights = ("on", ">pw", "~*", "&*", "+@read", "+@connection")
    bench.client.execute_command("ACL", "SETUSER", "looker", *rights)
    request.addfinalizer(lambda: bench.client.execute_command("ACL", "DELUSER", "looker"))
    reader = RedisReader(Endpoint(bench.url.replace("unix://", "unix://looker:pw@")), Keys())
    (entry,) = reader.activity(5).readable()
    assert entry.words == "error:WRONGTYPE"
    reader.close()


def test_a_filter_that_fails_leaves_a_true_entry(bench: Bench, reader: RedisReader) -> None:
    bench.add_dead(*(bench.job() for _ in range(400)))

    def match(row: Row) -> bool:
        if number(row) > 350:
            raise AsokError("no")
        return True

    with pytest.raises(AsokError):
        bench.operator.requeue(Scope(Location.DEAD, match=match))
    (entry,) = reader.activity(5)
    assert (entry.state, entry.applied) == ("failed", 300)


def test_the_audit_is_capped(bench: Bench) -> None:
    pipe = bench.client.pipeline(transaction=False)
    for _ in range(10_500):
        pipe.xadd("asok:audit", {"operation": "x"})
    pipe.execute()
    bench.operator.pause("q")
    assert bench.client.xlen("asok:audit") < 10_200
    bench.operator.resume("q")


def test_a_user_without_the_right_to_write_changes_nothing(bench: Bench) -> None:
    dead_jobs = bench.add_dead(*(bench.job() for _ in range(5)))
    for taken in ("lset", "lpush", "xadd"):
        bench.client.acl_setuser(
            "limited", enabled=True, reset=True, passwords=["+pw"], keys=["*"], channels=["*"],
            commands=["+@all", f"-{taken}"],
        )  # fmt: skip
        url = bench.url + ("&" if "?" in bench.url else "?") + "username=limited&password=pw"
        operator = RedisOperator(Endpoint(url), bench.keys, KEYRING)
        with pytest.raises(AsokError, match=r"may not|NOPERM|permission"):
            operator.requeue(ALL)
        operator.close()
        assert bench.dead() == dead_jobs
        assert bench.pending() == []
    bench.client.acl_deluser("limited")


def test_an_import_is_an_import_in_the_audit_also_as_an_earlier_release_wrote_it(
    bench: Bench, reader: RedisReader
) -> None:
    result = bench.operator.import_dead([dead_job(bench.job(), 1.0)])
    (entry,) = reader.activity(5)
    assert (entry.operation, entry.action, entry.applied) == (result.operation, "import", 1)
    ((name, fields),) = bench.client.xrange("asok:audit")
    bench.client.xdel("asok:audit", name)
    bench.client.xadd("asok:audit", fields | {b"action": b"bury"})
    assert [each.action for each in reader.activity(5)] == ["import"]
