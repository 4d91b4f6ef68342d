from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
import redis

from asok_console.cli.main import main
from asok_core.jobs.envelope import seal
from tests.backends.redis.reading.seed import KEYRING, KEYS, die, hold, job, push, server_time, work
from tests.conftest import SECRET_KEY
from tests.programs import PATIENCE


@pytest.fixture
def status(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.setenv("ASOK_QUEUE_BACKEND", "redis")
    monkeypatch.setenv("ASOK_REDIS_URL", redis_url)
    monkeypatch.setenv("SECRET_KEY", SECRET_KEY)
    monkeypatch.setenv("COLUMNS", "100")

    def run(*words: str) -> tuple[int, str, str]:
        code = main(["worker", "status", *words])
        return code, *capsys.readouterr()

    return run


Status = Callable[..., tuple[int, str, str]]


@pytest.fixture
def busy(redis_client: redis.Redis) -> float:
    now = server_time(redis_client)
    push(redis_client, *(job(n, enqueued_at=now - 600, kwargs={"to": "a"}) for n in range(12)))
    push(redis_client, job(100, "high"))
    redis_client.zadd(KEYS.delayed, {seal(job(200), KEYRING): now + 60})
    die(redis_client, job(300, "low"), "Trace\nTimeoutError: slow", failed_at=now - 120)
    work(redis_client, "web1-7", "high", "default")
    hold(redis_client, "web1-7.1", job(400, "high"), started_at=now - 4)
    return now


@pytest.mark.usefixtures("busy")
def test_the_page_reports_everything_in_order(status: Status, redis_url: str) -> None:
    code, page, words = status()
    assert (code, words) == (0, "")
    assert redis_url in page
    assert "13 pending, 1 running, 1 delayed, 1 dead job, 1 worker" in page
    lines = page.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("default"))
    assert lines[at].split()[:4] == ["default", "12", "0", "1"]
    assert lines[at + 1 : at + 11] == [f'    shop.tasks.send({n}, to="a")' for n in range(10)]
    assert lines[at + 11] == "    and 2 more"
    assert "TimeoutError: slow" in page
    assert "web1-7" in page
    assert max(map(len, lines)) <= 100


