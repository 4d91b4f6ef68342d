"""Inherent differences between the backends. All other tests of this suite run on each of them.

The README shows this table; ``test_differences.py`` has the test that each row names.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """One row: the subject, the behaviour of each backend, and the test that asserts it."""

    subject: str
    local: str
    eager: str
    redis: str
    test: str


DIFFERENCES = (
    Difference(
        "Where a job runs",
        "In a thread of the same process",
        "In the thread that enqueues it",
        "In a process of a worker",
        "test_where_a_job_runs",
    ),
    Difference(
        "`background()` returns",
        "At once",
        "When the job has ended, with all its retries",
        "When Redis has the job",
        "test_whether_a_job_has_ended_when_background_returns",
    ),
    Difference(
        "`_delay`, `_at`, the backoff of retries and the times of `Retry`",
        "Are waited for",
        "Are not waited for",
        "Are waited for",
        "test_whether_delays_are_waited_for",
    ),
    Difference(
        "`cancel`",
        "Cancels a job that has not started, asks one that runs",
        "Finds nothing to cancel",
        "Cancels a job that has not started, asks one that runs",
        "test_whether_a_job_can_be_cancelled",
    ),
    Difference(
        "Lambdas and nested functions",
        "Can be tasks",
        "Can be tasks",
        "Are refused: a worker could not import them",
        "test_whether_a_nested_function_can_be_a_task",
    ),
    Difference(
        "`JobFailed.__cause__`",
        "The exception itself",
        "The exception itself",
        "Shows the traceback of the worker",
        "test_the_cause_of_a_failure",
    ),
    Difference(
        "`current_request` in a task",
        "The request itself",
        "The request itself",
        "A snapshot of it, without cookies and secrets",
        "test_the_request_in_a_task",
    ),
    Difference(
        "Other context variables",
        "As they were when the job was enqueued",
        "As they were when the job was enqueued",
        "Are not sent",
        "test_context_variables_in_a_task",
    ),
    Difference(
        "`get_job` and `cancel` know a job",
        "In the process that enqueued it",
        "In the process that enqueued it",
        "In every process with the same Redis",
        "test_which_processes_can_read_a_job",
    ),
    Difference(
        "`future.progress()` of a running job",
        "Is its last report",
        "Cannot be asked for: it has ended",
        "Is up to a second old",
        "test_how_recent_the_progress_of_a_job_is",
    ),
    Difference(
        "A job with a checkpoint whose process stops",
        "Is waited for; after the exit nothing is left of it",
        "Ends before `background()` returns",
        "Returns to its queue at once, and resumes in another process",
        "test_what_a_stop_does_to_a_job_with_a_checkpoint",
    ),
    Difference(
        "`ASOK_STRICT=0`",
        "Passes the objects themselves",
        "Passes the objects themselves",
        "Has no effect",
        "test_what_strict_0_does",
    ),
)


def table() -> str:
    """The differences as a table of the README."""
    rows = (
        f"| {each.subject} | {each.local} | {each.eager} | {each.redis} |" for each in DIFFERENCES
    )
    return "\n".join(["| | `local` | `eager` | `redis` |", "|---|---|---|---|", *rows])
