"""What the console explains, and how it is read with each snapshot."""

from __future__ import annotations

from dataclasses import dataclass, field

from asok_console.tui.data.stacks import PolledStacks
from asok_core.backends.roles import Operator, Reader
from asok_core.inspection.elsewhere import RecordSearch
from asok_core.inspection.rows import Row
from asok_core.inspection.snapshot import Snapshot
from asok_core.operations import explain
from asok_core.operations.explain import DatedExplanation, Kind, RecentOperations
from asok_core.operations.search import expired

KEYS = 100_000
"""Keys among which other namespaces are looked for: the poller reads nothing else in that time."""


@dataclass(frozen=True)
class ExplainedSubject:
    """A job, a queue, all queues or a worker by its name. ``near``: where a list showed the job."""

    kind: Kind
    name: str
    near: Row | None = None
    operations: RecentOperations = field(default_factory=RecentOperations)
    _elsewhere: list[RecordSearch] = field(default_factory=list)
    _stacks: PolledStacks = field(default_factory=PolledStacks)

    @property
    def title(self) -> str:
        """What is explained."""
        return self.name if self.kind == "queues" else f"{self.kind} {self.name}"

    def read(
        self,
        reader: Reader,
        snapshot: Snapshot,
        *,
        operator: Operator | None,
        namespace: str,
        target: str,
    ) -> DatedExplanation:
        """Explain it. Runs on the poller's thread; the stack of a job comes with a later call."""
        if self.kind == "queues":
            return explain.known_queues(snapshot, self.operations.read(reader))
        if self.kind == "queue":
            return explain.known_queue(self.name, snapshot, self.operations.read(reader))
        if self.kind == "worker":
            return explain.known_worker(self.name, snapshot, self.operations.read(reader))
        detail = reader.job(self.name, near=self.near)
        if detail is None or detail.is_unknown:
            detail = expired(self.near) or detail
        detail, snapshot = explain.with_its_worker(reader, detail, snapshot)
        found = self.operations.read(reader, detail)
        return explain.known_job(
            detail,
            self.name,
            snapshot,
            found,
            namespace=namespace,
            redis=target,
            stacks=self._stacks.now(operator, detail, snapshot),
            figures=explain.figures_of(reader, detail),
            elsewhere=self._looked_for(reader) if detail is None or detail.is_unknown else None,
        )

    def _looked_for(self, reader: Reader) -> RecordSearch:
        """Where else the job is. It is looked for once, and not with each refresh."""
        if not self._elsewhere:
            self._elsewhere.append(reader.elsewhere(self.name, KEYS))
        return self._elsewhere[0]
