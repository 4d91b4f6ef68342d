"""What the commands on limits change and show. What workers keep of limits is planted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.holds import end_holds, read_holds
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.roles import Reader
from asok_core.inspection.holds import CUT_OFF
from asok_core.inspection.limits import LIMIT_FIELD, MOST_LIMITS, LimitRule, limit_text
from asok_core.jobs.envelope import seal
from asok_core.jobs.limits import Limit
from asok_core.operations.enforcement import Enforcement, wait_until_limited
from tests.fixtures.bench import KEYRING, Bench
from tests.fixtures.command_line import Ran
from tests.fixtures.limits import plant_bucket

Asok = Callable[..., Ran]
CHARGE = ("--task", "shop.charge")
PLANTED = pytest.mark.keeps_keys("asok:limit.*", "asok:held.*")
KEYED = "task:shop.charge by kwargs.account_id"


def test_a_limit_is_set_replaced_and_reset_and_each_is_audited(
    asok: Asok, bench: Bench, redis_url: str
) -> None:
    ran = asok("limit", "set", *CHARGE, "at most 4 at once", "--reason", "bank\nslow", "--yes")
    assert ran.code == 0, ran
    assert ran.out == "Limited task shop.charge to 4 at once\n"
    assert "in force: no worker runs" in ran.err
    with closing(Registry(Endpoint(redis_url), bench.keys)) as registry:
        registry.heartbeat("w1", ("high",), {"holds": 1})
        generation = bench.client.hget(bench.keys.holds, "generation")
        registry.heartbeat("w2", ("high",), {"holds": generation})
    one_of_two = asok("limit", "list", *CHARGE, "--json").document["limits"][0]["in_force"]
    assert (one_of_two["confirmed_by"], one_of_two["not_confirmed_by"]) == (["w2"], ["w1"])
    bench.client.delete(bench.keys.workers)
    again = asok("limit", "set", *CHARGE, "5/second,", "burst", "20", "--yes", "--json")
    assert again.code == 0, again
    assert again.document["limit"]["limit"] == "5/second, burst 20"
    assert (again.document["replaced"]["limit"], again.document["replaced"]["reason"]) == (
        "4 at once",
        "bank slow",
    )
    worded = asok("limit", "set", *CHARGE, "1/minute", "--yes").out
    assert worded.startswith(
        "Limited task shop.charge to 1/minute (before: 5/second, burst 20, set by "
    )
    (listed,) = asok("limit", "list", "--json").document["limits"]
    assert (listed["task"], listed["limit"], listed["source"]) == (
        "shop.charge", "1/minute", "operator",
    )  # fmt: skip
    preview = asok("limit", "reset", *CHARGE, "--dry-run").out
    assert preview.startswith(
        "Would remove the set limit of task shop.charge\n  Now     1/minute, set"
    )
    ran = asok("limit", "reset", *CHARGE, "--yes")
    assert (ran.code, ran.out.startswith("Removed the set limit of task shop.charge (before: ")) == (
        0, True,
    )  # fmt: skip
    none = asok("limit", "reset", *CHARGE, "--yes")
    assert (none.code, "no operator has set a limit on task shop.charge" in none.err) == (2, True)
    assert asok("limit", "list").err == "no limits\n"
    audit = asok("audit", "--json").document["actions"]
    assert [(each["action"], each["applied"]) for each in audit] == [
        ("reset limit", 0),
        ("reset limit", 1),
        *(("set limit", 1),) * 3,
    ]
    assert "task shop.charge: 4 at once" in str(audit[-1])
    events = asok("events", "--json").document["events"]
    kinds = [each["kind"] for each in events if each["kind"].startswith("limit")]
    assert kinds == [*("limit_set",) * 3, "limit_reset"]
    lines = asok("events").out
    assert "limit of task shop.charge set to 4 at once by " in lines
    assert "limit of task shop.charge reset (before: 1/minute) by " in lines
    with closing(Registry(Endpoint(redis_url), bench.keys)) as registry:
        for seconds, left in ((0, [b"generation"]), (CUT_OFF, [])):
            holds = read_holds(registry.connection, bench.keys)
            end_holds(registry.connection, bench.keys, holds, registry.now() + seconds)
            assert bench.client.hkeys(bench.keys.holds) == left, "until all have read it"


@PLANTED
def test_a_limit_is_no_hold_and_a_bucket_neither(asok: Asok, bench: Bench) -> None:
    assert asok("limit", "set", "--queue", "high", "4 at once", "--yes").code == 0
    bench.client.hset(bench.keys.holds, f"{LIMIT_FIELD}queue:late", '{"form": 2}')
    waiting = seal(bench.job(queue="high"), KEYRING)
    bucket = plant_bucket(bench.client, "queue:high", waiting=[waiting], queue="high")
    empty = asok("hold", "list")
    assert (empty.code, empty.err) == (0, "no holds\n")
    assert asok("hold", "release", "--all", "--yes").out == "no holds: 0 jobs released\n"
    for name in (bucket, f"{LIMIT_FIELD}queue:high"):
        for verb in (("release", "--yes"), ("remove",)):
            assert asok("hold", *verb, name).code == 2
        with pytest.raises(Exception, match="there is no hold"):
            bench.operator.release_hold(name)
        with pytest.raises(Exception, match="there is no hold"):
            bench.operator.remove_hold(name)
    assert bench.client.llen(bench.keys.held(bucket, "high")) == 1
    listed = asok("limit", "list")
    assert "not known" in listed.out, "a rule of a later release"
    assert asok("limit", "reset", "--queue", "late", "--yes").code == 0, "it can be removed"
    status = asok("worker", "status", "--json").document
    assert (status["held"], status["limited"], status["holds"]) == (0, 1, [])
    assert "1 limited" in asok("queue", "list").out
    assert "1 held" in asok("job", "list").err
    (row,) = asok("job", "list", "--state", "held", "--json").document["jobs"]
    shown = asok("explain", row["id"])
    assert "it waits for limit 4 at once of queue 'high'" in shown.out
    assert "asok limit list --queue high" in shown.out
    assert "1 job of queue 'high' wait" in asok("explain", "--queue", "high").out
    assert asok("job", "cancel", row["id"], "--yes").code == 0


@PLANTED
def test_a_list_shows_the_use_of_limits_and_the_busiest_values(
    asok: Asok, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = bench.client.time()[0]
    jobs = [
        seal(bench.job(function="charge", kwargs={"account_id": 17}), KEYRING) for _ in range(3)
    ]
    plant_bucket(bench.client, KEYED, "17", declared="2 at once", running=["a", "b"], waiting=jobs)
    plant_bucket(bench.client, KEYED, "18", declared="2 at once", running=["c"])
    plant_bucket(bench.client, KEYED, '"x"', declared="2 at once")
    plant_bucket(bench.client, "queue:high", declared="1/minute", free_at=now + 59)
    first, second = asok("limit", "list", "--json", "--values", "1").document["limits"]
    assert (first["queue"], first["limit"], first["source"]) == ("high", "1/minute", "code")
    assert (first["values"], first["busiest"], first["waits_for_an_end"]) == (None, [], False)
    assert (second["key"], second["running"], second["waiting"], second["values"]) == (
        "kwargs.account_id", 3, 3, 2,
    )  # fmt: skip
    assert [(each["value"], each["running"], each["waiting"]) for each in second["busiest"]] == [
        ("17", 2, 3)
    ]
    assert second["waits_for_an_end"]
    page = asok("limit", "list", "--values", "1").out
    assert page.split("\n")[0].split() == [
        "OF", "LIMIT", "RUNNING", "WAITING", "NEXT", "START", "VALUES", "SET", "BY",
    ]  # fmt: skip
    assert "task shop.charge by account_id  2 at once" in page
    assert "account_id = 17: 2/2 running, 3 waiting, next when one ends" in page
    assert "1 other value with work" in page
    assert "in 5" in page
    assert asok("limit", "set", *CHARGE, "--key", "account_id", "9 at once", "--yes").code == 0
    (over,) = asok("limit", "list", *CHARGE, "--json").document["limits"]
    assert (over["limit"], over["declared"], over["source"]) == (
        "9 at once", "2 at once", "operator",
    )  # fmt: skip
    row = asok("job", "list", "--state", "held", "--json").document["jobs"][0]
    words = "it waits for limit 9 at once of task shop.charge by account_id = 17"
    assert words in asok("explain", row["id"]).out
    monkeypatch.setenv("ASOK_REDACT", "account_*")
    _, hidden = asok("limit", "list", "--json").document["limits"]
    assert [each["value"] for each in hidden["busiest"]] == ['"[redacted]"'] * 2
    assert 'account_id = "[redacted]"' in asok("explain", row["id"]).out


def test_what_is_no_limit_is_refused(asok: Asok, bench: Bench) -> None:
    for words, problem in (
        ((*CHARGE, "4 at onec"), "did you mean 4 at once?"),
        (("4 at once",), "must name either a task or a queue"),
        (("--task", "charge", "4 at once"), "must be module.function"),
        (("--queue", "high", "--key", "x", "4 at once"), "must be that of a task"),
        ((*CHARGE, "--key", "a b", "4 at once"), "--key 'a b' is not an argument"),
    ):
        refused = asok("limit", "set", *words, "--yes")
        assert (refused.code, problem in refused.err) == (2, True), refused
    assert "not interactive; pass --yes" in asok("limit", "set", *CHARGE, "4 at once").err
    preview = asok("limit", "set", *CHARGE, "4 at once", "--dry-run")
    assert preview.out.startswith(
        "Would limit task shop.charge to 4 at once\n  Now     no limit is"
    )
    assert not bench.client.exists(bench.keys.holds)
    for number in range(MOST_LIMITS):
        rule = LimitRule(queue=f"q{number}", limit=Limit(1))
        bench.client.hset(bench.keys.holds, f"{LIMIT_FIELD}{rule.identity}", limit_text(rule))
    full = asok("limit", "set", "--queue", "late", "4 at once", "--yes")
    assert (full.code, "operators have set 100 limits" in full.out) == (1, True)
    assert asok("limit", "set", "--queue", "q1", "4 at once", "--yes").code == 0, "one is replaced"
    assert asok("hold", "add", *CHARGE).code == 0, "limits do not count as holds"


def test_operators_who_set_a_limit_at_once_both_see_that(
    asok: Asok, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replace_and_wait(reader: Reader, rule: LimitRule, generation: int) -> Enforcement:
        bench.operator.set_limit(rule._replace(limit=Limit(9)))
        return wait_until_limited(reader, rule, generation)

    monkeypatch.setattr("asok_console.commands.limit.set.wait_until_limited", replace_and_wait)
    ran = asok("limit", "set", *CHARGE, "4 at once", "--yes")
    assert (ran.code, "not in force: it has been replaced since by 9 at once, set by" in ran.err) == (
        1, True,
    )  # fmt: skip

    def reset_and_wait(reader: Reader, rule: LimitRule, generation: int) -> Enforcement:
        bench.operator.reset_limit(rule)
        return wait_until_limited(reader, rule, generation)

    monkeypatch.setattr("asok_console.commands.limit.set.wait_until_limited", reset_and_wait)
    assert "it has been reset since" in asok("limit", "set", *CHARGE, "4 at once", "--yes").err
