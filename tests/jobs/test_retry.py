"""The delay of a retry: exactly that of the contract, and always within its bounds."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok_core.jobs.retry import LONGEST_DELAY, RetryPolicy


def test_the_longest_delay_is_a_year() -> None:
    assert LONGEST_DELAY == 31_536_000.0


@pytest.mark.parametrize(
    ("backoff", "retry_count", "seconds"),
    [
        (2, 1, 2.0),
        (2, 3, 8.0),
        (7, 3, 343.0),
        (1.5, 2, 2.25),
        (1, 9, 1.0),
        (0, 1, 0.0),
        (0.5, 1, 0.5),
        (2, 24, 16_777_216.0),
        # Above a year, too large for a float, and NaN.
        (2, 25, LONGEST_DELAY),
        (1e300, 2, LONGEST_DELAY),
        (10**400, 1, LONGEST_DELAY),
        (math.inf, 1, LONGEST_DELAY),
        (math.nan, 1, LONGEST_DELAY),
        (0, -1, LONGEST_DELAY),
        (-8, 1 / 3, LONGEST_DELAY),
        # A delay is never negative.
        (-2, 1, 0.0),
        (-2, 2, 4.0),
    ],
)
def test_the_delay_is_the_backoff_to_the_power_of_the_retry(
    backoff: float, retry_count: int, seconds: float
) -> None:
    assert RetryPolicy().delay(backoff, retry_count) == seconds


@pytest.mark.parametrize(("most", "seconds"), [(10.0, 8.0), (8.0, 8.0), (5.0, 5.0), (0.0, 0.0)])
def test_the_ceiling_limits_the_delay(most: float, seconds: float) -> None:
    assert RetryPolicy(max_delay=most).delay(2, 3) == seconds


def test_a_ceiling_is_never_above_the_longest_delay() -> None:
    assert RetryPolicy(max_delay=1e12).delay(1e300, 2) == LONGEST_DELAY


def test_jitter_only_increases_the_delay_and_varies() -> None:
    delays = {RetryPolicy(jitter=0.5).delay(10, 1) for _ in range(200)}
    assert len(delays) > 100
    assert 10.0 <= min(delays) < 11.5
    assert 13.5 < max(delays) <= 15.0


def test_without_jitter_the_delay_is_constant() -> None:
    assert {RetryPolicy().delay(10, 1) for _ in range(50)} == {10.0}


def test_the_ceiling_also_limits_the_delay_with_jitter() -> None:
    assert max(RetryPolicy(jitter=1.0, max_delay=12.0).delay(10, 1) for _ in range(200)) == 12.0


@given(st.floats() | st.integers(), st.integers(-50, 50), st.floats(0, 10), st.floats(0, 1e9))
def test_the_delay_is_finite_for_any_arguments(
    backoff: float, retry_count: int, jitter: float, most: float
) -> None:
    delay = RetryPolicy(jitter, most).delay(backoff, retry_count)
    assert 0.0 <= delay <= min(most, LONGEST_DELAY)
