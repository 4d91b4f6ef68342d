"""Real jobs under the restrictions of the unit that ``asok deploy`` writes."""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path

import pytest

from asok_console.cli.main import main
from tests.commands import ordinary
from tests.fixtures.worker import Desk, RunThrough
from tests.programs import environment, python

MODULE = ordinary.__name__
RESULTS = {
    "threads": "4950",
    "programs": '"45"',
    "processes": "55",
    "network": '"hello there"',
    "files": '["hard", "moved", "symlink"]',
    "database": "45",
    "loop": '"exit 0"',
    "memory": "9",
    "clocks": "1",
}
DENIED = os.strerror(errno.EPERM)
REFUSED = dict.fromkeys(
    (
        *("a user namespace", "a mount", "another process", "the swap space", "the kernel's log"),
        *("a set-user-ID file", "packets"),
    ),
    DENIED,
) | {"capabilities": "0" * 16, "no new privileges": "1"}


@pytest.fixture
def unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert main(["deploy", "--user", "www-data", "--project", "shop"]) == 0
    return tmp_path / "deployment" / "shop-worker.service"


@pytest.mark.slow
def test_usual_work_of_jobs_is_possible_under_the_unit_and_attacks_are_not(
    desk: Desk, run_through: RunThrough, unit: Path
) -> None:
    assert set(RESULTS) == set(ordinary.MEMBERS)
    program = (sys.executable, "-m", "tests.commands.under_unit", str(unit))
    worker = run_through(program, "--concurrency", "2")
    jobs = {name: desk.enqueue(name, module=MODULE) for name in RESULTS}
    for name, job in jobs.items():
        record = desk.reaches(job, "completed")
        assert record.result == RESULTS[name], name
    job = desk.enqueue("refused", module=MODULE)
    desk.reaches(job, "completed")
    tried = desk.producer.record(job.id)
    assert tried is not None
    assert tried.result is not None
    assert json.loads(tried.result) == REFUSED
    assert worker.stop() == 0


def test_without_the_unit_attacks_are_possible() -> None:
    """This proves that the refusals above are those of the unit."""
    code = f"import json, {MODULE} as tasks; print(json.dumps(tasks.refused()))"
    found = json.loads(python("-c", code, env=environment({})))
    assert set(found) == set(REFUSED)
    assert found["a set-user-ID file"] == "done"
