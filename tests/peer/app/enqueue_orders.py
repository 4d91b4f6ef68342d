"""What the application enqueues, by the framework's own ``background()``: a count per kind."""

from __future__ import annotations

import sys

import orders
from asok.background import background

good, flaky, bad = map(int, sys.argv[1:])
queues = ("high", "default", "low")
for number in range(good):
    background(orders.note, f"good-{number}", _queue=queues[number % 3])
for number in range(flaky):
    background(orders.fail_once, f"flaky-{number}", _queue="default", _retries=2, _backoff=1)
for number in range(bad):
    background(orders.fail, f"bad-{number}", _queue="low", _retries=1, _backoff=1)
