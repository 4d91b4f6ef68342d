"""A job that runs is asked to stop, and does where its task looks."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
import redis

from asok_core import JobCancelled, background, cancel, cancelled, configure, get_job
from tests.conftest import SECRET_KEY
from tests.programs import PATIENCE, environment, python, running, wait_until

TASKS = """
import time
from asok_core import JobCancelled, cancelled

def patient():
    for _ in range(1000):
        if cancelled():
            raise JobCancelled("stopped half-way")
        time.sleep(0.02)
"""
SCRIPT = """
import stoppable
from asok_core import background
print(background(stoppable.patient, _retries=3).job_id)
"""


def test_on_redis(redis_url: str, redis_client: redis.Redis, tmp_path: Path) -> None:
    (tmp_path / "stoppable.py").write_text(TASKS)
    env = environment(
        {"ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": redis_url, "SECRET_KEY": SECRET_KEY},
        tmp_path,
    )
    job_id = python("-c", SCRIPT, env=env).strip()

    def status() -> Any:
        return redis_client.hget(f"asok:job:{job_id}", "status")

    with running("-m", "asok_console", "worker", env=env):
        wait_until(lambda: status() == b"running", "the start of the job")
        asked = python("-c", f"from asok_core import cancel; print(cancel({job_id!r}))", env=env)
        assert asked.strip() == "False", "it is not stopped yet, only asked"
        wait_until(lambda: status() == b"cancelled", "the end of the job")
    assert redis_client.llen("asok:dlq") == 0
    assert redis_client.zcard("asok:delayed_tasks") == 0, "no retry of what was cancelled"


def test_in_this_process(make_settings: Any) -> None:
    configure(make_settings(ASOK_QUEUE_BACKEND="local"))
    began = threading.Event()

    def patient() -> None:
        began.set()
        while not cancelled():
            time.sleep(0.005)
        raise JobCancelled("stopped half-way")

    try:
        future = background(patient)
        assert began.wait(PATIENCE), "the job did not start"
        assert cancel(future.job_id) is False
        with pytest.raises(JobCancelled):
            future.result(timeout=PATIENCE)
        assert get_job(future.job_id).status == "cancelled"
    finally:
        configure(None)


def test_outside_a_job() -> None:
    assert cancelled() is False
