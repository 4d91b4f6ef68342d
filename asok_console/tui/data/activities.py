"""What the Activity tab lists: operations and events in one order, each change once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from asok_console.presentation.events import about, label
from asok_core.clock import iso
from asok_core.inspection.audit import Activity
from asok_core.inspection.events import SystemEvent
from asok_core.operations.catalog.trash import RestoreTrash


class ActivityEntry(NamedTuple):
    """An operation or an event: one of the two is there."""

    operation: Activity | None = None
    event: SystemEvent | None = None

    @property
    def key(self) -> str:
        """What the cursor holds to."""
        return self.operation.operation if self.operation else f"event {self._of_event.id}"

    @property
    def at(self) -> float | None:
        """When it happened, by Redis's clock."""
        return self.operation.at if self.operation else self._of_event.at

    @property
    def action(self) -> str:
        """The operation's name, or one word for the kind of the event."""
        return self.operation.action if self.operation else label(self._of_event)

    @property
    def what(self) -> str:
        """What it was about."""
        return self.operation.target if self.operation else about(self._of_event)

    @property
    def who(self) -> str:
        """The operator, or the worker that noticed it."""
        return self.operation.who if self.operation else self._of_event.fields.get("by", "")

    @property
    def queues(self) -> Collection[str]:
        """The queues that it names."""
        if self.operation:
            return (self.operation.queue,) if self.operation.queue else ()
        fields = self._of_event.fields
        named = (fields.get("queue", ""), *fields.get("queues", "").split(","))
        return tuple(filter(None, named))

    @property
    def document(self) -> Mapping[str, Any]:
        """Everything that is known of it."""
        event = self.event
        if event is not None:
            return {"at": iso(event.at), "kind": event.kind, **event.fields, "id": event.id}
        each = self.operation
        assert each is not None, "one of the two is there"
        found: Mapping[str, Any] = {
            "at": iso(each.at), "operation": each.operation, "action": each.action,
            "about": each.target, "who": each.who, "redis": each.where, "state": each.state,
            "applied": each.applied, "skipped": dict(each.skipped), "refused": dict(each.refused),
            "in trash": each.in_trash, "trash until": iso(each.trash_until),
        }  # fmt: skip
        return {name: value for name, value in found.items() if value not in ("", None, {})}

    @property
    def _of_event(self) -> SystemEvent:
        assert self.event is not None, "one of the two is there"
        return self.event


def merged(
    operations: Sequence[Activity], events: Sequence[SystemEvent]
) -> tuple[ActivityEntry, ...]:
    """Both, newest first. An event of an operation is left out: the operation shows more of it."""
    known = {each.operation: each for each in operations}
    entries = [
        *(ActivityEntry(operation=_resolved(each, known)) for each in operations),
        *(
            ActivityEntry(event=each)
            for each in events
            if each.fields.get("operation") not in known
        ),
    ]
    return tuple(sorted(entries, key=lambda each: -(each.at or 0.0)))


def _resolved(activity: Activity, known: Mapping[str, Activity]) -> Activity:
    """An undo names what it undid, not only its id."""
    undone = known.get(activity.words) if activity.action == RestoreTrash.audit_name() else None
    if undone is None:
        return activity
    return replace(activity, location="", queue="", words=f"{undone.action} of {undone.target}")
