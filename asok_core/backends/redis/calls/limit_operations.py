"""Calls of operators about limits. They write the audit."""

from __future__ import annotations

from typing import NamedTuple

from asok_core.backends.redis.calls.call import script_call
from asok_core.backends.redis.calls.operations import AuditedCall


class LimitReply(NamedTuple):
    """What became of a limit. ``state``: 1 it has changed; else why not, and there is no other field.

    ``former``: the rule that there was before, '' for none.
    """

    state: int
    generation: int
    rule: bytes
    former: bytes


@script_call
class SetLimit(AuditedCall[LimitReply]):
    """Set a limit. ``words``, ``limit`` and ``reason`` are for its event."""

    identity: str
    rule: str
    words: str
    limit: str
    reason: str


@script_call
class ResetLimit(AuditedCall[LimitReply]):
    """Remove a limit of an operator. ``words`` are for its event."""

    identity: str
    words: str
