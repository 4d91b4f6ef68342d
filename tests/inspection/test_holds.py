"""Which jobs a hold matches, and how its rule is written and read."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok_core.errors import UsageError
from asok_core.inspection.argument_paths import parse
from asok_core.inspection.hold_conditions import (
    Condition,
    parse_condition,
    parse_conditions,
    typed_conditions,
)
from asok_core.inspection.hold_index import HoldIndex
from asok_core.inspection.hold_warnings import WARNED_AFTER, hold_warnings, warning
from asok_core.inspection.holds import (
    CUT_OFF,
    Hold,
    HoldState,
    hold_of,
    problem_of,
    rule_text,
)
from asok_core.inspection.snapshot import ServerInfo, Snapshot
from asok_core.inspection.workers import WorkerInfo
from asok_core.jobs.job import Job
from asok_core.operations.enforcement import enforcement

NOW = 1_700_000_000.0
JOB = Job("j", "shop", "charge", (7, {"customer": 9}), {"account": {"id": 17}, "vip": True}, "mail")


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("0=7", True),
        ("0==7.0", True),
        ('0="7"', False),
        ("0=8", False),
        ("0<8", True),
        ("0>7", False),
        ("0<x", False),
        ("0 in [1, 7]", True),
        ("0 in []", False),
        ("1.customer=9", True),
        ("args[1].customer in [9]", True),
        ("account.id=17", True),
        ("kwargs.account.id>16", True),
        ("account.name=x", False),
        ("account=17", False),
        ("vip=true", True),
        ("vip=1", False),
        ("vip>0", False),
        ("2=7", False),
    ],
)
def test_a_condition_is_about_the_argument_as_it_was_enqueued(text: str, matches: bool) -> None:
    condition = parse_condition(text)
    assert condition.matches(JOB) is matches
    again = hold_of("x", rule_text(Hold("x", conditions=(condition,))).encode())
    assert again is not None
    assert again.conditions == (condition,)
    assert parse_condition(condition.typed) == condition


@pytest.mark.parametrize(
    "text",
    [
        *("", "0", "=7", "0~7", "0 in 7", "0 in [[1]]", "0<null", "0=[1]", "a b=1", "0 into [1]"),
        *("amount>=100", "amount <= 100", "amount=>100", "amount===100", "amount<>100"),
        *("0=NaN", "0=1e999", "0<Infinity", "0 in [1, NaN]"),
    ],
)
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^condition '"):
        parse_condition(text)


@pytest.mark.parametrize(
    "value",
    [
        "x",
        "x y",
        "",
        " x",
        "7",
        "true",
        "null",
        '"',
        "a, b",
        "[x",
        "=x",
        ">",
        "ü",
        "a\nb",
        7,
        0.5,
        None,
        True,
    ],
)
@pytest.mark.parametrize("path", ["args[0]", "args[0].a[1]", "kwargs.args.x", 'kwargs["a, b"]'])
def test_conditions_are_read_back_as_they_are_typed(path: str, value: Any) -> None:
    conditions = (
        Condition(parse(path), "==", value),
        Condition(parse("kwargs.tenant"), "in", [1, "a, b"]),
    )
    assert parse_conditions(typed_conditions(conditions)) == conditions


def test_commas_separate_conditions() -> None:
    read = parse_conditions(' 0=7 , tenant in [1, 2],name="Smith, \\"J\\"", city=Ulm,')
    assert typed_conditions(read) == '0=7, tenant in [1, 2], name="Smith, \\"J\\"", city=Ulm'
    assert parse_conditions("  ") == ()
    for text, missing in (("0=7, tenant in [1, 2", "']'"), ('0="7', "'\"'"), ("0=7, x", "form")):
        with pytest.raises(UsageError, match=missing):
            parse_conditions(text)


@pytest.mark.parametrize(
    ("hold", "matches"),
    [
        (Hold("x", task="shop.charge"), True),
        (Hold("x", task="shop.charge", queue="mail"), True),
        (Hold("x", task="shop.charge", queue="low"), False),
        (Hold("x", task="charge"), False),
        (Hold("x", release="4f2a1c"), True),
        (Hold("x", release="other"), False),
        (Hold("x", queue="mail", until=NOW), False),
        (Hold("x", queue="mail", until=NOW + 1), True),
        (Hold("x", queue="mail", conditions=(parse_condition("0=8"),)), False),
    ],
)
def test_all_parts_of_a_rule_must_match(hold: Hold, matches: bool) -> None:
    assert hold.matches(JOB, "4f2a1c", NOW) is matches
    assert (
        HoldIndex([Hold("y", task="z"), hold]).first_match(JOB, "4f2a1c", NOW) == hold
    ) is matches


RULES = st.builds(
    Hold,
    st.just("x"),
    task=st.sampled_from(["", "shop.charge", "shop.mail"]),
    queue=st.sampled_from(["", "mail", "low"]),
    conditions=st.lists(
        st.sampled_from(["0=7", "0=8", "0>6", "vip=true", "vip=1", "1=7", "account.id in [17]"]),
        max_size=2,
    ).map(lambda texts: tuple(map(parse_condition, texts))),
    at=st.floats(0, 1),
)


@given(st.lists(RULES.filter(lambda rule: rule.words), max_size=6))
def test_an_index_finds_the_oldest_hold_that_matches(holds: list[Hold]) -> None:
    expected = next((each for each in holds if each.matches(JOB, "4f2a1c", NOW)), None)
    assert HoldIndex(holds).first_match(JOB, "4f2a1c", NOW) is expected


def test_a_rule_that_is_not_read_whole_is_none_and_one_without_parts_as_well() -> None:
    good: dict[str, Any] = {"form": 1, "task": "x", "conditions": []}
    assert hold_of("x", b'{"form": 1, "task": "x", "conditions": []}') == Hold("x", task="x")
    for bad in (b"", b"[]", b"{}", b'{"form": 1, "conditions": []}', b'{"form": 2, "task": "x"}'):
        assert hold_of("x", bad) is None
    assert hold_of("x", (b'{"form": 1, "task": "x", "conditions": [["args[0]", "~", 1]]}')) is None
    assert problem_of(Hold(""))
    assert not problem_of(Hold("", task=f"shop.{good['task']}"))
    assert "module.function" in problem_of(Hold("", task=good["task"]))
    assert "10 conditions" in problem_of(Hold("", conditions=(parse_condition("0=1"),) * 11))


def test_a_hold_is_forgotten_once_it_has_kept_jobs_for_a_day() -> None:
    hold = Hold("abc", task="shop.charge", by="ann@web1", at=NOW, reason="bank down")
    kept = HoldState("abc", hold, {"mail": 3})
    assert not warning(kept, NOW + WARNED_AFTER - 1)
    assert not warning(kept._replace(queues={}), NOW + WARNED_AFTER + 1)
    snapshot = Snapshot(NOW + WARNED_AFTER, ServerInfo("r"), holds=(kept,))
    (line,) = hold_warnings(snapshot)
    assert line == "hold abc keeps 3 jobs and was made 1 day ago by ann@web1: bank down"


@pytest.mark.parametrize(
    ("change", "at", "line"),
    [
        ({"released": NOW}, NOW + CUT_OFF - 1, ""),
        (
            {"released": NOW},
            NOW + CUT_OFF,
            "the release of hold abc was cut off 1 minute ago with 3 jobs left: asok hold release abc",
        ),
        (
            {"released": NOW, "rate": 5.0},
            NOW + CUT_OFF,
            (
                "the release of hold abc was cut off 1 minute ago with 3 jobs left:"
                " asok hold release abc --rate 5"
            ),
        ),
        ({"released": NOW, "rate": 0.01}, NOW + CUT_OFF, ""),
        # As where the clock of Redis was set back since.
        (
            {"released": NOW + 3600},
            NOW,
            "the release of hold abc was cut off with 3 jobs left: asok hold release abc",
        ),
        ({}, NOW, "the release of hold abc was stopped with 3 jobs left: asok hold release abc"),
        ({"until": NOW}, NOW + 1, ""),
        (
            {"until": NOW},
            NOW + CUT_OFF,
            "no worker has returned the 3 jobs of hold abc, whose end has passed",
        ),
    ],
)
def test_jobs_of_a_hold_that_has_ended_are_warned_of_until_they_are_returned(
    change: dict[str, Any], at: float, line: str
) -> None:
    hold = Hold("abc", task="shop.charge", at=NOW - 2 * WARNED_AFTER)._replace(**change)
    assert warning(HoldState("abc", hold, {"mail": 3}, ended=True), at) == line


def test_workers_confirm_a_generation_or_a_later_one() -> None:
    lives = partial(WorkerInfo, lease_until=NOW + 20)
    workers = [
        lives("a", holds=5), lives("b", holds=4),
        lives("c", version="0.1"), WorkerInfo("d", holds=4, lease_until=NOW - 1),
    ]  # fmt: skip
    found = enforcement(Snapshot(NOW, ServerInfo("r"), workers=tuple(workers)), 5)
    assert (found.confirmed, found.late, found.unable) == (("a",), ("b",), ("c",))
    assert found.words == (
        "in force on 1 of 3 workers; not confirmed by b; earlier releases ignore it: c"
    )
    assert not found.whole
    # As where the clock of Redis was set back: the former generation is later, and is of other holds.
    former = replace(Snapshot(NOW, ServerInfo("r"), workers=tuple(workers)), holds_generation=4)
    assert enforcement(former, 4).late == ("a",)
    alone = enforcement(Snapshot(NOW, ServerInfo("r")), 5)
    assert alone.whole
    assert alone.words == "in force: no worker runs, and each reads it before it starts a job"
    assert alone.brief == "no worker"


def test_of_workers_that_return_only_what_is_known_is_stated() -> None:
    """An outage ends their leases; what has published nothing yet is not of an earlier release."""
    away = partial(WorkerInfo, lease_until=NOW - 1)
    found = Snapshot(NOW, ServerInfo("r"), workers=(away("a", holds=5), away("b", holds=4)))
    assert (enforcement(found, 5).whole, enforcement(found, 5).brief) == (True, "2 offline")
    words = "in force: 2 workers offline, and each reads it before it starts a job"
    assert enforcement(found, 5).words == words
    old = enforcement(replace(found, workers=(away("c", version="0.1"),)), 5)
    assert (old.whole, old.brief) == (False, "0 of 1")
    assert old.words == "in force on 0 of 1 worker; earlier releases ignore it: c"
    new = enforcement(replace(found, workers=(WorkerInfo("d", lease_until=NOW + 20),)), 5)
    assert new.words == "in force on 0 of 1 worker; not confirmed by d"


def test_a_hold_is_not_confirmed_by_workers_that_were_not_read() -> None:
    snapshot = Snapshot(
        NOW, ServerInfo("r"), workers=(WorkerInfo("a", holds=5, lease_until=NOW + 20),),
        workers_unread="1 of 2",
    )  # fmt: skip
    found = enforcement(snapshot, 5)
    assert not found.whole
    assert found.words == "in force on 1 of 1 worker; not all workers were read: 1 of 2"
    late = (WorkerInfo("a", holds=5, lease_until=NOW + 20, beat_at=NOW - 600),)
    unknown = enforcement(replace(snapshot, server=ServerInfo("r", role="slave"), workers=late), 5)
    assert (unknown.whole, unknown.words) == (
        False,
        "whether it is in force is not known: this Redis does not show which workers run",
    )
