"""The note of an operator on a job, a queue or an error group."""

from __future__ import annotations

from dataclasses import dataclass

from asok_core.backends.roles import OperationResult, Scope, Watch
from asok_core.inspection.notes import NOTED, NoteKind, NoteSubject
from asok_core.jobs.states import Location
from asok_core.operations.catalog import summaries
from asok_core.operations.catalog.entry import Access, CatalogOperation, ScopeKind

_DEFAULT_QUEUE = NoteSubject(NoteKind.QUEUE, "default")


@dataclass(frozen=True)
class EditNote(CatalogOperation):
    """Change of a note; an empty text removes it. It moves no job."""

    about: NoteSubject = _DEFAULT_QUEUE
    text: str = ""

    summary = summaries.EDIT_NOTE
    verb, done, location = "write the note on", "wrote the note on", Location.ACTIVE
    scopes, audited, word = frozenset({ScopeKind.SUBJECT}), NOTED, "write"
    confirms = counts_jobs = False

    def perform(self, access: Access, scope: Scope, watch: Watch) -> OperationResult:  # noqa: ARG002
        """Write it."""
        return access.operator.write_note(self.about, self.text)

    def subject(self, scope: Scope) -> str:  # noqa: ARG002
        """The job, the queue or the error group."""
        return self.about.words

    def participle(self) -> str:
        """Whether it was written or removed."""
        return self.done if self.text.strip() else "removed the note on"
