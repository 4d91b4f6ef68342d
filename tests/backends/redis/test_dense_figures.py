"""Dense figures: what the script writes of complete minutes and hours is what was counted."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.dense_figures import parts
from asok_core.backends.redis.packed_figures import PackedSum, entries, pack, unpack
from asok_core.inspection import histograms
from asok_core.inspection.task_figures import Figures, total
from tests.backends.redis.dense_figures import MAKE_DENSE
from tests.backends.redis.test_packed_figures import (
    KEYS,
    connection,
    count,
    figures,
    of,
    packed,
)

__all__ = ["connection"]


@settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50
)
@given(st.lists(figures, min_size=1, max_size=9))
def test_dense_figures_are_those_that_were_packed(redis_client: Any, some: list[Figures]) -> None:
    block = b"".join(redis_client.eval(MAKE_DENSE, 0, *map(packed, some)))
    found = list(entries(block))[::-1]
    assert [each.bucket for each in found] == list(range(len(some)))
    assert [unpack(each.packed) for each in found] == some
    sum_of_all = PackedSum()
    for each in found:
        sum_of_all.add(each.packed)
    assert sum_of_all.figures == total(some)


def test_figures_that_no_program_of_ours_wrote_stay_as_they_are(redis_client: Any) -> None:
    largest = Figures(1, 1, 0, 0, 0, 2**53, 2**53, {20: 1}, {3: 1})
    assert redis_client.eval(MAKE_DENSE, 0, packed(largest)) == [b""]


def test_dense_figures_are_a_fifth_smaller(redis_client: Any) -> None:
    """The figures of 100 tasks take 10 MB at most (tests/benchmarks/figures.py)."""
    chance = random.Random(3)
    some = []
    for attempts in (60, 3600) * 10:
        runs, waits = (
            histograms.histogram_of(
                [int(chance.lognormvariate(10, spread)) for _ in range(attempts)]
            )
            for spread in (0.8, 1.2)
        )
        counts = (attempts, attempts - 2, 2, 1, 0, attempts * 50_123, attempts * 700)
        some.append(pack(counts, runs, waits))
    dense = redis_client.eval(MAKE_DENSE, 0, *some)
    assert all(dense)
    assert sum(map(len, dense)) < 0.8 * sum(len(each) + 3 for each in some)


@pytest.mark.parametrize(("first", "valid"), [(126, True), (127, False)])
@pytest.mark.parametrize("histogram", ["runs", "waits"])
def test_no_histogram_has_more_buckets_than_there_are(
    histogram: str, first: int, *, valid: bool
) -> None:
    """Two numbers in each, from the bucket ``first`` of one of them."""
    first_run, first_wait = (first, 0) if histogram == "runs" else (0, first)
    head = f"{0:012b}{first_run:07b}{1:07b}{first_wait:07b}{1:07b}"
    dense = int(head.ljust(56, "0"), 2).to_bytes(7, "big")
    assert (parts(dense) is not None) is valid


@given(st.binary(max_size=90), st.binary(max_size=400))
def test_no_dense_bytes_cause_an_error(some: bytes, before: bytes) -> None:
    for each in entries(before + some + (0x8000 | len(some)).to_bytes(2, "big")):
        found = unpack(each.packed)
        assert found is None or min(found.started, found.completed, found.retried) >= 0


def test_an_entry_becomes_dense_when_the_next_one_begins(
    connection: Connection, redis_client: Any, redis_url: str
) -> None:
    while (now := redis_client.time()[0]) % 86_400 < 60 or now % 60 > 40:
        # In the first minute of a day no entry of its blocks is complete; all is counted in one minute.
        time.sleep(0.5)
    hour, day = now // 3600 * 3600, now // 86_400 * 86_400
    key = KEYS.task_minutes("shop.mail", hour)
    if now - hour < 60:
        key = KEYS.task_hours("shop.mail", day)
    each = Figures(900, 880, 12, 4, 8, 45_000_000, 630_000, {20: 300, 21: 600}, {3: 900})
    entry = packed(each) + b"\0" + len(packed(each)).to_bytes(2, "big")
    redis_client.set(key, entry * 2, ex=600)
    count(connection, of("shop.mail", 5))
    newest, complete, former = entries(redis_client.get(key))
    assert unpack(newest.packed) == Figures(5, 5)
    assert unpack(complete.packed) == unpack(former.packed) == each
    assert len(complete.packed) < len(former.packed)
    assert 0 < redis_client.ttl(key) <= 600
    # Whatever is counted later is added to the newest one.
    count(connection, of("shop.mail", 2))
    assert [unpack(found.packed) for found in entries(redis_client.get(key))] == [
        Figures(7, 7),
        *(each, each),
    ]
