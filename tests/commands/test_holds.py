"""What the commands on holds show before they change anything."""

from __future__ import annotations

from collections.abc import Callable

from asok_core.inspection.holds import Hold
from asok_core.jobs.envelope import seal
from tests.fixtures.bench import KEYRING, Bench
from tests.fixtures.command_line import Ran

Asok = Callable[..., Ran]


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
