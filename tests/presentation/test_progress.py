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
        (JobProgress(9_999, 10_000), "9,999 of 10,000 (99 %)", "███████░  99 %"),
        (JobProgress(10**18 - 1, 10**18), "9.99999e+17 of 1e+18 (99 %)", "███████░  99 %"),
        (JobProgress(999_999.99, 10**6), "999,999.9 of 1,000,000 (99 %)", "███████░  99 %"),
        (JobProgress(0.99999999, 1), "0.999999 of 1 (99 %)", "███████░  99 %"),
        (JobProgress(1_234_567.5, 2e6), "1,234,567.5 of 2,000,000 (61 %)", "█████░░░  61 %"),
        # In floats 29 / 100 * 100 is less than 29.
        (JobProgress(29, 100), "29 of 100 (29 %)", "██░░░░░░  29 %"),
        (JobProgress(0.29, 1), "0.29 of 1 (29 %)", "██░░░░░░  29 %"),
        (JobProgress(0.1 + 0.2, 1), "0.3 of 1 (30 %)", "██░░░░░░  30 %"),
        (JobProgress(120, 100), "120 of 100 (120 %)", "████████ 120 %"),
        (JobProgress(0, 0), "0 of 0", "0 of 0"),
        (JobProgress(1e18, 1e-300), "1e+18 of 1e-300 (>9,999 %)", "████████ >9,999 %"),
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
