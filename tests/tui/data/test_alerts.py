"""What happened to Redis is shown: a server that lost its jobs does not look healthy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import redis

from asok_console.demo.embedded import EmbeddedRedis
from asok_console.tui.data.alerts import Alert, Severity, alerts
from asok_console.tui.data.incidents import Incidents
from asok_console.tui.views.shared.queue_table import TREND_COLUMN, lines_of
from asok_console.tui.widgets.status_line import StatusLine
from asok_core.inspection.holds import Hold, HoldState
from asok_core.inspection.pauses import QueuePause
from asok_core.inspection.queues import QueueStats
from asok_core.inspection.snapshot import ServerInfo, Snapshot
from asok_core.inspection.workers import WorkerInfo
from asok_core.settings.settings import Settings
from tests.conftest import SECRET_KEY
from tests.fixtures.console import Open
from tests.tui import seed
from tests.tui.seed import KEYS

NOW = 1_772_333_820.0
FAILED_SAVE = ServerInfo("redis://x", last_save_ok=False, persistence="rdb")


def _settings(server: EmbeddedRedis) -> Settings:
    return Settings.load(
        {"ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": server.url, "SECRET_KEY": SECRET_KEY}
    )


@pytest.fixture
def server(embedded_redis: Callable[..., EmbeddedRedis]) -> EmbeddedRedis:
    """A server of the test's own, which has no persistence."""
    return embedded_redis()


async def test_a_restart_that_lost_every_job_is_shown_on_each_view(
    server: EmbeddedRedis, open_console: Open
) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(client), 31))
        seed.pending(client, "high", 6, first=1, age=5)
        seed.traffic(client, "high", 40, failing=0.1, growth=1.0)
    async with open_console(settings=_settings(server)) as hand:
        await hand.sees("6 pending")
        server.stop(kill=True)
        await hand.sees("cannot reach Redis")
        server.start()
        await hand.sees("⚠ Redis restarted")
        await hand.sees("ago; 37 jobs are gone")
        # The figures of the server that is gone are not those of this one.
        recent = [queue.recent for queue in hand.app.snapshot.queues]  # type: ignore[union-attr]
        assert not any(bucket.completed for each in recent for bucket in each)
        await hand.press("6")
        await hand.sees("Overview ⚠")


async def test_an_outcome_hides_no_grave_alert(
    redis_client: redis.Redis, open_console: Open
) -> None:
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), 3))
    seed.pending(redis_client, "high", 6, first=1, age=5)
    alone = "⚠ no worker claims jobs of high (6)"
    async with open_console(view="dead", size=(120, 30)) as hand:
        await hand.sees(alone)
        # As many as the Overview lists: Redis has no persistence, too.
        assert hand.shows("1 Overview ⚠2 ")
        line = hand.app.screen.query_one(StatusLine)
        for tone in ("warn", "good", "bad"):
            line.outcome(1, f"Purged 0 jobs, {tone}", tone)
            await hand.sees(f"Purged 0 jobs, {tone}")
            assert hand.shows(alone)
        line.working(2, "Purge 3 jobs?")
        await hand.sees("Purge 3 jobs …")
        assert hand.shows(alone)


async def test_an_outcome_is_shown_alone_where_nothing_is_grave(
    redis_client: redis.Redis, open_console: Open
) -> None:
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), 3))
    mild = "Redis has no persistence"
    async with open_console(view="dead", size=(120, 30)) as hand:
        await hand.sees(mild)
        assert hand.shows("1 Overview ⚠1 ")
        hand.app.screen.query_one(StatusLine).outcome(1, "Purged 0 jobs", "warn")
        await hand.sees("Purged 0 jobs")
        assert not hand.shows(mild)


async def test_a_restart_that_kept_the_jobs_says_no_more_than_that(
    embedded_redis: Callable[..., EmbeddedRedis], open_console: Open
) -> None:
    server = embedded_redis("--appendonly", "yes")
    with redis.Redis.from_url(server.url) as client:
        seed.pending(client, "high", 6, first=1, age=5)
    async with open_console(settings=_settings(server)) as hand:
        await hand.sees("6 pending")
        server.stop()
        await hand.sees("cannot reach Redis")
        server.start()
        await hand.sees("Redis restarted")
        assert "gone" not in hand.screen()


