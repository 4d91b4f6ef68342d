"""The short form of the long run: ``python -m tests.benchmarks.console --churn 10m``."""

from __future__ import annotations

import pytest
import redis

from tests.benchmarks.console import churn
from tests.benchmarks.console.data import Amounts, fill

AMOUNTS = Amounts(pending=2000, delayed=200, dead=200, queues=20, workers=6)
SECONDS = 12.0
MOST_GROWTH = 24 * 2**20
"""Bytes. Far more than the caches of a young process still gain, and less than keeping every picture."""


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_while_everything_changes_it_keeps_refreshing_and_ends_with_the_truth(
    redis_url: str, redis_client: redis.Redis
) -> None:
    fill(redis_client, AMOUNTS)
    course = churn.run(redis_url, redis_client, AMOUNTS, SECONDS)
    assert course.refreshes >= len(churn.KEY_ROUND)
    assert course.longest_gap < course.seconds / 2
    assert course.growth < MOST_GROWTH
