"""Futures of jobs on Redis where things go wrong around them: no waiter waits forever."""

from __future__ import annotations

import concurrent.futures
import gc
import os
import resource
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.connection_pool import ConnectionPool
from asok_core.backends.redis.producing.application import RedisBackend
from asok_core.errors import AsokError
from asok_core.execution.context import dump, request_context
from asok_core.jobs.calls import make_call
from asok_core.jobs.remote_futures import RemoteFuture
from asok_core.settings.settings import Settings
from tests.programs import exit_code, wait_until
from tests.samples import sample_tasks

if TYPE_CHECKING:
    import redis

WAIT = 30.0
MANY_FILES = 1100
"""More open files than select() can handle."""


def finish(client: redis.Redis, job_id: str, result: str) -> None:
    client.hset(f"asok:job:{job_id}", mapping={"status": "completed", "result": result})
    client.publish(f"asok:done:{job_id}", "completed")


def test_a_result_arrives_in_a_process_with_many_open_files(
    backend: RedisBackend, redis_client: redis.Redis
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(MANY_FILES)]
    try:
        future = backend.enqueue(make_call(sample_tasks.add, 1))
        assert not future.done()
        finish(redis_client, future.job_id, "1")
        assert future.result(WAIT) == 1
    finally:
        for each in files:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_callback_that_exits_does_not_end_the_watching(
    backend: RedisBackend, redis_client: redis.Redis
) -> None:
    first, second = backend.enqueue_many([make_call(sample_tasks.add, n) for n in range(2)])

    def leave(_future: object) -> None:
        raise SystemExit(3)

    first.add_done_callback(leave)
    finish(redis_client, first.job_id, "1")
    assert first.result(WAIT) == 1
    finish(redis_client, second.job_id, "2")
    assert second.result(WAIT) == 2


@pytest.mark.timeout(240)
def test_many_threads_that_ask_at_once_watch_once() -> None:
    watched: list[object] = []
    ready = threading.Barrier(8)

    class Watching:
        slots = None

        def cancel(self, _id: str) -> bool:
            return False

        def record(self, _id: str) -> None:
            return None

        def watch(self, future: RemoteFuture[Any]) -> None:
            watched.append(future)

    for _ in range(300):
        future: RemoteFuture[int] = RemoteFuture("job-1", Watching())

        def ask(future: RemoteFuture[int] = future) -> None:
            ready.wait()
            future.done()

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(watched) == 300


def test_a_future_that_is_dropped_is_freed_without_the_garbage_collector(
    backend: RedisBackend, redis_client: redis.Redis
) -> None:
    redis_client.script_flush()
    gc.collect()
    gc.disable()
    try:
        one = backend.enqueue(make_call(sample_tasks.add, 1))
        many = backend.enqueue_many([make_call(sample_tasks.add, n) for n in range(300)])
        dropped = [weakref.ref(each) for each in many]
        del many
        assert [each() for each in dropped] == [None] * 300
        finish(redis_client, one.job_id, "1")
        concurrent.futures.wait([one], WAIT)
        dropped = [weakref.ref(one)]
        del one
        wait_until(lambda: dropped[0]() is None, "the watching thread to drop the future")
    finally:
        gc.enable()


def test_no_caller_waits_forever_after_a_shutdown(backend: RedisBackend) -> None:
    watched, unwatched = backend.enqueue_many([make_call(sample_tasks.add, n) for n in range(2)])
    assert not watched.done()
    backend.shutdown(wait=True, timeout=None)
    for future in (watched, unwatched):
        with pytest.raises(AsokError, match="shut down"):
            future.result(WAIT)


def test_a_shutdown_ends_the_watching_thread_while_redis_is_away(
    make_settings: Callable[..., Settings], embedded_redis: Callable[..., object]
) -> None:
    server = embedded_redis()
    backend = RedisBackend(make_settings(ASOK_REDIS_URL=server.url))  # type: ignore[attr-defined]
    future = backend.enqueue(make_call(sample_tasks.add, 1))
    assert not future.done()
    server.close()  # type: ignore[attr-defined]
    backend.shutdown(wait=True, timeout=None)
    with pytest.raises(AsokError, match="shut down"):
        future.result(WAIT)
    wait_until(
        lambda: all(each.name != "asok-results" for each in threading.enumerate()),
        "the end of the thread",
    )


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_gets_the_result_that_its_parent_waits_for(
    backend: RedisBackend, redis_client: redis.Redis
) -> None:
    future = backend.enqueue(make_call(sample_tasks.add, 1))
    assert not future.done()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            future.done()
            os.write(writing, b"!")
            code = 0 if future.result(WAIT) == "both" else 2
        finally:
            os._exit(code)
    os.read(reading, 1)
    os.close(reading)
    os.close(writing)
    finish(redis_client, future.job_id, '"both"')
    assert exit_code(child) == 0
    assert future.result(WAIT) == "both"


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_pool_whose_lock_was_held_at_the_fork_still_lends(redis_url: str) -> None:
    pool = ConnectionPool(Endpoint(redis_url))
    with pool._lock:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                with pool.borrow() as connection:
                    code = 0 if connection.call("PING") == b"PONG" else 2
            finally:
                os._exit(code)
    assert exit_code(child) == 0
    pool.close()


@pytest.mark.parametrize("name", ["\ud800", "x" * 9 + "\udcff"])
def test_an_id_that_is_not_text_names_no_job(backend: RedisBackend, name: str) -> None:
    assert backend.record(name) is None
    assert backend.cancel(name) is False


def test_a_unique_key_that_is_not_text_is_refused() -> None:
    with pytest.raises(ValueError, match="_unique"):
        make_call(sample_tasks.add, 1, _unique="\ud800")


@pytest.mark.parametrize("option", ["_backoff", "_timeout", "_delay", "_at"])
def test_a_number_beyond_all_bounds_is_refused(option: str) -> None:
    with pytest.raises(ValueError, match=option):
        make_call(sample_tasks.add, 1, **{option: 10**400})


@pytest.mark.usefixtures("request_hooks")
def test_what_a_dump_hook_adds_is_named_when_it_cannot_be_sent(
    backend: RedisBackend, redis_client: redis.Redis
) -> None:
    @dump
    def add(_request: object) -> dict[str, object]:
        return {"user": object()}

    with request_context(object()), pytest.raises(TypeError, match="dump hook"):
        backend.enqueue(make_call(sample_tasks.add, 1))
    assert redis_client.keys("*") == []


def test_a_program_whose_select_has_no_poll_still_receives_results() -> None:
    """Green threads of eventlet: it removes what would block the whole program."""
    program = (
        "import select, socket; del select.poll\n"
        "from asok_core.backends.redis.producing.result_channels import wait_for_any\n"
        "near, far = socket.socketpair()\n"
        "assert wait_for_any([near], 0.01) == set()\n"
        "far.send(b'x')\n"
        "assert wait_for_any([near, far], 30) == {near.fileno()}\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
