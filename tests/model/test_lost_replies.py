"""An operation of which a reply is lost is never reported as not done where Redis has carried it out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.operating.operator import RedisOperator
from asok_core.backends.roles import Scope
from asok_core.errors import Unreachable
from asok_core.inspection.holds import Hold
from asok_core.inspection.notes import on_queue
from asok_core.jobs.states import Location
from tests.model.crash_points import CrashBench, reported_with_every_cut
from tests.model.cutter import Cutter
from tests.model.test_hold_points import operator_at

HOLD = "a1b2c3"
OPERATIONS: dict[str, Callable[[RedisOperator], object]] = {
    "pause": lambda operator: operator.pause("default", reason="bank down", lasts=60.0),
    "resume": lambda operator: operator.resume("low"),
    "add hold": lambda operator: operator.add_hold(Hold("", task="shop.mail"), lasts=None),
    "remove hold": lambda operator: operator.remove_hold(HOLD),
    "note": lambda operator: operator.write_note(on_queue("default"), "ask ann"),
    "quiet": lambda operator: operator.quiet("w"),
    "purge": lambda operator: operator.purge(Scope(Location.PENDING, "default")),
    "cancel": lambda operator: operator.cancel(
        Scope(Location.PENDING, "default", ids=frozenset({"work-0"}))
    ),
}
NOT_KNOWN = "; whether it was carried out is not known: see "


def prepare(bench: CrashBench) -> None:
    bench.enqueue(*bench.jobs(2))
    with closing(Registry(Endpoint(bench.server.url), Keys())) as registry:
        registry.heartbeat("w", ("default",), {})
    with closing(operator_at(bench.server.url)) as operator:
        operator.pause("low")
    bench.client.hset("asok:holds", f"ended:{HOLD}", '{"form": 1, "task": "shop.mail"}')


def state(bench: CrashBench) -> dict[bytes, Any]:
    """What there is but the audit."""
    keys = [key for key in bench.client.keys("asok:*") if b":audit" not in key]
    return {key: bench.client.dump(key) for key in keys if b":operation:" not in key}


def audited(bench: CrashBench) -> list[bytes]:
    """The values of the entries of the audit."""
    return [value for _, entry in bench.client.xrange("asok:audit") for value in entry.values()]


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_redis_may_have_done_is_not_known(bench: CrashBench, name: str) -> None:
    before, reported = dict[bytes, Any](), list[bool]()

    def prepare_and_note() -> None:
        prepare(bench)
        before.clear()
        before.update(state(bench))

    def story(cutter: Cutter) -> None:
        error = ""
        with closing(operator_at(cutter.url)) as operator:
            try:
                OPERATIONS[name](operator)
            except Unreachable as raised:
                error = str(raised)
        cutter.deliver()
        changed = state(bench) != before
        assert not error or NOT_KNOWN in error or not changed, error
        if NOT_KNOWN in error and changed:
            operation = error.partition(NOT_KNOWN)[2].split()[0]
            assert operation.encode() in b" ".join(audited(bench))
            reported.append(True)

    reported_with_every_cut(bench, prepare_and_note, story)
    assert reported
