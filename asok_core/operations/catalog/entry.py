"""What an operation is: its words, its danger, what can be undone, and what performs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, NamedTuple

from asok_core.backends.roles import OperationResult, Operator, Reader, Scope, Watch
from asok_core.errors import Refused
from asok_core.inspection.audit import TRASH_KEPT
from asok_core.jobs.states import Location
from asok_core.operations.canary import CanaryResult
from asok_core.operations.catalog.summaries import Summary


class Danger(Enum):
    """How much a confirmation requires."""

    MILD = "mild"
    """A yes; in a protected session typed confirmation for more than one job."""
    BROAD = "broad"
    """Typed confirmation where a filter, and not the operator, chooses the jobs."""
    GRAVE = "grave"
    """Typed confirmation, always."""


class ScopeKind(Enum):
    """How it can be specified what an operation is about."""

    IDS = "ids"
    FILTER = "filter"
    """A filter, or everything in the location."""
    QUEUE = "queue"
    WORKER = "worker"
    TRASH = "trash"
    """What earlier operations moved to the trash, by their ids."""
    FILE = "file"
    HOLD = "hold"
    """A rule by which jobs are held, or the id of one."""
    SUBJECT = "subject"
    """A job, a queue or an error group that a note is on, by its name."""


JOBS = frozenset({ScopeKind.IDS, ScopeKind.FILTER})


@dataclass(frozen=True, slots=True)
class UndoWindow:
    """What can be undone and until when, as a confirmation states it; without words it states nothing."""

    words: str = ""
    to_trash: bool = False
    """Whether jobs go to the trash, from which ``restore`` brings them back."""


TO_TRASH = UndoWindow(f"restore from the trash within {TRASH_KEPT}", to_trash=True)


class FollowUp(NamedTuple):
    """What is known some time after an operation: a clause for its result, and if all took effect."""

    words: str = ""
    whole: bool = True


class Access:
    """What an operation works with. A read-only session has no operator."""

    def __init__(self, reader: Reader, operator: Operator | None) -> None:
        self.reader = reader
        self._operator = operator

    @property
    def only_reads(self) -> bool:
        """Whether nothing may be changed."""
        return self._operator is None

    @property
    def operator(self) -> Operator:
        """The operator. Raises Refused in a read-only session."""
        if self._operator is None:
            raise Refused("this session is read-only")
        return self._operator


class CatalogOperation:
    """One operation. A subclass declares what it is, and has what it is performed with as fields."""

    summary: ClassVar[Summary]
    """What it does: the help of its command and of its keys."""
    verb: ClassVar[str]
    done: ClassVar[str]
    """The past participle."""
    location: ClassVar[Location]
    """Where it finds its jobs."""
    scopes: ClassVar[frozenset[ScopeKind]] = JOBS
    noun: ClassVar[str] = "job"
    audited: ClassVar[str] = ""
    """Its name in the audit, where that is not the verb."""
    word: ClassVar[str] = ""
    """What typed confirmation requires, where that is not the verb."""
    danger: ClassVar[Danger] = Danger.MILD
    undo: ClassVar[UndoWindow] = UndoWindow()
    how: ClassVar[str] = ""
    """What a confirmation explains."""
    enqueues: ClassVar[bool] = False
    """Whether it puts jobs into queues."""
    signs: ClassVar[bool] = False
    """Whether it signs the jobs again."""
    reviews: ClassVar[bool] = False
    """Whether all its jobs are read and listed before it is confirmed."""
    guarded: ClassVar[bool] = False
    """Whether a protected session requires typed confirmation for a single one as well."""
    changes: ClassVar[bool] = True
    """Whether it changes anything. What does not is allowed in a read-only session."""
    confirms: ClassVar[bool] = True
    """Whether the console asks for a confirmation. What asks for its text needs no other."""
    counts_jobs: ClassVar[bool] = True
    """Whether its result counts jobs. One that does not changes a queue, a worker or a note as a whole."""
    previews: ClassVar[bool] = False
    """Whether it has a preview of its own: a count of the jobs that match it. See ``preview``."""
    ends_lost: ClassVar[bool] = False
    """Whether it ends a job that has a record and is in no location."""

    @classmethod
    def audit_name(cls) -> str:
        """What the audit calls it."""
        return cls.audited or cls.verb

    @classmethod
    def confirmation_word(cls) -> str:
        """What typed confirmation requires."""
        return cls.word or cls.verb

    def participle(self) -> str:
        """What a result says that it did."""
        return self.done

    def perform(self, access: Access, scope: Scope, watch: Watch) -> OperationResult | CanaryResult:
        """Perform it. Raises Refused in a read-only session, unless it changes nothing."""
        raise NotImplementedError

    def previewed(self) -> object:
        """What the preview depends on: it is the same as long as this is equal."""
        return self

    def preview(
        self,
        reader: Reader,  # noqa: ARG002 - for those that have one
        watch: Watch | None = None,  # noqa: ARG002
    ) -> str:
        """How many jobs it would be about now, as a line. Reads all of them; ``watch`` may end that."""
        return ""

    def follow_up(self, access: Access, result: OperationResult) -> FollowUp:  # noqa: ARG002
        """Wait for what is known only some time after it was performed."""
        return FollowUp()

    def subject(self, scope: Scope) -> str:
        """The queue or the worker that it is about as a whole."""
        return f"queue '{scope.queue}'"

    def short_subject(self, scope: Scope) -> str:
        """The same for a button, which has little room."""
        return self.subject(scope)

    def changed(self, scope: Scope) -> str:
        """What a result names that was changed as a whole."""
        return self.subject(scope)

    def suffix(self, scope: Scope) -> str:  # noqa: ARG002 - for those whose jobs belong or go somewhere
        """What follows the number of jobs in a question and a result: `` to queue 'low'``."""
        return ""

    def explanation(self) -> str:
        """How it proceeds, where a confirmation explains that."""
        return self.how

    def details(self) -> tuple[str, ...]:
        """Further lines for a confirmation and a preview. They may hold text from Redis."""
        return ()

    def destinations(self, queues: Mapping[str, int]) -> Mapping[str, int]:
        """How many jobs it puts into each queue, for the number of its jobs in each queue now."""
        return queues if self.enqueues else {}
