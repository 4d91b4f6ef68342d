"""Commands for actions of the console: move, edit, cancel by filter, commands to a worker."""

from __future__ import annotations

import io
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from asok_core.operations.reshaping import Reshaping
from tests.fixtures.bench import Bench, job_id, job_of
from tests.fixtures.command_line import Ran
from tests.pseudo_terminal import TypedText
from tests.tui import seed

Asok = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())


def test_move_to_the_front_and_to_another_queue(bench: Bench, asok: Asok) -> None:
    jobs = [bench.job() for _ in range(4)]
    bench.add_pending(*jobs)
    assert asok("job", "move", "--front", jobs[2].id, "--yes").out == "Moved 1 job to the front\n"
    assert job_id(bench.pending()[0]) == jobs[2].id
    words = ("job", "move", "--to", "low", "--queue", "default", "--filter", f"id:{jobs[0].id}")
    assert asok(*words, "--dry-run").out.splitlines()[0] == "Would move 1 job to queue 'low'"
    assert asok(*words, "--yes").out == "Moved 1 job to queue 'low'\n"
    assert [job_id(raw) for raw in bench.pending("low")] == [jobs[0].id]


def test_cancel_and_promote_by_filter(bench: Bench, asok: Asok) -> None:
    bench.add_pending(*(bench.job(queue="high") for _ in range(3)))
    bench.delay(*(bench.job() for _ in range(5)), due=2e9)
    assert asok("job", "cancel", "--all", "--queue", "high", "--yes").out == "Cancelled 3 jobs\n"
    reported = asok("job", "promote", "--filter", "arg:4", "--yes", "--json").document
    assert reported["applied"] == 1
    assert asok("job", "cancel", "--state", "delayed", "--all", "--yes").out == "Cancelled 4 jobs\n"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("job", "cancel"), "specify exactly one of JOB_ID..., --filter, --all"),
        (("job", "cancel", "x", "--all"), "specify exactly one of JOB_ID..., --filter, --all"),
        (("job", "cancel", "--all", "--yes"), "require --queue QUEUE"),
        (("job", "cancel", "--all", "--queue", "default"), "pass --yes"),
        (("job", "promote", "--filter", "", "--yes"), "--all selects all"),
        (("job", "cancel", "x"), "pass --yes"),
        (("job", "promote", "x"), "pass --yes"),
        (("job", "move", "--front", "x"), "pass --yes"),
        (("job", "promote", "x", "--dry-run"), "asok job show"),
        (("job", "move", "x"), "specify exactly one of --to, --front (see asok job move --help)"),
        (("job", "move", "x", "--to", "a", "--front"), "specify only one of --to, --front"),
        (("dlq", "requeue", "--all", "--args", "[]", "--yes"), "one --id"),
        (("dlq", "requeue", "--id", "x", "--args", "{}", "--yes"), "must be a list"),
        (("dlq", "requeue", "--id", "x", "--kwargs", "{", "--yes"), "is not JSON"),
        (
            ("dlq", "requeue", "--id", "x", "--args", "[[NaN]]", "--kwargs", "{}", "--yes"),
            "argument 1: [0] is nan, which JSON cannot encode",
        ),
        (("dlq", "export", "--id", "x", "--filter", "y"), "only one of --id, --filter"),
        (("worker", "stop", "unknown"), "there is no worker 'unknown'"),
    ],
)
def test_words_that_are_invalid(
    bench: Bench, asok: Asok, words: tuple[str, ...], line: str
) -> None:
    ran = asok(*words)
    assert (ran.code, ran.out) == (2, "")
    assert line in ran.err


