"""The history of a job, as the job page shows it."""

from __future__ import annotations

from textual.content import Content

from asok_console.presentation.history import HistoryLine, history_lines
from asok_core.inspection.history import history_of
from asok_core.inspection.job_detail import JobDetail

WORDS = 22
"""Cells for what happened."""


WIDE = 100
"""Cells from which there is room for a process and its error."""
WIDEST = 160
"""Cells from which there is room for these and why the attempt was retried or not."""


def timeline(detail: JobDetail, now: float, width: int) -> Content:
    """The events of a job's history, the oldest first, in lines of ``width`` cells."""
    narrow, roomy = width < WIDE, width >= WIDEST
    lines = history_lines(history_of(detail, now), now, brief=narrow, roomy=roomy)
    clock = max((len(line.time) for line in lines), default=0)
    return Content("\n").join(_drawn(line, clock) for line in lines)


def _drawn(line: HistoryLine, clock: int) -> Content:
    if not line.words:
        return Content.styled(f"{line.time:<{clock}}  {line.beside}", "$tone-dim")
    return Content.assemble(
        (f"{line.time:<{clock}}  ", "$tone-dim"),
        (f"{line.words:<{WORDS}} ", f"$tone-{line.tone}" if line.tone else ""),
        (line.beside, "$tone-dim"),
    )
