"""The table of holds, with what each matches and keeps, and of the limits that jobs wait for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType

from asok_console.presentation import holds as words
from asok_console.presentation.compact import ago
from asok_console.presentation.limits import WHEN_ONE_ENDS, next_words
from asok_console.presentation.numbers import count
from asok_console.tui.keys import actions
from asok_console.tui.widgets.columns import Cell, Column
from asok_console.tui.widgets.row_list import RowList
from asok_core.inspection.holds import HoldState
from asok_core.inspection.limits import LimitBucket, LimitRule
from asok_core.inspection.snapshot import Snapshot
from asok_core.operations.enforcement import Enforcement, enforcement_of


@dataclass(frozen=True, slots=True)
class HoldLine:
    """A hold, and which workers enforce it; None for one that has ended or cannot be read.

    Or a limit that jobs wait for: then it has ``limited``, which names it.
    """

    state: HoldState
    enforced: Enforcement | None
    ends: str
    """Whether it has ended, and for how much longer not."""
    warning: str
    """Why its jobs may stay held, or ''."""
    limited: str = ""

    @property
    def key(self) -> str:
        """Its id."""
        return self.state.id


def lines_of(snapshot: Snapshot) -> Sequence[HoldLine]:
    """The holds, oldest first, then the limits that most jobs wait for."""
    now, rules = snapshot.taken_at, snapshot.limits
    limits = [
        HoldLine(
            waiting_of(each),
            None,
            _next_of(each, rules, now),
            "",
            each.words(rules),
        )
        for each in snapshot.buckets
    ]
    holds = [
        HoldLine(
            each,
            enforcement_of(snapshot, each),
            words.state_of(each, snapshot),
            words.warning_of(each, snapshot),
        )
        for each in snapshot.holds
    ]
    return holds + limits


def _next_of(bucket: LimitBucket, rules: Sequence[LimitRule], now: float) -> str:
    found = next_words(bucket.limit(rules), (bucket,), now)
    return found if found == WHEN_ONE_ENDS else f"next {found}"


def waiting_of(bucket: LimitBucket) -> HoldState:
    """The jobs that wait for a limit, as those of a hold."""
    return HoldState(bucket.id, None, bucket.queues)


def _jobs(line: HoldLine, _now: float) -> Cell:
    return count(line.state.jobs), "" if line.state.jobs else "dim"


def _state(line: HoldLine, _now: float) -> Cell:
    if line.limited:
        return line.ends
    open_ended = line.state.hold is not None and line.state.hold.until is None
    if line.state.ended or not line.state.is_known:
        return line.ends, "warn"
    return line.ends, "dim" if open_ended else ""


def _enforced(line: HoldLine, _now: float) -> Cell:
    if line.limited:
        return ""
    found = line.enforced
    whole = found.whole if found is not None else line.state.is_known
    return words.in_force(line.state, found), "" if whole else "warn"


def _words(line: HoldLine, _now: float) -> Cell:
    if line.limited:
        return line.limited
    known = words.words_of(line.state)
    return known if line.state.hold else (known, "dim")


def _by(line: HoldLine, _now: float) -> Cell:
    return line.state.hold.by if line.state.hold else "", "dim"


def _reason(line: HoldLine, _now: float) -> Cell:
    return line.state.hold.reason if line.state.hold else ""


def _queues(line: HoldLine, _now: float) -> Cell:
    return ", ".join(sorted(line.state.queues)), "dim"


COLUMNS: Sequence[Column[HoldLine]] = (
    Column(words.HOLD, 8, lambda line, _: "limit" if line.limited else line.state.id),
    Column(words.HELD, 6, _jobs, right=True),
    Column(words.AGO, 6, lambda line, now: ago(line.state.since, now), right=True),
    Column(words.STATE, 14, _state),
    Column(words.IN_FORCE, 9, _enforced),
    Column(words.JOBS_OF, 20, _words, grow=4, most=80),
    Column(words.REASON, 16, _reason, grow=3, most=60, rank=1),
    Column(words.BY, 14, _by, grow=1, most=30, rank=2),
    Column(words.QUEUES, 12, _queues, grow=1, most=30, rank=3),
)


class HoldList(RowList[HoldLine]):
    """The holds."""

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings(actions.MOVES)]

    def __init__(self) -> None:
        super().__init__(COLUMNS, lambda line: line.key, empty="")
