"""The stack of a running job on demand, from real workers: ``asok job stack``."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from asok_core.backends.redis.keys import worker_of
from asok_core.inspection.stacks import MOST_SAMPLES, JobStack, decode_answer
from asok_core.jobs.job import Job
from asok_core.operations.inspector import open_operator, open_reader
from asok_core.operations.stacks import stack_of_job
from tests.fixtures.command_line import Ran
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import wait_until

Asok = Callable[..., Ran]

MODULE = """\
import os, signal, threading, time, faulthandler
from tests.worker.jobs import hold, hold_the_interpreter, write_line

def outer(word):
    inner(word)

def inner(word):
    hold(word)

class Café:
    def outer(self, word):
        hold(word)

def method(word):
    Café().outer(word)

def deep(word, left=400):
    if left:
        return deep(word, left - 1)
    hold(word)

def block_signals(word):
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, signal.NSIG))
    hold(word)

def own_handler(word):
    faulthandler.unregister(signal.SIGUSR1)
    hold(word)

def own_handler_and_c(seconds):
    faulthandler.unregister(signal.SIGUSR1)
    hold_the_interpreter(seconds)

def in_a_fork(word):
    if os.fork() == 0:
        write_line(f"fork {word}")
        while True:
            time.sleep(0.01)
    hold(word)

async def coroutine(word):
    hold(word)
