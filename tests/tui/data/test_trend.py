"""What the Overview says of a backlog: nothing that is bad reads well, and no sum hides it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from asok_console.presentation.compact import span
from asok_console.tui.data.trend import OLD, PROOF, WIDEST, TrendKind, total_trend, trend
from asok_console.tui.views.shared.all_queues import total
from asok_console.tui.views.shared.queue_table import COLUMNS, lines_of
from asok_core.inspection.queues import Bucket, QueueStats
from asok_core.inspection.snapshot import ServerInfo, Snapshot
from asok_core.inspection.workers import WorkerInfo
from tests.fixtures.console import Open
from tests.tui import seed
from tests.tui.seed import KEYS

NOW = 1_772_333_820.0


@st.composite
def queues(draw: st.DrawFn) -> QueueStats:
    """A queue in any condition, whose rates are those of its history."""
    figures = st.sampled_from((0, 0, 1, 5, 40, 900))
    start = int(NOW) - 300
    recent = []
    for at in range(draw(st.integers(0, 31))):
        completed, failed = draw(figures), draw(st.sampled_from((0, 0, 0, 2, 40)))
        retried = draw(st.sampled_from((0, failed)))
        recent.append(
            Bucket(start + 10 * at, 10, draw(figures), completed, failed, retried=retried)
        )
    minute = recent[:-1][-6:]
    seconds = 10 * len(minute) or 1
    completed = sum(bucket.completed for bucket in minute)
    failed = sum(bucket.failed for bucket in minute)
    finished = completed + failed
    return QueueStats(
        draw(st.text(max_size=30)),
        pending=draw(st.sampled_from((0, 1, 30, 20_000))),
        active=draw(st.sampled_from((0, 0, 3))),
        oldest_at=draw(st.sampled_from((None, NOW, NOW - 30, NOW - 200, NOW - 2 * OLD))),
        paused=draw(st.booleans()),
        consumers=draw(st.sampled_from((0, 1, 2))),
        enqueued_per_s=sum(bucket.enqueued for bucket in minute) / seconds,
        completed_per_s=completed / seconds,
        failed_per_s=failed / seconds,
        failure_rate=failed / finished if finished else None,
        problem=draw(st.sampled_from(("", "", "", "its key is not a list"))),
        recent=tuple(recent),
    )


@given(queues())
def test_nothing_bad_reads_well(queue: QueueStats) -> None:
    found = trend(queue, NOW)
    minute = queue.recent[:-1][-6:]
    finished = sum(bucket.completed + bucket.failed for bucket in minute)
    assert cell_len(found.words) <= WIDEST
    if found.tone == "good" or "✓" in found.words:
        assert queue.consumers
        assert not queue.paused
        assert not queue.problem
        assert (queue.failure_rate or 0) < 0.05
    if found.tone == "good":
        assert queue.pending
        assert finished
        assert found.certain
        assert queue.oldest_at is None or NOW - queue.oldest_at < OLD
        gone = sum(b.completed + b.failed - b.retried - b.enqueued for b in minute)
        assert gone > 0
    if found.tone != "bad":
        assert not queue.problem
        assert not (queue.pending and not queue.consumers and not queue.paused)
        failing = (queue.failure_rate or 0) >= 0.5 and queue.consumers and not queue.paused
        assert not failing or (found.tone == "warn" and finished < PROOF)
    if found.kind in (TrendKind.IDLE_UNSERVED, TrendKind.IDLE, TrendKind.EMPTY):
        assert not queue.pending
    if found.kind is TrendKind.STALLED:
        assert queue.pending
        assert not finished
        assert not queue.active


@given(st.lists(queues(), max_size=6))
def test_all_queues_together_read_no_better_than_the_worst_of_them(
    several: Sequence[QueueStats],
) -> None:
    ranks = {"bad": 2, "warn": 1}
    found = total_trend((queue, trend(queue, NOW)) for queue in several)
    counted = [queue for queue in several if queue.pending or not queue.paused]
    worst = max((ranks.get(trend(queue, NOW).tone, 0) for queue in counted), default=0)
    assert ranks.get(found.tone, 0) == worst
    assert cell_len(found.words) <= WIDEST
    if found.tone == "good":
        assert all(trend(queue, NOW).certain for queue in counted if queue.pending)


def _history(*parts: tuple[int, int, int]) -> tuple[Bucket, ...]:
    """Buckets from (how many, enqueued, completed each), the oldest first; the newest still fills."""
    shapes = [shape for count, *shape in parts for _ in range(count)]
    start = int(NOW) - 10 * len(shapes)
    return tuple(
        Bucket(start + 10 * at, 10, enqueued, completed)
        for at, (enqueued, completed) in enumerate([*shapes, [0, 0]])
    )


@pytest.mark.parametrize(
    ("recent", "words"),
    [
        (_history((24, 0, 0), (1, 9000, 260), (5, 0, 260)), "↓ clears, maybe 3 min"),
        (_history((28, 100, 100), (1, 9000, 260), (1, 0, 260)), "↑ growing, maybe"),
        (_history((30, 100, 260)), "↓ clears in 5 min"),
        (_history((30, 260, 100)), "↑ growing 16.0/s"),
        (_history((30, 100, 100)), "→ steady"),
        (_history((2, 0, 100)), "↓ clears, maybe"),
        (_history((30, 100, 0)), "✗ stalled"),
        (_history((3, 100, 0)), "… too early to tell"),
    ],
)
def test_the_direction_is_that_of_the_last_half_minute(
    recent: tuple[Bucket, ...], words: str
) -> None:
    queue = QueueStats("high", 5000, oldest_at=NOW - 200, consumers=1, recent=recent)
    assert trend(queue, NOW).words.startswith(words)


def test_words_without_a_heading_say_what_they_are_about() -> None:
    queue = QueueStats("high", 5000, oldest_at=NOW, consumers=1, recent=_history((3, 100, 0)))
    assert trend(queue, NOW).sentence == "Trend: … too early to tell"
    assert trend(replace(queue, paused=True), NOW).sentence == "❙❙ paused"


def test_a_long_job_is_not_called_stalled() -> None:
    queue = QueueStats("high", 5, oldest_at=NOW - 200, consumers=1, recent=_history((30, 1, 0)))
    assert trend(replace(queue, active=1), NOW).words == "⚠ none done in 1 min"


def test_a_worker_of_several_queues_counts_once_in_the_total() -> None:
    def worker(name: str, queues: tuple[str, ...]) -> WorkerInfo:
        return WorkerInfo(name, queues=queues, concurrency=4, lease_until=NOW + 30)

    a, b = worker("a", ("high", "low")), worker("b", ("mail",))
    each = [QueueStats(name, 0, consumers=1) for name in ("high", "low", "mail")]
    quiet = replace(worker("c", ("high",)), quiet=True)
    everything = total(each, [a, b, quiet], NOW)
    assert (everything.consumers, everything.slots) == (2, 8)


def _count(client: redis.Redis, queue: str, ages: range, **counters: int) -> None:
    now = int(seed.server_time(client))
    for age in ages:
        key = f"{KEYS.namespace}:stats:{queue}:s{now - now % 10 - 10 * age}"
        for field, value in counters.items():
            client.hincrby(key, field, value)
        client.expire(key, 3600)


def _work(client: redis.Redis, queues: tuple[str, ...], **fields: str) -> None:
    seed.worker(client, "web-1", queues=queues, concurrency=6, running=0, first=900)
    if fields:
        client.hset(KEYS.worker("web-1"), mapping=fields)  # type: ignore[arg-type]


async def test_a_burst_of_three_minutes_ago_is_not_growth(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.pending(redis_client, "high", 3000, first=1, age=180)
    _work(redis_client, ("high",))
    _count(redis_client, "high", range(18, 19), enqueued=20_000)
    _count(redis_client, "high", range(18), completed=260)
    async with open_console(size=(120, 40)) as hand:
        await hand.sees("clears in")
        assert "growing" not in hand.screen()


async def test_the_total_does_not_clear_while_jobs_wait_in_a_stalled_queue(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.pending(redis_client, "high", 40, first=1, age=900)
    seed.pending(redis_client, "low", 5, first=100, age=2)
    _work(redis_client, ("high", "low"))
    _count(redis_client, "low", range(31), completed=50, enqueued=30)
    async with open_console(size=(120, 40)) as hand:
        await hand.sees("✗ stalled: high")
        line = next(line for line in hand.screen().splitlines() if "all queues" in line)
        assert "clears" not in line


async def test_a_queue_whose_jobs_all_fail_does_not_keep_up(
    redis_client: redis.Redis, open_console: Open
) -> None:
    _work(redis_client, ("high",))
    _count(redis_client, "high", range(31), enqueued=40, failed=40, dead=40)
    async with open_console(size=(120, 40)) as hand:
        await hand.sees("✗ 100 % fail")


async def test_traffic_without_a_worker_does_not_keep_up(
    redis_client: redis.Redis, open_console: Open
) -> None:
    _count(redis_client, "high", range(31), enqueued=40, completed=40)
    redis_client.sadd(KEYS.queues, "high")
    async with open_console(size=(120, 40)) as hand:
        await hand.sees("⚠ no worker")


@pytest.mark.parametrize("fields", [{"quiet": "1"}, {"wanted": "quiet"}, {"wanted": "stop"}])
async def test_a_worker_that_takes_no_jobs_is_no_worker_of_its_queue(
    redis_client: redis.Redis, open_console: Open, fields: dict[str, str]
) -> None:
    seed.pending(redis_client, "high", 3, first=1, age=5)
    _work(redis_client, ("high",), **fields)
    async with open_console(size=(120, 40)) as hand:
        await hand.sees("✗ no worker")


def test_the_age_of_a_clear_backlog_is_a_length_of_time() -> None:
    queue = QueueStats("high", 6000, consumers=1, recent=_history((30, 0, 100)))
    assert trend(queue, NOW).words == f"↓ clears in {span(600)}"


@pytest.mark.parametrize(("pending", "words"), [(4, "⚠ no known worker"), (0, "○ idle")])
def test_a_queue_that_may_be_served_by_a_worker_that_was_not_read(pending: int, words: str) -> None:
    whole = Snapshot(
        NOW, ServerInfo("redis://x"), (QueueStats("high", pending),), workers_unread="too many"
    )
    (line,) = lines_of(whole, "name")
    assert (line.trend.words, line.trend.certain) == (words, False)
    workers = next(each for each in COLUMNS if each.title == "Workers")
    assert workers.cell(line, NOW) == ("–", "warn" if pending else "dim")
    (line,) = lines_of(replace(whole, workers_unread=""), "name")
    assert line.trend.certain
    # A job that is enqueued there would wait until one is started.
    assert line.trend.words == ("✗ no worker" if pending else "○ idle, no worker")


def test_all_queues_are_without_a_worker_only_where_each_is() -> None:
    alone, served = QueueStats("typo", 0), QueueStats("high", 0, consumers=1)
    found = {queue.name: trend(queue, NOW) for queue in (alone, served)}
    both = total_trend((queue, found[queue.name]) for queue in (alone, served))
    assert (both.words, both.tone) == ("○ idle", "dim")
    assert total_trend([(alone, found["typo"])]).words == "○ idle, no worker"
