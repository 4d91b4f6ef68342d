"""The server's time between two replies, which give it in whole milliseconds and arrive late."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from asok_core.backends.redis.server_clock import RESOLUTION, ServerClock
from asok_core.clock import steady

AHEAD = 86_400.0
"""Seconds by which the server's clock is ahead of the steady one."""


def reply(clock: ServerClock, took: float, at: float, ahead: float = AHEAD) -> None:
    """Learn from a request that took ``took`` seconds; the server read its clock at part ``at`` of it."""
    asked_at = steady() - took
    server_time = asked_at + took * at + ahead
    clock.learn(math.floor(server_time * 1000) / 1000, asked_at)


@given(st.lists(st.tuples(st.floats(0.0, 0.05), st.floats(0.0, 1.0)), min_size=1, max_size=20))
def test_replies_never_turn_the_time_back(replies: list[tuple[float, float]]) -> None:
    clock, last = ServerClock(), 0.0
    for took, at in replies:
        reply(clock, took, at)
        now = clock.now()
        assert now >= last
        last = now


@given(st.floats(0.0, 0.5), st.floats(0.0, 1.0))
def test_a_quick_reply_corrects_what_a_slow_one_left_open(took: float, at: float) -> None:
    clock = ServerClock()
    reply(clock, took, at)
    before = steady()
    reply(clock, 0.0, 0.0)
    range_of_reply = steady() - before + RESOLUTION
    truth = steady() + AHEAD
    # A clock does not go back, so only one that was not read before shows the difference.
    assert abs(clock.now() - truth) <= range_of_reply + (steady() + AHEAD - truth) + 1e-6


def test_a_clock_that_is_set_back_is_followed() -> None:
    clock = ServerClock()
    reply(clock, 0.001, 0.5)
    before = clock.now()
    reply(clock, 0.001, 0.5, AHEAD - 3600)
    assert -3600.1 < clock.now() - before < -3599.9