async def test_an_emptied_redis_is_shown(server: EmbeddedRedis, open_console: Open) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(client), 31))
        async with open_console(settings=_settings(server)) as hand:
            await hand.sees("31 dead")
            client.flushall()
            await hand.sees("⚠ Redis was emptied")
            await hand.sees("ago; 31 jobs are gone")


async def test_a_purge_is_no_loss(redis_client: redis.Redis, open_console: Open) -> None:
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), 31))
    async with open_console() as hand:
        await hand.sees("31 dead")
        redis_client.rename(KEYS.dead, f"{KEYS.namespace}:trash:op")
        redis_client.expire(f"{KEYS.namespace}:trash:op", 60)
        await hand.sees("0 dead")
        assert "gone" not in hand.screen()
        assert "emptied" not in hand.screen()


async def test_a_server_that_becomes_a_replica_is_shown(
    server: EmbeddedRedis, open_console: Open
) -> None:
    with redis.Redis.from_url(server.url) as client:
        seed.pending(client, "high", 6, first=1, age=5)
        async with open_console(size=(120, 40), settings=_settings(server)) as hand:
            await hand.sees("6 pending")
            client.execute_command("REPLICAOF", "127.0.0.1", "1")
            await hand.sees("this Redis is a replica: it refuses every change")
            await hand.sees("this Redis became a replica")


async def test_evicted_keys_are_a_loss(server: EmbeddedRedis, open_console: Open) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory-policy", "allkeys-random")
        client.config_set("maxmemory", client.info("memory")["used_memory"] + 2_000_000)
        while not client.info("stats")["evicted_keys"]:
            client.set(
                f"filler:{client.dbsize()}:{client.info('stats')['evicted_keys']}", "x" * 90_000
            )
    async with open_console(settings=_settings(server)) as hand:
        await hand.sees("⚠ Redis has evicted")


