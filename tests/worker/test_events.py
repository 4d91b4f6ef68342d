"""Each kind of event: written once, when what it reports happens to real workers and a real Redis."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import redis

from asok_console.demo.embedded import EmbeddedRedis
from asok_console.presentation.events import sentence
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.keys import Keys
from asok_core.inspection.events import EventKind, SystemEvent
from asok_core.operations.inspector import open_operator, open_reader
from asok_core.settings.settings import Settings
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import wait_until
from tests.users import user_url
from tests.worker.leased import LEASE, busy, kill_elsewhere, name_of

KEYS = Keys()


def events(settings: Settings) -> list[SystemEvent]:
    """All events, oldest first."""
    reader = open_reader(settings)
    found = reader.events(1000).readable()
    reader.close()
    return list(found[::-1])


def planted(settings: Settings, *kinds: EventKind) -> list[SystemEvent]:
    """Wait until there is an event of each kind; these events, one of each, in the order of ``kinds``."""

    def found() -> list[list[SystemEvent]]:
        now = events(settings)
        return [[each for each in now if each.kind == kind] for kind in kinds]

    wait_until(lambda: all(found()), lambda: f"{kinds}: {events(settings)}")
    assert [len(each) for each in found()] == [1] * len(kinds), found()
    return [each for (each,) in found()]


def test_a_worker_that_starts_and_stops(desk: Desk, run_worker: RunWorker) -> None:
    worker = run_worker("--queues", "high,low")
    (started,) = planted(desk.settings, EventKind.WORKER_STARTED)
    name = name_of(desk, worker)
    assert started.fields["worker"] == name
    assert started.fields["queues"] == "high,low"
    assert started.at is not None
    assert abs(started.at - desk.client.time()[0]) < 60
    worker.stop()
    (stopped,) = planted(desk.settings, EventKind.WORKER_STOPPED)
    assert (stopped.fields["worker"], stopped.fields["reason"]) == (name, "SIGTERM")
    assert [each.kind for each in events(desk.settings)] == ["worker_started", "worker_stopped"]
    assert desk.client.ttl(KEYS.events) > 0
    assert desk.client.ttl(KEYS.server) > 0


def test_a_worker_that_is_lost_and_recovered_by_one_of_two(
    desk: Desk, run_worker: RunWorker
) -> None:
    lost, _ = busy(desk, run_worker, "one", ASOK_WORKER_LEASE=LEASE)
    name = name_of(desk, lost)
    others = [run_worker("--queues", f"q{n}", ASOK_WORKER_LEASE=LEASE) for n in range(2)]
    wait_until(lambda: desk.client.zcard(KEYS.workers) == 3, "three workers")
    kill_elsewhere(desk, lost)
    gone, recovered = planted(desk.settings, EventKind.WORKER_LOST, EventKind.WORKER_RECOVERED)
    assert (gone.fields["worker"], gone.fields["reason"]) == (name, "its lease expired")
    assert gone.fields["by"] in {name_of(desk, each) for each in others}
    assert (recovered.fields["returned"], recovered.fields["dead"]) == ("1", "0")


def test_a_worker_that_is_killed_beside_another(desk: Desk, run_worker: RunWorker) -> None:
    killed, _ = busy(desk, run_worker, "one", ASOK_WORKER_LEASE="1d")
    run_worker("--queues", "other")
    wait_until(lambda: desk.client.zcard(KEYS.workers) == 2, "two workers")
    killed.kill()
    gone, _ = planted(desk.settings, EventKind.WORKER_LOST, EventKind.WORKER_RECOVERED)
    assert gone.fields["reason"] == "no process of it is left"


def test_a_worker_whose_lease_was_taken_away(desk: Desk, run_worker: RunWorker) -> None:
    worker = run_worker(ASOK_WORKER_LEASE=LEASE)
    planted(desk.settings, EventKind.WORKER_STARTED)
    name = name_of(desk, worker)
    desk.client.zrem(KEYS.workers, name)
    (back,) = planted(desk.settings, EventKind.WORKER_RETURNED)
    assert back.fields["worker"] == name


def test_a_process_that_crashes(desk: Desk, run_worker: RunWorker) -> None:
    worker = run_worker("--queues", "default", ASOK_CRASH_LIMIT=1)
    desk.enqueue("end_process", 3)
    (crashed,) = planted(desk.settings, EventKind.PROCESS_CRASHED)
    name = name_of(desk, worker)
    assert crashed.fields["process"] == f"{name}.1"
    assert (crashed.fields["exit"], crashed.fields["reason"]) == ("exit code 3", "exit code 3")


def test_a_process_that_is_ended_for_a_job(desk: Desk, run_worker: RunWorker) -> None:
    worker = run_worker("--queues", "default")
    job = desk.enqueue("sleep_in_c", "one", hard_timeout=0.5)
    desk.reaches(job, "failed")
    (ended,) = planted(desk.settings, EventKind.PROCESS_ENDED)
    assert ended.fields["process"] == f"{name_of(desk, worker)}.1"
    assert ended.fields["reason"] == "1 job ran past its hard limit"
    assert not [each for each in events(desk.settings) if each.kind == EventKind.PROCESS_CRASHED]


def test_a_warning_that_is_raised_and_cleared(desk: Desk, run_worker: RunWorker) -> None:
    worker = run_worker("--queues", "default", ASOK_CRASH_LIMIT=1)
    for _ in range(4):
        desk.enqueue("end_process", 3)
    (raised,) = planted(desk.settings, EventKind.WARNING_RAISED)
    name = name_of(desk, worker)
    assert (raised.fields["warning"], raised.fields["worker"]) == ("crash_looping", name)
    assert raised.fields["reason"] == "exit code 3"
    # A process that lives long enough ends the loop.
    (cleared,) = planted(desk.settings, EventKind.WARNING_CLEARED)
    assert cleared.fields["warning"] == "crash_looping"


def test_a_redis_whose_memory_is_nearly_full_and_no_longer(
    own_desk: Desk, server: EmbeddedRedis, run_worker: RunWorker
) -> None:
    """Of two workers, the first that finds it writes the event; nothing is written in between."""
    client, used = own_desk.client, own_desk.client.info("memory")["used_memory"]
    client.config_set("maxmemory", used * 100)
    for n in range(2):
        run_worker("--queues", f"q{n}", ASOK_REDIS_URL=server.url, ASOK_WORKER_LEASE=LEASE)
    wait_until(lambda: client.zcard(KEYS.workers) == 2, "two workers")
    # In small parts: the buffer of a large one counts as used for a moment.
    for number in range(200):
        client.set(f"part:{number}", bytes(50_000), ex=600)
    client.config_set("maxmemory", int(client.info("memory")["used_memory"] / 0.94))
    (raised,) = planted(own_desk.settings, EventKind.WARNING_RAISED)
    assert raised.fields["warning"] == "redis_memory"
    assert "worker" not in raised.fields
    assert re.fullmatch(r"9\d % of maxmemory \(\d+ of \d+ MiB\)", raised.fields["reason"])
    assert sentence(raised).startswith("Redis: its memory is nearly full: ")
    client.config_set("maxmemory", 2**30)
    (cleared,) = planted(own_desk.settings, EventKind.WARNING_CLEARED)
    assert dict(cleared.fields) == {"warning": "redis_memory"}
    former = lease_ends(client)
    wait_until(lambda: all_sent_another(client, former), "heartbeats of both")
    planted(own_desk.settings, EventKind.WARNING_RAISED, EventKind.WARNING_CLEARED)


def test_a_queue_that_is_paused_and_resumed(desk: Desk) -> None:
    operator = open_operator(desk.settings)
    paused = operator.pause("mail")
    assert operator.pause("mail").applied == 0, "it is paused already, and nothing changes"
    resumed = operator.resume("mail")
    operator.resume("mail")
    operator.close()
    first, second = planted(desk.settings, EventKind.QUEUE_PAUSED, EventKind.QUEUE_RESUMED)
    assert [first.fields["operation"], second.fields["operation"]] == [
        paused.operation,
        resumed.operation,
    ]
    assert first.fields["queue"] == "mail"
    assert "@" in first.fields["by"]


def test_another_release(desk: Desk, redis_url: str) -> None:
    for number, release in enumerate(("4f2a1c", "4f2a1c", "", "77aa00")):
        registry = Registry(Endpoint(redis_url), KEYS)
        fields = {"queues": "default"} | ({"release": release} if release else {})
        for _ in range(2):
            registry.heartbeat(f"w{number}", ["default"], fields)
        registry.close()
    (changed,) = planted(desk.settings, EventKind.RELEASE_CHANGED)
    assert (changed.fields["from"], changed.fields["to"]) == ("4f2a1c", "77aa00")


def test_workers_on_different_releases(desk: Desk, run_worker: RunWorker) -> None:
    run_worker("--queues", "a", ASOK_RELEASE="4f2a1c")
    planted(desk.settings, EventKind.WORKER_STARTED)
    newer = run_worker("--queues", "b,a", ASOK_RELEASE="77aa00")
    (changed,) = planted(desk.settings, EventKind.RELEASE_CHANGED)
    assert dict(changed.fields) == {
        "from": "4f2a1c",
        "to": "77aa00",
        "worker": name_of(desk, newer),
        "queues": "b,a",
    }


def test_applications_that_share_a_namespace_have_releases_of_their_own(
    desk: Desk, redis_url: str
) -> None:
    """A restart of one is not a change of the other, nor of both."""

    def starts(worker: str, queues: str, release: str) -> None:
        registry = Registry(Endpoint(redis_url), KEYS)
        registry.heartbeat(worker, queues.split(","), {"queues": queues, "release": release})
        registry.close()

    for turn in range(3):
        starts(f"shop-{turn}", "shop,mail", "a1")
        starts(f"billing-{turn}", "bills", "b7")
    starts("shop-3", "mail", "a2")
    (changed,) = planted(desk.settings, EventKind.RELEASE_CHANGED)
    assert dict(changed.fields) == {"from": "a1", "to": "a2", "worker": "shop-3", "queues": "mail"}


def test_a_restart_of_redis_is_recorded_by_one_of_three(
    own_desk: Desk, server: EmbeddedRedis, run_worker: RunWorker
) -> None:
    for n in range(3):
        run_worker("--queues", f"q{n}", ASOK_REDIS_URL=server.url, ASOK_WORKER_LEASE=LEASE)
    wait_until(lambda: own_desk.client.zcard(KEYS.workers) == 3, "three workers")
    former = lease_ends(own_desk.client)
    server.stop()
    server.start()
    wait_until(lambda: all_sent_another(own_desk.client, former), "heartbeats of all")
    planted(own_desk.settings, EventKind.REDIS_RESTARTED)


def test_a_restart_that_loses_all_data_is_recorded_once(
    embedded_redis: Callable[..., EmbeddedRedis],
    make_settings: Callable[..., Settings],
    run_worker: RunWorker,
) -> None:
    server = embedded_redis()
    settings = make_settings(ASOK_REDIS_URL=server.url)
    for n in range(2):
        run_worker("--queues", f"q{n}", ASOK_REDIS_URL=server.url, ASOK_WORKER_LEASE=LEASE)
    with redis.Redis.from_url(server.url) as client:
        wait_until(lambda: client.zcard(KEYS.workers) == 2, "two workers")
        former = lease_ends(client)
        server.stop()
        server.start()
        wait_until(lambda: all_sent_another(client, former), "heartbeats of both")
    planted(settings, EventKind.REDIS_RESTARTED)


def test_a_failover_is_not_taken_for_a_restart(
    embedded_redis: Callable[..., EmbeddedRedis], make_settings: Callable[..., Settings]
) -> None:
    master, replica = (embedded_redis() for _ in range(2))
    with redis.Redis.from_url(master.url) as client, redis.Redis.from_url(replica.url) as other:
        registries = [Registry(Endpoint(master.url), KEYS) for _ in "ab"]
        # The replica has been up for some seconds, as it is before any failover.
        wait_until(lambda: other.info("server")["uptime_in_seconds"] >= 3, "an uptime")
        for name, each in zip("ab", registries, strict=True):
            each.heartbeat(name, ["default"], {"queues": "default"})
        # What a replica has: everything, the run id of its master included.
        for key in client.keys("asok:*"):
            other.restore(key, max(client.pttl(key), 0), client.dump(key))
        for each in registries:
            each.close()
            each._reconnecting._endpoint = Endpoint(replica.url)
        for name, each in zip("ab", registries, strict=True):
            each.heartbeat(name, ["default"], {"queues": "default"})
            each.close()
    planted(make_settings(ASOK_REDIS_URL=replica.url), EventKind.REDIS_FAILED_OVER)


def lease_ends(client: Any) -> dict[bytes, float]:
    return dict(client.zrange(KEYS.workers, 0, -1, withscores=True))


def all_sent_another(client: Any, former: dict[bytes, float]) -> bool:
    try:
        now = lease_ends(client)
    except redis.exceptions.ConnectionError:
        return False
    return all(now.get(name, 0) > until for name, until in former.items())


def test_users_with_the_permissions_of_a_former_release_work_and_record_events(
    embedded_redis: Callable[..., EmbeddedRedis], make_settings: Callable[..., Settings]
) -> None:
    """Who upgrades changes the permissions later, or not at all: no change is made by half for that."""
    server = embedded_redis()
    with redis.Redis.from_url(server.url) as client:
        urls = {role: user_url(client, role, server.url) for role in ("worker", "operator")}
        for role in urls:
            client.execute_command("ACL", "SETUSER", role, "-xtrim", "-hexists")
        registries = [Registry(Endpoint(urls["worker"]), KEYS) for _ in "ab"]
        for name, each in zip("ab", registries, strict=True):
            each.heartbeat(name, ["default"], {"queues": "default"})
        client.zadd(KEYS.workers, {"a": 1.0})
        assert registries[1].leave("a", [], only_if_expired=True, by="b")
        registries[0].heartbeat("a", ["default"], {"queues": "default"})
        for each in registries:
            each.close()
        operator = open_operator(make_settings(ASOK_REDIS_URL=urls["operator"]))
        assert operator.pause("mail").applied == 1
        assert client.smembers(KEYS.paused) == {b"mail"}
        assert operator.resume("mail").applied == 1
        assert not client.exists(KEYS.paused)
        operator.close()
    assert [each.kind for each in events(make_settings(ASOK_REDIS_URL=server.url))] == [
        *("worker_started", "worker_started", "worker_lost", "worker_recovered"),
        *("worker_returned", "queue_paused", "queue_resumed"),
    ]


def test_bounds_by_length_and_by_age(desk: Desk, redis_url: str) -> None:
    registry = Registry(Endpoint(redis_url), KEYS, events_max=200, events_age=3600)
    old = int((time.time() - 3700) * 1000)
    desk.client.xadd(KEYS.events, {"kind": "worker_started", "at": "1"}, id=f"{old}-0")
    registry.heartbeat("w", ["default"], {"queues": "default"})
    operator = open_operator(desk.settings)
    assert [each.kind for each in events(desk.settings)] == ["worker_started"], (
        "the old one is gone"
    )
    for _ in range(100):
        operator.pause("mail")
        operator.resume("mail")
    assert desk.client.xlen(KEYS.events) == 200
    assert 0 < desk.client.ttl(KEYS.events) <= 3600
    operator.close()
    registry.close()


def test_no_bound_removes_what_readers_hold_to_be_all(desk: Desk) -> None:
    desk.client.hset(KEYS.server, mapping={"events_max": "1", "events_age": "1"})
    desk.client.expire(KEYS.server, 600)
    operator = open_operator(desk.settings)
    for _ in range(2):
        operator.pause("mail")
        operator.resume("mail")
    operator.close()
    assert desk.client.xlen(KEYS.events) == 4
    assert desk.client.ttl(KEYS.events) > 3000


def test_a_heartbeat_that_is_sent_again_reports_no_event_again(desk: Desk, redis_url: str) -> None:
    from asok_core.worker.supervising.event_report import EventReport

    report = EventReport("w")
    report.note(EventKind.WARNING_RAISED, warning="hanging", reason="x" * 2000)
    rows = report.rows()
    registry = Registry(Endpoint(redis_url), KEYS)
    for _ in range(2):
        registry.heartbeat("w", ["default"], {"queues": "default"}, events=rows)
    registry.close()
    (raised,) = planted(desk.settings, EventKind.WARNING_RAISED)
    assert len(raised.fields["reason"]) == 500
    report.reported(rows)
    assert not report
