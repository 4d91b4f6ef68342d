"""Fixtures of the tests of crash points."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from asok_console.demo.embedded import EmbeddedRedis
from tests.model.crash_points import CrashBench


@pytest.fixture
def bench(redis_server: EmbeddedRedis, redis_client: redis.Redis) -> Iterator[CrashBench]:
    # The path of a socket may not be long.
    with tempfile.TemporaryDirectory(prefix="asok-cut-") as folder:
        yield CrashBench(redis_server, redis_client, Path(folder))
