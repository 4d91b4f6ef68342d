"""The application's side of the Redis backend. Where a job must run, a thread plays the worker."""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import json
import os
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.producing.application import RedisBackend
from asok_core.errors import (
    JobCancelled,
    JobFailed,
    JobNotFound,
    PayloadTooLarge,
    Refused,
    SettingsError,
    Unreachable,
)
from asok_core.execution import context
from asok_core.jobs.calls import make_call
from asok_core.jobs.envelope import peek, unseal
from asok_core.jobs.job import Job
from asok_core.jobs.keyring import keyring_of
from asok_core.jobs.states import Status
from asok_core.settings.settings import Settings
from tests.programs import exit_code, wait_until
from tests.samples import sample_tasks

if TYPE_CHECKING:
    import redis

WAIT = 30.0
HERE = sample_tasks.__name__


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings()


@pytest.fixture
def backend(settings: Settings) -> Iterator[RedisBackend]:
    made = RedisBackend(settings)
    yield made
    made.shutdown(wait=True, timeout=None)


def pop(client: redis.Redis, settings: Settings, key: str = "asok:queue") -> Job:
    raw = client.rpop(key)
    assert isinstance(raw, bytes)
    return unseal(raw, keyring_of(settings))


def finish(client: redis.Redis, job_id: str, *, notify: bool = True, **fields: str) -> None:
    # In one step, as a worker does: a client may read between two.
    client.hset(f"asok:job:{job_id}", items=[*itertools.chain.from_iterable(fields.items())])
    if notify:
        client.publish(f"asok:done:{job_id}", fields["status"])


def test_record_and_push_are_there_together(
    backend: RedisBackend, settings: Settings, redis_client: redis.Redis
) -> None:
    future = backend.enqueue(make_call(sample_tasks.add, 1, b=2, _retries=3, _backoff=1.5))
    job = pop(redis_client, settings)
    assert (job.id, job.module, job.function) == (future.job_id, HERE, "add")
    assert (job.args, job.kwargs, job.queue) == ((1,), {"b": 2}, "default")
    assert (job.retries, job.retry_count, job.backoff) == (3, 0, 1.5)
    record = backend.record(future.job_id)
    assert record is not None
    assert (record.status, record.function) == (Status.PENDING, f"{HERE}.add")
    assert record.retries == 3
    assert 30 * 86_400 - 60 < int(redis_client.ttl(f"asok:job:{future.job_id}")) <= 30 * 86_400


def test_a_keyword_named_executor_reaches_the_task(
    backend: RedisBackend, settings: Settings, redis_client: redis.Redis
) -> None:
    backend.enqueue(make_call(sample_tasks.takes_executor, executor="x", _queue="low"))
    assert pop(redis_client, settings, "asok:queue:low").kwargs == {"executor": "x"}


def test_a_delayed_job_is_scheduled(backend: RedisBackend, redis_client: redis.Redis) -> None:
    future = backend.enqueue(make_call(sample_tasks.add, 1, _delay=3600))
    record = backend.record(future.job_id)
    assert record is not None
    assert record.status is Status.SCHEDULED
    assert redis_client.zcard("asok:delayed_tasks") == 1
    assert redis_client.llen("asok:queue") == 0


def test_many_calls_keep_their_order(
    backend: RedisBackend, settings: Settings, redis_client: redis.Redis
) -> None:
    futures = backend.enqueue_many([make_call(sample_tasks.add, n) for n in range(1200)])
    assert len({each.job_id for each in futures}) == 1200
    assert redis_client.llen("asok:queue") == 1200
    assert [pop(redis_client, settings).args for _ in range(3)] == [(0,), (1,), (2,)]


@pytest.mark.parametrize(
    ("args", "kwargs", "name"),
    [
        ((1, object()), {}, "argument 2"),
        ((), {"when": {1, 2}}, "argument 'when'"),
        (([1, b"x"],), {}, "argument 1"),
        ((float("nan"),), {}, "argument 1"),
    ],
)
def test_an_argument_that_json_cannot_carry_is_named(
    make_settings: Callable[..., Settings],
    redis_client: redis.Redis,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    name: str,
) -> None:
    backend = RedisBackend(make_settings(ASOK_TASK_MODULES="*,builtins:max"))
    with pytest.raises(TypeError, match=name):
        backend.enqueue_many([make_call(sample_tasks.add, 1), make_call(max, *args, **kwargs)])
    assert redis_client.keys("*") == []


