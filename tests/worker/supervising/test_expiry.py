"""Which expired leases are taken for those of dead workers, look by look. No time passes here."""

from __future__ import annotations

from collections.abc import Mapping

from asok_core.backends.redis.consuming.leases import ExpiredLease, LeaseSnapshot
from asok_core.worker.supervising.lease_expiry import (
    AGAIN,
    LONGEST_PAUSE,
    SHORTEST_PAUSE,
    LeaseExpiry,
    pause,
)

NOW = 1_800_000_000.0
LEASE = 30.0
HOUR = 3600.0


class LeaseChecks:
    """Looks every 0.4 s, with a clock of Redis that can be set and an own lease that can be lost."""

    def __init__(self) -> None:
        self.expiry = LeaseExpiry()
        self.server = NOW
        self.at = 100.0

    def pass_time(
        self, seconds: float, leases: Mapping[str, float], *, unseen: bool = False
    ) -> list[str]:
        """Look every 0.4 s; ``unseen``: once only, at the end. The leases (their ends): who is dead."""
        end, found = self.at + seconds, []
        while self.at < end - 1e-9:
            step = end - self.at if unseen else min(0.4, end - self.at)
            self.at, self.server = self.at + step, self.server + step
            found = self.dead(leases)
            if found:
                return found
        return found

    def dead(self, leases: Mapping[str, float], *, leased: bool = True) -> list[str]:
        expired = [
            ExpiredLease(worker, until, LEASE)
            for worker, until in leases.items()
            if until <= self.server
        ]
        leases_now = LeaseSnapshot(self.server, leased, expired, [])
        return [each.worker for each in self.expiry.dead(leases_now, self.at)]


def test_a_lease_that_is_seen_to_run_out_is_that_of_a_dead_worker_at_once() -> None:
    checks = LeaseChecks()
    until = NOW + 5
    assert checks.pass_time(5.5, {"one": until}) == ["one"]
    assert checks.at - 100.0 < 5.5


def test_one_that_is_found_expired_has_time_to_be_renewed() -> None:
    checks = LeaseChecks()
    assert checks.pass_time(9.5, {"one": NOW - 100}) == []
    assert checks.pass_time(2, {"one": NOW - 100}) == ["one"]


def test_the_time_begins_again_with_each_other_end_of_it() -> None:
    checks = LeaseChecks()
    checks.dead({})
    assert checks.pass_time(9, {"one": NOW - 100}) == []
    assert checks.pass_time(9, {"one": NOW - 90}) == []


def test_when_the_clock_is_set_forward_no_worker_is_dead() -> None:
    checks = LeaseChecks()
    leases = {"one": NOW + 10, "two": NOW + 29}
    assert checks.pass_time(4, leases) == []
    checks.server += HOUR
    assert checks.dead(leases) == []
    assert checks.pass_time(5, leases) == []
    renewed = dict.fromkeys(leases, checks.server + 30)
    assert checks.pass_time(25, renewed) == []


def test_when_it_is_set_forward_by_less_than_a_lease_neither() -> None:
    checks = LeaseChecks()
    assert checks.pass_time(4, {"one": NOW + 26}) == []
    checks.server += 25
    assert checks.dead({"one": NOW + 26}) == []


def test_after_an_outage_of_redis_every_worker_has_time() -> None:
    checks = LeaseChecks()
    assert checks.pass_time(4, {"one": NOW + 26}) == []
    assert checks.pass_time(25, {"one": NOW + 26}, unseen=True) == []
    assert checks.pass_time(5, {"one": NOW + 26}) == []
    assert checks.pass_time(25, {"one": NOW + 26}, unseen=True) == []
    assert checks.pass_time(9, {"one": NOW + 26}) == [], "what passed in the outage does not count"
    assert checks.pass_time(2, {"one": NOW + 26}) == ["one"]


def test_a_connection_that_is_cut_every_few_seconds_delays_nothing() -> None:
    checks = LeaseChecks()
    found: list[str] = []
    while not found and checks.server < NOW + 60:
        found = checks.pass_time(3, {"one": NOW + 20})
        found = found or checks.pass_time(4, {"one": NOW + 20}, unseen=True)
    assert found == ["one"]
    assert checks.server < NOW + 28


def test_a_worker_without_a_lease_calls_no_other_dead_and_begins_again() -> None:
    checks = LeaseChecks()
    assert checks.pass_time(4, {"one": NOW + 10}) == []
    assert checks.pass_time(5.6, {"one": NOW + 10}) == []
    checks.server += 1
    assert checks.dead({"one": NOW + 10}, leased=False) == []
    assert checks.pass_time(9, {"one": NOW + 10}) == []
    assert checks.pass_time(2, {"one": NOW + 10}) == ["one"]


def test_a_proved_death_needs_no_time() -> None:
    assert LeaseChecks().dead({"one": 0.0}) == ["one"]


def test_a_recovery_that_does_not_succeed_is_tried_again_later() -> None:
    for lease in (0.0, NOW + 1):
        checks = LeaseChecks()
        assert checks.pass_time(2, {"one": lease}) == ["one"]
        assert checks.pass_time(AGAIN - 0.5, {"one": lease}) == []
        assert checks.pass_time(1, {"one": lease}) == ["one"]


def test_the_pause_follows_the_lease_within_bounds() -> None:
    assert pause(1.0) == SHORTEST_PAUSE
    assert pause(15.0) == 5.0
    assert pause(86_400.0) == LONGEST_PAUSE
