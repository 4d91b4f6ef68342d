"""The table of holds: a line each, with what it matches, what it keeps and where it is in force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType

from asok_console.presentation.compact import ago, until
from asok_console.presentation.numbers import count
from asok_console.tui.catalog import actions
from asok_console.tui.widgets.columns import Cell, Column
from asok_console.tui.widgets.row_list import RowList
from asok_core.inspection.holds import HoldState
from asok_core.inspection.snapshot import Snapshot
from asok_core.operations.enforcement import Enforcement, enforcement_of


@dataclass(frozen=True, slots=True)
class HoldLine:
    """A hold, and which workers enforce it; None for one that has ended or cannot be read."""

    state: HoldState
    enforced: Enforcement | None

    @property
    def key(self) -> str:
        """Its id."""
        return self.state.id


def lines_of(snapshot: Snapshot) -> Sequence[HoldLine]:
    """The holds, oldest first."""
    return [HoldLine(each, enforcement_of(snapshot, each)) for each in snapshot.holds]


def _jobs(line: HoldLine, _now: float) -> Cell:
    return count(line.state.jobs), "" if line.state.jobs else "dim"


def _ends(line: HoldLine, now: float) -> Cell:
    hold = line.state.hold
    if line.state.ended:
        return "ended", "warn"
    if not line.state.is_known:
        return "not known", "warn"
    return ("no end", "dim") if hold is None or hold.until is None else until(hold.until, now)


def _enforced(line: HoldLine, _now: float) -> Cell:
    found = line.enforced
    if found is None:
        return "", "dim"
    return found.brief, "" if found.whole else "warn"


def _words(line: HoldLine, _now: float) -> Cell:
    hold = line.state.hold
    return hold.words if hold else ("not known", "dim")


def _by(line: HoldLine, _now: float) -> Cell:
    return line.state.hold.by if line.state.hold else "", "dim"


def _reason(line: HoldLine, _now: float) -> Cell:
    return line.state.hold.reason if line.state.hold else ""


def _queues(line: HoldLine, _now: float) -> Cell:
    return ", ".join(sorted(line.state.queues)), "dim"


COLUMNS: Sequence[Column[HoldLine]] = (
    Column("Hold", 8, lambda line, _: line.state.id),
    Column("Jobs", 6, _jobs, right=True),
    Column("Made", 6, lambda line, now: ago(line.state.since, now), right=True),
    Column("Ends", 9, _ends),
    Column("In force", 9, _enforced),
    Column("Jobs of", 24, _words, grow=4, most=80),
    Column("Reason", 16, _reason, grow=3, most=60, rank=1),
    Column("By", 14, _by, grow=1, most=30, rank=2),
    Column("In queues", 12, _queues, grow=1, most=30, rank=3),
)


class HoldList(RowList[HoldLine]):
    """The holds."""

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings(actions.MOVES)]

    def __init__(self) -> None:
        super().__init__(COLUMNS, lambda line: line.key, empty="")
