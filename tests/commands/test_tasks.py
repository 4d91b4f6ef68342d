"""``asok task list`` and ``asok task show``."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest

from asok_console.commands.task import list as task_list
from asok_core.backends.redis.reading import tasks as task_reader
from asok_core.jobs.envelope import seal
from tests.backends.redis.reading.test_tasks import Tasks
from tests.fixtures.command_line import Ran
from tests.hidden import hidden_in
from tests.tui import hostile, seed
from tests.tui.seed import KEYS

Run = Callable[..., Ran]


@pytest.fixture
def tasks(redis_client: Any, redis_url: str) -> Tasks:
    made = Tasks(redis_client, redis_url)
    made.minute("shop.mail", 10, 30)
    made.minute("shop.pack", 5, 4)
    made.minute("other", 5, 2)
    return made


def test_tasks_are_listed(asok: Run, tasks: Tasks) -> None:
    ran = asok("task", "list")
    assert ran.code == 0
    titles, mail, pack, other, note = ran.out.splitlines()
    assert titles.split()[:6] == ["TASK", "JOBS", "RATE", "FAILS", "P50", "P95"]
    assert mail.split()[:2] == ["shop.mail", "30"]
    assert pack.split()[:2] == ["shop.pack", "4"]
    assert other.split()[:2] == ["other", "2"]
    assert note == "other: tasks that were not among the 500 busiest of their day"
    assert "32 ms" in mail


def test_the_words_task_alone_list(asok: Run, tasks: Tasks) -> None:
    assert asok("task").out == asok("task", "list").out


def test_the_order_and_the_number_can_be_chosen(asok: Run, tasks: Tasks) -> None:
    tasks.minute("shop.slow", 0, 1)
    listed = asok("task", "list", "--limit", "1").out.splitlines()
    assert listed[1].startswith("shop.mail")
    assert listed[-1] == "2 more tasks: --limit N"
    names = [each["task"] for each in asok("task", "list", "--json").document["tasks"]]
    assert names == ["shop.mail", "shop.pack", "shop.slow"]
    assert asok("task", "list", "--sort", "failure-rate").code == 0


def test_the_list_is_a_document(asok: Run, tasks: Tasks) -> None:
    document = asok("task", "list", "--json").document
    mail = document["tasks"][0]
    assert (mail["completed"], mail["failure_rate"], mail["run_p95_ms"]) == (30, 0.0, 32.0)
    assert sum(mail["trend"]) == 30
    assert document["other"]["completed"] == 2


def test_the_reading_of_many_tasks_shows_progress_and_can_be_stopped(
    asok: Run, redis_client: Any, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = Tasks(redis_client, redis_url)
    # The other tasks and one, then one at a time.
    monkeypatch.setattr(task_reader, "BLOCKS_AT_ONCE", 20)
    monkeypatch.setattr(task_list, "PATIENCE", 0.0)
    for number in range(3):
        tasks.count(f"shop.t{number}", 9 - number)
    whole = asok("task", "list", "--last", "14d", "--json").document
    assert ([each["completed"] for each in whole["tasks"]], whole["unread_tasks"]) == ([9, 8, 7], 0)
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    stopped = asok("task", "list", "--last", "14d")
    assert "] 1 of 3, 1 counted  (Ctrl+C stops)" in terminal.getvalue()
    assert (stopped.code, [line.split()[:2] for line in stopped.out.splitlines()[1:]]) == (
        130,
        [["shop.t0", "9"]],
    )
    assert terminal.getvalue().endswith("stopped before the end: 2 tasks not read\n")


class Terminal(StringIO):
    """A terminal whose operator presses Ctrl+C when a bar is drawn."""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if "Ctrl+C" in text:
            signal.raise_signal(signal.SIGINT)
        return super().write(text)


def test_where_nothing_is_counted_it_is_reported(asok: Run) -> None:
    listed = asok("task", "list", "--last", "24h")
    assert (len(listed.out.splitlines()), listed.out.split()[0]) == (1, "TASK")
    assert listed.err == "no task was counted in the last 24h\n"
    ran = asok("task", "show", "shop.mail")
    assert ran.code == 1
    assert ran.out.splitlines()[:2] == [
        "Nothing was counted of shop.mail in the last 1h.",
        "  Where its jobs are",
    ]


def test_a_task_is_shown(asok: Run, tasks: Tasks) -> None:
    ran = asok("task", "show", "shop.mail")
    assert ran.code == 0
    assert "30 started, 30 completed, 0 failed (0 retried)" in ran.out
    assert "p50 32 ms, p95 32 ms" in ran.out
    assert "≤ 32 ms" in ran.out
    document = asok("task", "show", "shop.mail", "--json").document
    assert document["total"]["completed"] == 30
    assert document["run_histogram_ms"] == [{"up_to_ms": 32.0, "count": 30}]
    assert [each["completed"] for each in document["buckets"]] == [30]


def test_the_jobs_of_a_task_are_counted_by_location(
    asok: Run, tasks: Tasks, redis_client: Any
) -> None:
    seed.pending(redis_client, "high", 10, first=0, age=5)
    seed.pending(redis_client, "default", 5, first=100, age=5)
    seed.delayed(redis_client, 5)
    redis_client.rpush(seed.KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), 20))
    lines = asok("task", "show", "shop.billing.charge").out.splitlines()
    locations = [line.split() for line in lines[lines.index("  Where its jobs are") + 1 :]]
    assert locations[:3] == [
        ["Running", "0"],
        ["Pending", "2", "queue", "high"],
        ["1", "queue", "default"],
    ]
    document = asok("task", "show", "shop.billing.charge", "--json").document
    pending, dead = document["jobs"]["pending"], document["jobs"]["dead"]
    assert (pending["queues"], pending["exact"]) == ({"high": 2, "default": 1}, True)
    assert (dead["total"], dead["exact"]) == (20, True)
    assert sum(dead["queues"].values()) == sum(each["jobs"] for each in document["errors"]) > 0


def test_a_task_of_a_long_queue_is_estimated(asok: Run, redis_client: Any) -> None:
    seed.pending(redis_client, "default", 5_000, first=0, age=5)
    document = asok("task", "show", "shop.billing.charge", "--json").document
    pending = document["jobs"]["pending"]
    assert not pending["exact"]
    assert pending["read"] < pending["total"] == 5_000
    assert 800 < pending["queues"]["default"] < 1_200
    out = asok("task", "show", "shop.billing.charge").out
    assert "≈" in out
    assert "of 5,000 jobs read" in out
    out = asok("task", "show", "shop.none").out
    assert re.search(r"Pending +none +[\d,]+ of 5,000 jobs read", out)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("task", "list", "--last", "2h"), "--last is '2h'; it must be one of 1h, 24h, 14d"),
        (("task", "list", "--sort", "size"), "--sort is 'size'; it must be one of "),
        (("task", "list", "--limit", "none"), "--limit"),
        (("task", "show", ""), "TASK is ''"),
    ],
)
def test_what_is_not_allowed_is_one_line(asok: Run, words: tuple[str, ...], error: str) -> None:
    ran = asok(*words)
    assert ran.code == 2
    assert error in ran.err
    assert len(ran.err.splitlines()) == 1


def test_a_task_is_compared_with_the_release_before(
    asok: Run, tasks: Tasks, redis_client: Any
) -> None:
    for ago, completed, run in ((30, 200, 33), (12, 5, 60), (11, 40, 44)):
        tasks.minute("shop.slow", ago, completed, run)
    assert asok("task", "show", "shop.slow", "--json").document["release"] is None
    at = tasks.now // 60 * 60 - 12 * 60 + 5
    change = {"kind": "release_changed", "at": at, "from": "9b00d7", "to": "4f2a1c", "worker": "w"}
    redis_client.xadd("asok:events", change)
    redis_client.expire("asok:events", 600)
    shown = asok("task", "show", "shop.slow").out
    assert ": p95 304 ms -> 2.0 s, failures 0 % -> 0 %\n" in shown
    # Between 12 and 13 minutes.
    assert "  Release    since 4f2a1c (1" in shown
    assert "slower; 200 attempts in the 1 h before, 40 since, in whole minutes\n" in shown
    document = asok("task", "show", "shop.slow", "--json").document["release"]
    assert (document["release"], document["former"]) == ("4f2a1c", "9b00d7")
    assert (document["before"]["completed"], document["after"]["completed"]) == (200, 40)
    assert (document["slower"], document["fails_more"]) == (True, False)
    assert "nothing before it" in asok("task", "show", "shop.pack").out


@pytest.mark.parametrize("text", hostile.TEXTS.values(), ids=hostile.TEXTS)
def test_a_name_does_not_reach_the_terminal_raw(asok: Run, tasks: Tasks, text: str) -> None:
    name = f"m.{text[:250]}".encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    tasks.minute(name, 1, 50)
    for words in (("list",), ("list", "--json"), ("show", name), ("show", name, "--json")):
        ran = asok("task", *words)
        assert ran.code == 0
        assert not hidden_in((ran.out + ran.err).replace("\n", "")), ascii(ran.out)


def test_what_is_not_counted_is_stated(
    asok: Run, tasks: Tasks, redis_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in (("list",), ("show", "shop.mail")):
        assert "Not counted" not in asok("task", *words).out
        document = asok("task", *words, "--json").document
        assert document["uncounted"] == {"framework": False, "queues": []}
    # Twelve jobs came into a queue without a worker, and two are there: others took them.
    key = f"asok:stats:news:s{tasks.now // 10 * 10 - 20}"
    redis_client.hset(key, mapping={"enqueued": 12})
    redis_client.expire(key, 600)
    redis_client.sadd(KEYS.queues, "news")
    redis_client.lpush(KEYS.queue("news"), *(seal(seed.job(n), seed.KEYRING) for n in range(2)))
    said = "Not counted: jobs that leave queue news, which no registered worker serves"
    for words in (("list",), ("show", "shop.mail")):
        assert said in asok("task", *words).out
        assert asok("task", *words, "--json").document["uncounted"]["queues"] == ["news"]
    monkeypatch.setenv("ASOK_RECORDS", "framework")
    said = "Not counted: what workers of the asok framework run (ASOK_RECORDS=framework); jobs that"
    for words in (("list",), ("show", "shop.mail")):
        assert said in asok("task", *words).out
        assert asok("task", *words, "--json").document["uncounted"]["framework"] is True