@pytest.mark.parametrize("verb", ["cancel", "promote"])
def test_jobs_given_by_id_are_confirmed_as_others(
    bench: Bench, asok: Asok, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    job = bench.job(queue="high")
    bench.delay(job, due=2e9)
    bench.client.sadd("asok:paused", "high")
    for typed, left in (("no", 1), ("yes", 0)):
        monkeypatch.setattr(sys, "stdin", TypedText(f"{typed}\n"))
        ran = asok("job", verb, job.id)
        assert f"{verb.capitalize()} 1 job?\n" in ran.err
        assert ran.code == left
        assert ("nothing was done" in ran.err) == bool(left)
        assert bench.client.zcard("asok:delayed_tasks") == left
    # There is no question for jobs that are in no location.
    monkeypatch.setattr(sys, "stdin", TypedText(""))
    ran = asok("job", verb, "unknown")
    assert ran.out.endswith("(1 skipped: not found)\n")
    assert (ran.code, ran.err) == (1, "not found: unknown; JOB_ID requires the whole id\n")


def test_problems_of_an_action_are_reported_before_its_confirmation(
    bench: Bench, asok: Asok, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.add_dead(bench.job(queue="high"))
    bench.client.sadd("asok:paused", "high")
    monkeypatch.setattr(sys, "stdin", TypedText("no\n"))
    ran = asok("dlq", "requeue", "--all")
    assert "warning: queue 'high' is paused: jobs wait there until resumed" in ran.err
    bench.add_pending(bench.job())
    monkeypatch.setattr(sys, "stdin", TypedText("no\n"))
    ran = asok("job", "move", "--to", "unknown", "--queue", "default", "--all")
    assert "warning: no worker takes jobs from queue 'unknown'" in ran.err


@pytest.mark.parametrize("named", [True, False])
def test_a_queue_that_is_named_and_not_served_is_warned_of_without_a_question_too(
    bench: Bench, asok: Asok, *, named: bool
) -> None:
    job = bench.job()
    bench.add_pending(job)
    which = (job.id,) if named else ("--queue", "default", "--all")
    ran = asok("job", "move", "--to", "unknown", "--yes", *which)
    assert (ran.code, ran.out) == (0, "Moved 1 job to queue 'unknown'\n")
    assert ran.err == "warning: no worker takes jobs from queue 'unknown'\n"
    assert asok("job", "cancel", job.id, "--yes").err.startswith("asok trash restore")


def test_a_command_to_a_worker_requires_the_whole_id(bench: Bench, asok: Asok) -> None:
    bench.client.zadd("asok:workers", {"web-10-a": 1e15, "web-11-b": 1e15})
    for verb in ("quiet", "resume", "stop"):
        ran = asok("worker", verb, "web-1")
        line = "'web-1' is the beginning of an id, and a command requires all of it"
        assert ran == (2, "", f"asok: {line}: web-10-a, web-11-b\n")


def test_a_result_without_any_job_has_a_reason(bench: Bench, asok: Asok) -> None:
    assert asok("dlq", "purge", "--all", "--yes").out == ("Purged 0 jobs (none found)\n")


def test_one_dead_job_is_requeued_with_other_arguments(bench: Bench, asok: Asok) -> None:
    job = bench.job(kwargs={"to": "ada"})
    bench.add_dead(job)
    ran = asok("dlq", "requeue", "--id", job.id, "--args", '["new"]', "--yes")
    assert (ran.code, ran.out) == (0, "Requeued 1 job with changed arguments\n")
    (raw,) = bench.pending()
    assert (job_of(raw)["args"], job_of(raw)["kwargs"]) == (["new"], {"to": "ada"})
    gone = asok("dlq", "requeue", "--id", job.id, "--kwargs", "{}", "--yes")
    assert (gone.code, gone.out) == (1, "")
    assert gone.err == f"asok: there is no dead job '{job.id}' that can be read\n"


def test_dead_jobs_of_an_error_group_are_exported_once_to_a_private_file(
    bench: Bench, asok: Asok, tmp_path: Path
) -> None:
    bench.add_dead(*(bench.job() for _ in range(3)))
    file = tmp_path / "dead.jsonl"
    assert asok("dlq", "export", str(file), "--filter", 'group:"ValueError: no"').code == 0
    assert len(file.read_text().splitlines()) == 3
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = asok("dlq", "export", str(file))
    assert again.code == 2
    assert "is left as it is" in again.err
    assert asok("dlq", "export", "--filter", 'cause:"KeyError: no"').out == ""


def test_commands_to_a_worker(bench: Bench, asok: Asok) -> None:
    seed.worker(bench.client, "web-1", queues=("high",), concurrency=2, running=0, first=1)
    assert asok("worker", "quiet", "web-1").out == "Quieted 1 worker (takes no new jobs): web-1\n"
    assert "already ordered" in asok("worker", "quiet", "web-1").out
    assert bench.client.hget("asok:worker:web-1", "wanted") == b"quiet"
    assert (
        asok("worker", "resume", "web-1").out == "Resumed 1 worker (takes new jobs again): web-1\n"
    )
    assert asok("worker", "stop", "web-1", "--json").document["worker"] == "web-1"
    assert bench.client.hget("asok:worker:web-1", "wanted") == b"stop"


def test_the_shape_of_a_worker_is_ordered_and_shown_until_it_is_confirmed(
    bench: Bench, asok: Asok, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "asok:worker:web-1"
    seed.worker(bench.client, "web-1", queues=("high", "low"), concurrency=4, running=0, first=1)
    ordered = asok("worker", "set", "web-1", "--concurrency", "8", "--wait", "0s")
    assert (ordered.code, ordered.err) == (1, "")
    assert ordered.out == (
        "Ordered concurrency 8 of worker web-1\nordered, not confirmed yet: 8 threads per process\n"
    )
    assert asok("worker", "set", "web-1", "--queues", "high", "--wait", "0s").code == 1
    assert (
        "already ordered" in asok("worker", "set", "web-1", "--queues", "high", "--wait", "0s").out
    )
    (shown,) = asok("worker", "status", "--json").document["workers"]
    assert shown["shape"]["ordered"] == {"concurrency": 8, "queues": ["high"]}
    assert (shown["shape"]["confirmed"], shown["concurrency"]) == (False, 4)
    assert "@" in shown["shape"]["ordered_by"]
    (first, *_) = asok("explain", "--worker", "web-1", "--json").document["reasons"]
    assert (first["code"], first["evidence"]["ordered_by"]) == (
        "worker_reshaping",
        shown["shape"]["ordered_by"],
    )
    page = asok("worker", "status").out
    assert "ordered, not confirmed yet: 8 threads per process, queues high" in page
    assert "ordered by " in page

    # The heartbeat of the worker confirms it.
    bench.client.hset(key, mapping={"concurrency": 8, "serves": "high"})
    done = asok("worker", "set", "web-1", "--concurrency", "8", "--json")
    assert (done.code, done.document["confirmed"]) == (0, True)
    assert (
        "8 threads per process (configured 4), queues high (configured high,low)"
        in asok("worker", "status").out
    )
    assert "set worker  worker web-1 concurrency:8 " in asok("audit").out
    assert done.document["state"].startswith("confirmed by its heartbeat: 8 threads per process")
    explained = asok("explain", "--worker", "web-1").out
    assert "worker web-1 has 8 threads per process (configured 4), queues high (conf" in explained
    assert "to change it: asok worker set --reset web-1" in explained

    # What was ordered is reported also where the wait for the worker is interrupted.
    def interrupt(*_: object) -> Reshaping:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("asok_console.commands.worker.set.wait_until_reshaped", interrupt)
        ran = asok("worker", "set", "web-1", "--concurrency", "9", "--json")
        assert (ran.code, ran.document["applied"], ran.document["confirmed"]) == (130, 1, False)
        assert "the wait was interrupted" in ran.document["state"]
    asok("worker", "set", "web-1", "--concurrency", "8", "--wait", "0s")

    for field, value, why in (
        ("configured_concurrency", "", "is of an earlier release"),
        ("beat_at", "1", "is stalled"),
        ("stopping", "1", "is stopping"),
    ):
        before = bench.client.hget(key, field)
        if value:
            bench.client.hset(key, field, value)
        else:
            bench.client.hdel(key, field)
        refused = asok("worker", "set", "web-1", "--reset")
        assert refused.code != 0
        assert f"worker web-1 {why}" in refused.err
        bench.client.hset(key, field, before or "0")
    assert bench.client.hget(key, "ordered_concurrency") == b"8"
    assert asok("worker", "set", "web-1", "--reset", "--wait", "0s").code == 1
    assert bench.client.hmget(key, "ordered_concurrency", "ordered_queues") == [None, None]
    resetting = asok("explain", "--worker", "web-1").out
    assert "has not confirmed its order yet: 4 threads per process, queues high,low" in resetting
    assert "worker set --reset" not in resetting
    for words in ((), ("--reset", "--concurrency", "2"), ("--concurrency", "0"), ("--queues", ",")):
        assert asok("worker", "set", "web-1", *words).code == 2
    bench.client.zadd("asok:workers", {"web-1": 1})
    assert "is offline" in asok("worker", "set", "web-1", "--reset").err
