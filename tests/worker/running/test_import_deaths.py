"""A process that dies while it imports a module: no job is charged for that, and others run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from asok_core.worker.import_crashes import LONGEST, SETTLED_AFTER, ImportDeaths
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import wait_until
from tests.worker.running.test_breaker_rule import Clock
from tests.worker.supervising.test_health import worker_of

NOTE = "from tests.worker.jobs import fail, hold, note\n"
DEATHS = {
    "exit": "import os\nos._exit(9)\n",
    "fault": "import ctypes\nctypes.string_at(0)\n",
    "signal": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n",
}
WAYS = {"exit": "exit code 9", "fault": "killed by SIGSEGV", "signal": "killed by SIGKILL"}


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """The folder of an application, on the path of workers that are given it."""
    folder = tmp_path / "app"
    folder.mkdir()
    return folder


def lines(text: str) -> str:
    """A module that dies when it is imported, until there is a file ``repaired``."""
    indented = "".join(f"    {line}\n" for line in text.splitlines())
    return f"import pathlib\nif not pathlib.Path('repaired').exists():\n{indented}{NOTE}"


@pytest.mark.parametrize("way", DEATHS)
def test_jobs_of_a_module_that_kills_its_process_are_postponed_until_it_is_repaired(
    desk: Desk, run_worker: RunWorker, app: Path, way: str
) -> None:
    (app / "poisoned.py").write_text(lines(DEATHS[way]))
    jobs = [desk.enqueue("note", f"{n}", module="poisoned") for n in range(4)]
    worker = run_worker(cwd=app, ASOK_CRASH_LIMIT="1")
    record = desk.reaches(jobs[0], "retrying")
    assert record.error == (
        "TaskImportFailed: module 'poisoned' cannot be imported: a process died while importing it "
        f"({WAYS[way]})"
    )
    assert record.retry_count == 0
    worker.wait_for_log(f"died (while importing poisoned: {WAYS[way]})", 3)
    words = f"died while importing poisoned: {WAYS[way]}"
    wait_until(lambda: words in worker_of(desk).trouble, "the reason in the heartbeat")
    assert worker_of(desk).condition == "crash-looping"
    assert not desk.client.keys("asok:crashes:*")
    (app / "repaired").touch()
    for job in jobs:
        desk.reaches(job, "completed")
    assert desk.dead() == []
    assert (desk.counted("dead"), desk.counted("failed"), desk.counted("retried")) == (0, 0, 0)
    assert worker.stop() == 0


def test_jobs_of_other_modules_run_beside_those_of_one_that_kills_its_process(
    desk: Desk, run_worker: RunWorker, app: Path
) -> None:
    (app / "poisoned.py").write_text(lines(DEATHS["exit"]))
    bad = [desk.job("note", f"{n}", module="poisoned", queue="high") for n in range(30)]
    desk.producer.enqueue(bad)
    good = [desk.enqueue("note", "good") for _ in range(30)]
    worker = run_worker("--concurrency", "4", cwd=app)
    for job in good:
        desk.reaches(job, "completed")
    assert worker.log.count("while importing poisoned") < 15
    assert desk.dead() == []
    assert len(desk.pending("high")) + len(desk.delayed()) + len(desk.active()) == 30


def test_what_runs_beside_an_import_that_kills_the_process_is_not_charged(
    desk: Desk, run_worker: RunWorker, app: Path
) -> None:
    (app / "poisoned.py").write_text(lines(DEATHS["exit"]))
    (app / "healthy.py").write_text(NOTE)
    long = desk.enqueue("hold", "long", module="healthy")
    run_worker("--concurrency", "2", cwd=app, ASOK_CRASH_LIMIT="1")
    desk.wait_for_lines("begin long")
    bad = desk.enqueue("note", "bad", module="poisoned")
    desk.reaches(bad, "retrying")
    desk.wait_for_lines("begin long", "begin long")
    assert not desk.client.keys("asok:crashes:*")
    desk.release("long")
    desk.reaches(long, "completed")
    assert desk.dead() == []


def test_a_task_that_kills_its_process_after_the_import_is_charged(
    desk: Desk, run_worker: RunWorker, app: Path
) -> None:
    (app / "killing.py").write_text("import os\ndef die() -> None:\n    os._exit(9)\n")
    job = desk.enqueue("die", module="killing")
    run_worker(cwd=app, ASOK_CRASH_LIMIT="2")
    assert "died 2 times" in (desk.reaches(job, "failed").error or "")


def test_a_module_is_avoided_for_twice_as_long_after_each_death() -> None:
    clock = Clock()
    deaths = ImportDeaths(clock)
    waits = []
    for _ in range(14):
        waits.append(seconds(deaths.note("shop", "exit code 9")))
        assert [name for name, _, _ in map(content, deaths.commands())] == ["shop"]
        clock.now += waits[-1]
        assert list(deaths.commands()) == []
    assert waits == [*(2.0**n for n in range(12)), LONGEST, LONGEST]
    clock.now += SETTLED_AFTER + 1
    assert seconds(deaths.note("shop", "exit code 9")) == 1.0


def content(order: str) -> Any:
    return json.loads(order.removeprefix("avoid "))


def seconds(order: str) -> float:
    assert order.endswith('"exit code 9"]')
    found: float = content(order)[1]
    return found
