"""A Redis that is being filled: worker, status and console say when it will be full."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import AbstractContextManager
from typing import Any

import pytest

from asok_console.demo.embedded import EmbeddedRedis
from asok_console.tui.data.alerts import alerts
from asok_core.operations.inspector import open_reader
from tests.concurrently import beside
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import environment, wait_until

LONG = 150.0
"""Seconds for what is known after a minute at the earliest."""


def filled(client: Any) -> AbstractContextManager[None]:
    def fill(done: threading.Event) -> None:
        number = 0
        while not done.wait(0.25):
            client.set(f"foreign:{number}", bytes(100_000), ex=600)
            number += 1

    return beside(fill)


def status(url: str) -> subprocess.CompletedProcess[str]:
    variables = {"ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": url, "SECRET_KEY": "s" * 32}
    return subprocess.run(
        [sys.executable, "-m", "asok_console", "worker", "status", "--json"],
        env=environment(variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_it_is_reported_in_log_status_and_console_before_memory_is_full(
    own_desk: Desk, server: EmbeddedRedis, run_worker: RunWorker
) -> None:
    client = own_desk.client
    client.config_set("maxmemory", 2**30)
    worker = run_worker(ASOK_REDIS_URL=server.url)
    own_desk.reaches(own_desk.enqueue("note", "job"), "completed")
    assert json.loads(status(server.url).stdout)["memory_full_in"] is None
    with filled(client):
        wait_until(lambda: "memory full in about" in worker.log, "the warning", LONG)
        document: dict[str, Any] = {}

        def reported() -> bool:
            document.update(json.loads(status(server.url).stdout))
            return document["memory_full_in"] is not None

        wait_until(reported, "the status", LONG)
        # 100 KB come four times a second, on a machine that may be busy.
        assert 20_000 < document["memory_rate"] < 1_000_000
        assert 600 < document["memory_full_in"] < 12 * 3600
        reader = open_reader(own_desk.settings)
        try:
            lines = [alert.line for alert in alerts(reader.snapshot(), 1000)]
        finally:
            reader.close()
    assert [line for line in lines if line.startswith("Redis memory full in about")]
    assert worker.log.count("memory full in about") == 1
    assert "ASOK_RECORD_TTL" in worker.log
