"""Requeue every dead job by the function of the framework, and print the seconds it took."""

from __future__ import annotations

import json
import os
import sys
import time

import redis
from asok.background import retry_dlq_job


def main() -> None:
    """Read the ids first: only the requeue is measured."""
    with redis.Redis.from_url(os.environ["ASOK_REDIS_URL"]) as client:
        ids = [json.loads(dead_job)["id"] for dead_job in client.lrange("asok:dlq", 0, -1)]
    began = time.perf_counter()
    for each in ids:
        if not retry_dlq_job(each):
            sys.exit(f"{each} was not requeued")
    sys.stdout.write(f"{time.perf_counter() - began}\n")


if __name__ == "__main__":
    main()
