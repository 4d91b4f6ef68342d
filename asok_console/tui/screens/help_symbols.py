"""What glyphs and columns mean, for the help page."""

from __future__ import annotations

GLYPHS = (
    ("○ ◷ ▶ ↻", "pending; scheduled; running; retrying"),
    ("✓ ✗ ⊘", "completed; failed permanently; cancelled"),
    ("▸ ●", "the row of the cursor; a marked row"),
    ("↑ ↓ →", "backlog growing; clearing; steady (Trend)"),
    ("❙❙ ■", "paused, or quiet: takes no new jobs; stopping"),
    ("▒ █", "attempts that failed; that completed (plot)"),
    ("◆ ▲", "an event (see Activity); the cursor (axis of a plot)"),
    ("≠4 →8", "threads of a worker: configured; ordered, not in force yet"),
    ("⚠ …", "needs attention; too early to tell"),
    ("⚠2", "number of alerts, beside Overview; red: some are grave"),
    ("✎", "an operator's note is on it; n shows and changes it"),
    ("–", "not known, or nothing to measure"),
)
"""Glyphs of all views."""

COLUMNS = {
    "Pending": "jobs that wait in the queue",
    "Oldest": "age of the oldest job, among a sample of the queue",
    "In/s": "jobs enqueued per second, over the last minute",
    "Done/s": "jobs completed per second, over the last minute",
    "Fails": "share of the attempts of the last minute that failed",
    "Running": "jobs that run in a thread; others are claimed",
    "Workers": "workers with a lease that take jobs from the queue",
    "Slots": "threads of these workers",
    "Wait": "mean time from due to start, over the last minute",
    "Run": "mean duration of an attempt, over the last minute",
    "Wait p95": "95 % of the waits of the last 5 minutes were shorter",
    "Run p95": "95 % of the attempts of the last 5 minutes were shorter",
    "Last 5 min": "attempts finished, one bar for 20 s; each row has its own scale",
    "Trend": "the direction of the backlog; maybe: the rates vary a lot",
    "#": "position in the order of execution",
    "Waits": "time since it was enqueued",
    "Attempt": "which attempt comes next, of how many",
    "Attempts": "attempts that were made, of how many",
    "Due": "time until the job enters its queue",
    "Took": "duration of the last attempt; of a running job so far",
    "Ended": "time since the job ended",
    "Busy, time": "threads that run a job, of all threads; of a job its duration so far",
    "Details": "arguments of the job; what is wrong with the worker, or not as configured",
    "Heartbeat": "time since the last heartbeat; one is due every 5 s",
    "Memory": "resident memory of all processes of the worker",
    "Up": "time since the worker started",
    "Undo": "the key, and for how long the trash keeps the jobs",
    "Share": "part of all jobs of the list",
    "Error": "of a sample: the true share is within this in 95 of 100 samples",
    "Of all": "the share as a bar",
    "Group": "what the jobs have in common; Enter lists them",
    "Left out": "jobs that were skipped or refused, and why",
}
"""Columns by their titles; the other titles need no explanation."""
