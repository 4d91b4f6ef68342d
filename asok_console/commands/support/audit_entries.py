"""Entries of the audit, as a JSON document and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asok_console.commands.support.documents import reasons, write_table
from asok_console.presentation import numbers
from asok_console.presentation.tables import ID_LIMIT, TextColumn, id_column
from asok_console.presentation.text import safe
from asok_core.clock import iso
from asok_core.inspection.audit import Activity

LONGEST_TARGET = 700
"""Characters of what an action was about: an error group and the note on it."""


def activity_document(each: Activity) -> dict[str, Any]:
    """One action for programs."""
    return {
        "operation": each.operation,
        "at": iso(each.at),
        "who": each.who,
        "where": each.where,
        "action": each.action,
        "place": each.location or None,
        "queue": each.queue or None,
        "scope": each.words or None,
        "note": each.note or None,
        "reason": each.reason or None,
        "until": iso(each.until),
        "changed": each.changed,
        "state": each.state,
        "applied": each.applied,
        "skipped": dict(each.skipped),
        "refused": dict(each.refused),
        "in_trash": None if each.trash_problem else each.in_trash,
        "trash_problem": each.trash_problem or None,
        "trash_until": iso(each.trash_until),
    }


def _in_trash(each: Activity) -> str:
    if each.trash_problem:
        return "not a list"
    return numbers.count(each.in_trash) if each.in_trash else ""


def table_of(actions: Sequence[Activity], now: float, none: str) -> None:
    """Print actions as a table, or that there are ``none``."""
    not_done = [reasons({**each.skipped, **each.refused}) for each in actions]
    in_trash = [_in_trash(each) for each in actions]
    columns = (
        id_column("OPERATION"),
        TextColumn("AGO", right=True),
        TextColumn("WHO", shrinks=True),
        TextColumn("ACTION"),
        TextColumn("SCOPE", shrinks=True),
        TextColumn("DONE", right=True),
        # Where they are empty, their width is the scope's.
        *([TextColumn("NOT DONE", shrinks=True)] if any(not_done) else ()),
        *([TextColumn("IN TRASH", right=True)] if any(in_trash) else ()),
        TextColumn("STATE"),
    )
    write_table(
        columns,
        [
            (
                safe(each.operation, ID_LIMIT),
                numbers.age(each.at, now),
                safe(each.who, 60),
                safe(each.action, 20),
                safe(each.target, LONGEST_TARGET),
                numbers.count(each.applied),
                *([left] if any(not_done) else ()),
                *([kept] if any(in_trash) else ()),
                safe(each.state, 20),
            )
            for each, left, kept in zip(actions, not_done, in_trash, strict=True)
        ],
        none,
    )
