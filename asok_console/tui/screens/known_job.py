"""What is known of the job of a page: first what its list knew, then what was read of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from asok_console.presentation.explanation import tone_of, what_holds
from asok_console.presentation.text import safe_block
from asok_console.tui.screens.job_sections import texts_of
from asok_console.tui.views.shared.job_columns import CLAIMED, job_id, names_a_job
from asok_core.backends.roles import Reader
from asok_core.inspection.job_detail import JobDetail
from asok_core.inspection.job_reasons import explain_job
from asok_core.inspection.reason import Reason
from asok_core.inspection.rows import Row
from asok_core.inspection.snapshot import Snapshot
from asok_core.jobs.envelope import Payload
from asok_core.jobs.job import JobRecord
from asok_core.jobs.states import Location
from asok_core.operations.explain import RecentOperations, figures_of, with_its_worker


@dataclass(frozen=True, slots=True)
class KnownJob:
    """A row of a list, and what was read of its job since: None as long as that has not happened."""

    row: Row
    detail: JobDetail | None = None
    is_missing: bool = False
    """Whether the job was looked for and not found."""
    reason: Reason | None = None
    """The reason that counts most for its state, when it was read."""

    @property
    def id(self) -> str:
        """The id of the job; of what cannot be read, a digest."""
        return job_id(self.row)

    @property
    def can_be_read(self) -> bool:
        """Whether there is anything by which it can be looked for."""
        return names_a_job(self.row)

    def read(
        self, reader: Reader, snapshot: Snapshot | None, operations: RecentOperations
    ) -> KnownJob:
        """Read it again, with the reason for its state where there is a ``snapshot``."""
        detail = reader.job(self.id, near=self.row)
        if detail is not None and detail.is_unknown:
            detail = None
        reasons: tuple[Reason, ...] = ()
        if detail is not None and snapshot is not None:
            detail, snapshot = with_its_worker(reader, detail, snapshot)
        if detail is not None and snapshot is not None:
            known, figures = operations.read(reader, detail), figures_of(reader, detail)
            reasons = explain_job(detail, snapshot, known, figures=figures).reasons
        return KnownJob(self.row, detail, detail is None, reasons[0] if reasons else None)

    @property
    def payload(self) -> Payload | None:
        """The envelope; None where only the record is left."""
        if self.detail and self.detail.payload:
            return self.detail.payload
        return None if self.row.location is Location.FINISHED else self.row.payload

    @property
    def is_readable(self) -> bool:
        """Whether the envelope is there and is that of a job."""
        return bool(self.payload and self.payload.job)

    @property
    def fresh_row(self) -> Row:
        """The row with the newest envelope."""
        payload = self.payload
        return self.row if payload is None else replace(self.row, payload=payload)

    @property
    def record(self) -> JobRecord | None:
        """The record of its status."""
        return self.detail.record if self.detail else self.row.record

    @property
    def location(self) -> Location | None:
        """Where the job is now."""
        return self.detail.location if self.detail else self.row.location

    @property
    def status(self) -> str:
        """The status in a word, as lists show it."""
        location = self.location
        if location is Location.ACTIVE:
            # A worker may hold it without a free thread.
            begun = self.row.at is not None or (self.record and self.record.status == "running")
            return "running" if begun else CLAIMED
        if location is Location.DEAD:
            return "failed"
        record = self.record
        return str(record.status) if record else str(location or "")

    @property
    def task(self) -> str:
        """The name of the task; '' where it is not known."""
        if self.payload and self.payload.job:
            return self.payload.job.task
        return self.record.function if self.record else ""

    @property
    def texts(self) -> dict[str, object]:
        """Its texts by the names of their sections."""
        return texts_of(self.payload, self.record, self.detail.note if self.detail else None)

    @property
    def traceback(self) -> str:
        """The traceback, or the error where there is none; safe for a terminal."""
        return safe_block(str(self.texts["error"] or ""))

    def why(self, now: float) -> tuple[str, str]:
        """Why it is in its state, with the colour of that; safe to show."""
        if self.is_missing:
            gone = "unknown id; records expire, by default 24 h after the job has ended"
            gone = gone if self.row.location is Location.FINISHED else "it is no longer there"
            return gone, "warn"
        return (
            ("", "")
            if self.reason is None
            else (what_holds(self.reason, now), tone_of(self.reason))
        )
