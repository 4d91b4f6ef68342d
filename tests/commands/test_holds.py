"""What the commands on holds show before they change anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import pytest

from asok_console.commands.support.chosen_holds import chosen_holds
from asok_console.commands.support.progress import ProgressMeter
from asok_console.presentation.holds import held_document, state_of
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.roles import Progress, Reader
from asok_core.inspection.holds import Hold, HoldState
from asok_core.inspection.snapshot import ServerInfo, Snapshot
from asok_core.inspection.workers import WorkerInfo
from asok_core.jobs.envelope import seal
from asok_core.operations.enforcement import Enforcement, wait_until_enforced
from tests.backends.redis.reading.test_tasks import Tasks
from tests.fixtures.bench import KEYRING, Bench
from tests.fixtures.command_line import Ran

Asok = Callable[..., Ran]
NOW = 1_700_000_000.0


def test_a_list_states_where_holds_are_in_force_and_which_are_not_known(
    asok: Asok, bench: Bench, redis_url: str
) -> None:
    """A rule of a later release, and all of them for a user who may not read them, are not ended."""
    made = bench.operator.add_hold(Hold("", task="shop.mail"))
    assert made.hold is not None
    with closing(Registry(Endpoint(redis_url), bench.keys)) as registry:
        registry.heartbeat("w1", ("high",), {"holds": made.generation})
        registry.heartbeat("w2", ("high",), {"holds": made.generation - 1})
        # As a later release may write it: not an earlier one.
        registry.heartbeat("w3", ("high",), {"holds": f"{made.generation}-x", "version": "9"})
    listed = asok("hold", "list")
    assert "1 of 3" in listed.out
    assert listed.out.split("\n")[0].split("  ")[0] == "HOLD"
    assert "not confirmed by w2, w3" in listed.err
    bench.client.hset(bench.keys.holds, "later", '{"form": 2, "task": "shop.mail"}')
    bench.client.lpush(bench.keys.held("later", "high"), seal(bench.job(queue="high"), KEYRING))
    bench.client.sadd(bench.keys.held_lists, "later:high")
    first, second = sorted(
        asok("hold", "list", "--json").document["holds"], key=lambda each: each["state"]
    )
    assert (first["state"], first["in_force"]["confirmed_by"]) == ("current", ["w1"])
    assert (second["id"], second["state"], second["in_force"]) == ("later", "not known", None)
    bench.client.hdel(bench.keys.holds, "later")
    bench.client.delete(bench.keys.held("later", "high"))
    late = bench.operator.add_hold(Hold("", task="shop.late"))
    over = bench.operator.add_hold(Hold("", task="shop.over"), lasts=0.001).hold
    assert late.hold is not None
    assert over is not None
    removed = bench.operator.add_hold(Hold("", task="shop.removed")).hold
    assert removed is not None
    bench.operator.remove_hold(removed.id)
    shown = asok("hold", "list", "--json").document["holds"]
    confirmed = {
        each["id"]: each["in_force"] and each["in_force"]["confirmed_by"] for each in shown
    }
    assert confirmed == {made.hold.id: ["w1"], late.hold.id: [], over.id: None}, (
        "a later change of the rules takes nothing back, and what is over is in force nowhere"
    )
    assert [asok("hold", "list").out.count(each) for each in ("1 of 3", "0 of 3")] == [1, 1]
    bench.operator.release_hold(over.id, rate=None)
    bench.operator.release_hold(late.hold.id, rate=None)
    bench.client.hset(bench.keys.holds, "later", '{"form": 2, "task": "shop.mail"}')
    bench.client.lpush(bench.keys.held("later", "high"), seal(bench.job(queue="high"), KEYRING))
    every = asok("hold", "release", "--all", "--dry-run")
    assert f"hold {made.hold.id}" in every.out
    assert "later" not in every.out
    assert "cannot read: later" in every.err
    user = redis_url.replace("://", "://viewer:x@", 1)
    bench.client.acl_setuser("viewer", enabled=True, reset=True, passwords=["+x"], keys=["*"],
        channels=["*"], commands=["+@all", "-hscan"])  # fmt: skip
    refused = asok("hold", "release", "--all", "--yes", "--url", user)
    assert refused.code == 2
    assert "holds cannot be read" in refused.err
    hidden = asok("hold", "list", "--json", "--url", user).document
    assert "no right" in hidden["problem"]
    assert [each["state"] for each in hidden["holds"]] == ["not known"]
    bench.client.acl_deluser("viewer")


def test_a_field_without_a_rule_can_be_removed(asok: Asok, bench: Bench) -> None:
    """While it is there, no worker confirms a hold."""
    bench.client.hset(bench.keys.holds, "written by hand", "?")
    assert "written by hand" in asok("hold", "list").out
    assert asok("hold", "remove", "written by hand").code == 0
    assert not bench.client.exists(bench.keys.holds)


def test_a_dry_run_shows_which_holds_would_be_removed_and_removes_none(
    asok: Asok, bench: Bench
) -> None:
    keeps, empty = (
        made.hold.id
        for task in ("shop.mail", "shop.other")
        if (made := bench.operator.add_hold(Hold("", task=task))).hold
    )
    bench.client.lpush(bench.keys.held(keeps, "high"), seal(bench.job(queue="high"), KEYRING))
    bench.client.sadd(bench.keys.held_lists, f"{keeps}:high")
    before = bench.client.hgetall(bench.keys.holds)
    named = asok("hold", "remove", keeps, empty, "--dry-run")
    assert (named.code, named.out) == (
        0,
        f"Hold {keeps} is unchanged (it keeps jobs; release it)\nWould remove hold {empty}\n",
    )
    assert asok("hold", "remove", "--all", "--dry-run").out == f"Would remove hold {empty}\n"
    assert asok("hold", "remove", keeps, empty, "--dry-run", "--json").document == {
        "version": 1,
        "action": "remove hold",
        "dry_run": True,
        "holds": [empty],
        "refused": {"it keeps jobs; release it": 1},
    }
    assert bench.client.hgetall(bench.keys.holds) == before
    assert asok("hold", "remove", empty).out == f"Removed hold {empty}\n"
    assert asok("hold", "remove", "--all", "--dry-run").out == "no holds without jobs\n"
    assert asok("hold", "remove", keeps, "--json").document["holds"] == []


def test_a_task_that_jobs_do_not_name_so_is_refused_and_one_that_did_not_run_is_stated(
    asok: Asok, bench: Bench, redis_url: str
) -> None:
    Tasks(bench.client, redis_url).count("shop.mail", 3)
    refused = asok("hold", "add", "--task", "mail")
    assert (refused.code, bench.client.exists(bench.keys.holds)) == (2, 0)
    assert "'mail' must be module.function" in refused.err
    words = "no job of task shop.mails ran in the last 24 hours"
    assert words in asok("hold", "add", "--task", "shop.mails").err
    assert "no job of task" not in asok("hold", "add", "--task", "shop.mail").err


def test_what_a_release_waits_for_is_stated_once_where_no_bar_is_drawn(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with ProgressMeter("released") as meter:
        for waits in (
            "",
            "waiting: queue 'a\x1b' is paused",
            "",
            "waiting: queue 'a\x1b' is paused",
        ):
            assert meter(Progress(1000, 2600, 1000, waits=waits))
    assert capsys.readouterr().err == ("1,000 of 2,600 released; waiting: queue 'a␛' is paused\n")


def test_a_list_on_a_replica_states_no_end_as_missed_that_it_may_not_have_yet() -> None:
    """Its clock is compared with no worker's: whether one has returned the jobs is not known there."""
    kept = HoldState("abc", Hold("abc", task="shop.mail", until=NOW), {"mail": 3}, ended=True)
    worker = WorkerInfo("w1", beat_at=NOW, lease_until=NOW + 30, holds=1)
    for role, state in (("master", "jobs left"), ("slave", "ended")):
        snapshot = Snapshot(NOW + 600, ServerInfo("r", role=role), workers=(worker,))
        assert state_of(kept, snapshot) == state
        assert bool(held_document(kept, snapshot)["warning"]) == (role == "master")


