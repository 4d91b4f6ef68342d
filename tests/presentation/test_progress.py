"""How far a job has come, in words and as a bar."""

from __future__ import annotations

import pytest

from asok_console.presentation.progress import progress_cell, progress_line, progress_text
from asok_core.jobs.job import JobRecord
from asok_core.jobs.progress import JobProgress
from asok_core.jobs.states import Status


@pytest.mark.parametrize(
    ("progress", "text", "cell"),
    [
        (JobProgress(40, 100, "page 3"), "40 of 100 (40 %): page 3", "███░░░░░  40 % page 3"),
        (JobProgress(40), "40", "40"),
        (JobProgress(1234.5, None, "rows"), "1,234.5: rows", "1,234.5: rows"),
        # Not yet all.
        (JobProgress(9_999, 10_000), "9,999 of 10,000 (99 %)", "████████  99 %"),
        (JobProgress(120, 100), "120 of 100 (120 %)", "████████ 120 %"),
        (JobProgress(0, 0), "0 of 0", "0 of 0"),
        (JobProgress(1e18, 1e-300), "1e+18 of 1e-300 (9999 %)", "████████ 9999 %"),
        (JobProgress(1, 2, "\x1b[2J[red]"), "1 of 2 (50 %): ␛[2J[red]", "████░░░░  50 % ␛[2J[red]"),
    ],
    ids=str,
)
def test_a_report_in_words_and_as_a_bar(progress: JobProgress, text: str, cell: str) -> None:
    assert progress_text(progress) == text
    assert progress_cell(progress) == cell


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (Status.RUNNING, "████░░░░ 1 of 2 (50 %), reported 3 s ago: page"),
        (Status.COMPLETED, "████░░░░ 1 of 2 (50 %), reported 3 s ago: page"),
        (Status.FAILED, "████░░░░ at 1 of 2 (50 %), reported 3 s ago: page"),
        (Status.RETRYING, "████░░░░ at 1 of 2 (50 %), reported 3 s ago: page"),
    ],
)
def test_a_line_states_when_it_was_reported(status: Status, line: str) -> None:
    record = JobRecord("1", status, progress=JobProgress(1, 2, "page", 100.0))
    assert progress_line(record, 103.0) == line


def test_there_is_no_line_without_a_report() -> None:
    assert progress_line(JobRecord("1", Status.RUNNING), 1.0) == ""
