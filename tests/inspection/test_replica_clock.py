"""A replica whose clock differs from that of its master does not know how workers are, and shows that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from asok_console.commands.support.status_checks import StatusChecks
from asok_console.commands.support.status_page import to_lines
from asok_console.commands.support.status_report import WorkerStatus
from asok_console.presentation.workers import live_words
from asok_console.tui.views.shared.worker_table import COLUMNS, WorkerLine
from asok_console.tui.widgets.bars import amount_of
from asok_core.inspection.rows import running_rows
from asok_core.inspection.workers import RunningJob, WorkerInfo
from asok_core.jobs.envelope import Payload, Trust
from tests.inspection.test_unknown_workers import EXPIRED, NOW, REPLICA, STALLED, snapshot


@pytest.mark.parametrize(
    ("worker", "by_its_clock"), [(STALLED, "stalled"), (EXPIRED, "offline")], ids=["ahead", "far"]
)
def test_a_replica_with_another_clock_does_not_know_how_workers_are(
    worker: WorkerInfo, by_its_clock: str
) -> None:
    line, known = WorkerLine(worker, known=False), WorkerLine(worker)
    cells = [column.cell(line, NOW) for column in COLUMNS]
    assert ("? not known", "warn") in cells
    assert ("not known", "warn") in cells
    assert not any(by_its_clock in str(cell) for cell in cells)
    assert any(by_its_clock in str(column.cell(known, NOW)) for column in COLUMNS)

    whole = snapshot(worker, server=REPLICA)
    page = "\n".join(to_lines(WorkerStatus(whole, {}), width=200))
    assert "1 worker (state not known)" in page
    assert "by its clock, which may differ from that of its master" in page
    assert by_its_clock not in page
    assert by_its_clock in "\n".join(to_lines(WorkerStatus(snapshot(worker), {}), width=200))
    signatures = "signatures: version 1 accepted by 1 of 1 worker"
    assert f"{signatures} (state not known)" in page
    assert WorkerStatus(whole, {}).versions["workers_accepting_v1"] is None
    assert signatures not in "\n".join(to_lines(WorkerStatus(snapshot(EXPIRED), {}), width=200))

    assert live_words(whole) == ("1 worker (state not known)", "warn")
    assert live_words(snapshot(EXPIRED)) == ("0 workers", "bad")
    assert amount_of(whole, "workers") is None
    assert amount_of(snapshot(EXPIRED), "workers") == 0
    released = snapshot(replace(worker, release="1.4"), server=REPLICA)
    assert "release: 1.4 (1 worker)" in "\n".join(to_lines(WorkerStatus(released, {}), width=200))
    (failure,) = StatusChecks({}, {}, require_workers=1).failures(whole)
    assert failure.startswith(
        "workers that run jobs: not known, at least 1 required: this Redis is"
    )


def test_of_a_job_on_a_replica_it_is_not_stated_that_its_worker_is_stalled() -> None:
    held = RunningJob(Payload(b"", None, Trust.UNSIGNED), "w2", "w2.1", "mail", NOW - 50)
    worker = replace(STALLED, jobs=(held,))
    assert running_rows(snapshot(worker, server=REPLICA))[0].no_heartbeat_for is None
    assert running_rows(snapshot(worker))[0].no_heartbeat_for == 20
