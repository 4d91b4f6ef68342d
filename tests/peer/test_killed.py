"""The framework's worker under kill -9: it loses its running jobs, and ours report that."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from asok_core.backends.redis.producing.application import RedisBackend
from asok_core.inspection.job_detail import MISSING
from asok_core.jobs.calls import make_call
from asok_core.operations.inspector import open_reader
from asok_core.settings.settings import Settings
from tests.peer.app import orders
from tests.peer.conftest import APP
from tests.programs import PATIENCE, python, running, wait_until


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    """With records that the framework can read and write."""
    return {**env, "ASOK_RECORDS": "framework"}


@pytest.fixture
def backend(make_settings: Callable[..., Settings]) -> Iterator[RedisBackend]:
    made = RedisBackend(make_settings(ASOK_RECORDS="framework"))
    yield made
    made.shutdown(wait=False, timeout=None)


def test_a_job_of_its_killed_worker_is_in_no_location_and_not_shown_as_active(
    backend: RedisBackend,
    env: dict[str, str],
    redis_client: redis.Redis,
    make_settings: Callable[..., Settings],
    tmp_path: Path,
) -> None:
    held = backend.enqueue(make_call(orders.hold, "held"))
    journal = tmp_path / "journal"
    with running("-m", "asok", "worker", env=env, cwd=APP) as worker:
        wait_until(lambda: journal.exists() and "held" in journal.read_text(), "its job to begin")
        worker.kill()
        worker.wait()
    reader = open_reader(make_settings())
    try:
        detail = reader.job(held.job_id)
        snapshot = reader.snapshot()
    finally:
        reader.close()
    assert detail is not None
    assert detail.missing
    assert (detail.location, detail.record and detail.record.status) == (None, "running")
    # It does not count as running: no worker holds it.
    assert (snapshot.running, snapshot.active, snapshot.orphaned) == (0, 0, 0)
    shown = python("-m", "asok_console", "job", "show", held.job_id, env=env, cwd=APP)
    assert f"location    {MISSING}" in shown
    document = python("-m", "asok_console", "job", "show", held.job_id, "--json", env=env, cwd=APP)
    assert json.loads(document)["place"] is None
    later = backend.enqueue(make_call(orders.note, "later"))
    with running("-m", "asok_console", "worker", env=env, cwd=APP):
        assert later.result(timeout=PATIENCE) == "noted later"
    record = backend.record(held.job_id)
    assert record is not None
    assert record.status == "running"
    assert redis_client.ttl(f"asok:job:{held.job_id}") > 0
