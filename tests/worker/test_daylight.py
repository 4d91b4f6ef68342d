"""Moments around a change to or from daylight saving time, on machines of different time zones."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from asok_core.backends.redis.producing.application import RedisBackend
from asok_core.jobs.calls import Options, make_call
from tests.fixtures.worker import Desk, RunWorker
from tests.worker import jobs

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("at", "utc"),
    [
        # The hour that comes twice, and the hour that does not exist.
        (datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN), "2026-10-25T00:30:00+00:00"),
        (datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1), "2026-10-25T01:30:00+00:00"),
        (datetime(2026, 3, 29, 2, 30, tzinfo=BERLIN), "2026-03-29T01:30:00+00:00"),
        (datetime(2026, 3, 29, 1, 59, tzinfo=BERLIN), "2026-03-29T00:59:00+00:00"),
        (datetime(2026, 3, 29, 3, 0, tzinfo=BERLIN), "2026-03-29T01:00:00+00:00"),
    ],
)
def test_a_moment_is_one_moment_whatever_the_clock_on_the_wall(at: datetime, utc: str) -> None:
    assert Options(at=at).due_at(0.0) == datetime.fromisoformat(utc).timestamp()


def test_a_delay_over_the_change_is_no_hour_longer_or_shorter() -> None:
    before = datetime(2026, 10, 25, 0, 30, tzinfo=BERLIN).timestamp()
    assert Options(delay=timedelta(hours=4)).due_at(before) == before + 4 * 3600


def test_worker_and_producer_in_different_zones_mean_the_same_moment(
    desk: Desk, run_worker: RunWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    backend = RedisBackend(desk.settings)
    try:
        at = datetime.now(UTC) + timedelta(seconds=2)
        future = backend.enqueue(make_call(jobs.note, "job", _at=at.astimezone(BERLIN)))
        ((_, due),) = desk.delayed()
        assert due == pytest.approx(at.timestamp(), abs=1e-3)
        # While it waits, the zone of this machine changes.
        monkeypatch.setenv("TZ", "Pacific/Kiritimati")
        time.tzset()
        run_worker(TZ="Asia/Kolkata")
        assert future.result(60) is None
        record = desk.producer.record(future.job_id)
        assert record is not None
        assert record.started_at is not None
        assert record.started_at >= at.timestamp() - 0.05
    finally:
        backend.shutdown(wait=False, timeout=None)
        monkeypatch.undo()
        time.tzset()
