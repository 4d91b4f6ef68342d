"""Limits of operators as Redis has them, and what is read of their buckets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from asok_core.inspection.argument_paths import parse
from asok_core.inspection.holds import holds_of
from asok_core.inspection.limits import (
    LIMIT_FIELD,
    LimitBucket,
    LimitRule,
    Limits,
    bucket_with,
    limit_problem,
    limit_rule_of,
    limit_text,
    states_of,
    subject_of,
)
from asok_core.jobs.limits import Limit, bucket_of, parse_limit

NOW = 1_700_000_000.0
PATH = parse("kwargs.account_id")
RULE = LimitRule("shop.charge", key=PATH, limit=Limit(4), reason="bank down")
MADE = {"by": "ann@web1", "at": NOW, "operation": "op", "generation": 7}
KEYED = "task:shop.charge by kwargs.account_id"


def text(**fields: Any) -> bytes:
    return json.dumps({**json.loads(limit_text(RULE)), **MADE, **fields}).encode()


def test_a_rule_is_read_as_it_was_written() -> None:
    assert RULE.identity == KEYED
    assert RULE.words == "task shop.charge by account_id"
    found = limit_rule_of(KEYED, text())
    assert found == RULE._replace(by="ann@web1", at=NOW, operation="op", generation=7)
    assert found is not None
    assert found.made == "set by ann@web1: bank down"
    assert LimitRule(queue="mail").words == "queue 'mail'"


@pytest.mark.parametrize("odd", [{"form": 2}, {"limit": "no"}, {"limit": 4}])
def test_a_rule_of_another_form_is_not_read(odd: dict[str, Any]) -> None:
    assert limit_rule_of(KEYED, text(**odd)) is None
    assert limit_rule_of("task", text()) is None
    assert limit_rule_of(KEYED, b"x" * 9_000) is None


def test_a_limit_in_the_hash_of_holds_is_no_hold() -> None:
    hold = b'{"form": 1, "task": "shop.mail", "conditions": []}'
    found = holds_of(
        [
            ("generation", b"9"),
            ("4f2a1c", hold),
            (f"{LIMIT_FIELD}{KEYED}", text()),
            (f"{LIMIT_FIELD}queue:mail", text(form=2)),
        ]
    )
    assert [each.id for each in found.holds] == ["4f2a1c"]
    assert [each.identity for each in found.limits] == [KEYED]
    assert found.unread == found.unread_limits == ("limit:queue:mail",)
    assert not found.unread_holds
    assert holds_of([("generation", b"9")]).is_empty
    assert not holds_of([(f"{LIMIT_FIELD}queue:mail", text())]).is_empty


@pytest.mark.parametrize(
    "identity", ["", "queue:", "task:", "x:y", "task:a.b by x", "task:a.b by "]
)
def test_another_text_is_no_identity(identity: str) -> None:
    assert subject_of(identity) is None


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (LimitRule(), "either a task or a queue"),
        (LimitRule("a.b", "mail"), "either a task or a queue"),
        (LimitRule(queue="mail", key=PATH), "must be that of a task"),
        (LimitRule("charge"), "must be module.function"),
        (LimitRule("a.b by c"), "must be module.function"),
        (LimitRule(queue="\ud800"), "is not UTF-8"),
        (LimitRule(queue="x" * 2_000), "longer than 1,024 bytes"),
        (RULE, ""),
    ],
)
def test_what_a_limit_cannot_be_about_is_refused(rule: LimitRule, problem: str) -> None:
    assert problem in limit_problem(rule)
    assert bool(problem) is bool(limit_problem(rule))


def bucket(value: str = "17", **more: Any) -> LimitBucket:
    found = LimitBucket(bucket_of(KEYED, value), KEYED, value, "2 at once", **more)
    fields = [found.identity.encode(), value.encode(), b"2 at once", None]
    read = bucket_with(found.id, fields, running=found.running, queues=found.queues)
    assert read._replace(free_at=found.free_at, returned=found.returned) == found
    return found


def test_a_bucket_is_named_by_its_limit_and_its_value() -> None:
    one = bucket()
    assert one.words(()) == "limit 2 at once of task shop.charge by account_id = 17"
    assert one.words([RULE]) == "limit 4 at once of task shop.charge by account_id = 17"
    gone = one._replace(declared="")
    assert gone.words(()) == "a limit that has ended of task shop.charge by account_id = 17"
    assert bucket(f'"{"x" * 99}"').words(()).endswith("x…")
    other = bucket_with(one.id, [b"\xff", b"18", b"2 at once", b"1"])
    assert other == LimitBucket(one.id)
    assert other.words(()) == f"limit {one.id}, of which nothing else is known"


def test_the_next_start_waits_for_the_rate_and_for_those_that_run() -> None:
    rate = parse_limit("1/minute")
    assert bucket(running=1).starts_at(Limit(2), NOW) == NOW
    assert bucket(running=1, returned=1).starts_at(Limit(2), NOW) == NOW, "the returned one"
    assert bucket(running=2).starts_at(Limit(2), NOW) is None
    assert bucket(free_at=NOW + 5).starts_at(rate, NOW) == NOW + 5
    assert bucket(free_at=NOW - 5).starts_at(rate, NOW) == NOW
    assert bucket(free_at=NOW + 5).starts_at(Limit(2), NOW) == NOW, "it was of a former rate"
    assert bucket(free_at=NOW + 5).starts_at(None, NOW) == NOW


def test_buckets_are_shown_under_their_limit_the_busiest_first() -> None:
    buckets = (
        bucket("1", running=2),
        bucket("2", running=1, queues={"default": 3, "mail": 1}),
        bucket("3", queues={"mail": 9}),
        LimitBucket("limit-0"),
    )
    unread = (f"{LIMIT_FIELD}queue:mail",)
    mail, charge = states_of(Limits((RULE,), buckets, 4, unread))
    assert (mail.subject.queue, mail.is_known, mail.limit) == ("mail", False, None)
    assert [each.value for each in charge.buckets] == ["3", "2", "1"]
    assert (charge.running, charge.waiting, charge.declared) == (3, 13, "2 at once")
    assert charge.queues == {"default": 3, "mail": 10}
    assert charge.limit == Limit(4)
    assert states_of(Limits((), (bucket("1", running=None), *buckets), 5))[0].running is None
    (declared,) = states_of(Limits((), buckets, 4))
    assert declared.limit == Limit(2)
