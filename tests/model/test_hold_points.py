"""Jobs are held and returned, cut before and after each command: none is lost or doubled."""

from __future__ import annotations

from contextlib import closing, suppress

import pytest

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.backends.redis.consuming.holds import end_holds, read_holds
from asok_core.backends.redis.consuming.outcomes import Claim, Outcome
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.operating.operator import RedisOperator
from asok_core.errors import UsageError
from asok_core.inspection.holds import Hold
from tests.model.crash_points import (
    KEYRING,
    CrashBench,
    reported_with_every_cut,
    settle,
    until_done,
)
from tests.model.cutter import Cutter

PROCESS = "w.1"


def operator_at(url: str) -> RedisOperator:
    return RedisOperator(Endpoint(url), Keys(), KEYRING, who="ann@host")


@pytest.mark.parametrize("end", ["released", "at a rate", "stopped", "by itself"])
def test_jobs_are_held_and_returned_once_and_in_their_order(bench: CrashBench, end: str) -> None:
    jobs = bench.jobs(4, unique="one")[:1] + bench.jobs(4)[1:]
    made: list[str] = []

    def prepare() -> None:
        bench.enqueue(*jobs)
        with closing(operator_at(bench.server.url)) as operator:
            lasts = 0.001 if end == "by itself" else None
            hold = operator.add_hold(Hold("", task=jobs[0].task), lasts=lasts).hold
        assert hold is not None
        made[:] = [hold.id]
        with closing(Registry(Endpoint(bench.server.url), Keys())) as registry:
            registry.heartbeat("w", ("default",), {})
        consumer = Consumer(
            *(Endpoint(bench.server.url), Keys()),
            worker="w", process=PROCESS, queues=["default"], dlq_max=9,
        )  # fmt: skip
        with closing(consumer):
            assert len(consumer.cycle([], (), 3).claims) == 3

    def story(cutter: Cutter) -> None:
        for job in jobs[:3]:
            (raw,) = (
                each
                for each in bench.client.lrange(Keys().active(PROCESS, "default"), 0, -1)
                if job.id.encode() in each
            )
            claim = Claim("default", raw)
            held = Outcome("hold", claim, job.id, job.task, unique=job.unique or "")
            settle(cutter, PROCESS, held.noted(made[0]))
            assert bench.status(job) == "held"
        assert bench.client.llen(Keys().held(made[0], "default")) == 3
        if end == "by itself":
            _end(cutter)
        else:
            with closing(operator_at(cutter.url)) as operator:

                def release() -> None:
                    # What was done before its reply was lost is not done again.
                    with suppress(UsageError):
                        if end == "stopped":
                            operator.release_hold(made[0], rate=100.0, watch=lambda _: False)
                        rate = None if end == "released" else 100.0
                        operator.release_hold(made[0], rate=rate)

                until_done(release, cutter)
        assert bench.locations()["queue"] == [job.id for job in jobs]
        assert {bench.status(job) for job in jobs} == {"pending"}
        assert not bench.client.exists("asok:holds", "asok:held")
        assert bench.client.get("asok:unique:one") == b"work-0"

    reported_with_every_cut(bench, prepare, story)


def _end(cutter: Cutter) -> None:
    with closing(Registry(Endpoint(cutter.url), Keys())) as registry:

        def end() -> None:
            connection = registry.connection
            end_holds(connection, Keys(), read_holds(connection, Keys()), 9e9)

        until_done(end, cutter)