def test_a_function_that_no_worker_could_import_is_refused(
    backend: RedisBackend, redis_client: redis.Redis
) -> None:
    with pytest.raises(ValueError, match="lambda"):
        backend.enqueue(make_call(lambda: 1))
    assert redis_client.keys("*") == []


def test_what_cannot_be_sent_is_refused_before_redis_is_asked_anything() -> None:
    nowhere = {"ASOK_REDIS_URL": "redis://127.0.0.1:1", "SECRET_KEY": "x"}
    backend = RedisBackend(Settings.load(nowhere))
    with pytest.raises(ValueError, match="lambda"):
        backend.enqueue(make_call(lambda: 1))
    with pytest.raises(TypeError, match="which JSON cannot encode"):
        backend.enqueue_many([make_call(sample_tasks.add, object())])
    with pytest.raises(Unreachable):
        backend.enqueue(make_call(sample_tasks.add, 1))


def test_too_large_arguments_are_refused(
    make_settings: Callable[..., Settings], redis_client: redis.Redis
) -> None:
    backend = RedisBackend(make_settings(ASOK_MAX_PAYLOAD="1KiB"))
    with pytest.raises(PayloadTooLarge, match="ASOK_MAX_PAYLOAD"):
        backend.enqueue(make_call(sample_tasks.fail, "x" * 2000))
    assert redis_client.keys("*") == []


def test_one_of_many_that_is_too_large_keeps_all_from_being_sent(
    make_settings: Callable[..., Settings], redis_client: redis.Redis
) -> None:
    backend = RedisBackend(make_settings(ASOK_MAX_PAYLOAD="1KiB"))
    calls = [make_call(sample_tasks.add, n) for n in range(1200)]
    with pytest.raises(PayloadTooLarge):
        backend.enqueue_many([*calls, make_call(sample_tasks.fail, "x" * 2000)])
    assert redis_client.keys("*") == []


def test_many_calls_reach_a_server_that_has_forgotten_the_script(
    backend: RedisBackend, redis_client: redis.Redis
) -> None:
    backend.enqueue(make_call(sample_tasks.add, 1))
    redis_client.script_flush()
    futures = backend.enqueue_many([make_call(sample_tasks.add, n) for n in range(1200)])
    assert redis_client.llen("asok:queue") == 1201
    envelopes: Any = redis_client.lrange("asok:queue", 0, -1)
    waiting = [peek(raw).id for raw in reversed(envelopes)]
    assert waiting[1:] == [future.job_id for future in futures]


def test_an_application_is_warned_of_a_short_key(caplog: pytest.LogCaptureFixture) -> None:
    RedisBackend(Settings(queue_backend="redis", secret_key="k" * 32))
    assert caplog.messages == []
    RedisBackend(Settings(queue_backend="redis", secret_key="hunter2"))
    (line,) = caplog.messages
    assert line.startswith(
        "SECRET_KEY has 7 characters; anyone who guesses it can run code on every worker"
    )
    assert "hunter2" not in line
    with pytest.raises(SettingsError, match=r"^SECRET_KEY is a well-known placeholder"):
        RedisBackend(
            Settings(queue_backend="redis", secret_key="CHANGE_ME_TO_A_LONG_SECURE_STRING")
        )


def test_without_redis_the_error_names_the_server_without_its_password() -> None:
    settings = Settings(
        queue_backend="redis", redis_url="redis://me:hush@127.0.0.1:1/0", secret_key="k"
    )
    with pytest.raises(Unreachable, match=r"redis://me:\*\*\*@127") as caught:
        RedisBackend(settings).enqueue(make_call(sample_tasks.add, 1))
    assert "hush" not in str(caught.value)
    # The error and its cause, each once, although it was tried twice.
    shown = "".join(traceback.format_exception(caught.value))
    assert shown.count("Traceback (most recent call last)") == 2
    with pytest.raises(SettingsError, match="SECRET_KEY"):
        RedisBackend(Settings(queue_backend="redis"))


