"""For a key of another type no command claims that there is nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis

from tests.fixtures.command_line import Ran
from tests.tui.seed import KEYS

Asok = Callable[..., Ran]


@pytest.mark.parametrize(
    ("key", "kind", "words"),
    [
        (KEYS.dead, "list", ("dlq", "list")),
        (KEYS.dead, "list", ("dlq", "list", "--filter", "task:mail")),
        (KEYS.dead, "list", ("dlq", "groups")),
        (KEYS.dead, "list", ("job", "list", "--state", "dead")),
        (KEYS.delayed, "sorted set", ("job", "list", "--state", "delayed")),
        (KEYS.queue("high"), "list", ("job", "list", "--queue", "high")),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else None,
)
def test_a_list_that_cannot_be_read_is_an_error(
    redis_client: redis.Redis, asok: Asok, key: str, kind: str, words: tuple[str, ...]
) -> None:
    redis_client.set(key, "junk", ex=600)
    for form in ((), ("--json",)):
        ran = asok(*words, *form)
        assert (ran.code, ran.out) == (1, "")
        assert f"The key {key} is not a {kind}: its jobs cannot be read." in ran.err


@pytest.mark.parametrize("words", [("audit",), ("trash", "list")], ids=" ".join)
def test_an_audit_that_cannot_be_read_is_an_error(
    redis_client: redis.Redis, asok: Asok, words: tuple[str, ...]
) -> None:
    assert asok(*words).code == 0
    redis_client.set(KEYS.audit, "junk", ex=600)
    for form in ((), ("--json",)):
        ran = asok(*words, *form)
        assert (ran.code, ran.out) == (1, "")
        assert f"The key {KEYS.audit} is not a stream" in ran.err


@pytest.mark.parametrize(
    ("key", "kind", "words"),
    [
        (KEYS.recent, "list", ("job", "list", "--state", "recent")),
        (KEYS.dead, "list", ("dlq", "requeue", "--all", "--dry-run")),
        (KEYS.dead, "list", ("dlq", "purge", "--filter", "task:mail", "--dry-run")),
        (KEYS.delayed, "sorted set", ("job", "promote", "--all", "--dry-run")),
        (KEYS.dead, "list", ("job", "show", "nowhere")),
        (KEYS.dead, "list", ("dlq", "purge", "--all", "--yes")),
        (KEYS.dead, "list", ("dlq", "requeue", "--all", "--yes")),
        (KEYS.dead, "list", ("dlq", "requeue", "--id", "nowhere", "--yes")),
        (KEYS.queue("high"), "list", ("queue", "purge", "high", "--yes")),
        (
            KEYS.queue("high"),
            "list",
            ("job", "move", "--queue", "high", "--to", "low", "--all", "--yes"),
        ),
        (KEYS.delayed, "sorted set", ("job", "promote", "--all", "--yes")),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else None,
)
def test_a_list_that_cannot_be_searched_is_not_reported_empty(
    redis_client: redis.Redis, asok: Asok, key: str, kind: str, words: tuple[str, ...]
) -> None:
    redis_client.set(key, "junk", ex=600)
    ran = asok(*words)
    assert (ran.code, ran.out) == (1, "")
    assert f"The key {key} is not a {kind}: its jobs cannot be read." in ran.err


def test_a_trash_that_cannot_be_read_is_not_reported_empty(
    redis_client: redis.Redis, asok: Asok
) -> None:
    operations = []
    for _ in range(2):
        redis_client.lpush(KEYS.dead, "not a job")
        operations.append(asok("dlq", "purge", "--all", "--yes", "--json").document["operation"])
    odd, kept = operations
    key = KEYS.trash(odd)
    redis_client.delete(key)
    redis_client.set(key, "junk", ex=600)
    problem = f"The key {key} is not a list: what is in the trash cannot be read."
    ran = asok("trash", "list")
    assert (ran.code, problem in ran.err, "not a list" in ran.out) == (1, True, True)
    ran = asok("trash", "list", "--json")
    reported = {each["operation"]: each for each in ran.document["trash"]}
    assert ran.code == 1
    assert (reported[odd]["in_trash"], reported[odd]["trash_problem"]) == (None, problem)
    assert (reported[kept]["in_trash"], reported[kept]["trash_problem"]) == (1, None)
    for words in (("restore", odd), ("empty", odd, "--yes")):
        ran = asok("trash", *words)
        assert (ran.code, ran.out, problem in ran.err) == (1, "", True)
    ran = asok("trash", "empty", "--all", "--yes")
    assert (ran.code, problem in ran.err) == (1, True)
    assert not redis_client.exists(KEYS.trash(kept))
    assert redis_client.get(key) == b"junk"


def test_the_status_reports_what_it_could_not_read(redis_client: redis.Redis, asok: Asok) -> None:
    assert asok("worker", "status", "--json").document["problems"] == []
    redis_client.set(KEYS.dead, "junk", ex=600)
    redis_client.set(KEYS.workers, "junk", ex=600)
    said = [
        "dead jobs cannot be read or written: their key is not a list",
        "workers cannot be read: the key of their leases is not a sorted set",
    ]
    assert sorted(asok("worker", "status", "--json").document["problems"]) == said
    page = asok("worker", "status").out
    for line in said:
        assert line[1:] in page
