"""What one test leaves takes no job of the next: programs are gone whole, and no claim stays blocked."""

from __future__ import annotations

import platform
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
import redis

from asok_console.demo.embedded import EmbeddedRedis
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import FAMILY, ROOT, environment, kill_family, wait_until

BIG = 300
"""MiB: to give so much back takes a process that ends some time, before it closes its connections."""


EXIT = 60 if platform.machine() == "x86_64" else 93
"""Number of the system call that ends one thread; glibc's functions end the process."""


def test_the_blocked_claim_of_a_killed_worker_is_over_when_the_kill_returns(
    desk: Desk, run_worker: RunWorker
) -> None:
    desk.enqueue("grow", BIG)
    worker = run_worker()
    wait_until(lambda: len(desk.journal()) == 1, "a process that has grown")
    desk.idle()
    worker.kill()
    job = desk.enqueue("note", "next")
    assert [each.id for each in desk.pending()] == [job.id]
    assert desk.active() == []


def test_a_process_whose_first_thread_has_ended_is_killed_with_its_family(
    redis_client: redis.Redis, redis_server: EmbeddedRedis, tmp_path: Path
) -> None:
    """It no longer has an environment of its own, and its blocked claim is that of another thread."""
    script = tmp_path / "claim.py"
    script.write_text(
        "import ctypes, sys, threading, redis\n"
        "client = redis.Redis.from_url(sys.argv[1])\n"
        "claim = lambda: client.blmove('source', 'target', 0)\n"
        "threading.Thread(target=claim).start()\n"
        "ctypes.CDLL(None).syscall(int(sys.argv[2]), 0)\n"  # SYS_exit ends this thread alone
    )
    name = uuid.uuid4().hex
    program = subprocess.Popen(
        [sys.executable, str(script), redis_server.url, str(EXIT)],
        env=environment({FAMILY: name}, ROOT),
    )
    wait_until(lambda: _blocked(redis_client), "a blocked claim")
    kill_family(name)
    program.wait()
    # Redis may read this request before the end of a connection that was closed earlier.
    wait_until(lambda: not _blocked(redis_client), "the end of the blocked claim")


def test_a_claim_that_a_test_left_blocked_does_not_reach_the_next(
    redis_server: EmbeddedRedis, request: pytest.FixtureRequest
) -> None:
    with redis.Redis.from_url(redis_server.url) as left:
        left.delete("asok:queue")
        connection = left.connection_pool.get_connection()
        connection.send_command("BLMOVE", "asok:queue", "asok:active:left", "RIGHT", "LEFT", 0)
        with redis.Redis.from_url(redis_server.url) as observer:
            wait_until(lambda: _blocked(observer), "a blocked claim")
        client = request.getfixturevalue("redis_client")
        client.lpush("asok:queue", "job")
        assert client.lrange("asok:queue", 0, -1) == [b"job"]
        connection.disconnect()


def _blocked(client: redis.Redis) -> list[str]:
    return [each["id"] for each in client.client_list() if "b" in each["flags"]]
