"""A worker that cannot begin says why in one line, with the exit code of a usage error."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.worker import Desk, RunWorker
from tests.programs import wait_until


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--concurrency", "0"), "--concurrency is '0'; it must be a whole number from 1 to 1024"),
        (("-c", "many"), "--concurrency is 'many'; it must be a whole number"),
        (("--processes", "257"), "--processes is '257'; it must be a whole number from 1 to 256"),
        (("--queues", " , "), "--queues is"),
        (("--stop-timeout", "soon"), "--stop-timeout is 'soon'; it must be a duration"),
        (("--stop-timeout", "-1s"), "--stop-timeout"),
        (("--max-jobs", "0"), "--max-jobs is '0'; it must be a whole number"),
        (("--max-memory", "much"), "--max-memory is 'much'; it must be a size"),
        (("--log-level", "noisy"), "noisy"),
        (("--log-format", "xml"), "xml"),
        (("--url", "http://h"), "--url 'http://h' cannot be used"),
        (("--app", "/no/such"), "--app is '/no/such'; it must be a directory, as in src"),
        (
            ("--import", "shop/tasks.py"),
            "--import is 'shop/tasks.py' ('shop/tasks.py' is not the name of a module); it must be",
        ),
        (("--no-such-option",), "--no-such-option"),
    ],
)
def test_an_option_that_is_invalid(
    run_worker: RunWorker, options: tuple[str, ...], words: str
) -> None:
    worker = run_worker(*options)
    assert worker.ends() == 2
    assert words in worker.log
    assert worker.log.count("\n") == 1
    assert worker.log.startswith("asok")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ASOK_QUEUE_BACKEND": "local"}, "set ASOK_QUEUE_BACKEND=redis and REDIS_URL"),
        ({"ASOK_QUEUE_BACKEND": ""}, "set ASOK_QUEUE_BACKEND=redis and REDIS_URL"),
        ({"ASOK_WORKER_CONCURRENCY": "x"}, "ASOK_WORKER_CONCURRENCY is 'x'"),
        ({"ASOK_APP": "/no/such"}, "ASOK_APP is '/no/such'; it must be a directory, as in src"),
        ({"ASOK_IMPORTS": ","}, "ASOK_IMPORTS is ','; it must be comma-separated names of modules"),
        ({"ASOK_WORKER_LEASE": "1ms"}, "ASOK_WORKER_LEASE is '1ms'"),
        ({"ASOK_REDIS_URL": "redis://:hush@h:port/0"}, "ASOK_REDIS_URL"),
    ],
)
def test_a_setting_that_is_invalid(
    run_worker: RunWorker, settings: dict[str, str], words: str
) -> None:
    worker = run_worker(**settings)
    assert worker.ends() == 2
    assert words in worker.log
    assert worker.log.count("\n") == 1
    assert "hush" not in worker.log


def test_without_a_secret_key_no_job_is_touched(desk: Desk, run_worker: RunWorker) -> None:
    job = desk.enqueue("note", "job")
    worker = run_worker(SECRET_KEY="")
    assert worker.ends() == 2
    assert "SECRET_KEY is not set" in worker.log
    assert "secrets.token_hex" in worker.log
    assert worker.log.count("\n") == 1
    assert [each.id for each in desk.pending()] == [job.id]
    assert not desk.client.exists("asok:workers")


def test_a_placeholder_instead_of_a_key_touches_no_job(desk: Desk, run_worker: RunWorker) -> None:
    job = desk.enqueue("note", "job")
    for variables in ({"SECRET_KEY": "change-me"}, {"SECRET_KEY_FALLBACKS": "change-me"}):
        worker = run_worker(**variables)
        assert worker.ends() == 2
        assert f"{next(iter(variables))} is a well-known placeholder" in worker.log
        assert worker.log.count("\n") == 1
    assert [each.id for each in desk.pending()] == [job.id]


def test_a_short_key_is_warned_of_once_at_the_start(desk: Desk, run_worker: RunWorker) -> None:
    short = "hunter2" * 4
    job = desk.enqueue("note", "job")
    worker = run_worker(
        "--processes", "2", SECRET_KEY=short, SECRET_KEY_FALLBACKS=desk.settings.secret_key
    )
    desk.reaches(job, "completed")
    assert worker.log.count("SECRET_KEY has 28 characters") == 1
    assert "hunter2" not in worker.log


def test_the_file_of_settings_in_use_is_logged(
    desk: Desk, run_worker: RunWorker, tmp_path: Path
) -> None:
    (tmp_path / "settings").write_text("ASOK_WORKER_QUEUES=of-the-file\n")
    run_worker(ASOK_ENV_FILE=tmp_path / "settings").wait_for_log(
        f"Settings file read path={tmp_path}/settings"
    )


def test_a_former_secret_key_is_still_accepted(desk: Desk, run_worker: RunWorker) -> None:
    job = desk.enqueue("fail_until", 2, "try", retries=1, backoff=0.1)
    run_worker(SECRET_KEY="the new one", SECRET_KEY_FALLBACKS=desk.settings.secret_key)
    assert desk.reaches(job, "completed").retry_count == 1


def test_log_lines_for_machines(desk: Desk, run_worker: RunWorker) -> None:
    import json

    job = desk.enqueue("fail", "the words", retries=1, backoff=0.1)
    worker = run_worker("--log-format", "json", "--log-level", "debug")
    desk.reaches(job, "failed")
    worker.wait_for_log("Job failed")
    lines = [json.loads(line) for line in worker.log.splitlines()]
    reported = [line for line in lines if line.get("job_id") == job.id]
    assert [line["attempt"] for line in reported] == ["1/2", "2/2"]
    assert {line["queue"] for line in reported} == {"default"}
    assert all(line["duration"] >= 0 for line in reported)
    assert reported[0]["level"] == "warning"
    assert [line["message"] for line in reported] == ["Attempt failed", "Job failed"]
    assert {line["task"] for line in reported} == {"tests.worker.jobs.fail"}
    assert {line["error"] for line in reported} == {"ValueError: the words"}
    assert not any("arguments" in line for line in lines)


def test_arguments_are_logged_only_when_asked_for(desk: Desk, run_worker: RunWorker) -> None:
    quiet = run_worker("--log-level", "debug", "--queues", "quiet")
    open_ = run_worker("--log-level", "debug", "--queues", "open", "--log-arguments")
    for queue in ("quiet", "open"):
        desk.enqueue("note", "a-secret-word", queue=queue)
    open_.wait_for_log("a-secret-word")
    quiet.wait_for_log("Job completed")
    assert "a-secret-word" not in quiet.log


def test_dead_jobs_are_bounded_and_what_is_dropped_is_counted_and_reported(
    desk: Desk, run_worker: RunWorker
) -> None:
    jobs = [desk.enqueue("fail") for _ in range(9)]
    worker = run_worker(ASOK_DLQ_MAX=5)
    for job in jobs:
        desk.reaches(job, "failed")
    assert [dead_job.id for dead_job in desk.dead()] == [job.id for job in reversed(jobs[4:])]
    assert (desk.counted("dead"), desk.counted("dropped")) == (9, 4)
    worker.wait_for_log("oldest dead jobs (ASOK_DLQ_MAX)")


def test_results_and_tracebacks_are_bounded(desk: Desk, run_worker: RunWorker) -> None:
    run_worker(ASOK_MAX_RESULT="1KiB", ASOK_MAX_TRACEBACK="1KiB")
    big = desk.enqueue("give", "x" * 100_000)
    bad = desk.enqueue("fail", "y" * 100_000)
    record = desk.reaches(big, "completed")
    assert record.result is None
    assert "100,002 bytes as JSON, more than ASOK_MAX_RESULT (1,024)" in (record.result_error or "")
    error = desk.reaches(bad, "failed").error
    assert error is not None
    assert len(error) <= 1024
    wait_until(desk.dead, "a dead job")
    assert len(desk.dead()[0].raw) < 300_000
