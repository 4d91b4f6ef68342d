"""Workers that meet the limits of the system: of open files, and of processes and threads."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import redis

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.backends.redis.explanations import explained
from asok_core.errors import NoResources
from tests.fixtures.worker import Desk, RunThrough, RunWorker, Worker
from tests.programs import python, wait_until

USER = 54321
_CAPABILITIES = "-all,+dac_override,+dac_read_search"
OTHER_USER: tuple[str, ...] = ()
if os.geteuid() == 0:
    # Root has no limit of processes. Another user has, who may read the files of root here.
    OTHER_USER = ("setpriv", f"--reuid={USER}")
    OTHER_USER += (f"--inh-caps={_CAPABILITIES}", f"--ambient-caps={_CAPABILITIES}")
Lift = Callable[[], object]


def open_files(pid: int) -> list[int]:
    return [int(each.name) for each in Path(f"/proc/{pid}/fd").iterdir()]


def blocked(desk: Desk) -> list[str]:
    """The idle waits."""
    clients: list[dict[str, str]] = desk.client.client_list()
    return [each["name"] for each in clients if each["cmd"] == "blmove" and "b" in each["flags"]]


def limit(worker: Worker, kind: str, soft: int) -> Lift:
    """Set a limit of a supervisor; what is returned lifts it again."""
    pid = worker.process.pid
    # It has inherited that of the tests.
    before, _ = resource.getrlimit(getattr(resource, f"RLIMIT_{kind.upper()}"))

    def set_to(number: int | str) -> None:
        command = ("prlimit", f"--pid={pid}", f"--{kind}={number}:")
        subprocess.run([*(OTHER_USER if kind == "nproc" else ()), *command], check=True)

    set_to(soft)
    return partial(set_to, "unlimited" if before == resource.RLIM_INFINITY else before)


def no_more_files(worker: Worker) -> Lift:
    return limit(worker, "nofile", max(open_files(worker.process.pid)) + 1)


def no_more_processes(worker: Worker) -> Lift:
    return limit(worker, "nproc", 1)


@pytest.mark.parametrize(
    ("user", "exhaust", "reason"),
    [
        ((), no_more_files, "this process has no file descriptor left of"),
        (
            OTHER_USER,
            no_more_processes,
            "this user or container may have no more processes and threads",
        ),
    ],
    ids=["files", "processes"],
)
def test_a_process_that_cannot_be_started_is_started_later_and_the_others_work(
    desk: Desk,
    run_through: RunThrough,
    user: tuple[str, ...],
    exhaust: Callable[[Worker], Lift],
    reason: str,
) -> None:
    worker = run_through(user, "--processes", "2")
    desk.idle(2)
    (name,) = desk.client.zrange(desk.keys.workers, 0, -1)
    key = desk.keys.worker(name.decode())
    lift = exhaust(worker)
    first, second = worker.processes()
    os.kill(first, signal.SIGKILL)
    worker.wait_for_log(f"{name.decode()}.1 cannot be started: {reason}")
    wait_until(lambda: reason in desk.client.hget(key, "refusal").decode(), "the reason")
    assert desk.client.hget(key, "able") == b"1"
    pids = [desk.enqueue("pid") for _ in range(5)]
    for job in pids:
        desk.reaches(job, "completed")
    assert {*desk.journal()} == {str(second)}
    worker.wait_for_log("cannot be started", times=2)
    lift()
    worker.wait_for_log("is started again")
    wait_until(lambda: desk.client.hget(key, "able") == b"2", "two processes that work")
    assert desk.client.hget(key, "refusal") == b""
    assert "Traceback" not in worker.log
    assert worker.stop() == 0


def test_of_more_queues_than_a_process_may_open_files_for_it_waits_on_the_first(
    desk: Desk, run_through: RunThrough
) -> None:
    queues = [f"q{number}" for number in range(100)]
    worker = run_through(("prlimit", "--nofile=64:64"), "--queues", ",".join(queues))
    worker.wait_for_log(
        "Limit of open files is 64, and waiting for jobs of 100 queues would take 100"
    )
    worker.wait_for_log("waiting on the first 32 queues and polling the others")
    # Once with nothing to do before, once at rest.
    for queue in ("q99", "q0"):
        wait_until(lambda: len(blocked(desk)) == 32, "waits on 32 queues")
        desk.reaches(desk.enqueue("note", queue, queue=queue), "completed")
    assert "cannot" not in worker.log
    assert worker.log.count("Limit of open files") == 1
    assert worker.stop() == 0


def test_that_redis_accepts_no_more_connections_is_reported_with_what_to_do() -> None:
    error = explained(redis.ConnectionError("max number of clients reached"), "redis://host")
    assert isinstance(error, NoResources)
    assert str(error).startswith("Redis at redis://host accepts no more connections (maxclients);")


def test_where_redis_accepts_no_more_connections_jobs_are_polled_for(
    own_desk: Desk, server: EmbeddedRedis, run_worker: RunWorker
) -> None:
    queues = [f"q{number}" for number in range(20)]
    # For this test, which is connected already, for what a worker has in any case, and some waits.
    first = own_desk.enqueue("note", "first", queue="q1")
    own_desk.client.config_set("maxclients", 12)
    worker = run_worker("--queues", ",".join(queues), ASOK_REDIS_URL=server.url)
    worker.wait_for_log("polling for jobs ten times a second")
    own_desk.reaches(first, "completed")
    for queue in ("q19", "q0"):
        own_desk.reaches(own_desk.enqueue("note", queue, queue=queue), "completed")
    own_desk.client.config_set("maxclients", 100)
    wait_until(lambda: len(blocked(own_desk)) == 20, "waits on all queues")
    worker.wait_for_log("Waiting for jobs again")
    assert "waiting for it" not in worker.log
    assert worker.stop() == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "socket"])
def test_an_error_for_lack_of_file_descriptors_does_not_blame_redis(
    redis_url: str, tmp_path: Path, host: str
) -> None:
    url = redis_url.replace("127.0.0.1", host).replace("localhost", host)
    if host == "socket":
        url = f"unix://{tmp_path}/redis.sock"
    script = (
        "import resource, sys\n"
        "from asok_core.backends.redis.connection import Endpoint\n"
        "from asok_core.errors import Unreachable\n"
        "endpoint = Endpoint(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 64))\n"
        "try:\n"
        "    endpoint.connect()\n"
        "except Unreachable as error:\n"
        "    print(error)\n"
    )
    said = python("-c", script, url, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert said.startswith("cannot open a connection to Redis at ")
    assert "this process has no file descriptor left of 3; raise the limit (ulimit -n" in said


def test_a_refused_connection_names_its_address_once() -> None:
    error = explained(
        redis.ConnectionError("Error 111 connecting to /run/redis.sock. Connection refused."),
        "unix:///run/redis.sock",
    )
    assert str(error) == "cannot reach Redis at unix:///run/redis.sock: Connection refused"
