"""The documented users of Redis: each can do the whole work of its role."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import pytest
import redis

from asok_console.cli.main import main
from asok_console.demo.embedded import EmbeddedRedis
from asok_core import JobCancelled, JobFailed
from asok_core.backends.redis.producing.application import RedisBackend
from asok_core.jobs.calls import make_call
from tests.conftest import SECRET_KEY
from tests.production.conftest import DeployedApplication
from tests.programs import FAMILY, PATIENCE, kill_family, wait_until
from tests.servers import every_server, name_of, tcp_url
from tests.users import assert_all_allowed, user_url
from tests.worker import jobs


@pytest.fixture(params=every_server(), ids=name_of)
def binary(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


@pytest.fixture
def users(root: redis.Redis, server: EmbeddedRedis) -> Callable[[str], str]:
    return lambda role: user_url(root, role, tcp_url(server))


@pytest.fixture
def app(
    application: Callable[..., DeployedApplication],
    users: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> DeployedApplication:
    monkeypatch.setattr(jobs, "FOLDER", tmp_path)
    return application(users("application"), ASOK_TEST_FOLDER=str(tmp_path))


@contextmanager
def backend_of(app: DeployedApplication) -> Iterator[RedisBackend]:
    backend = RedisBackend(app.settings)
    yield backend
    backend.shutdown(wait=False, timeout=None)


def test_applications_and_workers_do_their_whole_work(
    app: DeployedApplication, users: Callable[[str], str], root: redis.Redis, tmp_path: Path
) -> None:
    with backend_of(app) as backend:
        never = backend.enqueue(make_call(jobs.note, "never", _delay=3600))
        assert backend.cancel(never.job_id)
        pending = backend.enqueue(make_call(jobs.note, "never"))
        assert pending.cancel()
        app.url = users("worker")
        with app.worker("--concurrency", "4", "--processes", "2"):
            given = backend.enqueue(make_call(jobs.give, 7))
            assert given.result(PATIENCE) == 7
            many = backend.enqueue_many([make_call(jobs.give, n) for n in range(30)])
            assert [each.result(PATIENCE) for each in many] == list(range(30))
            again = make_call(jobs.fail_until, 2, "try", _retries=2, _backoff=0.1)
            backend.enqueue(again).result(PATIENCE)
            with pytest.raises(JobFailed, match="no luck"):
                backend.enqueue(make_call(jobs.fail)).result(PATIENCE)
            running = backend.enqueue(make_call(jobs.run_until_cancelled))
            wait_until(lambda: status(backend, running.job_id) == "running", "it runs")
            assert not backend.cancel(running.job_id)
            with pytest.raises(JobCancelled):
                running.result(PATIENCE)
            backend.enqueue(make_call(jobs.note, "due", _delay=0.2, _unique="one")).result(PATIENCE)
    assert_all_allowed(root, "application")
    assert_all_allowed(root, "worker")
    assert "may not" not in app.reported()


def status(backend: RedisBackend, job_id: str) -> str | None:
    record = backend.record(job_id)
    return record.status if record else None


def test_a_worker_recovers_what_a_killed_one_held(
    app: DeployedApplication, users: Callable[[str], str], root: redis.Redis, tmp_path: Path
) -> None:
    with backend_of(app) as backend:
        app.url = users("worker")
        lost = backend.enqueue(make_call(jobs.hold, "word"))
        with suppress(AssertionError), app.worker("--queues", "default") as program:
            wait_until(lambda: status(backend, lost.job_id) == "running", "it runs")
            kill_family(family_of(program))
        (tmp_path / "word").touch()
        with app.worker():
            lost.result(PATIENCE)
        wait_until(lambda: "of which no process is left" in app.reported(), "a recovery by proof")
    assert_all_allowed(root, "worker")


def family_of(program: subprocess.Popen[bytes]) -> str:
    """The name that all processes of a worker share."""
    variables = Path(f"/proc/{program.pid}/environ").read_bytes().split(b"\0")
    (name,) = [each for each in variables if each.startswith(FAMILY.encode())]
    return name.decode().partition("=")[2]


class Asok(Protocol):
    """Runs a command at a URL: returns what it prints. ``refused``: it fails, and says so."""

    def __call__(self, url: str, *words: str, refused: str = "") -> str: ...


@pytest.fixture
def asok(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Asok:
    monkeypatch.setenv("ASOK_QUEUE_BACKEND", "redis")
    monkeypatch.setenv("SECRET_KEY", SECRET_KEY)

    def run(url: str, *words: str, refused: str = "") -> str:
        monkeypatch.setenv("ASOK_REDIS_URL", url)
        capsys.readouterr()
        code = main(words)
        out, err = capsys.readouterr()
        assert (code != 0) == bool(refused), (words, err)
        assert refused in err, (words, err)
        assert refused or "may not" not in err, (words, err)
        return out

    return run


def test_operators_do_their_whole_work(
    app: DeployedApplication,
    users: Callable[[str], str],
    root: redis.Redis,
    tmp_path: Path,
    asok: Asok,
) -> None:
    with backend_of(app) as backend:
        fails = [backend.enqueue(make_call(jobs.fail, f"no luck {n}")) for n in range(8)]
        app.url = users("worker")
        with app.worker() as program:
            for each in fails:
                with suppress(JobFailed):
                    each.result(PATIENCE)
            app.url = users("operator")
            (worker,) = json.loads(asok(app.url, "worker", "status", "--json"))["workers"]
            for order in ("quiet", "resume", "stop"):
                asok(app.url, "worker", order, worker["id"])
            assert program.wait(PATIENCE) == 0, "it stops as ordered"
        waits = [backend.enqueue(make_call(jobs.note, f"{n}")).job_id for n in range(6)]
        later = backend.enqueue(make_call(jobs.note, "later", _delay=3600)).job_id
    shown = ["worker status", "queue list", "job list --state pending", "job list --state dead"]
    shown += ["job list --state delayed", "job list --state recent", "dlq list", "dlq groups"]
    shown += [f"job show {waits[0]}", f"job show {fails[0].job_id}", "audit", "trash list"]
    shown += ["queue history default --since 2d", "queue history", "note list"]
    asok(app.url, "note", "write", "--job", waits[0], "ask Ann first")
    asok(app.url, "note", "write", "--queue", "default", "x")
    asok(app.url, "note", "write", "--queue", "default", "")
    for words in shown:
        asok(app.url, *words.split())
    for words in ("queue pause default", "queue resume default"):
        asok(app.url, *words.split())
    asok(app.url, "enqueue", "tests.worker.jobs:note", "by hand", "--queue", "low")
    asok(app.url, "job", "move", waits[0], "--front", "--yes")
    asok(app.url, "job", "move", waits[1], "--to", "low", "--yes")
    asok(app.url, "job", "promote", later, "--yes")
    asok(app.url, "job", "cancel", waits[2], "--yes")
    asok(app.url, "dlq", "requeue", "--id", fails[0].job_id, "--yes")
    asok(app.url, "dlq", "requeue", "--id", fails[1].job_id, "--args", '["other"]', "--yes")
    asok(app.url, "dlq", "export", str(tmp_path / "dead.jsonl"))
    asok(app.url, "dlq", "purge", "--filter", "no luck 3", "--yes")
    asok(app.url, "dlq", "purge", "--all", "--yes")
    asok(app.url, "dlq", "import", str(tmp_path / "dead.jsonl"))
    asok(app.url, "queue", "purge", "low", "--yes")
    for operation in json.loads(asok(app.url, "trash", "list", "--json"))["trash"][:2]:
        asok(app.url, "trash", "restore", operation["operation"])
    asok(app.url, "trash", "empty", "--all", "--yes")
    assert_all_allowed(root, "operator")
    app.url = users("viewer")
    for words in shown:
        asok(app.url, *words.split())
    assert_all_allowed(root, "viewer")
    before = {key: root.dump(key) for key in (*root.keys("asok:queue*"), "asok:notes")}
    writes = ["queue purge default --yes", "queue pause default", "dlq purge --all --yes"]
    for words in (*writes, "note write --queue default x", f"note write --job {waits[0]} x"):
        asok(app.url, *words.split(), refused="this user may not do that")
    assert {key: root.dump(key) for key in before} == before
