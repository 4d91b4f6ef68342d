"""One file a peer: ``push(task, arguments)`` enqueues one by one, ``push_many`` in bulk if it can.

``task`` is the name of a function in ``tasks``, ``arguments`` an iterable of one tuple a job, which may
take its time to yield the next. A file is the module that the peer's worker loads as well.
"""

from __future__ import annotations

import os

URL = os.environ.get("BENCH_REDIS_URL", "")
"""The Redis of this run."""

RESULTS = os.environ.get("BENCH_RESULTS") == "1"
"""Whether results are kept, where a peer is measured both ways."""
