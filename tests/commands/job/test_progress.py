"""The progress of a job in ``asok job show`` and ``asok job list``, with a real worker."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fixtures.command_line import Ran
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import wait_until

Asok = Callable[..., Ran]


def test_a_running_job_is_listed_with_its_progress(
    desk: Desk, run_worker: RunWorker, asok: Asok, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    run_worker("--concurrency", "2")
    job, other = desk.enqueue("report_and_hold", "loading"), desk.hold("nothing")
    wait_until(lambda: desk.record(job).progress is not None, "the progress")
    listed = asok("job", "list", "--state", "running", "--json").document["jobs"]
    rows = {each["id"]: each for each in listed}
    progress = rows[job.id]["progress"]
    assert (progress["done"], progress["total"], progress["note"]) == (1, 2, "loading")
    assert rows[other.id]["progress"] is None
    table = asok("job", "list", "--state", "running").out
    assert "████░░░░  50 % loading" in table
    assert "PROGRESS" not in asok("job", "list", "--state", "recent").out
    shown = asok("job", "show", job.id)
    assert "progress    ████░░░░ 1 of 2 (50 %), reported " in shown.out
    assert asok("job", "show", job.id, "--json").document["progress"] == progress
    assert asok("job", "show", other.id, "--json").document["progress"] is None
    for word in ("loading", "nothing"):
        desk.release(word)
    desk.reaches(job, "completed")
    assert asok("job", "show", job.id, "--json").document["progress"] == progress


def test_each_attempt_is_listed_with_how_far_it_came(
    desk: Desk, run_worker: RunWorker, asok: Asok
) -> None:
    run_worker()
    job = desk.enqueue("report_and_fail", retries=1, backoff=0)
    desk.reaches(job, "failed")
    document = asok("job", "show", job.id, "--json").document
    came = [each["progress"] and each["progress"]["done"] for each in document["history"]]
    assert came == [None, 1, 2]
    assert document["progress"]["done"] == 2
    out = asok("job", "show", job.id).out
    assert "at 1 of 40 (2 %): attempt 1" in out
    assert "at 2 of 40 (5 %), reported" in out
