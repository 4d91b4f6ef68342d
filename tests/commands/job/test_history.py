"""The history of a job in ``asok job show``, with moves by operators as recorded by the scripts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from asok_core.backends.redis.producing.producer import RedisProducer
from asok_core.backends.roles import Scope
from asok_core.jobs.envelope import dead_entry, seal
from asok_core.jobs.job import Job
from asok_core.jobs.states import Location
from asok_core.settings.settings import Settings
from tests.fixtures.bench import KEYRING, Bench
from tests.fixtures.command_line import Ran
from tests.reviewing import review_at

Asok = Callable[..., Ran]
ERROR = "ValueError: no"


def history(asok: Asok, job: Job | str) -> list[dict[str, Any]]:
    name = job if isinstance(job, str) else job.id
    found: list[dict[str, Any]] = asok("job", "show", name, "--json").document["history"]
    return found


def events(asok: Asok, job: Job | str) -> list[str]:
    return [each["event"] for each in history(asok, job)]


def now(bench: Bench) -> float:
    seconds, micros = bench.client.time()
    return float(seconds) + float(micros) / 1e6


def of(job: Job) -> Scope:
    return Scope(Location.PENDING, queue=job.queue, ids=frozenset((job.id,)))


def dead(job: Job) -> Scope:
    return Scope(Location.DEAD, ids=frozenset((job.id,)))


def die(bench: Bench, ago: float = 3600.0, *, form: str = "hash", **fields: Any) -> Job:
    """A dead job with two attempts and a record, enqueued and failed some time ago."""
    failed_at = now(bench) - ago
    job = bench.job(retries=1, retry_count=1, enqueued_at=failed_at - 20, **fields)
    attempts = [[failed_at - 18 + 17 * at, "500", verb, "web.1", ERROR] for at, verb in
                enumerate(("retry", "fail"))]  # fmt: skip
    record = {
        "status": "failed", "function": job.task, "queue": job.queue, "ts": failed_at,
        "enqueued_at": failed_at - 20, "started_at": attempts[-1][0], "finished_at": failed_at,
        "retries": 1, "retry_count": 1, "worker": "web.1", "error": ERROR,
        "attempts": "\n".join(map(json.dumps, attempts)),
    }  # fmt: skip
    if form == "hash":
        bench.client.hset(f"asok:job:{job.id}", mapping=record)
        bench.client.expire(f"asok:job:{job.id}", 86_400)
    else:
        bench.client.set(f"asok:job:{job.id}", json.dumps(record), ex=86_400)
    dead_job = dead_entry(seal(job, KEYRING), failed_at=failed_at, error=ERROR, traceback=ERROR)
    bench.client.lpush("asok:dlq", dead_job)
    return job


@pytest.fixture
def producer(redis_url: str, make_settings: Callable[..., Settings]) -> RedisProducer:
    return RedisProducer(make_settings())


@pytest.mark.parametrize("form", ["hash", "json"])
def test_a_requeue_is_in_order_and_time_as_a_dead_job_is_not_waiting_time(
    bench: Bench, asok: Asok, form: str
) -> None:
    job = die(bench, 3600.0, form=form)
    assert events(asok, job) == ["enqueued", "retried", "failed"]
    assert bench.operator.requeue(dead(job)).applied == 1
    reported = history(asok, job)
    assert [each["event"] for each in reported] == [
        "enqueued", "retried", "failed", "requeued", "waiting"
    ]  # fmt: skip
    times = [each["at"] for each in reported if each["at"]]
    assert times == sorted(times)
    assert reported[3]["by"] == "ann@desk"
    assert reported[4]["waited_seconds"] < 600
    # It runs again and completes, so its record is that of a completed job, which is short.
    began = now(bench)
    key = f"asok:job:{job.id}"
    bench.client.delete("asok:queue")
    if form == "hash":
        bench.client.hset(key, mapping={
            "status": "completed", "ts": began + 1, "run_us": 1_000_000, "queued_us": 500_000,
        })  # fmt: skip
        bench.client.hdel(key, "enqueued_at", "started_at")
        reported = history(asok, job)
        assert [each["event"] for each in reported][3:] == ["requeued", "completed"]
        assert reported[4]["waited_seconds"] < 600
    page = asok("job", "show", job.id).out
    assert page.index("✗ failed for good") < page.index("↺ requeued") < len(page)
    assert "by ann@desk" in page


def test_an_edit_and_its_undo_are_shown_with_the_changes(bench: Bench, asok: Asok) -> None:
    job = die(bench, args=(1, "Grüße"), kwargs={"copy": True})
    done = bench.operator.edit(bench.dead()[0], [2, "Grüße"], {"to": "grace"})
    reported = history(asok, job)
    (edited,) = [each for each in reported if each["event"] == "edited"]
    assert edited["detail"] == 'argument 1: 1 → 2, copy: true → none, to: none → "grace"'
    assert edited["by"] == "ann@desk"
    assert bench.operator.restore(done.operation or "").applied == 1
    reported = history(asok, job)
    assert [each["event"] for each in reported][-2:] == ["edited", "restored"]
    assert reported[-1]["detail"] == "edited"
    assert "in place of the edited job" in asok("job", "show", job.id).out


def test_moves_cancellation_and_restore_are_shown_in_order(
    bench: Bench, asok: Asok, producer: RedisProducer
) -> None:
    job = bench.job(retry_count=0)
    producer.enqueue([job])
    bench.operator.move(of(job), front=True)
    bench.operator.move(of(job), to="low")
    moved = Job(**{**vars_of(job), "queue": "low"})
    done = bench.operator.cancel(of(moved))
    reported = history(asok, job)
    assert [each["event"] for each in reported] == [
        "enqueued", "moved to front", "moved", "cancelled"
    ]  # fmt: skip
    assert reported[2]["detail"] == "low"
    assert reported[3]["detail"] == done.operation
    assert {each["by"] for each in reported[1:]} == {"ann@desk"}
    bench.operator.restore(done.operation or "")
    assert events(asok, job)[-2:] == ["restored", "waiting"]
    done = bench.operator.purge(Scope(Location.PENDING, queue="low"))
    assert events(asok, job)[-1] == "purged"
    bench.operator.restore(done.operation or "")
    assert events(asok, job)[-2:] == ["restored", "waiting"]


def vars_of(job: Job) -> dict[str, Any]:
    return {name: getattr(job, name) for name in Job.__dataclass_fields__}


def test_a_promotion_is_shown_with_the_operator(
    bench: Bench, asok: Asok, producer: RedisProducer
) -> None:
    job = bench.job(retry_count=0, delay=3600.0)
    producer.enqueue([job])
    assert events(asok, job) == ["enqueued", "due"]
    assert bench.operator.promote(Scope(Location.DELAYED)).applied == 1
    reported = history(asok, job)
    assert [each["event"] for each in reported] == ["enqueued", "promoted", "waiting"]
    assert reported[1]["by"] == "ann@desk"


@pytest.mark.parametrize("chosen", [True, False], ids=["chosen", "all of them"])
def test_a_purged_dead_job_is_found_in_the_trash_with_the_operator(
    bench: Bench, asok: Asok, chosen: bool
) -> None:
    job = die(bench)
    done = bench.operator.purge(dead(job) if chosen else Scope(Location.DEAD))
    reported = asok("job", "show", job.id, "--json").document
    assert reported["place"] == "trash"
    assert reported["history"][-1]["event"] == "purged"
    assert (reported["history"][-1]["by"], reported["history"][-1]["detail"]) == (
        "ann@desk",
        done.operation,
    )
    bench.operator.restore(done.operation or "")
    # A purge of a whole list is one command, which does not update records.
    assert events(asok, job) == ["enqueued", "retried", "failed"] + ["purged", "restored"] * chosen


def test_an_expired_record_does_not_end_the_history(bench: Bench, asok: Asok) -> None:
    job = die(bench, 200_000.0)
    bench.client.delete(f"asok:job:{job.id}")
    assert events(asok, job) == ["enqueued", "not known", "died"]
    bench.operator.requeue(dead(job))
    reported = history(asok, job)
    assert [each["event"] for each in reported] == ["enqueued", "died", "requeued", "waiting"]
    assert reported[1]["error"] == ERROR
    assert reported[0]["at"] < reported[1]["at"] < reported[2]["at"]
    assert reported[3]["waited_seconds"] < 600


def test_a_requeue_by_an_older_version_is_marked_as_unknown(bench: Bench, asok: Asok) -> None:
    job = die(bench)
    key = f"asok:job:{job.id}"
    requeued = now(bench) - 60
    bench.client.delete("asok:dlq")
    bench.client.hset(key, mapping={"status": "pending", "enqueued_at": requeued, "retry_count": 0})
    bench.client.hdel(key, "started_at", "finished_at", "error")
    bench.add_pending(Job(**{**vars_of(job), "retry_count": 0, "enqueued_at": requeued}))
    reported = history(asok, job)
    assert [each["event"] for each in reported] == [
        "enqueued", "retried", "failed", "requeued", "waiting"
    ]  # fmt: skip
    assert reported[0]["at"] is None
    assert reported[3]["by"] is None
    assert 50 < reported[4]["waited_seconds"] < 600
    page = asok("job", "show", job.id).out
    assert "when is not known" in page
    assert "by an unknown operator" in page


def test_a_job_of_the_framework_shows_what_is_known(bench: Bench, asok: Asok) -> None:
    # As its worker writes it: only the time of the last change, and no list of attempts.
    record = {"status": "failed", "function": "shop.mail", "error": ERROR, "retry_count": 2}
    bench.client.set("asok:job:theirs", json.dumps(record), ex=3600)
    dead_job = {"id": "theirs", "module": "shop", "function": "mail", "args": [], "kwargs": {},
              "queue": "default", "retries": 2, "retry_count": 2, "backoff": 2,
              "failed_at": now(bench) - 5, "error": ERROR}  # fmt: skip
    bench.client.lpush("asok:dlq", json.dumps(dead_job))
    reported = history(asok, "theirs")
    assert [each["event"] for each in reported] == ["not known", "died"]
    assert reported[0]["detail"] == "2 earlier attempts: its record was written by the framework"
    trust = review_at(bench.url, KEYRING).reviewed
    assert bench.operator.requeue(Scope(Location.DEAD), trust=trust).applied == 1
    reported = history(asok, "theirs")
    assert [each["event"] for each in reported] == ["enqueued", "died", "requeued", "waiting"]
    assert (reported[0]["at"], reported[2]["detail"]) == (None, "trusted: unsigned")


def test_the_list_is_bounded_and_keeps_when_the_job_was_enqueued(bench: Bench, asok: Asok) -> None:
    job = die(bench)
    enqueued = history(asok, job)[0]["at"]
    for _ in range(30):
        bench.operator.requeue(dead(job))
        (raw,) = bench.pending()
        dead_job = dead_entry(raw, failed_at=now(bench), error="E" * 5000, traceback="x")
        bench.client.delete("asok:queue")
        bench.client.lpush("asok:dlq", dead_job)
    kept = bench.record(job.id)["moves"]
    assert len(kept.splitlines()) == 20
    assert len(kept) < 20_000
    reported = history(asok, job)
    assert (reported[0]["event"], reported[0]["at"]) == ("enqueued", enqueued)
    assert reported[1]["detail"] == "only the last 20 operations are kept"
    assert reported[-2]["event"] == "requeued"


def test_a_list_of_moves_written_by_another_program_does_not_prevent_operations(
    bench: Bench, asok: Asok
) -> None:
    job = die(bench)
    bench.client.hset(f"asok:job:{job.id}", mapping={"moves": '[1]\nx\n["a","\x1b","",""]'})
    assert bench.operator.requeue(dead(job)).applied == 1
    reported = history(asok, job)
    assert [each["event"] for each in reported if each["at"]] == [
        "enqueued", "retried", "failed", "requeued"
    ]  # fmt: skip
    assert "\x1b" not in asok("job", "show", job.id).out
    bench.client.hset(f"asok:job:{job.id}", "moves", "y" * 100_000)
    assert bench.operator.cancel(of(job)).applied == 1
    assert events(asok, job)[-1] == "cancelled"
