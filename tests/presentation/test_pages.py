"""Lines of pages that are the same in the console and on the command line."""

from __future__ import annotations

from typing import Any

import pytest

from asok_console.presentation import compositions, explanation, task_pages
from asok_console.presentation.history import history_lines
from asok_core.inspection.estimates import Confidence, Estimate
from asok_core.inspection.group_counts import MOST_VALUES, CompositionLine, JobGroup
from asok_core.inspection.history import JobEvent
from asok_core.inspection.job_reasons import Explanation
from asok_core.inspection.reason import Reason
from asok_core.inspection.task_figures import Figures, TaskHistory
from asok_core.jobs.states import Location
from asok_core.operations.explain import DatedExplanation
from asok_core.operations.task_jobs import LocationCount, TaskJobs

NOW = 1_700_000_000.0


def group(name: str, jobs: int = 1, **fields: Any) -> CompositionLine:
    return CompositionLine(JobGroup(name), jobs, jobs, 0.0, fields.pop("error", 0.0), **fields)


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0201, "±3 %"), (0.02, "±2 %"), (0.0021, "±0.3 %"), (1e-9, "±0.1 %")],
)
def test_errors_are_rounded_up(share: float, text: str) -> None:
    assert compositions.error(share) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(None, ""), (0, "redacted"), (204, "204"), (MOST_VALUES, f"{MOST_VALUES:,}+")],
)
def test_values_of_a_path(number: int | None, text: str) -> None:
    assert compositions.values(group("kwargs.tenant", values=number)) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (None, None, "when it starts is not known: the queue is paused"),
        (130.0, None, "starts in 2 minutes or later: the queue is paused; confidence: low"),
        (0.0, 0.4, "starts within a second: the queue is paused; confidence: low"),
        (4.0, 7.2, "starts in about 4 to 8 seconds: the queue is paused; confidence: low"),
    ],
)
def test_when_a_job_starts(low: float | None, high: float | None, text: str) -> None:
    assert (
        explanation.estimate_line(Estimate(low, high, "the queue is paused", Confidence.LOW))
        == text
    )


@pytest.mark.parametrize(
    ("event", "beside"),
    [
        (JobEvent(NOW, "waiting", waited=3.0), "for 3.0 s"),
        (JobEvent(NOW, "waiting"), ""),
        (JobEvent(None, "enqueued"), "when is not known"),
        (JobEvent(NOW, "crashed", "web-1:4", str(NOW - 5)), "began 22:13:15  on web-1:4"),
        (JobEvent(NOW, "crashed", "web-1:4", "?"), "when it began is not known  on web-1:4"),
        (JobEvent(None, "requeued"), "when and by which operator is not known"),
        (JobEvent(None, "queued again"), "how and when is not known"),
        (JobEvent(NOW, "requeued"), "by an unknown operator"),
        (JobEvent(NOW, "moved", "ann@host", "high"), "by ann@host  to queue 'high'"),
        (JobEvent(NOW, "restored", "ann@host", "pending"), "by ann@host  to its queue"),
        (JobEvent(NOW, "restored", "ann@host", "new kind"), "by ann@host  new kind"),
        (JobEvent(NOW, "purged", "ann@host", "lost"), "by ann@host  it was in no location"),
        (JobEvent(NOW, "purged", "ann@host", "4f2a"), "by ann@host  operation 4f2a"),
        (JobEvent(NOW, "cancelled", "ann@host"), "by ann@host"),
    ],
)
def test_the_details_of_an_event(event: JobEvent, beside: str) -> None:
    (line,) = history_lines([event], NOW)
    assert line.beside.strip() == beside


def test_an_event_of_another_version_is_shown_by_its_name() -> None:
    (line,) = history_lines([JobEvent(NOW, "tele\x1bported")], NOW)
    assert (line.words, line.tone) == ("? tele␛ported", "warn")


def test_a_note_replaces_what_there_is_no_room_for() -> None:
    note = "the task requested a retry in 30 s"
    event = JobEvent(NOW, "retried", "w.1", note, waited=2.0, ran=1.0, error="Retry: HTTP 429")
    (whole,) = history_lines([event], NOW)
    assert whole.beside.split() == f"waited 2.0 s ran 1.0 s on w.1 {note} Retry: HTTP 429".split()
    (narrower,) = history_lines([event], NOW, roomy=False)
    assert narrower.beside.split() == f"waited 2.0 s ran 1.0 s {note} Retry: HTTP 429".split()
    (brief,) = history_lines([event], NOW, brief=True, roomy=False)
    assert brief.beside.split() == f"{note} Retry: HTTP 429".split()
    (crash,) = history_lines([JobEvent(NOW, "crashed", "w.1", "5.0")], NOW, brief=True)
    assert crash.beside.endswith("on w.1")


