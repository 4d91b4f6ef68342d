"""``asok events``: the past, what follows, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.backends.redis.keys import Keys
from asok_core.inspection.events import EventKind
from asok_core.operations.inspector import open_operator
from asok_core.settings.settings import Settings
from tests.conftest import SECRET_KEY
from tests.fixtures.command_line import Ran
from tests.programs import PATIENCE, ROOT, environment, wait_until

KEYS = Keys()
Asok = Callable[..., Ran]


def add(client: Any, age: float, kind: str, **fields: str) -> None:
    seconds, micros = client.time()
    at = seconds + micros / 1e6 - age
    entry = {"kind": kind, "at": f"{at:.3f}", **fields}
    client.xadd(KEYS.events, entry, id=f"{int(at * 1000)}-0")
    client.expire(KEYS.events, 600)


@pytest.fixture
def three(redis_client: redis.Redis) -> None:
    add(redis_client, 7200, "worker_started", worker="w1", version="1.0", queues="high")
    add(redis_client, 300, "queue_paused", queue="mail", by="ann@web1", operation="op-1")
    add(redis_client, 60, "process_crashed", worker="w1", process="w1.1", reason="exit code 3")


@pytest.mark.usefixtures("three")
def test_events_are_sentences_in_their_order(asok: Asok) -> None:
    lines = asok("events").out.splitlines()
    assert {line[19:25] for line in lines} == {" UTC  "}
    assert [line[25:].split(maxsplit=1) for line in lines] == [
        ["worker_started", "worker w1 started (version 1.0, queues high)"],
        ["queue_paused", "queue mail paused by ann@web1"],
        ["process_crashed", "process w1.1 crashed: exit code 3"],
    ]


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        (("--since", "1h"), ["queue_paused", "process_crashed"]),
        (("--kind", "queue_paused"), ["queue_paused"]),
        (
            ("--kind", "queue_paused", "--kind", "worker_started"),
            ["worker_started", "queue_paused"],
        ),
        (("--limit", "1"), ["process_crashed"]),
        (("--since", "10s"), []),
        (("--since", "2020-01-01 15:00"), ["worker_started", "queue_paused", "process_crashed"]),
        (("--since", "yesterday"), ["worker_started", "queue_paused", "process_crashed"]),
    ],
)
def test_filters(asok: Asok, words: tuple[str, ...], kinds: list[str]) -> None:
    document = json.loads(asok("events", "--json", *words).out)
    assert [each["kind"] for each in document["events"]] == kinds


@pytest.mark.usefixtures("three")
def test_the_document(asok: Asok) -> None:
    event = json.loads(asok("events", "--json").out)["events"][1]
    assert sorted(event) == ["at", "fields", "id", "kind"]
    assert event["at"].endswith("Z")
    assert event["fields"] == {"queue": "mail", "by": "ann@web1", "operation": "op-1"}


def test_more_events_than_one_batch(asok: Asok, redis_client: redis.Redis) -> None:
    with redis_client.pipeline() as together:
        for number in range(1, 1203):
            kind = "worker_lost" if number == 1 else "worker_started"
            together.xadd(KEYS.events, {"kind": kind, "at": str(number)}, id=f"{number}-0")
        together.expire(KEYS.events, 600)
        together.execute()
    found = json.loads(asok("events", "--json", "--limit", "5000").out)["events"]
    assert [each["id"] for each in found] == [f"{n}-0" for n in range(1, 1203)]
    (only,) = json.loads(asok("events", "--json", "--kind", "worker_lost").out)["events"]
    assert only["id"] == "1-0"


def test_an_event_that_is_reported_late_hides_no_other(
    asok: Asok, redis_client: redis.Redis
) -> None:
    seconds = redis_client.time()[0]
    with redis_client.pipeline() as together:
        for number in range(1200):
            # A worker had no connection for two hours, and reports what happened then.
            at = seconds - 7200 if number == 1000 else seconds
            together.xadd(KEYS.events, {"kind": "worker_started", "at": str(at)})
        together.expire(KEYS.events, 600)
        together.execute()
    words = ("events", "--json", "--limit", "5000", "--since", "1h")
    assert len(json.loads(asok(*words).out)["events"]) == 1199


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--kind", "nothing"), "--kind 'nothing' is not a kind of event: worker_started, "),
        (("--since", "soon"), "--since: 'soon' is not a moment, as in 15:00, 2026-11-25, "),
        (("--since", "2100-01-01"), "--since: '2100-01-01' is in the future: it is 20"),
        (("--limit", "0"), "--limit '0' is not a whole number from 1 to 100000"),
    ],
)
def test_what_is_no_value_is_named(asok: Asok, words: tuple[str, ...], line: str) -> None:
    ran = asok("events", *words)
    assert ran.code == 2
    assert line in ran.err


def test_a_key_of_another_type_is_named(asok: Asok, redis_client: redis.Redis) -> None:
    redis_client.set(KEYS.events, "text", ex=600)
    ran = asok("events")
    assert (ran.code, ran.out) == (1, "")
    assert f"The key {KEYS.events} is not a stream" in ran.err


def test_every_kind_has_a_sentence(asok: Asok, redis_client: redis.Redis) -> None:
    for number, kind in enumerate(EventKind):
        add(redis_client, 100 - number, kind)
    lines = asok("events").out.splitlines()
    assert len(lines) == len(EventKind)
    for kind, line in zip(EventKind, lines, strict=True):
        sentence = line[21:].removeprefix(kind).strip()
        assert sentence != kind, line


def test_every_kind_is_documented() -> None:
    page = (ROOT / "docs" / "pages" / "operations.md").read_text(encoding="utf-8")
    rows = "".join(line for line in page.splitlines(keepends=True) if line.startswith("| `"))
    assert [kind for kind in EventKind if f"`{kind}`" not in rows] == []


@contextmanager
def following(url: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    program = subprocess.Popen(
        [sys.executable, "-m", "asok_console", "events", "--follow", "--url", url, *words],
        env=environment({"SECRET_KEY": SECRET_KEY, "ASOK_QUEUE_BACKEND": "redis"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield program
    finally:
        program.kill()
        program.communicate()


def test_follow_shows_what_happens_until_ctrl_c(
    redis_url: str, redis_client: redis.Redis, make_settings: Callable[..., Settings]
) -> None:
    add(redis_client, 300, "worker_started", worker="w1")
    with following(redis_url, "--json", "--kind", "worker_started", "--kind", "queue_paused") as it:
        assert it.stdout is not None
        assert json.loads(it.stdout.readline())["kind"] == "worker_started"
        operator = open_operator(make_settings())
        for queue in ("a", "b"):
            operator.pause(queue)
            operator.resume(queue)
        operator.close()
        lines = [json.loads(it.stdout.readline()) for _ in range(2)]
        assert [each["fields"]["queue"] for each in lines] == ["a", "b"]
        it.send_signal(signal.SIGINT)
        rest, errors = it.communicate(timeout=PATIENCE)
    assert (it.returncode, rest, errors) == (130, "", "")


def test_follow_continues_after_an_outage_which_it_names_once(
    embedded_redis: Callable[..., EmbeddedRedis],
) -> None:
    server = embedded_redis("--appendonly", "yes", "--appendfsync", "always")
    with redis.Redis.from_url(server.url) as client, following(server.url, "--json") as it:
        assert it.stdout is not None
        assert it.stderr is not None
        add(client, 10, "worker_started", worker="w1")
        assert json.loads(it.stdout.readline())["fields"]["worker"] == "w1"
        server.stop()
        assert "trying again every 1 s" in it.stderr.readline()
        server.start()
        wait_until(lambda: pings(client), "Redis")
        add(client, 0, "worker_stopped", worker="w1")
        assert json.loads(it.stdout.readline())["kind"] == "worker_stopped"
        it.send_signal(signal.SIGINT)
        _, errors = it.communicate(timeout=PATIENCE)
    assert errors.splitlines()[-1] == "asok: connected again"


def pings(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.exceptions.ConnectionError:
        return False


def test_follow_ends_when_its_reader_does(redis_url: str, redis_client: redis.Redis) -> None:
    add(redis_client, 300, "worker_started", worker="w1")
    with following(redis_url) as it:
        assert it.stdout is not None
        assert it.stdout.readline()
        it.stdout.close()
        add(redis_client, 0, "worker_stopped", worker="w1")
        wait_until(lambda: it.poll() is not None, "its end")
        assert it.stderr is not None
        assert it.stderr.read() == ""
    assert it.returncode in (141, 0, 1), it.returncode
