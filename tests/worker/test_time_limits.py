"""``_timeout`` limits the code of a task: not the import of its module, nor the hooks before it."""

from __future__ import annotations

from pathlib import Path

import pytest

from asok_core.job import Job
from asok_core.worker.board import Phase
from asok_core.worker.overrun import PREPARATION, Overrun, reason
from tests.worker.conftest import Desk, RunWorker

SLOW = """\
import time
from asok_core import hooks
from tests.worker.jobs import note, sleep_in_c, tell

def before(job):
    tell(f"before {job.function}")
    time.sleep(HOOK)

tell("importing")
time.sleep(IMPORT)
hooks.before(before)
"""


@pytest.mark.parametrize(("imports", "hook"), [(3, 0), (0, 3)])
def test_a_limit_begins_with_the_code_of_the_task(
    desk: Desk, run_worker: RunWorker, tmp_path: Path, imports: float, hook: float
) -> None:
    text = SLOW.replace("IMPORT", f"{imports}").replace("HOOK", f"{hook}")
    (tmp_path / "slow.py").write_text(text)
    run_worker("--concurrency", "2", PYTHONPATH=tmp_path)
    neighbour = desk.enqueue("hold", "neighbour")
    desk.hears("begin neighbour")
    limits = {"timeout": 0.5, "hard_timeout": 1.0}
    job = desk.enqueue("note", "done", module="slow", **limits)
    desk.reaches(job, "completed")
    assert desk.journal().count("importing") == 1
    desk.let("neighbour")
    desk.reaches(neighbour, "completed")
    assert desk.journal().count("begin neighbour") == 1


def test_the_hard_limit_holds_after_a_slow_import(
    desk: Desk, run_worker: RunWorker, tmp_path: Path
) -> None:
    (tmp_path / "slow.py").write_text(SLOW.replace("IMPORT", "2").replace("HOOK", "0"))
    worker = run_worker(PYTHONPATH=tmp_path)
    job = desk.enqueue("sleep_in_c", "began", module="slow", hard_timeout=0.5)
    desk.reaches(job, "failed")
    (letter,) = desk.dead()
    assert letter.error == "TimeoutError: it ran longer than its hard limit of 0.5 s"
    assert desk.journal().count("began") == 1
    worker.says("is ended: 1 jobs ran past their hard limit")


def test_an_import_that_does_not_end_is_not_called_a_long_run() -> None:
    job = Job("1", "shop", "send", hard_timeout=2)
    hung = Overrun(Phase.IMPORTING, PREPARATION + 0.2)
    assert str(hung.error(job)) == (
        "its task had not begun after 300 s: the import of module 'shop' has not ended"
    )
    assert "before hooks" in str(Overrun(Phase.PREPARING, 301).error(job))
    ran = Overrun(Phase.RUNNING, 3)
    assert str(ran.error(job)) == "it ran longer than its hard limit of 2 s"
    assert reason([hung, ran]) == (
        "1 jobs ran past their hard limit, 1 jobs had not begun their tasks after 300 s"
    )
