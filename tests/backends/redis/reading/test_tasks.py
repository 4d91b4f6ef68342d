"""Figures by task, as a reader sees them by scripts and by plain commands."""

from __future__ import annotations

from typing import Any

import pytest

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.backends.redis.calls.tasks import CountTasks, TaskCount
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.packed_figures import pack
from asok_core.backends.redis.reading import tasks as task_reader
from asok_core.backends.redis.reading.reader import RedisReader
from asok_core.errors import AsokError
from asok_core.inspection.release_comparison import ReleaseChange, compared
from asok_core.inspection.task_figures import FINE_RANGES, NOTHING, OTHER, RANGES, Figures
from tests.fixtures.past import Past

KEYS = Keys()


def entry(bucket: int, completed: int, run: int = 20) -> bytes:
    packed = pack((completed, completed, 0, 0, 0, 5, 9), {run: completed}, {3: completed})
    return packed + bytes([bucket]) + len(packed).to_bytes(2, "big")


class Tasks:
    """Writes figures of tasks as workers do, at any time of the past."""

    def __init__(self, client: Any, url: str) -> None:
        self.client = client
        self.url = url
        self.now = client.time()[0]

    def minute(self, task: str, ago: int, completed: int, run: int = 20) -> None:
        """Add an entry of the minute ``ago``. Entries of a task are added oldest first."""
        at = (self.now // 60 - ago) * 60
        hour = at // 3600 * 3600
        data = entry((at - hour) // 60, completed, run)
        self._append(KEYS.task_minutes(task, hour), data)
        self._rank(task, at, completed)

    def hour(self, task: str, ago: int, completed: int) -> None:
        """Add an entry of the hour ``ago``."""
        at = (self.now // 3600 - ago) * 3600
        day = at // 86_400 * 86_400
        self._append(KEYS.task_hours(task, day), entry((at - day) // 3600, completed))
        self._rank(task, at, completed)

    def count(self, task: str, completed: int) -> None:
        """Add to the current minute and hour, as a worker does."""
        connection = Endpoint(self.url).connect()
        counts = [TaskCount(task, completed, entry(0, completed)[:-3])]
        call = CountTasks(ns="asok", others=OTHER, most=500, ranked=1000, counts=counts)
        connection.run(call)
        connection.close()

    def _append(self, key: str, data: bytes) -> None:
        self.client.append(key, data)
        self.client.expire(key, 600)

    def _rank(self, task: str, at: int, completed: int) -> None:
        key = KEYS.tasks(at // 86_400 * 86_400)
        self.client.zincrby(key, completed, task)
        self.client.expire(key, 600)


@pytest.fixture
def tasks(redis_client: Any, redis_server: EmbeddedRedis) -> Tasks:
    return Tasks(redis_client, redis_server.url)


def completed(reader: RedisReader, span: str) -> dict[str, int]:
    return {row.name: row.figures.completed for row in reader.tasks(RANGES[span]).rows}


def test_no_figures_are_an_empty_table(reader: RedisReader) -> None:
    table = reader.tasks(RANGES["1h"])
    assert (table.rows, table.other, table.run_us) == ((), None, 0)


def test_a_table_has_the_tasks_of_the_range_busiest_first(
    reader: RedisReader, tasks: Tasks
) -> None:
    for ago, number in ((70, 1000), (50, 1), (30, 2), (3, 3)):
        tasks.minute("shop.mail", ago, number)
    tasks.minute("shop.pack", 10, 40)
    tasks.minute("shop.old", 65, 9)
    tasks.minute("other", 5, 4)
    table = reader.tasks(RANGES["1h"])
    assert [(row.name, row.figures.completed) for row in table.rows] == [
        ("shop.pack", 40),
        ("shop.mail", 6),
    ]
    mail = table.rows[1]
    last = (tasks.now - int(table.since)) // 60
    assert {last - at: n for at, n in enumerate(mail.trend) if n} == {50: 1, 30: 2, 3: 3}
    assert len(mail.trend) == 60
    assert mail.figures.run_ms(0.5) == 32.0
    assert table.other is not None
    assert table.other.figures.completed == 4
    shares = [table.share(row) for row in table.rows]
    assert all(share is not None and 0 < share < 1 for share in shares)


def test_later_tables_add_what_is_new(reader: RedisReader, tasks: Tasks) -> None:
    tasks.minute("shop.mail", 30, 2)
    assert completed(reader, "1h") == {"shop.mail": 2}
    tasks.count("shop.mail", 3)
    assert completed(reader, "1h") == {"shop.mail": 5}
    tasks.count("shop.mail", 4)
    tasks.count("shop.pack", 1)
    assert completed(reader, "1h") == {"shop.mail": 9, "shop.pack": 1}
    assert completed(reader, "24h") == {"shop.mail": 7, "shop.pack": 1}


def test_of_tasks_that_did_nothing_nothing_is_read_again(reader: RedisReader, tasks: Tasks) -> None:
    for n in range(20):
        tasks.minute(f"shop.t{n}", 5, 1)
    reader.tasks(RANGES["1h"])
    before = tasks.client.info("commandstats")["cmdstat_getrange"]["calls"]
    tasks.count("shop.t7", 1)
    written = tasks.client.info("commandstats")["cmdstat_getrange"]["calls"]
    assert completed(reader, "1h")["shop.t7"] == 2
    # The task and `other`; each may be in two hours.
    assert tasks.client.info("commandstats")["cmdstat_getrange"]["calls"] - written <= 4
    assert written - before <= 4


def test_what_could_not_be_read_is_read_next_time(reader: RedisReader, tasks: Tasks) -> None:
    tasks.minute("shop.mail", 30, 2)
    users = [name for name in ("default", "viewer") if tasks.client.acl_getuser(name)]
    for name in users:
        tasks.client.execute_command("ACL", "SETUSER", name, "-getrange")
    with pytest.raises(AsokError):
        reader.tasks(RANGES["1h"])
    for name in users:
        tasks.client.execute_command("ACL", "SETUSER", name, "+getrange")
    assert completed(reader, "1h") == {"shop.mail": 2}


def test_longer_ranges_are_read_by_the_hour(reader: RedisReader, tasks: Tasks) -> None:
    for ago, number in ((300, 1), (20, 10), (1, 100)):
        tasks.hour("shop.mail", ago, number)
    assert completed(reader, "24h") == {"shop.mail": 110}
    assert completed(reader, "14d") == {"shop.mail": 111}
    assert completed(reader, "24h") == {"shop.mail": 110}


def test_many_tasks_are_read_in_steps_the_busiest_first(
    reader: RedisReader, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_reader, "BLOCKS_AT_ONCE", 40)
    for n in range(20):
        tasks.hour(f"shop.t{n:02}", 0, 100 - n)
        tasks.count(f"shop.t{n:02}", 1)
    tasks.hour("other", 1, 5)
    rows, unread = 0, 20
    while unread:
        table = reader.tasks(RANGES["14d"], patience=0)
        assert len(table.rows) > rows
        rows, unread = len(table.rows), table.unread
        assert rows + unread == 20
        assert [row.name for row in table.rows] == [f"shop.t{n:02}" for n in range(rows)]
        assert [row.figures.completed for row in table.rows] == [101 - n for n in range(rows)]
        assert table.other is not None
        # The part of one is not known as long as all together is not.
        assert (table.share(table.rows[0]) is None) == (unread > 0)
    # What was read is read no more, and what is new of it is.
    tasks.count("shop.t19", 1)
    table = reader.tasks(RANGES["14d"], patience=0)
    assert table.unread == 0
    assert {row.name: row.figures.completed for row in table.rows}["shop.t19"] == 83
    assert completed(reader, "24h") == {row.name: row.figures.completed for row in table.rows}


def test_the_history_of_a_task_has_its_buckets(reader: RedisReader, tasks: Tasks) -> None:
    for ago, number in ((1430, 1), (100, 2), (3, 3)):
        tasks.minute("shop.mail", ago, number)
    history = reader.task_history("shop.mail", FINE_RANGES["24h"])
    assert len(history.buckets) == 1440
    assert [each.completed for each in history.buckets if each.completed] == [1, 2, 3]
    assert history.total.completed == 6
    assert history.last(3600).completed == 3
    assert reader.task_history("shop.none", FINE_RANGES["1h"]).total == Figures()


def test_a_table_of_another_database_is_not_remembered(reader: RedisReader, tasks: Tasks) -> None:
    tasks.minute("shop.mail", 3, 2)
    tasks.minute("other", 3, 2)
    assert completed(reader, "1h") == {"shop.mail": 2}
    for key in tasks.client.scan_iter("asok:*"):
        tasks.client.delete(key)
    table = reader.tasks(RANGES["1h"])
    assert (table.rows, table.other) == ((), None)


def test_tasks_before_a_release_and_since(reader: RedisReader, tasks: Tasks) -> None:
    for ago, number in ((200, 64), (100, 1), (41, 2), (40, 4), (39, 8), (3, 16), (0, 32)):
        tasks.minute("shop.mail", ago, number)
    tasks.minute("shop.idle", 100, 7)
    change = ReleaseChange(tasks.now - 40 * 60, "b", "a")
    for _ in range(2):
        reader.tasks(RANGES["1h"])
        found = reader.task_comparisons(change)
        mail = found["shop.mail"]
        # The minute in which it began is on neither side, and an hour before it is compared.
        assert (mail.before.completed, mail.after.completed) == (3, 8 + 16 + 32)
        assert (found["shop.idle"].before.completed, found["shop.idle"].after) == (7, NOTHING)
        alone = compared(reader.task_history("shop.mail", FINE_RANGES["24h"]), change)
        assert alone is not None
        assert (alone.before, alone.after) == (mail.before, mail.after)
    tasks.count("shop.mail", 100)
    assert reader.task_comparisons(change)["shop.mail"].after.completed == 8 + 16 + 32 + 100
    assert completed(reader, "1h")["shop.mail"] == 2 + 4 + 8 + 16 + 32 + 100


def test_a_release_of_long_ago_is_compared_for_no_table(reader: RedisReader, tasks: Tasks) -> None:
    tasks.minute("shop.mail", 3, 5)
    assert reader.task_comparisons(ReleaseChange(tasks.now - 4 * 3600, "b", "a")) == {}
    assert reader.task_comparisons(ReleaseChange(tasks.now - 60, "b", "a")) != {}


def test_of_a_redis_that_was_emptied_nothing_is_remembered(
    tasks: Tasks, reader: RedisReader, redis_client: Any
) -> None:
    """A console stays open while another server takes over, or this one is emptied."""
    for name in ("m.one", "m.two", "m.three"):
        tasks.minute(name, 5, 30)
    past = Past(redis_client)
    past.hour(None, 5, completed=30)
    reader.snapshot()
    assert completed(reader, "1h") == {"m.one": 30, "m.two": 30, "m.three": 30}
    assert reader.task_history("m.one", FINE_RANGES["1h"]).total.completed == 30
    assert reader.queue_history(None, lambda now: (now - 2 * 86_400, now)).recorded == 60
    redis_client.flushall()
    # As many as before, by the ranking.
    tasks.minute("m.one", 2, 30, run=40)
    reader.snapshot()
    assert completed(reader, "1h") == {"m.one": 30}
    assert reader.task_history("m.one", FINE_RANGES["1h"]).total.completed == 30
    assert reader.task_history("m.two", FINE_RANGES["1h"]).total == NOTHING
    assert reader.queue_history(None, lambda now: (now - 2 * 86_400, now)).recorded == 0