def test_a_hold_is_reported_where_it_cannot_be_read_whether_it_is_in_force(
    asok: Asok, bench: Bench, redis_url: str, request: pytest.FixtureRequest
) -> None:
    bench.client.acl_setuser("adder", enabled=True, reset=True, passwords=["+x"], keys=["*"],
        channels=["*"], commands=["+@all", "-zrange"])  # fmt: skip
    request.addfinalizer(lambda: bench.client.acl_deluser("adder"))
    user = redis_url.replace("://", "://adder:x@", 1)
    ran = asok("hold", "add", "--task", "shop.mail", "--url", user)
    assert (ran.code, ran.out.startswith("Added hold ")) == (1, True), ran
    assert "whether it is in force is not known: Redis at " in ran.err
    document = asok("hold", "add", "--task", "shop.mail", "--url", user, "--json").document
    assert document["hold"]["task"] == "shop.mail"
    assert "is not known" in document["problem"]
    assert (document["confirmed_by"], document["not_confirmed_by"]) == (None, None)


def test_a_held_job_that_has_moved_before_its_cancellation_is_named_with_where_it_is(
    asok: Asok, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = bench.operator.add_hold(Hold("", task="shop.mail")).hold
    assert made is not None
    job = bench.job(queue="high")
    bench.client.lpush(bench.keys.held(made.id, "high"), seal(job, KEYRING))
    bench.client.sadd(bench.keys.held_lists, f"{made.id}:high")
    hold = made.id

    class SlowAnswer:
        """One who takes a while to answer."""

        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            bench.operator.release_hold(hold, rate=None)
            return "yes\n"

    monkeypatch.setattr("sys.stdin", SlowAnswer())
    ran = asok("job", "cancel", job.id)
    assert (ran.code, ran.out) == (1, "Cancelled 0 jobs (1 skipped: no longer there)\n")
    assert f"asok: job {job.id} is pending now" in ran.err
    # What was cancelled is reported where the list of another job fails.
    kept = bench.job(queue="low")
    lists = bench.keys.held("abc", "low")
    bench.client.lpush(lists, seal(kept, KEYRING))
    bench.client.sadd(bench.keys.held_lists, "abc:low")

    class Program(SlowAnswer):
        """One that writes to the key of the list."""

        def readline(self) -> str:
            bench.client.set(lists, "?")
            return "yes\n"

    monkeypatch.setattr("sys.stdin", Program())
    ran = asok("job", "cancel", job.id, kept.id)
    assert (ran.code != 0, ran.out) == (True, "Cancelled 1 job\n"), ran


def test_what_was_released_is_reported_where_the_next_hold_fails(
    asok: Asok, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (
        made.hold.id
        for task in ("shop.mail", "shop.other")
        if (made := bench.operator.add_hold(Hold("", task=task))).hold
    )
    for hold in (first, second):
        bench.client.lpush(bench.keys.held(hold, "high"), seal(bench.job(queue="high"), KEYRING))
        bench.client.sadd(bench.keys.held_lists, f"{hold}:high")

    class LateAnswer:
        """One who answers after another has released the second."""

        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            if bench.client.hexists(bench.keys.holds, second):
                bench.operator.release_hold(second, rate=None)
            return "yes\n"

    monkeypatch.setattr("sys.stdin", LateAnswer())
    ran = asok("hold", "release", first, second, "--json")
    assert (ran.code, ran.document["applied"], ran.document["holds"]) == (2, 1, [first])
    assert f"there is no hold '{second}'" in ran.err


@pytest.mark.parametrize("verb", ["release", "remove"])
def test_a_hold_of_all_that_another_has_ended_since_does_not_keep_the_others(
    asok: Asok, bench: Bench, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    first, second = (
        made.hold.id
        for task in ("shop.mail", "shop.other")
        if (made := bench.operator.add_hold(Hold("", task=task))).hold
    )
    choose = chosen_holds

    def choose_before_another(*given: Any) -> Sequence[HoldState]:
        chosen = choose(*given)
        bench.operator.release_hold(first, rate=None)
        return chosen

    monkeypatch.setattr(f"asok_console.commands.hold.{verb}.chosen_holds", choose_before_another)
    confirmed = ("--yes",) if verb == "release" else ()
    ran = asok("hold", verb, "--all", "--json", *confirmed)
    assert (ran.code, ran.document["holds"]) == (0, [second])
    assert f"there is no hold '{first}'" in ran.err
    assert not bench.client.exists(bench.keys.holds)


def test_the_id_of_a_hold_is_reported_where_the_wait_for_workers_is_interrupted(
    asok: Asok, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> Enforcement:
        raise KeyboardInterrupt

    monkeypatch.setattr("asok_console.commands.hold.add.wait_until_enforced", interrupt)
    ran = asok("hold", "add", "--task", "shop.mail", "--json")
    assert (ran.code, ran.document["hold"]["task"]) == (130, "shop.mail")
    assert ran.document["confirmed_by"] is None
    assert "the wait was interrupted" in ran.document["problem"]


def test_a_hold_that_has_ended_while_workers_confirm_it_is_not_stated_to_be_in_force(
    asok: Asok, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As workers have read the holds after it: they confirm a later generation."""
    ran = asok("hold", "add", "--task", "shop.mail", "--for", "0.001s")
    assert (ran.code, ran.out.startswith("Added hold ")) == (1, True), ran
    assert "not in force: the hold is no longer there, or its end has come" in ran.err

    def release_and_wait(reader: Reader, hold: str, generation: int) -> Enforcement:
        bench.operator.release_hold(hold, rate=None)
        return wait_until_enforced(reader, hold, generation)

    monkeypatch.setattr("asok_console.commands.hold.add.wait_until_enforced", release_and_wait)
    ran = asok("hold", "add", "--task", "shop.mail", "--json")
    assert (ran.code, ran.document["confirmed_by"]) == (1, None)
    assert "no longer there" in ran.document["problem"]


def test_a_dry_run_refuses_the_ends_that_are_refused_without_it(asok: Asok) -> None:
    add = ("hold", "add", "--task", "shop.mail", "--dry-run")
    assert [
        asok(*add, *end).code
        for end in (("--for", "soon"), ("--until", "soon"), ("--for", "1h", "--until", "2h"))
    ] == [2, 2, 2]
    assert asok(*add, "--until", "2h").code == 0
