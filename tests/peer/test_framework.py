"""The ``asok`` framework as a peer: it uses the same Redis, and its worker runs beside ours."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import redis

from asok_core.backends.roles import Scope
from asok_core.jobs.envelope import Trust
from asok_core.jobs.states import Location
from asok_core.operations.inspector import open_operator, open_reader
from asok_core.settings.settings import Settings
from tests.peer.conftest import APP
from tests.programs import python, running, status, wait_until
from tests.reviewing import review_of

OUR_WORKER = ("-m", "asok_console", "worker", "--concurrency", "4")
ITS_WORKER = ("-m", "asok", "worker")


def enqueue(env: dict[str, str], *, good: int = 0, flaky: int = 0, bad: int = 0) -> None:
    python(str(APP / "enqueue_orders.py"), str(good), str(flaky), str(bad), env=env)


def settled(client: redis.Redis, jobs: int) -> bool:
    """Whether all jobs have ended, by their records."""
    records = [read(client, key) for key in client.keys("asok:job:*")]
    ended = [each for each in records if each["status"] in ("completed", "failed")]
    return len(ended) == jobs


def read(client: redis.Redis, key: bytes | str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(client.get(key) or "{}")
    return found


def test_our_status_counts_what_it_enqueued(env: dict[str, str]) -> None:
    enqueue(env, good=9, bad=2)
    reported = status(env)
    assert reported["pending"] == 11
    counts = {queue["name"]: queue["pending"] for queue in reported["queues"]}
    assert counts == {"high": 3, "default": 3, "low": 5}
    first = next(queue for queue in reported["queues"] if queue["name"] == "high")["next_jobs"][0]
    assert first["call"] == 'orders.note("good-0")'


def test_our_worker_runs_its_jobs(
    env: dict[str, str], redis_client: redis.Redis, journal: Path
) -> None:
    enqueue(env, good=30, flaky=3, bad=3)
    with running(*OUR_WORKER, env=env):
        wait_until(lambda: settled(redis_client, 36), "the end of all jobs")
    ran = Counter(journal.read_text().split())
    assert {word: ran[word] for word in ran if word.startswith("good")} == {
        f"good-{number}": 1 for number in range(30)
    }
    assert all(ran[f"flaky-{number}"] == 1 for number in range(3))
    assert all(ran[f"bad-{number}"] == 2 for number in range(3)), "one attempt and one retry"
    # The framework reads its records with GET: they must remain strings.
    kinds = {redis_client.type(key) for key in redis_client.keys("asok:job:*")}
    assert kinds == {b"string"}
    record = read(redis_client, next(iter(redis_client.keys("asok:job:*"))))
    assert record["function"].startswith("orders.")
    results = [read(redis_client, key)["result"] for key in redis_client.keys("asok:job:*")]
    assert results.count("noted good-7") == 1
    assert redis_client.llen("asok:dlq") == 3


def test_both_workers_side_by_side(
    env: dict[str, str], redis_client: redis.Redis, journal: Path
) -> None:
    enqueue(env, good=120, flaky=6, bad=6)
    with running(*OUR_WORKER, env=env), running(*ITS_WORKER, env=env, cwd=APP):
        wait_until(lambda: settled(redis_client, 132), "the end of all jobs")
        reported = status(env)
    ran = Counter(journal.read_text().split())
    assert all(ran[f"good-{number}"] == 1 for number in range(120))
    assert redis_client.llen("asok:dlq") == reported["dead"] == 6
    assert reported["pending"] == reported["delayed"] == 0


def test_its_worker_runs_our_jobs(
    env: dict[str, str], redis_client: redis.Redis, journal: Path
) -> None:
    ours = "import orders; from asok_core import background\n" + "\n".join(
        f"background(orders.note, 'ours-{number}', _queue='high')" for number in range(5)
    )
    python("-c", ours, env=env)
    with running(*ITS_WORKER, env=env, cwd=APP):
        wait_until(lambda: len(journal.read_text().split()) == 5, "five lines in the journal")
    assert sorted(journal.read_text().split()) == [f"ours-{number}" for number in range(5)]
    assert redis_client.llen("asok:queue:high") == 0


def test_its_dead_jobs_are_unsigned_and_must_be_trusted_explicitly(
    env: dict[str, str], redis_client: redis.Redis, journal: Path, make_settings: Any
) -> None:
    enqueue(env, bad=2)
    with running(*ITS_WORKER, env=env, cwd=APP):
        wait_until(lambda: redis_client.llen("asok:dlq") == 2, "two dead jobs")
    settings: Settings = make_settings()
    reader, operator = open_reader(settings), open_operator(settings)
    dead_jobs = reader.dead(0, 10).rows
    assert {row.payload.trust for row in dead_jobs} == {Trust.UNSIGNED}
    assert {row.payload.error for row in dead_jobs} == {
        "RuntimeError: no luck with bad-0",
        "RuntimeError: no luck with bad-1",
    }

    refused = operator.requeue(Scope(Location.DEAD))
    assert refused.applied == 0
    assert sum(refused.refused.values()) == 2
    assert redis_client.llen("asok:dlq") == 2

    applied = operator.requeue(Scope(Location.DEAD), trust=review_of(reader).reviewed)
    assert applied.applied == 2
    before = len(journal.read_text().split())
    with running(*OUR_WORKER, env=env):
        wait_until(lambda: redis_client.llen("asok:dlq") == 2, "both to fail again")
    assert len(journal.read_text().split()) == before + 4, "two attempts each, as the first time"
    assert {row.payload.trust for row in reader.dead(0, 10).rows} == {Trust.SIGNED}
    reader.close()


@pytest.mark.parametrize("envelope", ["v1", "both"])
def test_it_requeues_our_dead_jobs_and_either_worker_runs_them(
    env: dict[str, str], redis_client: redis.Redis, journal: Path, envelope: str
) -> None:
    """It always signs version 1, and enqueues the job before it writes the record."""
    env["ASOK_ENVELOPE"] = envelope
    ours = "import orders; from asok_core import background\n" + "\n".join(
        f"background(orders.fail_once, 'it-{number}', _queue='low')" for number in range(2)
    )
    python("-c", ours, env=env)
    with running(*OUR_WORKER, env=env):
        wait_until(lambda: redis_client.llen("asok:dlq") == 2, "two dead jobs")
    retry = "from asok.background import get_dlq_jobs, retry_dlq_job\n"
    retry += "print(retry_dlq_job(get_dlq_jobs()[0]['id']))"
    assert python("-c", retry, env=env).strip() == "True"
    with running(*OUR_WORKER, env=env):
        wait_until(lambda: len(journal.read_text().split()) == 1, "our worker to run one")
        wait_until(lambda: redis_client.llen("asok:queue:low") == 0, "an empty queue")
    assert python("-c", retry, env=env).strip() == "True"
    with running(*ITS_WORKER, env=env, cwd=APP):
        wait_until(lambda: len(journal.read_text().split()) == 2, "its worker to run the other")
    assert sorted(journal.read_text().split()) == ["it-0", "it-1"]
    assert redis_client.llen("asok:dlq") == 0


def test_our_worker_runs_a_dead_job_whose_record_it_has_not_written_yet(
    env: dict[str, str], redis_client: redis.Redis, journal: Path
) -> None:
    """Between the two writes of its requeue, the status in our record is still failed."""
    python(
        "-c", "import orders; from asok_core import background; background(orders.fail_once, 'it')",
        env=env,
    )  # fmt: skip
    with running(*OUR_WORKER, env=env):
        wait_until(lambda: redis_client.llen("asok:dlq") == 1, "a dead job")
    requeue = """
