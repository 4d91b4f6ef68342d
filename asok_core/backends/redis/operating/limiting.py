"""Limits: set and reset by scripts, each with its audit entry and event."""

from __future__ import annotations

from asok_core.backends.redis.audit import Operation
from asok_core.backends.redis.calls.limit_operations import ResetLimit, SetLimit
from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.constants import LIMITS_FULL
from asok_core.backends.roles import OperationResult
from asok_core.errors import UsageError
from asok_core.inspection.holds import cleaned_reason
from asok_core.inspection.limits import (
    LimitRule,
    limit_problem,
    limit_rule_of,
    limit_text,
    subject_of,
)

CHANGED = 1
"""The reply of a script that has done it."""
NONE_SET = "no operator has set a limit on {}; asok limit list shows those there are"


def set_limit(connection: Connection, operation: Operation, rule: LimitRule) -> OperationResult:
    """Set a limit, or replace the one that an operator has set. Raises UsageError."""
    if problem := limit_problem(rule):
        raise UsageError(problem)
    if not rule.limit.text:
        raise UsageError("the limit bounds neither how many jobs run at once nor how many start")
    rule = rule._replace(reason=cleaned_reason(rule.reason))
    reply = connection.run(
        SetLimit(
            **operation.arguments(),
            identity=rule.identity,
            rule=limit_text(rule),
            words=rule.words,
            limit=rule.limit.text,
            reason=rule.reason,
        )
    )
    if reply.state != CHANGED:
        return OperationResult("set limit", 0, refused={LIMITS_FULL: 1}, operation=operation.id)
    return OperationResult(
        "set limit",
        1,
        operation=operation.id,
        generation=reply.generation,
        limit=limit_rule_of(rule.identity, reply.rule),
        former_limit=_former(rule, reply.former),
    )


def reset_limit(connection: Connection, operation: Operation, rule: LimitRule) -> OperationResult:
    """Remove the limit that an operator has set on what ``rule`` is about. Raises UsageError for none."""
    if problem := limit_problem(rule):
        raise UsageError(problem)
    reply = connection.run(
        ResetLimit(**operation.arguments(), identity=rule.identity, words=rule.words)
    )
    if reply.state != CHANGED:
        raise UsageError(NONE_SET.format(rule.words))
    return OperationResult(
        "reset limit",
        1,
        operation=operation.id,
        generation=reply.generation,
        former_limit=_former(rule, reply.former),
    )


def _former(rule: LimitRule, value: bytes) -> LimitRule | None:
    """The rule that there was before; without a limit where this release cannot read it."""
    return (limit_rule_of(rule.identity, value) or subject_of(rule.identity)) if value else None
