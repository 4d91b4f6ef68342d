"""What explains an earlier wait: pauses, restarts and workers that ended, as far as they are recorded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from asok_core.inspection.audit import Activity
from asok_core.inspection.events import EventKind, SystemEvent
from asok_core.inspection.past import PastPause, PastWait, of_wait, pauses

WAIT = PastWait("mail", 100.0, 460.0)


def switched(at: float, action: str, operation: str, queue: str = "mail") -> Activity:
    return Activity(operation, at, "ann@web1", "redis", action, queue=queue, applied=1)


def happened(at: float | None, kind: str, **fields: str) -> SystemEvent:
    return SystemEvent(f"{int((at or 0) * 1000)}-0", at, kind, fields)


def paused(at: float, operation: str = "", queue: str = "mail") -> SystemEvent:
    return happened(at, EventKind.QUEUE_PAUSED, queue=queue, by="bob@web2", operation=operation)


def resumed(at: float, operation: str = "", queue: str = "mail") -> SystemEvent:
    return happened(at, EventKind.QUEUE_RESUMED, queue=queue, by="bob@web2", operation=operation)


def test_a_pause_in_the_audit_and_in_the_events_is_one() -> None:
    activities = [switched(300, "resume", "op2"), switched(200, "pause", "op1")]
    events = [resumed(300, "op2"), paused(200, "op1")]
    assert list(pauses("mail", activities, events)) == [PastPause(200, "ann@web1", 300, "ann@web1")]


def test_a_pause_that_only_the_events_have_is_known() -> None:
    assert list(pauses("mail", [], [resumed(300, "op2"), paused(200, "op1")])) == [
        PastPause(200, "bob@web2", 300, "bob@web2")
    ]
    # Each of the two may have been trimmed.
    assert list(pauses("mail", [switched(300, "resume", "op2")], [paused(200, "op1")])) == [
        PastPause(200, "bob@web2", 300, "ann@web1")
    ]


def test_a_pause_whose_end_nothing_recorded_ends_at_its_own_end_or_before_the_next() -> None:
    """A worker ended it, and its event has been trimmed, or cannot be read."""
    later = [switched(430, "resume", "op3"), replace(switched(420, "pause", "op2"), who="bob@web2")]
    ended = replace(switched(100, "pause", "op1"), until=220.0, reason="bank down")
    assert list(pauses("mail", [*later, ended], [])) == [
        PastPause(100, "ann@web1", 220, "", "bank down"),
        PastPause(420, "bob@web2", 430, "ann@web1"),
    ]
    found = list(pauses("mail", [*later, replace(ended, until=None)], []))
    assert [(each.since, each.until, each.ended_by) for each in found] == [
        (100, 420, ""), (420, 430, "ann@web1")
    ]  # fmt: skip


@pytest.mark.parametrize(
    "events",
    [
        [],
        [paused(200)],
        [resumed(300)],
        [resumed(300, queue="other"), paused(200, queue="other")],
        [resumed(90), paused(80)],
        [resumed(500), paused(470)],
        [happened(None, EventKind.REDIS_RESTARTED)],
        [happened(90, EventKind.REDIS_RESTARTED)],
        [happened(200, EventKind.WORKER_LOST, worker="w", queues="other")],
        [happened(200, EventKind.WORKER_STARTED, worker="w", queues="mail")],
    ],
)
def test_what_did_not_happen_to_this_queue_at_this_time_explains_nothing(
    events: list[SystemEvent],
) -> None:
    assert list(of_wait(WAIT, [], events)) == []


def test_a_pause_that_ended_by_itself_has_its_reason_and_what_ended_it() -> None:
    begun = happened(
        200,
        EventKind.QUEUE_PAUSED,
        queue="mail",
        by="bob@web2",
        operation="op1",
        reason="bank down",
    )
    changed = happened(
        250, EventKind.QUEUE_PAUSED, queue="mail", by="ann@web1", operation="op2", changed="1",
        reason="still down",
    )  # fmt: skip
    ended = happened(300, EventKind.QUEUE_RESUMED, queue="mail", cause="end_of_pause")
    by_itself = "the end of the pause"
    assert list(pauses("mail", [], [ended, begun])) == [
        PastPause(200, "bob@web2", 300, by_itself, "bank down")
    ]
    assert list(pauses("mail", [], [ended, changed, begun])) == [
        PastPause(200, "bob@web2", 300, by_itself, "still down", "ann@web1")
    ], "the reason is that of who changed it"
    (reason,) = of_wait(WAIT, [], [ended, changed, begun])
    assert list(reason.evidence.items())[:3] == [
        ("by", "bob@web2"),
        ("changed_by", "ann@web1"),
        ("reason", "still down"),
    ]
    without = happened(280, EventKind.QUEUE_PAUSED, queue="mail", operation="op3", changed="1")
    assert list(pauses("mail", [], [ended, without, changed, begun])) == [
        PastPause(200, "bob@web2", 300, by_itself, "", "not known")
    ], "the last change removed the reason"
    (reason,) = of_wait(WAIT, [], [ended, begun])
    assert reason.evidence["reason"] == "bank down"
    assert reason.evidence["resumed_by"] == by_itself


def test_a_pause_that_was_refused_paused_nothing() -> None:
    refused = replace(switched(200, "pause", "op1"), applied=0, refused={"its end has passed": 1})
    assert list(pauses("mail", [switched(300, "resume", "op2"), refused], [])) == []
    unchanged = replace(switched(250, "pause", "op2"), applied=0, reason="", skipped={"it is": 1})
    begun = replace(switched(200, "pause", "op1"), reason="bank down")
    assert list(pauses("mail", [switched(300, "resume", "op3"), unchanged, begun], [])) == [
        PastPause(200, "ann@web1", 300, "ann@web1", "bank down")
    ]


def test_a_wait_that_a_pause_does_not_explain_whole_names_what_is_not_known() -> None:
    (reason,) = of_wait(WAIT, [], [resumed(300), paused(200)])
    assert (reason.code, reason.since) == ("was_paused", 200)
    assert reason.evidence == {
        "by": "bob@web2",
        "resumed_at": 300,
        "resumed_by": "bob@web2",
        "waited_s": 360,
        "waited_after_that_s": 160,
        "ahead_of_it_then": "not known",
    }
    (reason,) = of_wait(WAIT, [], [resumed(460), paused(200)])
    assert "ahead_of_it_then" not in reason.evidence


def test_a_worker_that_was_lost_and_returned_is_not_said_to_have_ended() -> None:
    events = [
        happened(380, EventKind.WORKER_RETURNED, worker="w1", queues="mail"),
        happened(350, EventKind.WORKER_LOST, worker="w1", queues="mail"),
    ]
    (found,) = of_wait(WAIT, [], events)
    assert found.text == "worker w1 of its queue was lost while it waited"
    (found,) = of_wait(
        WAIT, [], [happened(350, EventKind.WORKER_STOPPED, worker="w1", queues="mail")]
    )
    assert found.text == "worker w1 of its queue stopped while it waited"


def test_restarts_and_workers_that_ended() -> None:
    events = [
        happened(400, EventKind.WORKER_STOPPED, worker="w2", queues="high,mail"),
        happened(350, EventKind.WORKER_LOST, worker="w1", queues="mail"),
        happened(300, EventKind.REDIS_FAILED_OVER),
        happened(200, EventKind.REDIS_RESTARTED),
    ]
    found = list(of_wait(WAIT, [], events))
    assert [(each.code, each.since) for each in found] == [
        ("redis_restarted", 200),
        ("redis_failed_over", 300),
        ("fewer_workers", 350),
    ]
    assert found[-1].text == "workers w1, w2 of its queue stopped or were lost while it waited"
    assert found[-1].evidence == {"lost": 1, "stopped": 1}
