"""``python -m tests.fuzz [SECONDS]``: every property repeatedly, with new input each time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import redis
from hypothesis import HealthCheck, settings

from asok_console.demo.embedded import EmbeddedRedis
from tests.fuzz.in_redis import snapshots
from tests.fuzz.targets import TARGETS

ROUND = 200
"""Examples of a property before the next property."""


def run(seconds: float) -> int:
    """Fuzz for some seconds. Returns the exit code; a failure is raised with its smallest
    example.
    """
    long = settings(max_examples=ROUND, deadline=None, suppress_health_check=list(HealthCheck))
    until, examples = time.monotonic() + seconds, 0
    with EmbeddedRedis() as server, redis.Redis.from_url(server.url) as client:
        found: dict[str, Callable[[], None]] = {
            **TARGETS,
            "snapshots": snapshots(client, server.url),
        }
        # Only once, as settings cannot be applied twice.
        targets = {name: long(target) for name, target in found.items()}
        while time.monotonic() < until:
            for name, target in targets.items():
                begun = time.monotonic()
                target()
                examples += ROUND
                sys.stdout.write(f"{name}: {ROUND} examples in {time.monotonic() - begun:.1f} s\n")
                if time.monotonic() >= until:
                    break
    sys.stdout.write(f"Nothing found in {examples:,} examples\n")
    return 0


if __name__ == "__main__":
    sys.exit(run(float(sys.argv[1]) if len(sys.argv) > 1 else 600))
