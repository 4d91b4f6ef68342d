"""A note is written and removed, cut before and after each command: always together with its audit."""

from __future__ import annotations

import json
from contextlib import closing

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.operating.operator import RedisOperator
from asok_core.inspection.notes import on_queue
from tests.model.crash_points import CrashBench, reported_with_every_cut, until_done
from tests.model.cutter import Cutter


def test_a_note_and_its_audit_are_one_step_wherever_the_connection_is_cut(
    bench: CrashBench,
) -> None:
    def prepare() -> None:
        pass

    def story(cutter: Cutter) -> None:
        client = bench.client
        with closing(RedisOperator(Endpoint(cutter.url), Keys(), None, who="ann@host")) as operator:
            until_done(lambda: operator.write_note(on_queue("high"), "x"), cutter)
            assert json.loads(client.hget("asok:notes", "queue:high"))["text"] == "x"
            until_done(lambda: operator.write_note(on_queue("high"), ""), cutter)
        assert not client.exists("asok:notes")
        # A call that was sent again has an entry of its own; none is without its write.
        applied = [
            (fields.get(b"note", b""), fields[b"applied"])
            for _, fields in client.xrange("asok:audit")
        ]
        assert (b"x", b"1") in applied
        assert applied.count((b"", b"1")) == 1
        assert {fields[b"state"] for _, fields in client.xrange("asok:audit")} == {b"done"}

    reported_with_every_cut(bench, prepare, story)
