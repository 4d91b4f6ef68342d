"""Deliver an event to an external server, with retries while it is down."""

from __future__ import annotations

import json
import urllib.request

from asok_core import task


@task(retries=5, backoff=2)
def deliver(url: str, event: dict[str, str]) -> int:
    body = json.dumps(event).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as reply:
        return int(reply.status)
