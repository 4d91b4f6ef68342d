"""One module per peer: ``push(task, arguments)`` enqueues one by one, ``push_many`` in bulk if it
can.

``task`` is the name of a function in ``tasks``, ``arguments`` an iterable of one tuple per job,
which may pause between them. The peer's worker loads the same module."""

from __future__ import annotations

import os

URL = os.environ.get("BENCH_REDIS_URL", "")
"""The URL of the Redis of this run."""

RESULTS = os.environ.get("BENCH_RESULTS") == "1"
"""Whether results are stored, if a peer is measured both ways."""
