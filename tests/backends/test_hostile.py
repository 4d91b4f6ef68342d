"""In threads and at once: a future has its outcome whatever log handlers, hooks and exceptions do."""

from __future__ import annotations

import ctypes
import logging
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
import redis

from asok_console.demo.embedded import EmbeddedRedis
from asok_core import hooks
from asok_core.backends.eager import EagerBackend
from asok_core.backends.local import LocalBackend
from asok_core.backends.redis.producing.application import RedisBackend
from asok_core.errors import JobFailed
from asok_core.jobs.calls import make_call
from asok_core.settings.settings import Settings
from tests.samples import sample_tasks
from tests.samples.hostile_errors import KINDS, throw, throw_from
from tests.samples.hostile_logging import KINDS as LOGGING
from tests.samples.hostile_logging import spoiled

pytestmark = pytest.mark.usefixtures("hanging_threads_end")

WAIT = 30.0
Backend = LocalBackend | EagerBackend


@pytest.fixture(params=["local", "eager"])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    if request.param == "eager":
        yield EagerBackend(Settings())
        return
    made = LocalBackend(Settings(), bg_workers=1)
    yield made
    made.shutdown(timeout=WAIT)


def still_works(backend: Backend) -> bool:
    future = backend.enqueue(make_call(sample_tasks.add, 1, b=2))
    return bool(future.result(WAIT) == 3)


@pytest.mark.parametrize("kind", KINDS)
def test_every_future_is_resolved_whatever_its_exception_does(
    backend: Backend, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    for task, name in ((throw, kind), (throw_from, "ValueError")):
        future = backend.enqueue(make_call(task, kind))
        with pytest.raises(JobFailed, match=f"^{name}") as caught:
            future.result(WAIT)
        assert type(caught.value.__cause__) in (KINDS[kind], ValueError)
    assert still_works(backend)
    assert all(len(each.getMessage()) < 10_000 for each in caplog.records)


@pytest.mark.parametrize("kind", LOGGING)
def test_no_log_handler_comes_between_a_job_and_its_future(backend: Backend, kind: str) -> None:
    with spoiled(kind):
        for call in (
            make_call(sample_tasks.fail, "x"),
            make_call(sample_tasks.fail, "x", _retries=1, _backoff=0),
        ):
            with pytest.raises(JobFailed, match="ConnectionError: x"):
                backend.enqueue(call).result(WAIT)
        assert still_works(backend)
        if isinstance(backend, LocalBackend):
            assert backend.shutdown(timeout=WAIT)


class GatedHandler(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.reached, self.open = threading.Event(), threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.hold()

    def hold(self, *_: object) -> None:
        self.reached.set()
        self.open.wait(WAIT)


@pytest.mark.parametrize("what", ["handler", "hook"])
def test_what_hangs_after_a_job_keeps_its_thread_and_not_its_future(what: str) -> None:
    backend, gate = LocalBackend(Settings(), bg_workers=2), GatedHandler()
    if what == "hook":
        hooks.failure(gate.hold)
    else:
        logging.getLogger().addHandler(gate)
    try:
        with pytest.raises(JobFailed, match="ConnectionError: x"):
            backend.enqueue(make_call(sample_tasks.fail, "x")).result(WAIT)
        assert gate.reached.wait(WAIT)
        assert still_works(backend)
    finally:
        logging.getLogger().removeHandler(gate)
        hooks.remove(gate.hold)
        gate.open.set()
        backend.shutdown(timeout=WAIT)


def test_no_hook_comes_between_a_job_and_its_future(backend: Backend) -> None:
    def leave(*_: object) -> None:
        sys.exit(3)

    for register in (hooks.before, hooks.after, hooks.failure):
        register(leave)
    try:
        with spoiled("raises"):
            with pytest.raises(JobFailed, match="ConnectionError: x"):
                backend.enqueue(make_call(sample_tasks.fail, "x")).result(WAIT)
            assert still_works(backend)
    finally:
        hooks.remove(leave)


def test_every_callback_is_called_whatever_the_one_before_does(backend: Backend) -> None:
    called: list[str] = []

    def leave(_: object) -> None:
        called.append("first")
        sys.exit(3)

    started, go = threading.Event(), threading.Event()

    def wait() -> None:
        started.set()
        if isinstance(backend, LocalBackend):
            go.wait(WAIT)

    with spoiled("raises"):
        future = backend.enqueue(make_call(wait))
        future.add_done_callback(leave)
        future.add_done_callback(lambda _: called.append("second"))
        go.set()
        future.result(WAIT)
        assert still_works(backend)
    assert called == ["first", "second"]


def test_a_thread_that_dies_is_replaced() -> None:
    backend = LocalBackend(Settings(), bg_workers=1)
    thread = backend.enqueue(make_call(threading.get_ident)).result(WAIT)
    gate = GatedHandler()
    with spoiled("raises"):
        running = backend.enqueue(make_call(gate.hold))
        waiting = [backend.enqueue(make_call(sample_tasks.add, n)) for n in range(5)]
        assert gate.reached.wait(WAIT)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread), ctypes.py_object(SystemExit)
        )
        gate.open.set()
        # It strikes in the task, or between two steps of ours.
        assert isinstance(running.exception(WAIT), JobFailed | None)
        assert [each.result(WAIT) for each in waiting] == list(range(5))
    assert backend.shutdown(timeout=WAIT)


@pytest.mark.parametrize("kind", LOGGING)
def test_results_arrive_after_an_outage_whatever_log_handlers_do(
    make_settings: Callable[..., Settings],
    embedded_redis: Callable[..., EmbeddedRedis],
    kind: str,
) -> None:
    server = embedded_redis("--appendonly", "yes", "--appendfsync", "always")
    backend = RedisBackend(make_settings(ASOK_REDIS_URL=server.url))
    future = backend.enqueue(make_call(sample_tasks.add, 1))
    with spoiled(kind):
        assert not future.done()
        server.stop()
        server.start()
        with redis.Redis.from_url(server.url) as client:
            client.hset(f"asok:job:{future.job_id}", mapping={"status": "completed", "result": "1"})
            client.publish(f"asok:done:{future.job_id}", "completed")
        assert future.result(WAIT) == 1
    backend.shutdown(wait=True, timeout=None)
