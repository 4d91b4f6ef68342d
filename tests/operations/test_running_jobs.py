"""Cancelling jobs of which not all run."""

from __future__ import annotations

import dataclasses
from contextlib import closing

from asok_core.backends.roles import Scope
from asok_core.jobs.envelope import seal
from asok_core.jobs.states import Location
from asok_core.operations.catalog.entry import Access
from asok_core.operations.catalog.results import total_of
from asok_core.operations.catalog.running_jobs import NOT_ACTIVE, StopRunningJobs
from asok_core.operations.catalog.waiting_jobs import CancelHeld
from asok_core.operations.inspector import open_reader
from asok_core.settings.settings import Settings
from tests.conftest import SECRET_KEY
from tests.fixtures.bench import KEYRING, Bench


def test_only_jobs_that_run_are_requested_to_stop(bench: Bench) -> None:
    pending, running = bench.job(), bench.job()
    bench.add_pending(pending)
    bench.client.lpush("asok:active:web-1.1:default", seal(running, KEYRING))
    known = {"status": "running", "worker": "web-1.1", "queue": "default"}
    bench.client.hset(f"asok:job:{running.id}", mapping=known)
    settings = Settings.load({"ASOK_REDIS_URL": bench.url, "SECRET_KEY": SECRET_KEY})
    ids = {pending.id, running.id, "gone"}
    with closing(open_reader(settings, bench.url)) as reader:
        access = Access(reader, bench.operator)
        scope = Scope(Location.ACTIVE, ids=frozenset(ids))
        result = StopRunningJobs().perform(access, scope, lambda _: True)
        others = dataclasses.replace(scope, ids=frozenset({pending.id, "gone"}))
        nothing = StopRunningJobs().perform(access, others, lambda _: True)
    skipped = {NOT_ACTIVE: 1, f"{NOT_ACTIVE}: it is pending": 1}
    assert (result.applied, result.skipped) == (1, skipped)
    assert (nothing.applied, nothing.skipped) == (0, skipped)
    requested = {each.id for each in (pending, running) if "cancel_by" in bench.record(each.id)}
    assert requested == {running.id}


def test_a_job_that_was_released_before_its_cancellation_is_named_with_where_it_is(
    bench: Bench,
) -> None:
    job, kept = bench.job(), bench.job()
    bench.add_pending(job)
    bench.client.lpush(bench.keys.held("4f2a1c", "default"), seal(kept, KEYRING))
    settings = Settings.load({"ASOK_REDIS_URL": bench.url, "SECRET_KEY": SECRET_KEY})
    scope = Scope(Location.HELD, "default", ids=frozenset({job.id}), hold="4f2a1c")
    with closing(open_reader(settings, bench.url)) as reader:
        access = Access(reader, bench.operator)
        result = total_of(CancelHeld().perform(access, scope, lambda _: True))
        assert (result.applied, result.skipped) == (0, {"no longer there": 1})
        assert CancelHeld().follow_up(access, result) == ("the job is pending now", False)
        scope = dataclasses.replace(scope, ids=frozenset({kept.id}))
        result = total_of(CancelHeld().perform(access, scope, lambda _: True))
        assert CancelHeld().follow_up(access, result) == ("", True)
