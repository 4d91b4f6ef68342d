"""The private parts of libraries exist, and their fallbacks are equivalent."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import sys
import threading
import traceback
from importlib.metadata import version
from typing import Any

import pytest
import redis

from asok_core import compat
from asok_core.backends.redis.calls.reading import Clipped
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.blocked_claims import BlockedClaims
from asok_core.backends.redis.consuming.wake_channel import WakeSubscription
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.producing.application import RedisBackend
from asok_core.backends.redis.transport import ReplyTooLarge
from asok_core.jobs.calls import make_call
from asok_core.runtime.failures import failure_of
from asok_core.runtime.process_exit import REFUSES_THREADS
from tests.concurrently import wait_for_end
from tests.programs import PATIENCE, environment, exit_code, python, wait_until
from tests.samples import sample_tasks

NOW = f"Python {sys.version.split()[0]}"


@pytest.fixture
def endpoint(redis_url: str) -> Endpoint:
    return Endpoint(redis_url)


@pytest.fixture
def no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a release of redis-py without the private socket."""
    monkeypatch.setattr(compat, "socket_of", lambda _connection: None)


@pytest.fixture
def no_waiters(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a release of Python whose futures have no list of waiters."""
    monkeypatch.setattr(compat, "replace_waiters", lambda _future, _waiters: False)


class TestWithoutAPart:
    """What each function answers with a release that does not have it."""

    def test_a_connection_without_a_socket(self) -> None:
        assert compat.socket_of(object()) is None

    def test_a_future_without_a_list_of_waiters(self) -> None:
        future: Any = concurrent.futures.Future()
        del future._waiters
        assert not compat.replace_waiters(future, [])

    def test_an_error_without_its_text(self) -> None:
        error = traceback.TracebackException.from_exception(ValueError("x"))
        assert compat.cut_message(error, 10)
        del error._str  # type: ignore[attr-defined]
        assert not compat.cut_message(error, 10)


class TestThePartsExist:
    def test_redis_py_has_the_socket_of_a_connection(self, endpoint: Endpoint) -> None:
        connection = endpoint.connection(5.0, "asok-test")
        assert compat.socket_of(connection) is not None, (
            f"redis-py {version('redis')} has no Connection._sock: connections are slower and polled; "
            "see asok_core.compat.socket_of"
        )
        connection.disconnect()

    def test_a_future_has_the_list_of_those_who_wait_for_it(self) -> None:
        future: concurrent.futures.Future[int] = concurrent.futures.Future()

        class Waiters(list[Any]):
            pass

        noted = Waiters()
        assert compat.replace_waiters(future, noted), (
            f"{NOW} has no Future._waiters: jobs are watched from the beginning; "
            "see asok_core.compat.replace_waiters"
        )
        waiting = threading.Thread(target=concurrent.futures.wait, args=([future],))
        waiting.start()
        wait_until(lambda: len(noted) == 1, "wait() to append to our list")
        future.set_result(1)
        wait_for_end(waiting, "concurrent.futures.wait")

    async def test_asyncio_is_known_by_its_module(self) -> None:
        asked: list[bool] = []

        class Asking(concurrent.futures.Future[None]):
            def cancel(self) -> bool:
                asked.append(compat.is_called_by_asyncio())
                return super().cancel()

            def add_done_callback(self, fn: Any) -> None:
                asked.append(compat.is_asyncio_callback(fn))
                super().add_done_callback(fn)

        future = Asking()
        asyncio.wrap_future(future).cancel()
        await asyncio.sleep(0)
        assert asked == [True, True], f"{NOW} connects futures elsewhere: see asok_core.compat"
        future.cancel()
        future.add_done_callback(lambda _: None)
        assert asked[2:] == [False, False]

    def test_threading_calls_functions_before_it_refuses_threads(self) -> None:
        code = (
            "import threading; from asok_core.compat import call_before_exit\n"
            "start = lambda: threading.Thread(target=print, args=('started',)).start()\n"
            "assert call_before_exit(start), 'threading._register_atexit is missing'"
        )
        # Python 3.12.0 to 3.12.2 call them too late; asok_core.runtime.process_exit has its own way.
        assert run(code) == ("" if REFUSES_THREADS else "started\n")

    def test_traceback_has_the_message_before_it_is_formatted(self) -> None:
        reported = traceback.TracebackException.from_exception(ValueError("x" * 100))
        assert compat.cut_message(reported, 10), (
            f"{NOW} has no TracebackException._str: long messages cost more; "
            "see asok_core.compat.cut_message"
        )
        assert "".join(reported.format_exception_only()) == f"ValueError: {'x' * 10}\n"


def run(code: str) -> str:
    return python("-W", "ignore", "-c", code, env=environment({"ASOK_QUEUE_BACKEND": "local"}))


@pytest.mark.usefixtures("no_socket")
class TestWithoutTheSocket:
    def test_commands_and_scripts_are_answered_in_order(
        self, endpoint: Endpoint, redis_client: redis.Redis
    ) -> None:
        connection = endpoint.connect()
        assert connection.file is None
        assert connection.call("SET", "asok:test", b"1") == b"OK"
        replies = connection.pipeline(
            [("GET", "asok:test"), ("LPUSH", "asok:test", "x"), ("ECHO", b"\xff")]
        )
        assert [replies[0], replies[2]] == [b"1", b"\xff"]
        assert isinstance(replies[1], redis.ResponseError)
        with pytest.raises(redis.ResponseError, match="not an integer"):
            connection.call("INCRBY", "asok:test", "x")
        redis_client.script_flush()
        call = Clipped(most=9, words=("GET", "asok:test"))
        assert list(connection.run_each([call] * 3)) == [b"1"] * 3
        redis_client.delete("asok:test")
        connection.close()

    def test_a_reply_that_is_too_large_is_refused(self, endpoint: Endpoint) -> None:
        connection = endpoint.connect()
        connection.send("ECHO", "x" * 100)
        assert connection.read_up_to(100) == b"x" * 100
        connection.send("ECHO", "x" * 101)
        with pytest.raises(ReplyTooLarge, match="101 bytes"):
            connection.read_up_to(100)
        assert not connection.open

    def test_a_result_is_received(self, backend: RedisBackend, redis_client: redis.Redis) -> None:
        future = backend.enqueue(make_call(sample_tasks.add, 1))
        assert not future.done()
        finish(redis_client, future.job_id)
        assert future.result(PATIENCE) == 1

    def test_a_process_polls_for_jobs(
        self, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
    ) -> None:
        blocked = BlockedClaims(endpoint, Keys(), "w.1")
        blocked.arm(["default"])
        assert (blocked.armed, blocked.refused, list(blocked.files())) == (False, True, [])
        assert "polling for jobs ten times a second" in caplog.text
        blocked.close()

    def test_a_supervisor_reads_published_messages(
        self, endpoint: Endpoint, redis_client: redis.Redis
    ) -> None:
        wakes = WakeSubscription(endpoint, Keys())
        wakes.check()
        assert list(wakes.files()) == []
        redis_client.publish("asok:wake", "due 1")
        found: list[str] = []

        def arrived() -> list[str]:
            found.extend(wakes.read())
            return found

        wait_until(arrived, "the message")
        assert found == ["due 1"]
        wakes.close()

    def test_a_forked_process_closes_its_copies(
        self, endpoint: Endpoint, redis_client: redis.Redis
    ) -> None:
        connection = endpoint.connect(name="asok-copy")
        read, write = os.pipe()
        child = os.fork()
        if not child:
            os.close(write)
            os.read(read, 1)
            os._exit(0)
        os.close(read)
        connection.close()
        # The child process lives, and would keep the connection open.
        wait_until(
            lambda: all(each["name"] != "asok-copy" for each in redis_client.client_list()),
            "the end of the connection",
        )
        os.close(write)
        assert exit_code(child) == 0


@pytest.mark.usefixtures("no_waiters")
class TestWithoutTheListOfWaiters:
    @pytest.mark.parametrize("how", [concurrent.futures.wait, concurrent.futures.as_completed])
    def test_waits_for_futures_end(
        self, how: Any, backend: RedisBackend, redis_client: redis.Redis
    ) -> None:
        future = backend.enqueue(make_call(sample_tasks.add, 1))
        finish(redis_client, future.job_id)
        found = how([future], PATIENCE)
        assert list(found.done if hasattr(found, "done") else found) == [future]
        assert future.result() == 1


def finish(client: redis.Redis, job_id: str) -> None:
    client.hset(f"asok:job:{job_id}", mapping={"status": "completed", "result": "1"})
    client.publish(f"asok:done:{job_id}", "completed")


def test_jobs_finish_at_exit_without_the_private_function() -> None:
    code = (
        "import concurrent.futures.thread, threading\n"
        "del threading._register_atexit\n"
        "from asok_core import background\n"
        "import time\n"
        "background(time.sleep, 0.2).add_done_callback(lambda future: print(future.result()))"
    )
    assert run(code) == "None\n"


def test_a_message_that_cannot_be_cut_before_formatting_is_cut_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error = ValueError("x" * 100_000)
    expected = failure_of(error, 1000)
    monkeypatch.setattr(compat, "cut_message", lambda _error, _limit: False)
    found = failure_of(error, 1000)
    assert found == expected
    assert len(found.traceback) <= 1000
