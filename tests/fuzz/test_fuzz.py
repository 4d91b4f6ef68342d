"""A short version of ``make fuzz``."""

from __future__ import annotations

import pytest
import redis
from hypothesis import HealthCheck, settings

from tests.fuzz.in_redis import snapshots
from tests.fuzz.targets import TARGETS

SHORT = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.data_too_large,
    ],
)


@pytest.mark.parametrize("name", TARGETS)
def test_a_parser_holds_its_guarantees_for_any_input(name: str) -> None:
    SHORT(TARGETS[name])()


@pytest.mark.keeps_keys(r"(?s)asok:.*")
def test_any_content_of_redis_can_be_read(redis_client: redis.Redis, redis_url: str) -> None:
    SHORT(snapshots(redis_client, redis_url))()
