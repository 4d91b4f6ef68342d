"""Where a confirmed scope ends in a list that grows, by exact values, and which elements have an id."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import pytest
import redis

from asok_core.backends.redis.connection import Connection, Endpoint
from asok_core.backends.redis.operating import scopes
from asok_core.backends.redis.operating.scopes import (
    IdFilter,
    ResolvedScope,
    among_newest,
    born_after,
    born_at,
    expect_location,
    expect_queue,
    resolve,
    spelled,
)
from asok_core.backends.roles import Scope
from asok_core.errors import UsageError
from asok_core.inspection.rows import Row, digest
from asok_core.jobs.envelope import dead_entry, peek, seal
from asok_core.jobs.job import Job
from asok_core.jobs.keyring import Keyring
from asok_core.jobs.states import Location

KEYRING = Keyring(b"secret")
KEY = b"asok:queue:low"
PENDING = Scope(Location.PENDING, queue="low")


@pytest.fixture
def connection(redis_url: str) -> Iterator[Connection]:
    made = Connection(Endpoint(redis_url), 30, "test")
    yield made
    made.close()


def pending(number: int, enqueued_at: float | None = None) -> bytes:
    job = Job(str(number), "app", "send", queue="low", enqueued_at=enqueued_at)
    return seal(job, KEYRING)


def fill(client: redis.Redis, elements: list[bytes]) -> None:
    """Put elements into the list, the oldest first."""
    client.lpush(KEY.decode(), *elements)


def time_of(client: redis.Redis) -> float:
    seconds, micros = client.time()
    return float(seconds) + float(micros) / 1e6


def scope(**changes: object) -> Scope:
    return Scope(Location.PENDING, queue="low", **changes)  # type: ignore[arg-type]


def test_without_a_confirmation_a_scope_ends_at_the_newest_element(
    connection: Connection, redis_client: redis.Redis
) -> None:
    elements = [pending(at, 1e12) for at in range(3)]
    fill(redis_client, elements)
    earliest = time_of(redis_client)
    found = resolve(connection, PENDING, KEY)
    assert earliest <= found.before <= time_of(redis_client)
    assert found == ResolvedScope(3, found.before, elements[2], 0)


def test_ids_are_exact_whatever_the_clock_of_their_producer(
    connection: Connection, redis_client: redis.Redis
) -> None:
    fill(redis_client, [pending(1, 1e12)])
    found = resolve(connection, scope(ids=frozenset(["1"])), KEY)
    assert found == ResolvedScope(1, math.inf, pending(1, 1e12), 0)
    assert resolve(connection, scope(ids=frozenset(["1"]), before=5.0), KEY).before == 5.0


def test_an_empty_list_has_no_newest_element(connection: Connection) -> None:
    found = resolve(connection, PENDING, KEY)
    assert found == ResolvedScope(0, found.before)
    assert resolve(connection, scope(limit=4, before=1.0), KEY) == ResolvedScope(0, 1.0)


def test_what_is_newer_than_the_confirmation_is_out(
    connection: Connection, redis_client: redis.Redis
) -> None:
    elements = [pending(at, float(at)) for at in range(40)]
    fill(redis_client, elements)
    # Its own time is still in scope.
    assert resolve(connection, scope(before=10.0), KEY) == ResolvedScope(11, 10.0, elements[10], 29)
    assert resolve(connection, scope(before=100.0), KEY) == ResolvedScope(
        40, 100.0, elements[39], 0
    )
    nothing = resolve(connection, scope(before=-1.0), KEY)
    assert nothing == ResolvedScope(40, -1.0)


def test_dead_jobs_are_as_old_as_their_failure(
    connection: Connection, redis_client: redis.Redis
) -> None:
    elements = [dead_entry(pending(at, 1.0), failed_at=float(at), error="") for at in range(40)]
    fill(redis_client, elements)
    found = resolve(connection, Scope(Location.DEAD, before=10.0), KEY)
    assert found == ResolvedScope(11, 10.0, elements[10], 29)


def test_at_most_as_many_as_were_confirmed_are_in(
    connection: Connection, redis_client: redis.Redis
) -> None:
    elements = [pending(at) for at in range(40)]
    fill(redis_client, elements)
    found = resolve(connection, scope(limit=12, before=7.0), KEY)
    assert found == ResolvedScope(12, 7.0, elements[11], 28)
    for limit in (40, 41):
        found = resolve(connection, scope(limit=limit), KEY)
        assert found == ResolvedScope(40, found.before, elements[39], 0)


def test_the_newest_confirmed_element_is_found_by_its_digest(
    connection: Connection, redis_client: redis.Redis
) -> None:
    elements = [pending(at, 1e12) for at in range(40)]
    fill(redis_client, elements)
    boundary = scope(boundary=digest(elements[4]), limit=5, before=7.0)
    assert resolve(connection, boundary, KEY) == ResolvedScope(5, 7.0, elements[4], 35)
    gone = scope(boundary="gone", limit=5, before=7.0)
    assert resolve(connection, gone, KEY) == ResolvedScope(5, 7.0)
    assert resolve(connection, scope(boundary="gone", before=7.0), KEY) == ResolvedScope(40, 7.0)


@pytest.mark.parametrize("behind", [39, 40])
def test_the_search_for_the_newest_confirmed_element_ends(
    connection: Connection,
    redis_client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
    behind: int,
) -> None:
    monkeypatch.setattr(scopes, "NEWER_AT_MOST", 40)
    elements = [pending(at) for at in range(80)]
    fill(redis_client, elements)
    boundary = scope(boundary=digest(elements[79 - behind]), before=7.0)
    found = resolve(connection, boundary, KEY)
    # Chunks of 8 and 32 elements are read.
    inside = ResolvedScope(80 - behind, 7.0, elements[79 - behind], behind)
    assert found == (inside if behind < 40 else ResolvedScope(80, 7.0))


def test_the_chunks_of_the_search_have_a_largest_size(
    connection: Connection, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(redis_client, [pending(at) for at in range(1300)])
    read: list[tuple[int, int]] = []
    heads = scopes._heads

    def counted(of: Connection, key: bytes, start: int, count: int) -> tuple[int, list[bytes]]:
        read.append((start, count))
        return heads(of, key, start, count)

    monkeypatch.setattr(scopes, "_heads", counted)
    assert resolve(connection, scope(boundary="gone", before=7.0), KEY) == ResolvedScope(1300, 7.0)
    assert read == [(0, 8), (8, 32), (40, 128), (168, 500), (668, 500), (1168, 500), (1300, 500)]
    assert scopes.NEWER_AT_MOST == 5_000


def test_delayed_jobs_are_counted(connection: Connection, redis_client: redis.Redis) -> None:
    redis_client.zadd("asok:delayed_tasks", {pending(at): at for at in range(5)})
    for limit, counted in ((None, 5), (3, 3), (9, 5)):
        of = Scope(Location.DELAYED, limit=limit, before=7.0)
        assert resolve(connection, of, b"asok:delayed_tasks") == ResolvedScope(counted, 7.0)


def test_the_newest_elements_are_read_until_all_ids_are_among_them(
    connection: Connection, redis_client: redis.Redis
) -> None:
    elements = [pending(at) for at in range(400)]
    fill(redis_client, elements)
    newest = elements[::-1]
    # One older element is read as well; the chunks are 16, 64 and 256 elements.
    for last, count in ((399, 16), (385, 16), (384, 80), (321, 80), (320, 336), (65, 336)):
        found = among_newest(connection, frozenset(["399", str(last)]), KEY)
        assert found == (newest[:count], 400)
    assert among_newest(connection, frozenset(["64"]), KEY) == ([], 400)
    assert among_newest(connection, frozenset(["other"]), KEY) == ([], 400)


def test_a_filter_on_ids_excludes_only_what_surely_has_another() -> None:
    job, other = pending(1), pending(2)
    assert IdFilter(None).may_hold(other)
    ids = IdFilter(frozenset(["1"]))
    assert ids.may_hold(job)
    assert not ids.may_hold(other)
    assert ids.may_hold(dead_entry(job, failed_at=1.0, error=""))
    assert ids.may_hold(b'{"id": "\\u0031"}')
    assert ids.may_hold(b"no id")
    assert not ids.may_hold(b'{"id":"2"}')
    assert ids.may_hold(b'{"id":"1"}')
    assert ids.may_hold(b'{"id": "2", "args": [{"id": "1"}]}')
    assert not IdFilter(frozenset(["a.b:c-d_E"])).may_hold(other)
    assert IdFilter(frozenset(["a.b:c-d_E"])).may_hold(b'{"id": "a.b:c-d_E"}')


def test_a_filter_on_ids_that_are_not_plain_excludes_nothing() -> None:
    for each in ("caf\u00e9", "a b", ""):
        assert IdFilter(frozenset(["1", each])).may_hold(pending(2))


def test_a_filter_on_digests_holds_what_is_not_a_job() -> None:
    entry = b'{"note": {"id": "2"}}'
    assert IdFilter(frozenset([digest(entry)])).may_hold(entry)
    assert IdFilter(frozenset([digest(entry), "1"])).may_hold(entry)
    assert not IdFilter(frozenset(["1"])).may_hold(entry)
    assert not IdFilter(frozenset([digest(b"other")])).may_hold(entry)


def test_the_time_of_an_element_is_that_of_its_location() -> None:
    raw = dead_entry(pending(1, 5.0), failed_at=9.0, error="")
    assert born_at(Row(0, peek(raw), Location.DEAD, "low")) == 9.0
    assert born_at(Row(0, peek(raw), Location.PENDING, "low")) == 5.0
    assert born_at(Row(0, peek(b"no"), Location.PENDING, "low")) is None
    assert born_after(raw, Location.DEAD, 8.9)
    assert not born_after(raw, Location.DEAD, 9.0)
    assert born_after(raw, Location.PENDING, 4.9)
    assert not born_after(raw, Location.PENDING, 5.0)
    assert not born_after(b"no", Location.DEAD, -1.0)
    assert not born_after(json.dumps({"id": "1"}).encode(), Location.PENDING, -1.0)


def test_a_scope_in_another_location_is_refused() -> None:
    expect_location(PENDING, Location.PENDING)
    expect_queue(PENDING)
    with pytest.raises(UsageError) as caught:
        expect_location(PENDING, Location.DEAD)
    assert str(caught.value) == "this acts on dead jobs, not on pending jobs"
    with pytest.raises(UsageError, match=r"^this acts on pending jobs, not on dead jobs$"):
        expect_queue(Scope(Location.DEAD, queue="low"))
    for queue in (None, ""):
        with pytest.raises(UsageError, match=r"^name the queue$"):
            expect_queue(Scope(Location.PENDING, queue=queue))


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        (None, "everything"),
        ((), ""),
        (("b", "a"), "id:a id:b"),
        (("c", "b", "a"), "id:a id:b id:c"),
        (("d", "c", "b", "a"), "id:a id:b id:c and 1 more"),
        (("e", "d", "c", "b", "a"), "id:a id:b id:c and 2 more"),
    ],
)
def test_a_scope_is_described_for_the_audit(ids: tuple[str, ...] | None, words: str) -> None:
    assert spelled(scope(ids=None if ids is None else frozenset(ids))) == words
    assert spelled(scope(match=lambda _: True)) == ""
