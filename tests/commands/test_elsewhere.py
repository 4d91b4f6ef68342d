"""A job that is not known here: where else a record of it was looked for, and what was found there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis

from tests.backends.redis.reading.seed import record
from tests.fixtures.command_line import Ran
from tests.users import assert_all_allowed, make_user, user_url

Asok = Callable[..., Ran]
ID = "0190a0b0-0000-7000-8000-000000000001"


def database(url: str, number: int) -> str:
    return f"{url}{'&' if '?' in url else '?'}db={number}"


@pytest.fixture
def other(redis_url: str) -> Any:
    """Database 3 of the same server, which is emptied after the test."""
    with redis.Redis.from_url(database(redis_url, 3)) as client:
        yield client
        client.flushdb()


def not_found(asok: Asok, *words: str, code: str = "not_found") -> dict[str, Any]:
    ran = asok("explain", ID, *words, "--json")
    assert ran.code == 1
    [reason] = [each for each in ran.document["reasons"] if each["code"] == code]
    return {**reason["evidence"], "codes": [each["code"] for each in ran.document["reasons"]]}


def test_it_is_reported_what_was_looked_at(
    asok: Asok, redis_client: redis.Redis, other: redis.Redis
) -> None:
    redis_client.set("asok:something", 1, ex=600)
    other.set("asok:something", 1, ex=600)
    found = not_found(asok)
    assert found["codes"] == ["not_found"]
    assert found["databases"] == "exactly this id is not in namespace 'asok' of databases 0, 3"
    assert found["other_namespaces"] == "none has exactly this id (by all keys of this database)"


def test_a_record_in_another_namespace_is_named(asok: Asok, redis_client: redis.Redis) -> None:
    redis_client.hset(f"sh'op:job:{ID}", "status", "pending")
    redis_client.set(f"sh'op:job:{ID}x", 1, ex=600)
    redis_client.expire(f"sh'op:job:{ID}", 600)
    found = not_found(asok)
    assert found["codes"] == ["other_namespace", "not_found"]
    assert found["other_namespaces"] == "sh'op (by all keys of this database)"
    printed = asok("explain", ID).out
    assert f"""ASOK_NAMESPACE='sh'"'"'op' asok explain {ID}""" in printed
    assert printed.startswith(f"job {ID}: not known here\n")


def test_the_default_namespace_is_looked_at_from_another(
    asok: Asok, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(redis_client, ID, status="pending")
    monkeypatch.setenv("ASOK_NAMESPACE", "shop")
    assert not_found(asok)["other_namespaces"] == "asok (by all keys of this database)"


def test_a_record_in_another_database_is_named(
    asok: Asok, redis_client: redis.Redis, other: redis.Redis, redis_url: str
) -> None:
    record(other, ID, status="pending")
    found = not_found(asok)
    assert found["codes"] == ["other_database", "not_found"]
    assert found["databases"] == "exactly this id is not in namespace 'asok' of database 0"
    assert asok("explain", ID, "--url", database(redis_url, 3)).code == 0
    # The connections of the command stay in their database.
    assert redis_client.dbsize() == 0


def test_a_database_without_rights_was_not_looked_at(
    asok: Asok, redis_client: redis.Redis, other: redis.Redis, redis_url: str
) -> None:
    other.set("asok:something", 1, ex=600)
    url = user_url(redis_client, "viewer", redis_url)
    redis_client.acl_log_reset()
    found = not_found(asok, "--url", url)
    here = "exactly this id is not in namespace 'asok' of database 0"
    assert found["databases"] == f"{here}; database 3 was not looked at (no rights)"
    assert_all_allowed(redis_client, "viewer")
    make_user(redis_client, "viewer", "-info", "-scan")
    # Which lists there are is not known to them either.
    found = not_found(asok, "--url", url, code="not_searched")
    assert found["databases"] == f"{here}; which others have keys is not known (no rights)"
    assert found["other_namespaces"] == "not looked at (no rights)"


def test_of_more_keys_only_the_first_are_looked_at(
    asok: Asok, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asok_core.operations.explain.KEYS", 1000)
    redis_client.mset({f"other:{n}": 1 for n in range(5000)})
    found = not_found(asok)["other_namespaces"]
    redis_client.flushdb()
    assert found == "none has exactly this id (by the first 1,000 keys of this database)"