async def test_no_grave_line_hides_behind_a_count_on_a_small_screen(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.pending(redis_client, "high", 6, first=1, age=5)
    redis_client.set(KEYS.dead, "not a list", ex=600)
    redis_client.set(KEYS.delayed, "not a sorted set", ex=600)
    async with open_console(size=(80, 24)) as hand:
        await hand.sees("dead jobs cannot be read or written")
        assert "delayed jobs cannot be read or written" in hand.screen()
        assert "no worker claims jobs of high (6)" in hand.screen()
        assert "Redis has no persistence" in hand.screen()


def test_alerts_are_ordered_by_what_they_cost() -> None:
    server = ServerInfo(
        "redis://x", role="slave", used_memory=100, max_memory=100, evicted_keys=3,
        eviction_policy="noeviction", persistence="none",
    )  # fmt: skip
    snapshot = Snapshot(NOW, server, (QueueStats("high", 4, problem="its key is not a list"),))
    gone = Alert(Severity.JOBS_LOST, "Redis restarted 4 seconds ago; 9 jobs are gone")
    found = alerts(snapshot, 1000, [gone])
    assert [each.cost for each in found] == sorted(each.cost for each in found)
    assert found[0] is gone
    assert found[-1].line.startswith("Redis has no persistence")
    assert [each.cost for each in found if not each.grave] == [Severity.LOSS_POSSIBLE]


def test_a_replica_without_its_master_does_not_know_whether_a_pause_has_ended() -> None:
    over = QueueStats("high", 4, paused=True, pause=QueuePause("ann", until=NOW - 300))
    replica = ServerInfo("redis://x", role="slave", master_link="up")
    line = "no worker has ended the pause of high, whose end has passed"
    assert line in [each.line for each in alerts(Snapshot(NOW, replica, (over,)), 1000)]
    cut_off = replica._replace(master_link="down")
    assert line not in [each.line for each in alerts(Snapshot(NOW, cut_off, (over,)), 1000)]


@pytest.mark.parametrize(
    ("server", "cost", "line"),
    [
        (FAILED_SAVE._replace(stops_on_save_error=True), Severity.NO_CHANGES,
         "Redis could not save its data to disk: it refuses changes; its log says why"),
        (FAILED_SAVE, Severity.NO_CHANGES,
         "Redis could not save its data to disk: it may refuse changes; its log says why"),
        (FAILED_SAVE._replace(stops_on_save_error=False), Severity.LOSS_POSSIBLE,
         "Redis could not save its data to disk: its log says why"),
        (ServerInfo("redis://x", good_replicas=1, required_replicas=2), Severity.NO_CHANGES,
         "Redis has 1 replica that does not lag, fewer than min-replicas-to-write: it refuses changes"),
    ],
)  # fmt: skip
def test_a_redis_is_reported_to_refuse_changes_only_where_that_is_known(
    server: ServerInfo, cost: Severity, line: str
) -> None:
    (found,) = alerts(Snapshot(NOW, server), 1000)
    assert (found.cost, found.line) == (cost, line)


def test_without_all_workers_or_the_clock_of_the_master_no_worker_is_called_absent() -> None:
    queues = (QueueStats("high", 4),)
    unread = Snapshot(NOW, ServerInfo("redis://x"), queues, workers_unread="too many")
    (found,) = alerts(unread, 1000)
    assert found.line == "no worker is known to claim jobs of high (4)"
    replica = ServerInfo("redis://x", role="slave", master_link="up")
    stalled = WorkerInfo("w1", queues=("high",), beat_at=NOW - 40, lease_until=NOW - 10)
    lines = [each.line for each in alerts(Snapshot(NOW, replica, queues, (stalled,), due=99), 1000)]
    assert lines == [
        "this Redis is a replica: it refuses every change, and may lag behind",
        "no worker is known to claim jobs of high (4)",
    ]


def test_names_that_were_not_read_hide_no_job_that_waits() -> None:
    unread = "1 name of queues was not read: it is longer than 1,024 bytes"
    snapshot = Snapshot(NOW, ServerInfo("redis://x"), (QueueStats("high", 4),), unread=(unread,))
    found = alerts(snapshot, 1000)
    assert [each.cost for each in found] == [Severity.JOBS_WAIT, Severity.NOTICE]
    assert found[1].line == unread


@pytest.mark.parametrize(
    ("after", "line"),
    [
        (
            {"run_id": "b", "uptime": 3.0, "keys": 0},
            "Redis restarted 3 seconds ago; 40 jobs are gone",
        ),
        (
            {"run_id": "b", "uptime": 9e5, "keys": 50},
            "another Redis server took over (failover) a moment ago; 40 jobs are gone",
        ),
        ({"run_id": "b", "uptime": 3.0, "keys": 100}, "Redis restarted 3 seconds ago"),
        ({"keys": 3}, "Redis was emptied a moment ago; 40 jobs are gone"),
        ({"role": "slave"}, "this Redis became a replica a moment ago"),
        ({"keys": 90}, None),
    ],
)
def test_what_two_snapshots_say(after: dict[str, object], line: str | None) -> None:
    before = ServerInfo("redis://x", role="master", run_id="a", uptime=100.0, keys=100)
    incidents = Incidents()
    incidents.see(Snapshot(NOW - 10, before, pending=30, dead=10))
    incidents.see(Snapshot(NOW, before._replace(**after)))  # type: ignore[arg-type]
    assert [each.line for each in incidents.alerts(NOW)] == ([line] if line else [])


def test_a_hold_that_keeps_jobs_for_a_day_is_an_alert_and_their_queue_shows_them() -> None:
    hold = Hold("abc", task="shop.charge", by="ann@web1", at=NOW, reason="bank down")
    kept = HoldState("abc", hold, {"mail": 3})
    queues = (QueueStats("mail", 0, consumers=1), QueueStats("low", pending=9))
    snapshot = Snapshot(NOW + 86_400, ServerInfo("redis://x"), queues=queues, holds=(kept,))
    assert snapshot.held == 3
    (alert,) = [each for each in alerts(snapshot, 100) if "hold" in each.line]
    assert alert.line == "hold abc keeps 3 jobs and was made 1 day ago by ann@web1: bank down"
    assert alert.cost is Severity.JOBS_WAIT
    assert not [
        each for each in alerts(replace(snapshot, taken_at=NOW), 100) if "hold" in each.line
    ]
    lines = {each.queue.name: each for each in lines_of(snapshot, "name")}
    assert TREND_COLUMN.cell(lines["mail"], NOW) == ("‖ 3 held", "warn")
    assert "held" not in TREND_COLUMN.cell(lines["low"], NOW)[0]
