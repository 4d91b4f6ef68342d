"""What glyphs and columns mean, for the help page."""

from __future__ import annotations

GLYPHS = (
    ("○ ◷ ▶ ↻", "pending; scheduled; running; waits for its next attempt"),
    ("✓ ✗ ⊘", "completed; failed for good; cancelled"),
    ("▸ ●", "the row of the cursor; a marked row"),
    ("↑ ↓ →", "a backlog that grows; shrinks; stays (Trend)"),
    ("❙❙ ■", "paused, or quiet: takes no new jobs; stopping"),
    ("▒ █", "attempts that failed; that completed (plot)"),
    ("⚠ …", "needs attention; too early to tell"),
    ("⚠2", "grave warnings, beside the name of the Overview"),
    ("–", "not known, or nothing to measure"),
)
"""Glyphs of all views."""

COLUMNS = {
    "Pending": "jobs that wait in the queue",
    "Oldest": "how long the oldest job has waited, of a few all over the queue",
    "In/s": "jobs enqueued per second, over the last minute",
    "Done/s": "jobs completed per second, over the last minute",
    "Fails": "share of the attempts of the last minute that failed",
    "Running": "jobs that have a thread; others are claimed",
    "Workers": "workers with a lease that take jobs from the queue",
    "Slots": "threads of these workers",
    "Wait": "mean time from due to start, over the last minute",
    "Run": "mean time of a run, over the last minute",
    "Wait p95": "95 % of the waits of the last 5 minutes were shorter",
    "Run p95": "the same of the runs",
    "Last 5 min": "attempts finished, one bar for 20 s, each row to its own scale",
    "Trend": "what to expect of the backlog; maybe: the rates are restless",
    "#": "place in the order of execution",
    "Waits": "time since it was enqueued",
    "Attempt": "which attempt comes next, of how many",
    "Attempts": "attempts that were made, of how many",
    "Due": "time until the job goes to its queue",
    "Took": "time of the last run; of a running job so far",
    "Ended": "time since the job ended",
    "Busy": "threads that run a job, of all threads; of a job its time so far",
    "Heartbeat": "time since the last heartbeat; one is due every 5 s",
    "Memory": "resident memory of all processes of the worker",
    "Up": "time since the worker started",
    "Undo": "the key, and for how long the trash holds what was removed",
    "Left out": "jobs that were skipped or refused, and why",
}
"""Columns by their titles; the others are named by what they hold."""
