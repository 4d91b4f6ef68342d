"""The subscription to messages of applications and operators, by which a worker does not have to poll."""

from __future__ import annotations

from asok_core.backends.redis.consuming.wake_channel import WakeSubscription
from asok_core.worker.supervising.duties.duty import Duty

INTERVAL = 5.0
"""Seconds at most between two checks."""


class SubscriptionDuty(Duty):
    """Subscribe, and check that the connection still answers."""

    name = "subscription"
    has_own_connection = True

    def __init__(self, wakes: WakeSubscription, interval: float) -> None:
        super().__init__(min(interval, INTERVAL))
        self._wakes = wakes

    def run(self) -> None:
        """Check it once."""
        self._wakes.check()