def test_a_job_is_enqueued_whose_unique_key_has_just_become_free(
    backend: RedisBackend, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its holder ends between the refusal and the question who that is."""
    keys = Keys()
    first = backend.enqueue(make_call(sample_tasks.add, 1, _unique="report"))
    holder = backend._producer.holder

    def ended(unique: str) -> str | None:
        redis_client.delete(keys.unique(unique))
        return holder(unique)

    monkeypatch.setattr(backend._producer, "holder", ended)
    second = backend.enqueue(make_call(sample_tasks.add, 2, _unique="report"))
    [third] = backend.enqueue_many([make_call(sample_tasks.add, 3, _unique="report")])
    assert len({first.job_id, second.job_id, third.job_id}) == 3
    assert redis_client.llen(keys.queue("default")) == 3
    monkeypatch.undo()
    redis_client.set(keys.unique("report"), "", ex=600)
    with pytest.raises(Refused, match="the unique key 'report' is taken, and no job is known"):
        backend.enqueue(make_call(sample_tasks.add, 4, _unique="report"))


def test_a_unique_key_returns_the_unfinished_job(
    backend: RedisBackend, redis_client: redis.Redis
) -> None:
    first = backend.enqueue(make_call(sample_tasks.add, 1, _unique="report"))
    second = backend.enqueue(make_call(sample_tasks.add, 2, _unique="report"))
    assert second.job_id == first.job_id
    assert redis_client.llen("asok:queue") == 1


class TestResults:
    def test_the_future_resolves_when_the_job_is_done(
        self, backend: RedisBackend, redis_client: redis.Redis
    ) -> None:
        future = backend.enqueue(make_call(sample_tasks.add, 1))
        with pytest.raises(TimeoutError):
            future.result(0.05)
        assert not future.done()
        finish(redis_client, future.job_id, status="completed", result='{"sum": [1, 2]}')
        assert future.result(WAIT) == {"sum": [1, 2]}

    def test_a_job_that_was_done_before_its_result_was_requested(
        self, backend: RedisBackend, redis_client: redis.Redis
    ) -> None:
        future = backend.enqueue(make_call(sample_tasks.add, 1))
        finish(redis_client, future.job_id, status="completed", result="null")
        assert future.result(WAIT) is None

    def test_nothing_is_watched_before_a_result_is_requested(self, backend: RedisBackend) -> None:
        before = {each.name for each in threading.enumerate()}
        backend.enqueue(make_call(sample_tasks.add, 1))
        assert {each.name for each in threading.enumerate()} == before

    def test_a_failed_job_raises_its_error(
        self, backend: RedisBackend, redis_client: redis.Redis
    ) -> None:
        future = backend.enqueue(make_call(sample_tasks.add, 1))
        finish(redis_client, future.job_id, status="failed", error="Traceback ...\nKeyError: 7\n")
        with pytest.raises(JobFailed, match=r"^KeyError: 7$") as caught:
            future.result(WAIT)
        assert caught.value.traceback == "Traceback ...\nKeyError: 7"

    def test_a_job_whose_record_is_gone(
        self, backend: RedisBackend, redis_client: redis.Redis
    ) -> None:
        future = backend.enqueue(make_call(sample_tasks.add, 1))
        redis_client.delete(f"asok:job:{future.job_id}")
        with pytest.raises(JobNotFound, match=future.job_id):
            future.result(WAIT)

    def test_the_end_of_a_job_without_a_notification_is_found_by_looking(
        self, backend: RedisBackend, redis_client: redis.Redis
    ) -> None:
        # The framework's worker overwrites the record with a JSON string and publishes nothing.
        future = backend.enqueue(make_call(sample_tasks.add, 1))
        assert not future.done()
        text = json.dumps({"status": "completed", "result": "theirs", "ts": 1.0})
        redis_client.set(f"asok:job:{future.job_id}", text, ex=100)
        assert future.result(WAIT) == "theirs"

    def test_waiting_for_several(self, backend: RedisBackend, redis_client: redis.Redis) -> None:
        futures = backend.enqueue_many([make_call(sample_tasks.add, n) for n in range(700)])
        for number, future in enumerate(futures):
            finish(
                redis_client, future.job_id, notify=False, status="completed", result=str(number)
            )
        done, left = concurrent.futures.wait(futures, timeout=WAIT)
        assert (len(done), len(left)) == (700, 0)
        assert [each.result(0) for each in futures] == list(range(700))

    async def test_awaiting_one(self, backend: RedisBackend, redis_client: redis.Redis) -> None:
        future = backend.enqueue(make_call(sample_tasks.add, 1))
        waiting = asyncio.wrap_future(future)
        await asyncio.to_thread(finish, redis_client, future.job_id, status="completed", result="5")
        assert await asyncio.wait_for(waiting, WAIT) == 5

    def test_two_futures_of_one_job(self, backend: RedisBackend, redis_client: redis.Redis) -> None:
        futures = [backend.enqueue(make_call(sample_tasks.add, n, _unique="one")) for n in range(2)]
        assert not any(each.done() for each in futures)
        finish(redis_client, futures[0].job_id, status="completed", result="1")
        assert [each.result(WAIT) for each in futures] == [1, 1]

    def test_finished_jobs_are_not_listened_for(
        self, backend: RedisBackend, redis_client: redis.Redis
    ) -> None:
        futures = backend.enqueue_many([make_call(sample_tasks.add, n) for n in range(3)])
        assert not any(each.done() for each in futures)
        for each in futures:
            finish(redis_client, each.job_id, status="completed", result="1")
        assert [each.result(WAIT) for each in futures] == [1, 1, 1]
        wait_until(
            lambda: not redis_client.pubsub_channels("asok:done:*"), "the end of the subscriptions"
        )

    def test_it_survives_a_lost_connection(
        self, backend: RedisBackend, redis_client: redis.Redis
    ) -> None:
        future = backend.enqueue(make_call(sample_tasks.add, 1))
        assert not future.done()
        other = backend.enqueue(make_call(sample_tasks.add, 2))
        redis_client.execute_command("CLIENT", "KILL", "TYPE", "pubsub", "SKIPME", "yes")
        redis_client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        finish(redis_client, other.job_id, notify=False, status="completed", result="2")
        assert other.result(WAIT) == 2
        finish(redis_client, future.job_id, notify=False, status="completed", result="1")
        assert future.result(WAIT) == 1

    def test_a_user_who_may_not_subscribe_gets_results_by_looking(
        self, settings: Settings, redis_client: redis.Redis
    ) -> None:
        redis_client.execute_command(
            "ACL", "SETUSER", "deaf", "on", "nopass", "~asok:*", "+@all", "resetchannels"
        )
        url = settings.redis_url
        scheme, _, rest = url.partition("://")
        try:
            backend = RedisBackend(
                Settings(
                    queue_backend="redis",
                    redis_url=f"{scheme}://deaf:any@{rest}",
                    secret_key=settings.secret_key,
                )
            )
            future = backend.enqueue(make_call(sample_tasks.add, 1))
            assert not future.done()
            finish(redis_client, future.job_id, status="completed", result="1")
            assert future.result(WAIT) == 1
            backend.shutdown(wait=True, timeout=None)
        finally:
            redis_client.execute_command("ACL", "DELUSER", "deaf")

    @pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
    def test_a_forked_child_watches_for_itself(
        self, backend: RedisBackend, redis_client: redis.Redis
    ) -> None:
        future = backend.enqueue(make_call(sample_tasks.add, 1))
        assert not future.done()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                mine = backend.enqueue(make_call(sample_tasks.add, 2))
                wait_until(mine.done, "the result in the child")
                code = 0 if mine.result(0) == "child" else 2
            finally:
                os._exit(code)
        wait_until(lambda: redis_client.llen("asok:queue") == 2, "the job of the child")
        for raw in redis_client.lrange("asok:queue", 0, -1):
            assert isinstance(raw, bytes)
            job_id = peek(raw).id
            if job_id != future.job_id:
                finish(redis_client, job_id, status="completed", result='"child"')
        assert exit_code(child) == 0
        finish(redis_client, future.job_id, status="completed", result='"parent"')
        assert future.result(WAIT) == "parent"


class TestCancel:
    def test_a_job_that_was_cancelled_while_it_ran_had_started(
        self, backend: RedisBackend, redis_client: redis.Redis
    ) -> None:
        future = backend.enqueue(make_call(sample_tasks.add, 1))
        finish(redis_client, future.job_id, status="cancelled", started_at="1700000000.5")
        with pytest.raises(JobCancelled, match="was cancelled before it finished"):
            future.result(WAIT)

    @pytest.mark.parametrize("delay", [None, 3600])
    def test_a_job_that_waits_is_cancelled(
        self, backend: RedisBackend, redis_client: redis.Redis, delay: float | None
    ) -> None:
        future = backend.enqueue(make_call(sample_tasks.add, 1, _delay=delay, _queue="low"))
        assert future.cancel() is True
        with pytest.raises(JobCancelled, match="was cancelled before it started"):
            future.result(WAIT)
        assert future.cancelled()
        record = backend.record(future.job_id)
        assert record is not None
        assert record.status is Status.CANCELLED
        assert redis_client.llen("asok:queue:low") == 0
        assert redis_client.zcard("asok:delayed_tasks") == 0

    def test_a_job_that_runs_or_is_unknown_is_not(
        self, backend: RedisBackend, redis_client: redis.Redis
    ) -> None:
        future = backend.enqueue(make_call(sample_tasks.add, 1))
        redis_client.hset(f"asok:job:{future.job_id}", "status", "running")
        assert backend.cancel(future.job_id) is False
        assert backend.cancel("no such job") is False


class TestRequest:
    class Request:
        method, path, query, host = "POST", "/orders", "page=2", "shop.example"
        language, remote_user, request_id = "fr", "ada", "abc-1"
        cookies, authorization = "session=secret", "Bearer secret"

    def test_a_snapshot_is_sent_and_secrets_are_not(
        self, backend: RedisBackend, settings: Settings, redis_client: redis.Redis
    ) -> None:
        with context.request_context(self.Request()):
            backend.enqueue(make_call(sample_tasks.path_of_request))
        raw = redis_client.lindex("asok:queue", 0)
        assert raw is not None
        assert b"secret" not in raw
        job = pop(redis_client, settings)
        names = [name for name in context.FIELDS if name != "query"]
        assert job.request == {name: getattr(self.Request, name) for name in names}
        with context.restored(job.request):
            assert sample_tasks.path_of_request() == "/orders"
            assert context.current_request.remote_user == "ada"

    def test_outside_a_request_nothing_is_sent(
        self, backend: RedisBackend, settings: Settings, redis_client: redis.Redis
    ) -> None:
        backend.enqueue(make_call(sample_tasks.path_of_request))
        assert pop(redis_client, settings).request is None

    @pytest.mark.usefixtures("request_hooks")
    def test_an_application_adds_its_own(
        self, backend: RedisBackend, settings: Settings, redis_client: redis.Redis
    ) -> None:
        @context.dump
        def dump(request: Any) -> dict[str, Any]:
            return {"tenant": 7}

        @context.load
        def load(values: Any) -> Any:
            return ("loaded", values["tenant"])

        with context.request_context(self.Request()):
            backend.enqueue(make_call(sample_tasks.path_of_request))
        with context.restored(pop(redis_client, settings).request):
            assert context.current_request.get() == ("loaded", 7)


def test_a_start_in_the_far_future_is_taken_whole(
    backend: RedisBackend, redis_client: redis.Redis
) -> None:
    future = backend.enqueue(make_call(sample_tasks.add, 1, 2, _at=1e17, _unique="far"))
    record = backend.record(future.job_id)
    assert record is not None
    assert record.status == Status.SCHEDULED
    assert redis_client.zcard("asok:delayed_tasks") == 1
    assert 0 < redis_client.ttl(f"asok:job:{future.job_id}") < 400_000_000
