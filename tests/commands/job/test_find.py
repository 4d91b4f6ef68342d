"""``asok job find``: one search over all locations."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
import redis

from tests.backends.redis.reading.seed import KEYS, die, hold, job, push, record, server_time, work
from tests.conftest import SECRET_KEY
from tests.fixtures.bench import Bench
from tests.fixtures.command_line import Ran
from tests.programs import PATIENCE, environment

Asok = Callable[..., Ran]


@pytest.fixture
def everywhere(redis_client: redis.Redis) -> None:
    """A job in each location."""
    now = server_time(redis_client)
    push(redis_client, job(1, "mail", kwargs={"order": "A-17"}), job(2))
    die(redis_client, job(3), "TimeoutError: no answer", failed_at=now, traceback="File shop.py")
    work(redis_client, "w1", "default")
    hold(redis_client, "w1.1", job(4, function="render"), started_at=now)
    record(redis_client, "job-5", status="completed", function="shop.old", queue="low")
    redis_client.lpush(KEYS.recent, "job-5")


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("job-2", ["job-2"]),
        ("job-", ["job-1", "job-2", "job-3", "job-4", "job-5"]),
        ("RENDER", ["job-4"]),
        ("shop.old", ["job-5"]),
        ("timeouterror", ["job-3"]),
        ("a-17", ["job-1"]),
        ("shop.py", ["job-3"]),
    ],
)
def test_a_job_is_found_wherever_it_is(
    everywhere: None, asok: Asok, text: str, ids: list[str]
) -> None:
    ran = asok("job", "find", text, "--json")
    assert ran.code == 0
    assert sorted(each["id"] for each in ran.document["jobs"]) == ids
    assert ran.document["complete"] is True
    assert sorted(line.split()[0] for line in asok("job", "find", text).out.splitlines()) == ids


@pytest.mark.parametrize("text", ["job-7", "JOB-77", "shop.tasks.trashed", "order-in-trash"])
def test_a_job_in_the_trash_is_found_and_shown(
    asok: Asok, redis_client: redis.Redis, text: str
) -> None:
    push(redis_client, job(77, function="trashed", args=("order-in-trash",)), job(1))
    assert asok("job", "cancel", "job-77", "--yes").code == 0
    ran = asok("job", "find", text)
    assert (ran.code, len(ran.out.splitlines())) == (0, 1), ran.err
    assert ran.out.split("  ")[:3] == ["job-77", "trash", "default"]
    shown = asok("job", "show", "job-7", "--json")
    assert (shown.code, shown.document["id"]) == (0, "job-77")
    assert shown.document["args"] == ["order-in-trash"]


def test_of_an_edited_job_the_original_in_the_trash_is_not_found_beside_it(
    asok: Asok, redis_client: redis.Redis
) -> None:
    die(redis_client, job(77), "E: no", failed_at=server_time(redis_client))
    assert asok("dlq", "requeue", "--id", "job-77", "--args", "[5]", "--yes").code == 0
    assert redis_client.keys("asok:trash:*")
    [line] = asok("job", "find", "job-7").out.splitlines()
    assert line.split("  ")[1] == "pending"


def test_an_audit_that_cannot_be_read_is_reported_after_the_rest_was_searched(
    everywhere: None, asok: Asok, redis_client: redis.Redis
) -> None:
    redis_client.set(KEYS.audit, "text")
    ran = asok("job", "find", "RENDER")
    assert ran.out.startswith("job-4  ")
    assert ran.code != 0
    assert "is not a stream" in ran.err


def test_a_line_has_the_state_the_queue_and_the_call(everywhere: None, asok: Asok) -> None:
    [line] = asok("job", "find", "A-17").out.splitlines()
    assert line.split("  ")[:3] == ["job-1", "pending", "mail"]
    assert "send" in line


def test_nothing_found(everywhere: None, asok: Asok) -> None:
    ran = asok("job", "find", "nothing-like-it")
    assert (ran.code, ran.out, ran.err) == (1, "", "no job was found\n")


def test_that_not_all_was_looked_at_is_stated(
    everywhere: None, asok: Asok, redis_client: redis.Redis
) -> None:
    for n in range(100, 200):
        hold(redis_client, "w1.1", job(n))
    what = "not complete: not all jobs that workers hold were looked at\n"
    ran = asok("job", "find", "nothing-like-it")
    assert (ran.code, ran.out, ran.err) == (1, "", f"no job was found\n{what}")
    ran = asok("job", "find", "a-17", "--json")
    assert (ran.code, ran.err, ran.document["complete"]) == (0, what, False)


def test_a_limit_says_that_there_may_be_more(everywhere: None, asok: Asok) -> None:
    ran = asok("job", "find", "job-", "--limit", "2")
    assert len(ran.out.splitlines()) == 2
    assert "there may be more" in ran.err
    assert asok("job", "find", "job-", "--limit", "2", "--json").document["complete"] is False


def test_jobs_are_printed_as_they_are_found_and_ctrl_c_stops_the_search(bench: Bench) -> None:
    bench.add_dead(bench.job(id="searched-1"))
    for _ in range(6):
        bench.add_pending(*(bench.job() for _ in range(5000)))
    program = subprocess.Popen(
        [sys.executable, "-m", "asok_console", "job", "find", "searched"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment({
            "ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": bench.url, "SECRET_KEY": SECRET_KEY,
        }),
    )  # fmt: skip
    assert program.stdout is not None
    # The dead jobs are searched first, and 30,000 pending ones after them.
    assert program.stdout.readline().startswith("searched-1  ")
    program.send_signal(signal.SIGINT)
    out, err = program.communicate(timeout=PATIENCE)
    assert (program.returncode, out) == (130, ""), err
    assert err == "stopped before the end: there may be more\n"