@pytest.mark.usefixtures("busy")
def test_a_job_of_a_worker_without_heartbeat_is_marked(
    status: Status, redis_client: redis.Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no heartbeat" not in status()[1]
    redis_client.hset(KEYS.worker("web1-7"), "beat_at", server_time(redis_client) - 60)
    assert "web1-7.1 (no heartbeat for 1 minute)" in status()[1]
    assert main(["job", "list", "--state", "running"]) == 0
    assert "no heartbeat of its worker for 1 minute" in capsys.readouterr().out


@pytest.mark.usefixtures("busy")
def test_keys_of_another_type_are_named(status: Status, redis_client: redis.Redis) -> None:
    redis_client.set(KEYS.active("web1-7.2", "default"), "not a list", ex=60)
    line = (
        "Active jobs cannot be read or settled: the key asok:active:web1-7.2:default is not a list"
    )
    assert line in status()[1]
    assert json.loads(status("--json")[1])["problems"] == [line[0].lower() + line[1:]]


@pytest.mark.usefixtures("busy")
def test_the_limit_of_the_next_jobs(status: Status) -> None:
    assert status("--limit", "1")[1].count("shop.tasks.send(") == 4
    assert "    shop.tasks" not in status("--limit", "0")[1]


@pytest.mark.usefixtures("busy")
def test_the_status_shows_workers_that_accept_version_1_and_the_number_of_such_jobs(
    status: Status, redis_client: redis.Redis
) -> None:
    """Workers report what they accept; one of an earlier release does not."""
    redis_client.hset(KEYS.worker("web1-7"), mapping={"version": "0.2", "envelopes": "v2"})
    assert "version 1" not in status()[1]
    document = json.loads(status("--json")[1])
    assert document["envelopes"] == {
        "workers_accepting_v1": 0, "sampled": 11, "sampled_v1": 11,
    }  # fmt: skip
    redis_client.hset(KEYS.worker("web1-7"), "envelopes", "v1 v2")
    new = seal(job(500, "high"), KEYRING, 2)
    redis_client.lpush(KEYS.queue("high"), new)
    page = status()[1]
    line = (
        "signatures: version 1 accepted by 1 of 1 worker, used by 11 of 12 pending jobs looked at"
    )
    assert line in page
    assert "still" not in page
    assert "cannot run" not in page
    (document,) = (json.loads(status("--json")[1]),)
    assert document["envelopes"] == {
        "workers_accepting_v1": 1, "sampled": 12, "sampled_v1": 11,
    }  # fmt: skip
    high = next(queue for queue in document["queues"] if queue["name"] == "high")
    assert [each["envelope"] for each in high["next_jobs"]] == [1, 2]
    assert document["workers"][0]["accepts_v1"] is True
    redis_client.hset(KEYS.worker("web1-7"), "version", "0.1")
    redis_client.hdel(KEYS.worker("web1-7"), "envelopes")
    page = status("--limit", "0")[1]
    assert "signatures: version 1 accepted by 1 of 1 worker\n" in page
    assert "web1-7 (0.1) cannot run jobs signed in version 2; keep ASOK_ENVELOPE=v1" in page
    assert json.loads(status("--json")[1])["workers"][0]["accepts_v1"] is None


@pytest.mark.usefixtures("busy")
def test_workers_on_different_releases_are_reported(
    status: Status, redis_client: redis.Redis
) -> None:
    assert "release" not in status()[1]
    redis_client.hset(KEYS.worker("web1-7"), "release", "4f2a1c")
    assert "release: 4f2a1c (1 worker)" in status()[1]
    work(redis_client, "web1-8", "high", "default")
    assert "releases: not known (1 worker), 4f2a1c (1 worker)" in status()[1]
    redis_client.hset(KEYS.worker("web1-8"), "release", "9b00d7")
    assert "releases: 4f2a1c (1 worker), 9b00d7 (1 worker)" in status()[1]
    workers = json.loads(status("--json")[1])["workers"]
    assert [each["release"] for each in workers] == ["4f2a1c", "9b00d7"]
    redis_client.hset(KEYS.worker("web1-8"), "release_source", "package version")
    redis_client.hset(KEYS.worker("web1-7"), "release_source", "ASOK_RELEASE")
    assert "9b00d7 (1 worker, package version)" in status()[1]
    assert "4f2a1c (1 worker), " in status()[1]
    workers = json.loads(status("--json")[1])["workers"]
    assert [each["release_source"] for each in workers] == ["ASOK_RELEASE", "package version"]


def test_the_document_has_stable_keys(
    status: Status, busy: float, redis_url: str, redis_client: redis.Redis
) -> None:
    code, text, _ = status("--json", "--limit", "3")
    document: dict[str, Any] = json.loads(text)
    assert code == 0
    assert list(document) == [
        "version",
        "backend",
        "url",
        "redis_version",
        "memory_full_in",
        "memory_rate",
        "taken_at",
        "pending",
        "delayed",
        "due",
        "next_due_at",
        "held",
        "limited",
        "running",
        "claimed",
        "orphaned",
        "dead",
        "queues",
        "dead_letters",
        "workers",
        "envelopes",
        "holds",
        "problems",
        "checks_failed",
    ]
    assert (document["version"], document["backend"], document["url"]) == (1, "redis", redis_url)
    assert [document[name] for name in ("pending", "delayed", "running", "dead")] == [13, 1, 1, 1]
    queues = {queue["name"]: queue for queue in document["queues"]}
    assert queues["default"]["pending"] == redis_client.llen(KEYS.queue("default"))
    assert [each["id"] for each in queues["default"]["next_jobs"]] == ["job-0", "job-1", "job-2"]
    assert queues["default"]["next_jobs"][0]["trust"] == "signed"
    assert queues["low"]["next_jobs"] == []
    (dead_job,) = document["dead_letters"]
    assert (dead_job["id"], dead_job["queue"], dead_job["error"]) == (
        "job-300",
        "low",
        "TimeoutError: slow",
    )
    assert dead_job["failed_at"].endswith("Z")
    (worker,) = document["workers"]
    assert (worker["id"], worker["state"]) == ("web1-7", "ok")
    assert worker["running"][0]["id"] == "job-400"


@pytest.mark.usefixtures("busy")
def test_a_redis_that_is_full_is_reported(status: Status, redis_client: redis.Redis) -> None:
    line = "Redis is out of memory (maxmemory 1 Byte): it accepts no new jobs"
    assert line not in status()[1]
    redis_client.config_set("maxmemory", 1)
    try:
        assert line in status()[1].splitlines()
        assert json.loads(status("--json")[1])["memory_full_in"] == 0
    finally:
        redis_client.config_set("maxmemory", 0)


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize(
    ("words", "failure"),
    [
        (["--max-pending", "default=11"], "queue default: 12 pending, at most 11 allowed"),
        (["--max-pending", "12"], "all queues: 13 pending, at most 12 allowed"),
        (["--max-age", "default=5m"], "queue default: its oldest job has waited 60"),
        (["--max-age", "1m"], "queue default: its oldest job has waited 60"),
        (["--max-dead", "0"], "dead jobs: 1, at most 0 allowed"),
        (["--require-workers", "2"], "workers that run jobs: 1, at least 2 required"),
    ],
)
def test_a_check_that_fails_is_reported_and_exits_1(
    status: Status, words: list[str], failure: str
) -> None:
    code, page, reported = status(*words)
    assert code == 1
    assert "13 pending" in page
    assert reported.startswith(f"asok: check failed: {failure}")
    assert json.loads(status("--json", *words)[1])["checks_failed"]


@pytest.mark.usefixtures("busy")
def test_checks_that_pass_exit_0(status: Status) -> None:
    words = (
        "--max-pending default=12 --max-pending unknown=0 --max-age high=1s --max-age default=1h"
    )
    code, _, reported = status(*words.split(), "--max-dead", "1", "--require-workers", "1")
    assert code == 0
    assert reported == (
        "asok: warning: --max-pending unknown=...: there is no queue 'unknown', so it is never "
        "exceeded; queues: default, high and low\n"
    )


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--max-pending", "high=x"], "--max-pending 'high=x': 'x' is not a whole number"),
        (["--max-age", "high=soon"], "--max-age 'high=soon': 'soon' is not a duration"),
        (["--max-dead", "-1"], "--max-dead"),
        (["--limit", "many"], "--limit 'many' is not a whole number from 0 to 1000"),
        (["--watch", "0"], "--watch 0: the shortest interval is 100ms"),
        (["--url", "http://x"], "--url 'http://x' cannot be used"),
    ],
)
def test_a_wrong_option_is_one_line(status: Status, words: list[str], line: str) -> None:
    code, page, reported = status(*words)
    assert (code, page) == (2, "")
    assert line in reported
    assert reported.count("\n") == 1


