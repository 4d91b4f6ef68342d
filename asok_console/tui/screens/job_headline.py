"""The first line of the job page: status, task, id, and the position in the list."""

from __future__ import annotations

from textual.content import Content

from asok_console.presentation.text import safe
from asok_console.tui.screens.known_job import KnownJob
from asok_console.tui.views.shared.job_columns import SHORT_ID, STATUS


def headline(job: KnownJob, position: str, width: int) -> Content:
    """The line in ``width`` cells. ``position`` is the one in the list from which the page was opened."""
    status = job.status
    glyph, tone = STATUS.get(status, ("?", "warn"))
    left = Content.assemble(
        (f" {glyph} {safe(status or 'unknown')} ", f"bold $tone-{tone} reverse"),
        "  ",
        (safe(job.task or "(unreadable job)", 200), "bold"),
    )
    name = safe(job.id, 80)
    room = width - left.cell_length - 2 - (len(position) + 2 if position else 0)
    # Where there is no room for all of the id, its beginning distinguishes jobs.
    name = name if len(name) <= room else name[:SHORT_ID]
    left = Content.assemble(left, "  ", (name, "$tone-dim"))
    if not position:
        return left
    blank = width - left.cell_length - len(position)
    return Content.assemble(left, " " * max(blank, 2), (position, "$tone-dim"))
