"""Jobs wait for a limit and start, cut before and after each command: none is lost or doubled."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.backends.redis.consuming.limits import review_due
from asok_core.backends.redis.consuming.outcomes import Outcome
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.flags import StartFlag
from asok_core.backends.redis.keys import Keys
from asok_core.errors import Unreachable
from asok_core.inspection.redaction import Redaction
from asok_core.jobs.declared_limits import DeclaredLimit
from asok_core.jobs.envelope import peek
from asok_core.jobs.job import LIMIT
from asok_core.jobs.limits import bucket_of
from asok_core.worker.running.claimed_job import ClaimedJob
from asok_core.worker.running.limiting import Limiting
from tests.model.crash_points import CrashBench, reported_with_every_cut
from tests.model.cutter import Cutter

PROCESS = "w.1"
FAR = 9e15


def test_jobs_start_one_after_the_other_whatever_is_cut(bench: CrashBench) -> None:
    declared = DeclaredLimit("1 at once").sent
    jobs = bench.jobs(3, unique="one", extra={LIMIT: declared})[:1]
    jobs += bench.jobs(3, extra={LIMIT: declared})[1:]
    bucket = bucket_of(f"task:{jobs[0].task}")

    def prepare() -> None:
        bench.enqueue(*jobs)
        _heartbeat(bench.server.url)

    def story(cutter: Cutter) -> None:
        for _ in range(12):
            _turn(cutter)
            assert bench.client.hlen(Keys().limit_running(bucket)) <= 1
            if {bench.status(job) for job in jobs} == {"completed"}:
                break
            _try(lambda: _review(cutter.url))
        cutter.deliver()
        _review(bench.server.url)
        assert {bench.status(job) for job in jobs} == {"completed"}
        assert bench.counters() == {"enqueued": 3, "completed": 3}
        assert bench.locations() == {}
        assert not bench.client.exists("asok:limits", "asok:held", Keys().limit(bucket))
        assert not bench.client.exists("asok:unique:one")

    reported_with_every_cut(bench, prepare, story)


def _turn(cutter: Cutter) -> None:
    """A process that takes over what its predecessor held, claims, runs what may start, and ends."""
    consumer = Consumer(
        *(Endpoint(cutter.url), Keys()),
        worker="w", process=PROCESS, queues=["default"], dlq_max=9,
    )  # fmt: skip
    limiting = Limiting(Redaction())
    with closing(consumer):

        def turn() -> None:
            back = [Outcome("return", each) for each in consumer.active().claims]
            claimed = [
                ClaimedJob(claim, peek(claim.envelope).job)
                for claim in consumer.cycle(back, (), 9).claims
            ]
            flags = limiting.start(consumer, claimed)
            ended = []
            for each, flag in flags.items():
                if flag is not StartFlag.MAY_START:
                    continue
                outcome = Outcome(
                    "complete", each.claim, each.opened.id, each.opened.task,
                    unique=each.opened.unique or "", started_at=2e9, finished_at=2e9,
                )  # fmt: skip
                ended.append((each, outcome))
            consumer.cycle([outcome for _, outcome in ended], (), 0)
            limiting.leave(consumer, ended)

        _try(turn)


def _try(act: Callable[[], object]) -> None:
    try:
        act()
    except Unreachable:
        return


def _heartbeat(url: str) -> None:
    with closing(Registry(Endpoint(url), Keys())) as registry:
        registry.heartbeat("w", ("default",), {})


def _review(url: str) -> None:
    with closing(Registry(Endpoint(url), Keys())) as registry:
        review_due(registry.connection, Keys(), {}, FAR)