def test_with_the_local_backend_the_error_says_what_to_set(
    status: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ASOK_QUEUE_BACKEND")
    code, page, reported = status()
    assert (code, page) == (2, "")
    assert "set ASOK_QUEUE_BACKEND=redis" in reported
    assert reported.count("\n") == 1


def test_an_unreachable_redis_exits_3(status: Status) -> None:
    code, page, reported = status("--url", "redis://:secret@127.0.0.1:1/0")
    assert (code, page) == (3, "")
    assert "cannot reach Redis" in reported
    assert "secret" not in reported


@pytest.mark.keeps_keys(r"asok:queue.*")
def test_nothing_from_redis_reaches_the_terminal_raw(
    status: Status, redis_client: redis.Redis
) -> None:
    evil = "\x1b]52;c;eA==\x07\x9b31m\u202e\x00"
    redis_client.lpush(KEYS.queue(f"q{evil}"), seal(job(1, function=evil, args=(evil,)), KEYRING))
    redis_client.lpush(b"asok:queue:bad\xff", b"\xff\x1b[2J")
    die(redis_client, job(2, queue=evil), f"E{evil}", failed_at=1e300)
    work(redis_client, f"w{evil}", evil, host=evil)
    hold(redis_client, f"w{evil}.1", job(3, evil))
    for words in ([], ["--json"]):
        code, page, _ = status(*words)
        assert code == 0
        assert not {"\x1b", "\x07", "\x9b", "\u202e", "\x00"} & set(page)
    assert json.loads(page)["pending"] == 2


@pytest.mark.usefixtures("busy")
def test_watch_continues_through_an_outage_until_it_is_stopped(redis_url: str) -> None:
    command = [sys.executable, "-m", "asok_console", "worker", "status"]
    watching = subprocess.Popen(
        [*command, "--json", "--watch", "100ms", "--url", redis_url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    documents = [json.loads(watching.stdout.readline()) for _ in range(2)]
    with redis.Redis.from_url(redis_url) as client:
        client.client_kill_filter(_type="normal", skipme=True)
    documents += [json.loads(watching.stdout.readline()) for _ in range(2)]
    watching.send_signal(2)
    _, reported = watching.communicate(timeout=PATIENCE)
    assert [document["pending"] for document in documents] == [13] * 4
    assert watching.returncode == 130
    assert "Traceback" not in reported


def test_it_reads_nothing_that_it_does_not_show(redis_url: str) -> None:
    code = (
        "import sys; from asok_console.cli.main import main; "
        f"main(['worker', 'status', '--url', {redis_url!r}]); "
        "print(*({'textual', 'rich', 'humanize', 'dotenv'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == ""


def test_times_are_reported_by_the_clock_of_redis(status: Status) -> None:
    before = time.time()
    taken = json.loads(status("--json")[1])["taken_at"]
    assert taken[:10] in {time.strftime("%Y-%m-%d", time.gmtime(t)) for t in (before, time.time())}


@pytest.mark.usefixtures("busy")
def test_a_claimed_job_is_not_reported_as_running(
    redis_client: redis.Redis, status: Status, capsys: pytest.CaptureFixture[str]
) -> None:
    """A process with two threads holds four jobs, of which one is known to have begun."""
    for n in (401, 402, 403):
        hold(redis_client, "web1-7.1", job(n, "high"))
    _, page, _ = status()
    assert "2 running (2 more claimed)" in page
    _, text, _ = status("--json")
    document = json.loads(text)
    assert (document["running"], document["claimed"]) == (2, 2)
    (worker,) = document["workers"]
    states = [each["status"] for each in worker["running"]]
    assert sorted(states) == ["claimed", "claimed", "claimed", "running"]
    assert main(["job", "list", "--state", "running", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["jobs"]
    assert sorted(each["status"] for each in listed) == ["claimed"] * 3 + ["running"]
