"""Holds: rules that keep jobs from starting."""

from __future__ import annotations

from dataclasses import dataclass

from asok_core.backends.roles import OperationResult, Reader, Scope, Watch
from asok_core.inspection.holds import Hold
from asok_core.inspection.phrases import duration
from asok_core.jobs.states import Location
from asok_core.operations.catalog import summaries
from asok_core.operations.catalog.entry import (
    Access,
    CatalogOperation,
    FollowUp,
    ScopeKind,
    UndoWindow,
)
from asok_core.operations.enforcement import wait_until_enforced
from asok_core.operations.hold_matches import Matches, waiting_matches

_NOTHING = Hold("")


class HoldOperation(CatalogOperation):
    """An operation on a hold."""

    location, scopes = Location.HELD, frozenset({ScopeKind.HOLD})
    counts_jobs = False


@dataclass(frozen=True)
class HoldJobs(HoldOperation):
    """A new hold: of ``hold`` its rule and its reason.

    ``lasts`` is seconds, ``ends`` epoch seconds by Redis's clock; without either it has no end.
    """

    hold: Hold = _NOTHING
    lasts: float | None = None
    ends: float | None = None

    summary = summaries.HOLD_JOBS
    verb, done = "hold", "held"
    guarded = previews = True
    how = "workers put jobs that match aside when they would start; running jobs finish"
    undo = UndoWindow("release the hold, at any time")

    def perform(self, access: Access, scope: Scope, watch: Watch) -> OperationResult:  # noqa: ARG002
        """Make it."""
        return access.operator.add_hold(self.hold, lasts=self.lasts, ends=self.ends)

    def explanation(self) -> str:
        """How it proceeds, and when it ends by itself."""
        if self.lasts is not None:
            return (
                f"{self.how}; after {duration(self.lasts)} a worker returns them, if one runs then"
            )
        return self.how

    def previewed(self) -> object:
        """What matches, and whether a release is named; neither the reason nor the end."""
        return self.hold._replace(reason="", release="any" if self.hold.release else "")

    def preview(self, reader: Reader, watch: Watch | None = None) -> str:
        """How many of the waiting jobs match now."""
        return self.matches_line(waiting_matches(reader, self.hold, watch))

    def matches_line(self, found: Matches) -> str:
        """``Would hold 40 pending jobs and 2 delayed jobs``; at most, where releases differ."""
        return f"Would {self.verb} {'at most ' if self.hold.release else ''}{found.words}"

    def follow_up(self, access: Access, result: OperationResult) -> FollowUp:
        """On which workers it is in force, once all have confirmed it that can."""
        if result.hold is None:
            return FollowUp()
        found = wait_until_enforced(access.reader, result.hold.id, result.generation)
        return FollowUp(found.words, found.whole)

    def subject(self, scope: Scope) -> str:  # noqa: ARG002
        """The jobs that match."""
        return f"jobs of {self.hold.words}"


@dataclass(frozen=True)
class ReleaseHold(HoldOperation):
    """The end of a hold, whose jobs are returned. ``rate`` is jobs per second, None for all at once."""

    hold: str = ""
    rate: float | None = None

    summary = summaries.RELEASE_HOLD
    verb, done, noun = "release", "released", "held job"
    counts_jobs, enqueues = True, True
    how = (
        "the hold ends; all jobs that it keeps by then are the next of their queues, in their order"
    )

    def perform(self, access: Access, scope: Scope, watch: Watch) -> OperationResult:  # noqa: ARG002
        """Release it."""
        return access.operator.release_hold(self.hold, rate=self.rate, watch=watch)

    def explanation(self) -> str:
        """How it proceeds, and how fast."""
        if self.rate is None:
            return self.how
        return f"{self.how}, at most {self.rate:g} per second"

    def suffix(self, scope: Scope) -> str:  # noqa: ARG002
        """Name the hold."""
        return f" of hold {self.hold}"


@dataclass(frozen=True)
class RemoveHold(HoldOperation):
    """Removal of a hold that keeps no jobs."""

    hold: str = ""

    summary = summaries.REMOVE_HOLD
    verb, done, audited = "remove", "removed", "remove hold"

    def perform(self, access: Access, scope: Scope, watch: Watch) -> OperationResult:  # noqa: ARG002
        """Remove it, or refuse where it keeps jobs."""
        return access.operator.remove_hold(self.hold)

    def subject(self, scope: Scope) -> str:  # noqa: ARG002
        """The hold."""
        return f"hold {self.hold}"