@pytest.mark.parametrize(
    ("queues", "framework", "line"),
    [
        ([], False, []),
        (
            [],
            True,
            ["Not counted: what workers of the asok framework run (ASOK_RECORDS=framework)"],
        ),
        (
            ["mail"],
            False,
            ["Not counted: jobs that leave queue mail, which no registered worker serves"],
        ),
        (
            ["mail", "b", "c"],
            False,
            [
                (
                    "Not counted: jobs that leave queue mail and 2 other queues, which no "
                    "registered worker serves"
                ),
            ],
        ),
    ],
)
def test_what_is_not_counted(queues: list[str], framework: bool, line: list[str]) -> None:
    found = task_pages.uncounted_lines(queues, framework=framework)
    assert [each.text for each in found] == line


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        (LocationCount(Location.DEAD), ["  Dead              0"]),
        (LocationCount(Location.DEAD, 5, 2), ["  Dead           none  2 of 5 jobs read"]),
        (
            LocationCount(Location.DEAD, problem="not \x1ba list"),
            ["  Dead              –  not known: not ␛a list"],
        ),
        (
            LocationCount(Location.PENDING, 9, 9, (group("mail", 7), group("web", 2)), 1),
            [
                "  Pending           7  queue mail   9 of 9 jobs read, 1 smaller queue not read",
                "                    2  queue web",
            ],
        ),
        (
            LocationCount(
                Location.PENDING, 7, 7, tuple(group(f"queue-{number}") for number in range(7))
            ),
            [
                "  Pending           1  queue queue-0",
                *[f"                    1  queue queue-{number}" for number in range(1, 5)],
                "                       in 2 more queues",
            ],
        ),
    ],
)
def test_where_the_jobs_of_a_task_are(found: LocationCount, lines: list[str]) -> None:
    jobs = TaskJobs("shop.send", 3, 0, 2, (found,), ())
    assert [line.text for line in task_pages.location_lines(jobs)] == [
        "Where its jobs are",
        "  Running           3",
        "                      the task of 2 active jobs is not known",
        *lines,
    ]


def test_errors_beyond_those_listed_are_counted() -> None:
    errors = tuple(group(f"Error: {number}") for number in range(task_pages.ERRORS + 2))
    dead = LocationCount(Location.DEAD, 10, 10)
    lines = list(task_pages.error_lines(TaskJobs("shop.send", 0, 0, 0, (dead,), errors)))
    assert lines[1].text == "          1  Error: 0"
    assert lines[-1].text.strip() == "2 more errors"


def test_cancelled_attempts_are_named_where_there_are_any() -> None:
    def attempts(figures: Figures) -> str:
        history = TaskHistory("shop.send", NOW, 0, 60, [figures])
        return next(iter(task_pages.fact_lines(history))).text

    assert attempts(Figures(started=2, completed=2)) == (
        "Attempts   2 started, 2 completed, 0 failed (0 retried)"
    )
    assert attempts(Figures(started=2, completed=1, cancelled=1)) == (
        "Attempts   2 started, 1 completed, 0 failed (0 retried), 1 cancelled"
    )


def test_evidence_has_units_and_what_the_reason_says_is_not_repeated() -> None:
    evidence: dict[str, str | int | float] = {
        "queue": "mail",
        "paused_at": NOW - 60,
        "waited_s": 90,
        "value_bytes": 2048,
        "jobs": 4_100,
        "path": "kwargs.tenant",
    }
    reason = Reason("paused", "queue mail is paused", evidence=evidence)
    found = DatedExplanation("job", "job-1", NOW, Explanation("pending", (reason,)))
    assert [line.text for line in explanation.lines_of(found)] == [
        "1. queue mail is paused",
        (
            "paused: 22:12:20 UTC (1 minute ago); waited: 1 minute and 30 seconds; "
            "value: 2.0 KiB; jobs: 4,100; path: kwargs.tenant"
        ),
    ]


@pytest.mark.parametrize(
    ("code", "evidence", "line"),
    [
        (
            "was_paused",
            {"by": "a", "resumed_at": NOW - 5.0, "resumed_by": "bob", "waited_s": 90.0,
             "waited_after_that_s": 5.0, "ahead_of_it_then": "not known"},
            ("paused by: a; resumed: 22:13:15 UTC (5 seconds ago); resumed by: bob; waited in all: 1 "
            "minute and 30 seconds; waited after the pause: 5 seconds; jobs ahead of it then: not known"),
        ),
        (
            "running",
            {"ran_s": 12.0, "p95_of_queue_s": 0.001, "attempts_in_p95": 1},
            ("run time: 12 seconds; 95 % of the jobs of its queue took at most: 1 millisecond; "
            "attempts counted: 1"),
        ),
        ("queue_paused", {"by": "a", "until_at": NOW + 60.0}, "by: a; until: 22:14:20 UTC (in 1 minute)"),
    ],
)  # fmt: skip
def test_evidence_has_labels_that_are_words(
    code: str, evidence: dict[str, str | int | float], line: str
) -> None:
    reason = Reason(code, "it is so", evidence=evidence)
    found = DatedExplanation("job", "job-1", NOW, Explanation("pending", (reason,)))
    assert [each.text for each in explanation.lines_of(found)][1] == line


def test_where_no_obstacle_was_found() -> None:
    found = DatedExplanation("queues", "mail", NOW, Explanation("", (), None))
    assert [line.text for line in explanation.lines_of(found)] == ["no obstacle was found"]