import importlib
its = importlib.import_module("asok.background")
client = its._get_redis_client()
(job,) = its.get_dlq_jobs()
client.delete("asok:dlq")
its._requeue_redis_job(client, job)
"""
    python("-c", requeue, env=env)
    (key,) = redis_client.keys("asok:job:*")
    assert redis_client.hget(key, "status") == b"failed"
    with running(*OUR_WORKER, env=env):
        wait_until(lambda: journal.read_text().split() == ["it"], "the job to run")
        wait_until(lambda: redis_client.hget(key, "status") == b"completed", "its end")
    assert redis_client.llen("asok:dlq") == 0


def test_the_state_of_one_of_its_components_is_not_a_job_of_version_2(
    env: dict[str, str], redis_client: redis.Redis, journal: Path
) -> None:
    """It signs the state with SECRET_KEY as it signs jobs, and users control its content."""
    state = """
import json, os
from asok.component import Component
class Note(Component):
    id, module, function, args, kwargs = "x", "orders", "note", ["state"], {}
    queue, retries, retry_count, backoff = "default", 0, 0, 2
    def _get_state(self):
        return {name: getattr(self, name) for name in (
            "id", "module", "function", "args", "kwargs", "queue", "retries", "retry_count", "backoff")}
signed = Note()._sign_state(os.environ["SECRET_KEY"])
text, signature = signed.rsplit(".", 1)
for version in 1, 2:
    print(json.dumps({"v": version, "job": text, "sig": signature}))
"""
    envelopes = python("-c", state, env=env).split("\n")[:2]
    env["ASOK_ENVELOPE"] = "v2"
    ours = "import orders; from asok_core import background; background(orders.note, 'ours')"
    python("-c", ours, env=env)
    with running(*OUR_WORKER, env=env):
        # A worker that has not run any job may have a wrong key, and postpones jobs.
        wait_until(lambda: journal.read_text().split() == ["ours"], "our job to run")
        redis_client.lpush("asok:queue", *envelopes)
        wait_until(lambda: redis_client.llen("asok:dlq") == 2, "two dead jobs")
    errors = [json.loads(raw)["error"] for raw in redis_client.lrange("asok:dlq", 0, -1)]
    assert sorted(error.partition(":")[0] for error in errors) == ["BadSignature", "OldEnvelope"]
    assert journal.read_text().split() == ["ours"]
