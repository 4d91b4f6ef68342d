"""Each cause is planted on a real Redis with real workers, and is named first, in a code and in words."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pytest
import redis

from asok_console.cli.parser import build_parser, with_default_words
from asok_console.demo.embedded import EmbeddedRedis
from asok_console.tui.data.why import ExplainedSubject
from asok_console.tui.views.shared.job_columns import job_id
from asok_core.clock import iso
from asok_core.operations.explain import Kind
from asok_core.settings.settings import Settings
from tests.backends.redis.reading.seed import job, push, work
from tests.conftest import SECRET_KEY
from tests.fixtures.bench import Bench
from tests.fixtures.command_line import Ran
from tests.fixtures.console import Open
from tests.fixtures.worker import Desk, RunWorker
from tests.peer.conftest import APP
from tests.programs import ROOT, environment, python, running, wait_until

Asok = Callable[..., Ran]
TASKS = "tests.situations.tasks"
FOLDER = os.environ.get("ASOK_SITUATIONS", "")


class Names(Protocol):
    """Wait until the first reason has ``code`` and a text with ``words``; return that reason."""

    def __call__(
        self, code: str, words: str, *asked: str, url: str = "", exits: int = 0
    ) -> dict[str, Any]: ...


@pytest.fixture
def names(
    asok: Asok,
    request: pytest.FixtureRequest,
    open_console: Open,
    make_settings: Callable[..., Settings],
    redis_url: str,
) -> Names:
    def explained(asked: tuple[str, ...], url: str, exits: int) -> dict[str, Any]:
        ran = asok("explain", *asked, *(("--url", url) if url else ()), "--json")
        assert ran.code == exits, ran.err
        return ran.document

    def check(code: str, words: str, *asked: str, url: str = "", exits: int = 0) -> dict[str, Any]:
        found: dict[str, Any] = {}

        def named() -> bool:
            found.update(explained(asked, url, exits))
            first = found["reasons"][0] if found["reasons"] else {"code": "", "text": ""}
            return bool(first["code"] == code and words in first["text"])

        wait_until(named, lambda: f"{code} first, with {words!r}: {found}")
        reason: dict[str, Any] = found["reasons"][0]
        if reason["remedy"].startswith("asok "):
            # What is advised must be a command that exists.
            build_parser().parse_args(with_default_words(shlex.split(reason["remedy"])[1:]))
        if FOLDER:
            name = request.node.name.removeprefix("test_")
            where = ("--url", url) if url else ()
            printed = asok("explain", *asked, *where).out
            (Path(FOLDER) / f"{name}.txt").write_text(printed, encoding="utf-8")
            settings = make_settings(ASOK_REDIS_URL=url or redis_url)
            asyncio.run(draw(name, _subject(asked), settings))
        return reason

    async def draw(name: str, subject: ExplainedSubject, settings: Settings) -> None:
        async with open_console(size=(110, 30), settings=settings) as hand:
            ended = hand.app.session.reader.recent(0, 10).rows
            near = next((each for each in ended if job_id(each) == subject.name), None)
            hand.app.explain(replace(subject, near=near))
            await hand.loses("reading …")
            await hand.sees("1. ")
            drawn = hand.app.export_screenshot(title=name.replace("_", " "))
            (Path(FOLDER) / f"{name}.svg").write_text(drawn, encoding="utf-8")

    return check


def _subject(asked: tuple[str, ...]) -> ExplainedSubject:
    kinds: dict[str, Kind] = {"--queue": "queue", "--worker": "worker"}
    return ExplainedSubject(kinds.get(asked[0], "job"), asked[-1])


def test_paused(asok: Asok, desk: Desk, run_worker: RunWorker, names: Names) -> None:
    run_worker("--queues", "default")
    assert asok("queue", "pause", "default").code == 0
    waiting = desk.enqueue("note", "a")
    reason = names("queue_paused", "is paused", waiting.id)
    assert "@" in reason["evidence"]["by"]
    assert reason["remedy"] == "asok queue resume default"


def test_held_task(asok: Asok, desk: Desk, run_worker: RunWorker, names: Names) -> None:
    run_worker("--queues", "default")
    desk.idle()
    task = "tests.worker.jobs.note"
    assert asok("hold", "add", "--task", task, "--arg", "0=7", "--reason", "bank down").code == 0
    job = desk.enqueue("note", 7)
    desk.reaches(job, "held")
    reason = names("held", "bank down", job.id)
    assert reason["evidence"]["jobs_of"] == f"task {task}, args[0] == 7"
    assert reason["evidence"]["by"]
    assert reason["remedy"] == f"asok hold release {reason['evidence']['hold']}"


def test_starved_by_a_busier_queue(desk: Desk, run_worker: RunWorker, names: Names) -> None:
    run_worker("--queues", "high,low", "--concurrency", "1", "--processes", "1")
    desk.reaches(desk.enqueue("hold", "a", queue="high"), "running")
    for number in range(30):
        desk.enqueue("note", str(number), queue="high")
    starved = desk.enqueue("note", "starved", queue="low")
    reason = names("earlier_queues", "served before it: high", starved.id)
    assert "asok worker --queues low" in reason["remedy"]
    desk.release("a")


def test_no_consumer(desk: Desk, run_worker: RunWorker, names: Names) -> None:
    run_worker("--queues", "high,default")
    desk.reaches(desk.enqueue("note", "a"), "completed")
    waiting = desk.enqueue("note", "b", queue="mail")
    reason = names("queue_not_served", "no registered worker serves queue 'mail'", waiting.id)
    assert reason["evidence"]["they_serve"] == "default, high"


def test_quiet_worker(asok: Asok, desk: Desk, run_worker: RunWorker, names: Names) -> None:
    run_worker("--queues", "default")
    desk.reaches(desk.enqueue("note", "a"), "completed")
    worker = desk.client.zrange(desk.keys.workers, 0, -1)[0].decode()
    assert asok("worker", "quiet", worker).code == 0
    # Until then it may still take a job.
    key = desk.keys.worker(worker)
    wait_until(lambda: desk.client.hget(key, "quiet") == b"1", "a heartbeat that says so")
    reason = names("worker_quiet", "is quiet", desk.enqueue("note", "b").id)
    assert "@" in reason["evidence"]["by"]
    assert reason["remedy"] == f"asok worker resume {worker}"


def test_gil_bound_job(desk: Desk, run_worker: RunWorker, names: Names) -> None:
    worker = run_worker("--concurrency", "1", "--processes", "1")
    holding = desk.enqueue("hold_the_interpreter", 600.0)
    desk.wait_for_lines("begin")
    # The stack is taken by a signal: the process need not run Python code for it.
    reason = names("interpreter_held", "a thread holds the interpreter in C code", holding.id)
    assert "asok job stack" in reason["remedy"]
    worker.quit()


def test_deadlock_between_two_threads(desk: Desk, run_worker: RunWorker, names: Names) -> None:
    worker = run_worker("--concurrency", "2", "--processes", "1")
    one = desk.enqueue("left_then_right", module=TASKS)
    other = desk.enqueue("right_then_left", module=TASKS)
    desk.wait_for_lines("left", "right")
    reason = names(
        "jobs_stand_still", "if both wait for a lock, they may wait for each other", one.id
    )
    assert other.id in reason["text"]
    assert "left_then_right (tasks.py:" in reason["text"]
    worker.quit()


def test_slow_dependency_after_a_deploy(desk: Desk, run_worker: RunWorker, names: Names) -> None:
    before = run_worker("--concurrency", "2", "--processes", "1", ASOK_RELEASE="4f2a1c")
    fast = [desk.enqueue("call_dependency", 0, "", module=TASKS) for _ in range(25)]
    desk.reaches(fast[-1], "completed")
    before.stop()
    run_worker("--concurrency", "2", "--processes", "1", ASOK_RELEASE="77aa00")
    slow = desk.enqueue("call_dependency", 60, "gate", module=TASKS)
    desk.reaches(slow, "running")
    reason = names("running_long", "longer than 95 % of the attempts of its task", slow.id)
    assert reason["evidence"]["attempts_in_p95"] >= 25
    assert "release 77aa00, which runs it, began shortly before (before: 4f2a1c)" in reason["text"]
    assert reason["evidence"]["release"] == "77aa00"
    desk.release("gate")


def test_crash_loop(desk: Desk, run_worker: RunWorker, tmp_path: Path, names: Names) -> None:
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if any(each.endswith(('start.py', 'worker.process')) for each in sys.orig_argv):\n"
        "    os._exit(9)\n"
    )
    waiting = desk.enqueue("note", "a")
    run_worker(PYTHONPATH=f"{tmp_path / 'path'}{os.pathsep}{ROOT}")
    reason = names("worker_crash_looping", "deaths in", waiting.id)
    assert reason["blocking"]


def test_clock_skew(desk: Desk, names: Names, tmp_path: Path) -> None:
    # Ours write times of Redis; a worker of the framework writes those of its machine.
    journal = tmp_path / "peer"
    journal.touch()
    settings = {
        "ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": desk.settings.redis_url,
        "SECRET_KEY": SECRET_KEY, "JOURNAL": str(journal),
    }  # fmt: skip
    right = environment(settings, APP)
    wrong = environment({**settings, "CLOCK_SHIFT": "3600"}, APP, ROOT / "tests" / "shifted_clock")
    name = python(
        "-c",
        "import orders; from asok.background import background; "
        "print(background(orders.fail, 'x', _retries=3).job_id)",
        env=right,
        cwd=APP,
    ).split()[-1]
    with running("-m", "asok", "worker", env=wrong, cwd=APP):
        wait_until(lambda: desk.client.zcard(desk.keys.delayed), "the retry")
    reason = names("clock_ahead", "it is due by that clock", name)
    assert f"asok job promote {name}" in reason["remedy"]


def test_full_redis(embedded_redis: Callable[..., EmbeddedRedis], names: Names) -> None:
    server = embedded_redis()
    with redis.Redis.from_url(server.url) as client:
        push(client, job(1))
        work(client, "w1", "default")
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 1)
        reason = names("redis_full", "out of memory", "job-1", url=server.url)
    # Workers run what it has.
    assert not reason["blocking"]


def test_replica(embedded_redis: Callable[..., EmbeddedRedis], names: Names) -> None:
    server = embedded_redis()
    with redis.Redis.from_url(server.url) as client:
        push(client, job(1))
        client.replicaof("127.0.0.1", "1")
        reason = names("redis_replica", "is a replica", "job-1", url=server.url)
    assert reason["evidence"]["connection_to_master"] == "down"
    # It never had a connection.
    assert reason["since"] is None


def test_wrong_key(desk: Desk, run_worker: RunWorker, names: Names) -> None:
    run_worker(SECRET_KEY="another key that is long enough for a worker to start")
    unsigned = desk.enqueue("note", "a")
    reason = names("postponed", "SECRET_KEY", unsigned.id)
    assert reason["remedy"].startswith("give the worker the SECRET_KEY")


def test_exhausted_retries(desk: Desk, run_worker: RunWorker, names: Names) -> None:
    run_worker()
    failing = desk.enqueue("fail", retries=1, backoff=0.01)
    desk.reaches(failing, "failed")
    reason = names("dead", "attempt 2 of 2 failed; no retries are left: ", failing.id)
    assert reason["remedy"] == f"asok dlq requeue --id {failing.id}"


def test_purged_by_someone(asok: Asok, bench: Bench, names: Names) -> None:
    bench.add_dead(bench.job(id="job-7"))
    assert asok("dlq", "purge", "--all", "--yes").code == 0
    reason = names("in_trash", "moved it to the trash", "job-7")
    assert "@" in reason["evidence"]["by"]
    assert reason["evidence"]["restorable_until_at"] > reason["since"]


def test_expired_record(desk: Desk, run_worker: RunWorker, names: Names) -> None:
    run_worker(ASOK_RECORD_TTL="1s")
    ended = desk.enqueue("note", "a")
    desk.wait_for_lines("a")
    wait_until(lambda: desk.producer.record(ended.id) is None, "an expired record")
    reason = names("record_expired", "its record has expired", ended.id)
    assert "not known" in reason["text"]


def test_lost_worker_on_another_host(
    desk: Desk, run_worker: RunWorker, tmp_path: Path, names: Names
) -> None:
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text(
        "import socket\nsocket.gethostname = lambda: 'web7'\n"
    )
    worker = run_worker(PYTHONPATH=f"{tmp_path / 'path'}{os.pathsep}{ROOT}", ASOK_WORKER_LEASE="1s")
    held = desk.enqueue("hold", "a")
    desk.reaches(held, "running")
    worker.signal(signal.SIGKILL, to_all=True)
    worker.kill()
    reason = names("worker_lost", "has expired", held.id)
    assert reason["evidence"]["host"] == "web7"
    assert reason["remedy"] == "asok worker"


def test_long_retry(desk: Desk, run_worker: RunWorker, names: Names) -> None:
    run_worker()
    failing = desk.enqueue("fail", retries=4, backoff=600)
    desk.reaches(failing, "retrying")
    reason = names("retry", "attempt 1 of 5 failed: ", failing.id)
    assert reason["evidence"]["due_at"] > (iso(time.time() + 60) or "")


def test_huge_payload(desk: Desk, run_worker: RunWorker, names: Names) -> None:
    huge = desk.enqueue("note", "x" * 900_000)
    run_worker(ASOK_MAX_PAYLOAD="100KB", ASOK_MAX_ENVELOPE="500KB")
    desk.reaches(huge, "failed")
    names("oversized", "more than ASOK_MAX_ENVELOPE", huge.id)


def test_unknown_id(desk: Desk, run_worker: RunWorker, names: Names) -> None:
    run_worker()
    desk.reaches(desk.enqueue("note", "a"), "completed")
    reason = names("not_found", "no record and no envelope of it", "no-such-job", exits=1)
    assert reason["evidence"]["namespace"] == "asok"


def test_nothing_is_claimed_of_what_does_not_exist_yet(names: Names, desk: Desk) -> None:
    """The twentieth, a held task: no rule holds tasks yet, and nothing says that one does."""
    waiting = desk.enqueue("note", "a")
    names("no_workers", "no worker is registered", waiting.id)