"""


def ask(asok: Asok, job: Job, *options: str) -> dict[str, Any]:
    ran = asok("job", "stack", job.id, "--json", *options)
    document: dict[str, Any] = ran.document
    assert ran.code == (0 if document["samples"] else 1), ran.err
    return document


def functions(document: dict[str, Any]) -> list[str]:
    return [each["function"] for each in document["samples"][0]["frames"]]


@pytest.fixture
def stacked(tmp_path: Path, run_worker: RunWorker) -> RunWorker:
    """Starts workers whose tasks may be those of ``MODULE``."""
    (tmp_path / "stacked.py").write_text(MODULE, encoding="utf-8")

    def start(*options: str, cwd: object = None, **settings: object) -> Any:
        return run_worker(*options, cwd=cwd, PYTHONPATH=tmp_path, **settings)

    return start


def test_the_stack_has_the_calls_of_the_task_and_nothing_of_the_worker(
    desk: Desk, stacked: RunWorker, asok: Asok, tmp_path: Path
) -> None:
    stacked("--concurrency", "3")
    neighbour = desk.enqueue("hold", "neighbour")
    job = desk.enqueue("outer", "SECRET", module="stacked")
    desk.wait_for_lines("begin SECRET", "begin neighbour")
    desk.reaches(job, "running")
    ran = asok("job", "stack", job.id)
    assert ran.code == 0
    head, *frames = ran.out.splitlines()
    assert re.match(rf"Job {job.id} running for .+ in process .+\.1$", head)
    assert [each.split()[0] for each in frames] == ["hold", "inner", "outer"]
    assert frames[1].split() == ["inner", f"{tmp_path}/stacked.py:8"]
    # Only code locations: no argument, though the task has one.
    assert "SECRET" not in ran.out
    found = ask(asok, job)
    assert (found["phase"], found["interpreter_held"], found["problem"]) == ("running", False, None)
    for word in ("SECRET", "neighbour"):
        desk.release(word)
    for each in (job, neighbour):
        desk.reaches(each, "completed")


@pytest.mark.parametrize("task", ["method", "deep", "block_signals", "own_handler", "in_a_fork"])
def test_what_a_task_does_to_its_process_keeps_no_stack_away(
    desk: Desk, stacked: RunWorker, asok: Asok, task: str
) -> None:
    worker = stacked()
    job = desk.enqueue(task, "job", module="stacked")
    desk.wait_for_lines("begin job", *(["fork job"] if task == "in_a_fork" else []))
    desk.reaches(job, "running")
    found = functions(ask(asok, job))
    expected = {"method": ["hold", "Café.outer", "method"], "deep": ["hold", *["deep"] * 99]}
    assert found == expected.get(task, ["hold", task])
    desk.release("job")
    desk.reaches(job, "completed")
    assert "died" not in worker.log


def test_a_coroutine_that_computes_is_shown(desk: Desk, stacked: RunWorker, asok: Asok) -> None:
    stacked()
    job = desk.enqueue("coroutine", "job", module="stacked")
    desk.wait_for_lines("begin job")
    desk.reaches(job, "running")
    assert functions(ask(asok, job))[:2] == ["hold", "coroutine"]
    desk.release("job")
    desk.reaches(job, "completed")


def test_a_task_that_holds_the_interpreter_in_c_is_shown_and_survives(
    desk: Desk, stacked: RunWorker, asok: Asok
) -> None:
    worker = stacked("--concurrency", "2")
    neighbour = desk.hold("neighbour")
    job = desk.enqueue("hold_the_interpreter", 20.0)
    desk.wait_for_lines("begin")
    # Its record may not say yet that it runs: nothing of the process can write that now.
    found = ask(asok, job)
    assert functions(found) == ["hold_the_interpreter"]
    assert found["interpreter_held"] is True
    beside = ask(asok, neighbour)
    assert functions(beside)[-1] == "hold"
    assert beside["interpreter_held"] is True
    assert "thread holds the interpreter" in asok("job", "stack", job.id).out
    worker.kill()


def test_a_process_whose_handler_a_task_removed_is_not_ended_by_the_signal(
    desk: Desk, stacked: RunWorker, asok: Asok
) -> None:
    worker = stacked()
    job = desk.enqueue("own_handler_and_c", 20.0, module="stacked")
    desk.wait_for_lines("begin")
    process = worker.only_process()
    found = ask(asok, job)
    assert found["samples"] == []
    assert found["problem"] == "its process did not answer in time"
    assert worker.processes() == [process]
    worker.kill()


def test_a_process_that_a_signal_has_stopped_holds_no_interpreter_and_continues(
    desk: Desk, stacked: RunWorker, asok: Asok
) -> None:
    """The signal for its stacks would be handled as it is continued: its threads run then."""
    worker = stacked(ASOK_WORKER_HANG_LIMIT=0)
    job = desk.hold("job")
    process = worker.only_process()
    os.kill(process, signal.SIGSTOP)
    worker.wait_for_log("hangs: a signal has stopped the process")
    found = ask(asok, job)
    assert (found["interpreter_held"], found["samples"]) == (False, [])
    assert found["problem"] == "its process did not answer in time"
    pending = Path(f"/proc/{process}/status").read_text().partition("ShdPnd:")[2].split()[0]
    assert not int(pending, 16) >> (signal.SIGUSR1 - 1) & 1
    os.kill(process, signal.SIGCONT)
    worker.wait_for_log("works again, after it hung for")
    desk.release("job")
    desk.reaches(job, "completed")
    assert worker.processes() == [process]


def test_samples_are_merged_by_the_innermost_function(
    desk: Desk, stacked: RunWorker, asok: Asok
) -> None:
    stacked()
    job = desk.enqueue("outer", "job", module="stacked")
    desk.wait_for_lines("begin job")
    desk.reaches(job, "running")
    found = ask(asok, job, "--samples", "10")
    assert found["taken"] == sum(each["times"] for each in found["samples"]) == 10
    out = asok("job", "stack", job.id, "--samples", "10").out
    shares = re.findall(r"^(\d+) of 10 in (\w+)$", out, re.MULTILINE)
    assert sum(int(times) for times, _ in shares) == 10
    assert "hold" in {function for _, function in shares}
    desk.release("job")
    desk.reaches(job, "completed")


def test_a_job_that_does_not_run_says_its_state(desk: Desk, asok: Asok) -> None:
    job = desk.enqueue("note", "job")
    ran = asok("job", "stack", job.id)
    assert ran.code == 1
    assert ran.out.splitlines()[1] == "No stack: the job does not run now (pending)"
    ran = asok("job", "stack", "nothing")
    assert ran.code == 1
    assert "there is no job 'nothing'" in ran.err


def test_a_supervisor_that_does_not_answer_is_named(
    desk: Desk, stacked: RunWorker, asok: Asok
) -> None:
    worker = stacked()
    job = desk.enqueue("outer", "job", module="stacked")
    desk.wait_for_lines("begin job")
    record = desk.reaches(job, "running")
    worker.signal(signal.SIGSTOP)
    name = worker_of(record.worker or "")
    assert ask(asok, job)["problem"] == (
        f"no answer from worker {name} within 5 s (its supervisor may be down)"
    )
    worker.signal(signal.SIGCONT)
    # A request whose client no longer waits harms nothing, and the next one is answered.
    assert functions(ask(asok, job)) == ["hold", "inner", "outer"]
    desk.release("job")
    desk.reaches(job, "completed")


def test_a_job_that_ends_meanwhile_is_reported_so(desk: Desk, stacked: RunWorker) -> None:
    stacked()
    job = desk.hold("job")
    reader, operator = open_reader(desk.settings), open_operator(desk.settings)
    detail = reader.job(job.id)
    assert detail is not None
    desk.release("job")
    desk.reaches(job, "completed")
    assert stack_of_job(operator, detail).problem == "it is not running on this worker now"
    reader.close()
    operator.close()


def test_a_job_of_a_foreign_worker_cannot_be_asked(desk: Desk, asok: Asok) -> None:
    desk.client.set(
        "asok:job:theirs",
        '{"status": "running", "function": "shop.send", "result": null, "error": null, "ts": 1.0}',
        ex=86_400,
    )
    ran = asok("job", "stack", "theirs")
    assert ran.code == 1
    assert "it runs on a worker of the asok framework, which cannot be asked" in ran.out


def test_what_is_no_request_is_ignored(desk: Desk, stacked: RunWorker, asok: Asok) -> None:
    stacked()
    job = desk.hold("job")
    record = desk.record(job)
    name = worker_of(record.worker or "")
    for text in ("", "{", "[]", '["x"]', '["x", 1, 2]', f'["{"x" * 100}", "a", 1]', "\udcff"):
        desk.client.rpush(f"asok:stacks:{name}", text.encode("utf-8", "surrogateescape"))
    assert functions(ask(asok, job))[-1] == "hold"
    assert not desk.client.exists(f"asok:stacks:{name}")
    desk.client.set(f"asok:stacks:{name}", "of another type")
    assert functions(ask(asok, job))[-1] == "hold"
    wait_until(lambda: not desk.client.exists(f"asok:stacks:{name}"), "an empty list of requests")
    assert all(desk.client.ttl(key) > 0 for key in desk.client.scan_iter(match="asok:stack:*"))
    desk.release("job")
    desk.reaches(job, "completed")


def test_requests_at_once_blame_no_process_that_answers(desk: Desk, stacked: RunWorker) -> None:
    """As many samples as may be requested fit into the time of one; others are answered one by one."""
    stacked()
    job = desk.hold("door")
    worker = worker_of(desk.record(job).worker or "")
    tokens = [f"{n}" * 32 for n in range(9)]
    requested = desk.keys.stacks(worker)
    pipeline = desk.client.pipeline()
    pipeline.rpush(requested, *(json.dumps([each, job.id, MOST_SAMPLES]) for each in tokens))
    pipeline.expire(requested, 60)
    pipeline.publish(desk.keys.wake, f"order {worker}")
    pipeline.execute()

    def answers() -> list[bytes]:
        return [each for each in desk.client.mget(map(desk.keys.stack, tokens)) if each]

    wait_until(lambda: len(answers()) == len(tokens), "all answers")
    problems = [decode_answer(each, job.id).problem for each in answers()]
    # No process is blamed, as of "did not answer in time".
    assert not any("process" in each for each in problems)
    assert problems[-1] == "its worker had other requests to answer: try again"
    desk.release("door")
    desk.reaches(job, "completed")


@pytest.mark.parametrize("task", ["hold", "hold_the_interpreter"])
def test_two_who_ask_at_once_get_both_their_answers(
    desk: Desk, stacked: RunWorker, task: str
) -> None:
    """Also where no Python code runs, and each sample takes seconds."""
    worker = stacked("--concurrency", "2")
    jobs = [desk.hold("door")]
    if task == "hold_the_interpreter":
        jobs.append(desk.enqueue(task, 60.0))
        desk.wait_for_lines("begin")
    asked = [jobs[-1], jobs[-1], jobs[0]]
    found: list[JobStack] = []

    def ask_for(job: Job) -> None:
        with (
            closing(open_reader(desk.settings)) as reader,
            closing(open_operator(desk.settings)) as operator,
        ):
            detail = reader.job(job.id)
            assert detail is not None
            found.append(stack_of_job(operator, detail, samples=2))

    askers = [threading.Thread(target=ask_for, args=(job,)) for job in asked]
    for each in askers:
        each.start()
    for each in askers:
        each.join()
    assert sorted(answer.job_id for answer in found) == sorted(job.id for job in asked)
    for answer in found:
        assert answer.samples, answer
        assert answer.held is (task == "hold_the_interpreter")
    worker.kill()
