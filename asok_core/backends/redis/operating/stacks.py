"""A question to a worker: what a running job does now."""

from __future__ import annotations

import json
import secrets
import time

from asok_core.backends.redis.calls.operations import AskStack
from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.keys import Keys, worker_of
from asok_core.backends.redis.parsing import raw as name_bytes
from asok_core.inspection.stacks import JobStack, decode_answer

LOOK = 0.05
"""Seconds between two checks for the answer."""


def ask_stack(
    connection: Connection,
    keys: Keys,
    job_id: str,
    process: str,
    *,
    samples: int,
    patience: float,
) -> JobStack | None:
    """Ask the worker of ``process`` for stacks of a job, and wait. None: no answer in time.

    Raises Unreachable or Refused.
    """
    token = secrets.token_hex(16)
    until = time.monotonic() + patience
    connection.run(
        AskStack(
            ns=keys.namespace,
            worker=name_bytes(worker_of(process)),
            request=json.dumps([token, job_id, samples]),
        )
    )
    while True:
        answer = connection.call("GET", keys.stack(token))
        if isinstance(answer, bytes):
            return decode_answer(answer, job_id)
        if time.monotonic() >= until:
            return None
        time.sleep(LOOK)
