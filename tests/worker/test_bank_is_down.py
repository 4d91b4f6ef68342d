"""The bank is down: what an operator holds, limits and pauses runs as often as it should, and in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from asok_core.backends.redis.keys import Keys
from tests.fixtures.command_line import Ran
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import wait_until

KEYS = Keys()
TASK = "tests.worker.jobs.charge"
HELD, OTHER = 7, 8
"""Merchants."""


def test_each_charge_is_made_once_and_in_order(
    asok: Callable[..., Ran], desk: Desk, run_worker: RunWorker
) -> None:
    def run(*words: str) -> str:
        ran = asok(*words)
        assert ran.code == 0, ran
        return ran.out

    def charged() -> list[tuple[int, int, float]]:
        lines = [line.split()[1:] for line in desk.journal() if line.startswith("charged")]
        return [(int(merchant), int(order), float(at)) for merchant, order, at in lines]

    run_worker("--queues", "default,reports", "--concurrency", "1")
    desk.idle()
    desk.release("down")
    failed = [desk.enqueue("charge", each, 0) for each in (HELD, OTHER)]
    for job in failed:
        desk.reaches(job, "failed")

    run("hold", "add", "--task", TASK, "--arg", f"0={HELD}", "--reason", "bank down")
    run("limit", "set", "--queue", "default", "5/second, burst 1", "--reason", "bank down", "--yes")
    run("queue", "pause", "reports", "--for", "30m", "--reason", "bank down")
    (desk.folder / "down").unlink()
    report = desk.enqueue("note", "report", queue="reports")
    held = [desk.enqueue("charge", HELD, order) for order in range(1, 5)]
    others = [desk.enqueue("charge", OTHER, order) for order in range(1, 5)]
    run("dlq", "requeue", "--filter", f"arg:args[0]={OTHER}", "--canary", "1", "--yes")
    for job in (failed[1], *others):
        desk.reaches(job, "completed")
    for job in held:
        desk.reaches(job, "held")
    assert {merchant for merchant, *_ in charged()} == {OTHER}
    assert "report" not in desk.journal()

    (shown,) = asok("hold", "list", "--json").document["holds"]
    run("hold", "release", shown["id"], "--yes")
    run("dlq", "requeue", "--all", "--yes")
    for job in (*held, failed[0]):
        desk.reaches(job, "completed")
    run("queue", "resume", "reports")
    desk.reaches(report, "completed")
    run("limit", "reset", "--queue", "default", "--yes")

    found = charged()
    assert Counter((merchant, order) for merchant, order, _ in found) == Counter(
        (merchant, order) for merchant in (HELD, OTHER) for order in range(5)
    ), "each once"
    orders = {
        each: [order for merchant, order, _ in found if merchant == each] for each in (HELD, OTHER)
    }
    assert orders[HELD] == [1, 2, 3, 4, 0], "the dead one came last"
    assert [order for order in orders[OTHER] if order] == [1, 2, 3, 4]
    starts = [at for *_, at in found]
    # At most five in a second, and one more at its beginning.
    assert all(sum(begin <= at < begin + 1 for at in starts) <= 6 for begin in starts)
    wait_until(lambda: not desk.client.exists(KEYS.limits), "the end of the limit")
