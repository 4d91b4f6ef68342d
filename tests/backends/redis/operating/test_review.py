"""What is signed on an operator's word: exactly what was reviewed, whatever is done to Redis meanwhile."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.operating.operator import RedisOperator
from asok_core.backends.roles import OperationResult, Scope
from asok_core.errors import UsageError
from asok_core.inspection import review as reviews
from asok_core.inspection.review import (
    NOT_REVIEWED,
    SHARED_ID,
    SIGNED_JOB,
    TOO_DEEP,
    TOO_LARGE,
    ReviewBuilder,
    call_text,
)
from asok_core.inspection.rows import Row
from asok_core.jobs.envelope import Trust, dead_entry, peek, seal, unseal
from asok_core.jobs.job import Job
from asok_core.jobs.states import Location
from asok_core.operations.canary import Canary, Verdict
from asok_core.operations.inspector import open_reader
from asok_core.settings.settings import Settings
from tests.backends.redis.operating.workers import well, worker
from tests.fixtures.bench import KEYRING, STRANGER, Bench, dead_job, foreign_dead_job, job_id
from tests.reviewing import DEAD, review_at

RETRIED = ' with {"retries": 3}'
"""What a review shows beside the arguments of the jobs of these tests."""


def ids(*names: str) -> Scope:
    return Scope(Location.DEAD, ids=frozenset(names))


def evil(job: Job) -> Job:
    """Another job of the same id, as a client that can write to Redis would add it."""
    return replace(job, module="os", function="system", args=("touch /tmp/pwned",))


def trusted(bench: Bench, scope: Scope = DEAD) -> reviews.ReviewedEntries:
    return review_at(bench.url, KEYRING, scope).reviewed


def functions(bench: Bench) -> list[str]:
    return [unseal(raw, KEYRING).task for raw in bench.pending()]


@pytest.mark.parametrize("harmless_first", [True, False])
@pytest.mark.parametrize("forge", ["unsigned", "bad signature"])
def test_of_two_entries_with_one_id_none_is_signed(
    bench: Bench, harmless_first: bool, forge: str
) -> None:
    job, other = bench.job(), bench.job()
    entries = [foreign_dead_job(job, 5.0)]
    copy = evil(job)
    entries.append(
        foreign_dead_job(copy, 5.0) if forge == "unsigned" else dead_job(copy, 5.0, STRANGER)
    )
    entries = entries if harmless_first else entries[::-1]
    bench.client.lpush("asok:dlq", *entries, foreign_dead_job(other, 5.0))
    scope = ids(job.id, other.id)

    review = review_at(bench.url, KEYRING, scope)

    assert (review.total, review.signs, review.refused) == (3, 1, {SHARED_ID: 2})
    (shared,) = review.shared
    assert shared.id == job.id
    assert {call.task for call in shared.calls} == {"shop.mail", "os.system"}
    result = bench.operator.requeue(scope, trust=review.reviewed)
    assert (result.applied, result.refused) == (1, {SHARED_ID: 2})
    assert [job_id(raw) for raw in bench.pending()] == [other.id]
    assert bench.dead() == entries


def test_a_signed_job_does_not_lend_its_id(bench: Bench) -> None:
    job = bench.job()
    entries = [*bench.add_dead(job), foreign_dead_job(evil(job), 5.0)]
    bench.client.lpush("asok:dlq", entries[1])
    review = review_at(bench.url, KEYRING)
    assert (review.signs, review.signed) == (0, 0)
    assert {call.text for call in review.shared[0].calls} == {
        SIGNED_JOB,
        f'os.system("touch /tmp/pwned"){RETRIED}',
    }
    result = bench.operator.requeue(DEAD, trust=review.reviewed)
    assert (result.applied, result.refused) == (0, {SHARED_ID: 2})
    assert bench.dead() == entries


@pytest.mark.parametrize("change", ["replaced", "added older", "added newer"])
def test_what_came_or_changed_after_the_review_is_not_signed(bench: Bench, change: str) -> None:
    job, good = bench.job(), bench.job()
    shown = foreign_dead_job(job, 5.0)
    bench.add_dead(good)
    bench.client.lpush("asok:dlq", shown)
    trust = trusted(bench, ids(job.id, good.id))
    forged = foreign_dead_job(evil(job), 5.0)
    if change == "replaced":
        bench.client.lset("asok:dlq", 0, forged)
    elif change == "added older":
        bench.client.rpush("asok:dlq", forged)
    else:
        bench.client.lpush("asok:dlq", forged)

    result = bench.operator.requeue(ids(job.id, good.id), trust=trust)

    assert result.skipped == {NOT_REVIEWED: 1}
    assert functions(bench) == ["shop.mail"] * (1 if change == "replaced" else 2)
    assert bench.dead() == [forged]
    (fields,) = (fields for _, fields in bench.client.xrange("asok:audit"))
    assert fields[b"skipped:" + NOT_REVIEWED.encode()] == b"1"


def test_a_copy_of_what_was_reviewed_is_not_signed(bench: Bench) -> None:
    job = bench.job()
    shown = foreign_dead_job(job, 5.0)
    bench.client.lpush("asok:dlq", shown)
    trust = trusted(bench)
    bench.client.lpush("asok:dlq", *[shown] * 400)
    result = bench.operator.requeue(DEAD, trust=trust)
    assert (result.applied, result.skipped) == (1, {NOT_REVIEWED: 400})
    assert len(bench.pending()) == 1
    assert bench.operator.requeue(DEAD, trust=trust).applied == 0, "also not by asking again"


def test_copies_that_were_there_are_shown_as_such(bench: Bench) -> None:
    shown = foreign_dead_job(bench.job(), 5.0)
    bench.client.lpush("asok:dlq", shown, shown)
    review = review_at(bench.url, KEYRING)
    assert (review.signs, review.shared[0].calls[0].jobs) == (0, 2)
    assert bench.operator.requeue(DEAD, trust=review.reviewed).applied == 0


def test_what_redis_did_not_move_can_be_signed_later(bench: Bench) -> None:
    holder, job = bench.job(), bench.job(unique="order-1")
    shown = json.loads(foreign_dead_job(job, 5.0)) | {"unique": "order-1"}
    bench.client.lpush("asok:dlq", json.dumps(shown))
    bench.client.set("asok:unique:order-1", holder.id, ex=60)
    bench.client.hset("asok:job:" + holder.id, "status", "running")
    bench.client.expire("asok:job:" + holder.id, 60)
    trust = trusted(bench)
    refused = bench.operator.requeue(DEAD, trust=trust)
    assert refused.refused == {"its unique key is held by another job": 1}
    bench.client.delete("asok:unique:order-1")
    assert bench.operator.requeue(DEAD, trust=trust).applied == 1


def test_a_canary_signs_nothing(bench: Bench, make_settings: Callable[..., Settings]) -> None:
    """Neither of its first jobs nor of the rest, and the first are those that can run."""
    bench.add_dead(*(bench.job() for _ in range(8)))
    unsigned = [foreign_dead_job(evil(bench.job()), 5.0) for _ in range(7)]
    bench.client.rpush("asok:dlq", *unsigned[:6])
    bench.client.lpush("asok:dlq", unsigned[6])
    reader = open_reader(make_settings())
    with worker(bench, well):
        canary = Canary(reader, bench.operator, first=5, rate=2000, patience=30)
        result = canary.run(DEAD)
    reader.close()
    assert (result.verdict, result.completed, result.total.applied) == (Verdict.ALL, 5, 8)
    assert result.total.refused == {"unsigned": 7}
    assert sorted(bench.dead()) == sorted(unsigned)


def test_an_edit_is_of_the_entry_that_was_seen(bench: Bench) -> None:
    job = bench.job()
    [seen] = bench.add_dead(job)
    forged = foreign_dead_job(evil(job), 5.0)
    bench.client.delete("asok:dlq")
    bench.client.lpush("asok:dlq", forged)
    result = bench.operator.edit(seen, ["x"], {})
    assert (result.applied, result.skipped) == (0, {NOT_REVIEWED: 1})
    bench.client.lpush("asok:dlq", seen, forged)
    result = bench.operator.edit(seen, ["x"], {})
    assert result.applied == 1
    assert functions(bench) == ["shop.mail"]
    assert bench.dead() == [forged, forged]
    refused = bench.operator.edit(forged, ["x"], {})
    assert set(refused.refused) == {"unsigned"}


def test_the_undo_of_an_edit_and_of_a_purge_sign_nothing(bench: Bench) -> None:
    [shown] = bench.add_dead(bench.job())
    edited = bench.operator.edit(shown, ["x"], {})
    forged = foreign_dead_job(evil(bench.job()), 5.0)
    bench.client.lset(f"asok:trash:{edited.operation}", 0, forged)
    assert bench.operator.restore(edited.operation or "").applied == 1
    assert bench.dead() == [forged]
    purged = bench.operator.purge(DEAD)
    bench.operator.restore(purged.operation or "")
    assert bench.dead() == [forged]
    assert bench.operator.requeue(DEAD).refused == {"unsigned": 1}


def test_a_review_groups_calls_and_puts_the_rarest_tasks_first(bench: Bench) -> None:
    for n in range(300):
        bench.client.lpush("asok:dlq", foreign_dead_job(bench.job(args=(n % 3,)), 5.0))
    bench.client.lpush("asok:dlq", foreign_dead_job(evil(bench.job()), 5.0), b"junk")
    bench.add_dead(bench.job())
    review = review_at(bench.url, KEYRING)
    assert [(call.text, call.jobs) for call in review.calls] == [
        (f'os.system("touch /tmp/pwned"){RETRIED}', 1),
        (f"shop.mail(0){RETRIED}", 100),
        (f"shop.mail(1){RETRIED}", 100),
        (f"shop.mail(2){RETRIED}", 100),
    ]
    assert (review.total, review.signed, review.signs, review.requeues) == (303, 1, 301, 302)
    assert review.refused == {"malformed": 1}


def test_the_hash_changes_with_every_entry_without_a_good_signature(bench: Bench) -> None:
    jobs = [bench.job() for _ in range(3)]
    seen = set()

    def hash_now() -> str:
        return review_at(bench.url, KEYRING).hash

    for change in (
        lambda: bench.client.lpush("asok:dlq", foreign_dead_job(jobs[0], 5.0)),
        lambda: bench.client.lpush("asok:dlq", foreign_dead_job(jobs[1], 5.0)),
        lambda: bench.client.lset("asok:dlq", 0, foreign_dead_job(evil(jobs[1]), 5.0)),
        lambda: bench.client.lpush("asok:dlq", dead_job(jobs[2], 5.0, STRANGER)),
        lambda: bench.client.lpush("asok:dlq", dead_job(jobs[2], 5.0, STRANGER)),
        lambda: bench.add_dead(jobs[0]),
    ):
        change()
        assert hash_now() not in seen
        seen.add(hash_now())
    before = hash_now()
    bench.add_dead(bench.job())
    assert hash_now() == before, "a job with a good signature needs no trust"


def test_what_cannot_be_shown_is_not_signed(bench: Bench) -> None:
    job, deep = bench.job(), "[" * 500 + "]" * 500
    fields = json.loads(foreign_dead_job(job, 5.0))
    for name in ("args", "kwargs", "request", "tenant"):
        value = f'{{"a": {deep}}}' if name in ("kwargs", "request") else deep
        text = json.dumps(fields | {"id": name, name: "DEEP"}).replace('"DEEP"', value)
        bench.client.lpush("asok:dlq", text)
    review = review_at(bench.url, KEYRING)
    assert (review.signs, review.refused) == (0, {TOO_DEEP: 4})
    assert bench.operator.requeue(DEAD, trust=review.reviewed).applied == 0
    assert bench.pending() == []


def test_calls_that_are_too_long_together_are_refused() -> None:
    builder = ReviewBuilder()
    text = "x" * (reviews.MOST_TEXT // 8)

    def row(n: int, args: tuple[object, ...]) -> Row:
        job = Job(str(n), "shop", "mail", args)
        return Row(n, peek(foreign_dead_job(job, 5.0), KEYRING), Location.DEAD, "default")

    for n in range(50):
        # The same call costs nothing more.
        builder.add(row(n, (text,)))
    for n in range(6):
        builder.add(row(100 + n, (n, text)))
    with pytest.raises(UsageError, match="too much for one review; choose fewer"):
        builder.add(row(107, (7, text)))


def test_a_job_of_which_only_the_beginning_is_known_is_not_signed() -> None:
    payload = replace(peek(foreign_dead_job(Job("1", "shop", "mail"), 5.0), KEYRING), size=10**9)
    builder = ReviewBuilder()
    builder.add(Row(0, payload, Location.DEAD, "default"))
    assert (builder.finish().signs, builder.finish().refused) == (0, {TOO_LARGE: 1})


def test_a_call_shows_all_that_the_job_holds() -> None:
    job = Job("1", "shop", "mail", ("a",), {"to": 1, "two words": None}, "high", timeout=5.0,
              unique="u", request={"user": "root"}, typed=("a",), extra={"tenant": 7})  # fmt: skip
    assert call_text(job) == (
        'shop.mail("a", to=1, "two words"=null) with {"queue": "high", "timeout": 5.0, "unique": "u", '
        '"request": {"user": "root"}, "typed": ["a"], "tenant": 7}'
    )
    fake = Job("1", 'shop.mail("a")\n      1 \u00d7 shop', "\u043es\x7f")
    assert call_text(fake) == '"shop.mail(\\"a\\")\\n      1 \\u00d7 shop"."\\u043es\\u007f"()'


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20), st.lists(values, max_size=3),
       st.dictionaries(st.text(max_size=5), values, max_size=3))  # fmt: skip
def test_a_call_is_printable_ascii_on_one_line(
    module: str, function: str, args: list[object], kwargs: dict[str, object]
) -> None:
    text = call_text(Job("1", module, function, tuple(args), kwargs))
    assert text.isascii()
    assert text.isprintable()


entries = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.sampled_from(("unsigned", "bad", "good", "junk")),
        st.sampled_from(("mail", "sms", "system")),
    ),
    max_size=8,
)


@given(before=entries, after=entries, removed=st.sets(st.integers(0, 7)), chosen=st.none() | st.sets(
    st.sampled_from("abcd"), min_size=1
))  # fmt: skip
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example([("a", "unsigned", "mail")], [("a", "unsigned", "system"), ("a", "unsigned", "mail")],
         set(), {"a"})  # fmt: skip
@example([("a", "unsigned", "mail"), ("a", "bad", "system")], [], set(), {"a"})
def test_what_is_signed_was_shown(
    bench: Bench,
    before: list[tuple[str, str, str]],
    after: list[tuple[str, str, str]],
    removed: set[int],
    chosen: set[str] | None,
) -> None:
    bench.client.flushall()
    # By this one the key fits.
    bench.delay(bench.job())
    scope = ids(*chosen) if chosen else DEAD
    raws = [entry(each) for each in before]
    if raws:
        bench.client.lpush("asok:dlq", *raws)
    review = review_at(bench.url, KEYRING, scope)
    shown = Counter(call.text for call in review.calls for _ in range(call.jobs))
    for n in removed:
        if n < len(raws):
            bench.client.lrem("asok:dlq", 1, raws[n])
    added = [entry(each) for each in after]
    if added:
        bench.client.rpush("asok:dlq", *added[::2])
        bench.client.lpush("asok:dlq", *added[1::2] or added[:1])
    signed = Counter(
        call_text(payload.job)
        for payload in (peek(raw, KEYRING) for raw in bench.dead())
        if payload.trust is Trust.SIGNED and payload.job is not None
    )

    result = bench.operator.requeue(scope, trust=review.reviewed)

    ran = Counter(call_text(unseal(raw, KEYRING)) for raw in bench.pending())
    assert ran.total() == result.applied
    assert ran <= shown + signed
    ids_shown = [job_id(raw) for raw in bench.pending()]
    assert not set(ids_shown) & review.reviewed.shared_ids


def entry(drawn: tuple[str, str, str]) -> bytes:
    name, kind, function = drawn
    job = Job(name, "shop", function, (name, function, kind), retries=3)
    if kind == "junk":
        return b"junk " + name.encode()
    if kind == "unsigned":
        return foreign_dead_job(job, 5.0)
    keyring = KEYRING if kind == "good" else STRANGER
    return dead_entry(seal(job, keyring), failed_at=5.0, error="boom")


PLAIN: dict[str, object] = {
    "id": "one", "module": "shop", "function": "mail", "args": [1, "a"], "kwargs": {"a": 1, "b": 2},
    "queue": "default", "retries": 0, "retry_count": 0, "backoff": 2,
}  # fmt: skip
CHANGES: dict[str, list[object]] = {
    "module": ["shop ", "sh\u043ep", "shop\u202e", "x" * 50_000, "shop.mail", "", "os"],
    "function": ["mai", "mail\x1b[2J", "mail()", "m" * 50_000],
    "args": [
        ["1", "a"],
        [1.0, "a"],
        [True, "a"],
        [1, "a", None],
        [[1, "a"]],
        [1, "\u202ea"],
        [1, "a\x00"],
    ],
    "kwargs": [
        {"b": 2, "a": 1},
        {"a": 1},
        {"a, b": 1},
        {"a": "1", "b": 2},
        {"a": 1, "b": 2, "\u200bc": 3},
    ],
    "queue": ["low", "Default", "default ", "d\u0435fault"],
    "retries": [1, 3, 10**6, 10**30],
    "backoff": [0, 0.001, 1e300],
    "timeout": [5, 1e9],
    "hard_timeout": [5],
    "unique": ["u", "\u202eu"],
    "request": [{}, {"path": "/admin"}],
    "typed": [["a"], []],
    "keep_result": [False, 1e6],
    "redact": [{"names": ["a"]}, 1],
    "anything": [None, 0, {"else": [1]}],
    "__proto__": [1],
}


@pytest.mark.parametrize("name", CHANGES)
def test_whatever_of_an_entry_is_signed_is_shown(bench: Bench, name: str) -> None:
    """Two entries that look alike in a review are the same job once they are signed, but for the id."""
    texts: dict[str, Job] = {}
    for number, value in enumerate([..., *CHANGES[name]]):
        fields = PLAIN | {"id": f"job-{number}"} | ({} if value is ... else {name: value})
        bench.client.flushall()
        bench.client.lpush("asok:dlq", json.dumps(fields | {"failed_at": 5.0, "error": "no"}))
        review = review_at(bench.url, KEYRING)
        if not review.signs:
            continue
        [call] = review.calls
        assert call.text.isascii()
        assert call.text.isprintable()
        assert bench.operator.requeue(DEAD, trust=review.reviewed).applied == 1
        names = (key for key in bench.client.keys("asok:queue*") if key != b"asok:queues")
        [raw] = (raw for key in names for raw in bench.client.lrange(key, 0, -1))
        signed = replace(unseal(raw, KEYRING), id="", enqueued_at=None, extra={})
        assert texts.setdefault(call.text, signed) == signed, (call.text, value)
    assert len(texts) > 1


def test_two_operators_who_trust_the_same_sign_each_entry_once(bench: Bench) -> None:
    """Both have reviewed all; each entry is requeued by one of them."""
    jobs = [bench.job() for _ in range(2000)]
    for at in range(0, len(jobs), 500):
        bench.client.lpush("asok:dlq", *(foreign_dead_job(job, 5.0) for job in jobs[at : at + 500]))
    reviewed = [trusted(bench) for _ in range(2)]
    others = RedisOperator(Endpoint(bench.url), bench.keys, KEYRING)
    start = threading.Barrier(2)

    def act(number: int) -> OperationResult:
        start.wait()
        return (bench.operator, others)[number].requeue(DEAD, trust=reviewed[number])

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(act, range(2)))
    others.close()
    assert sum(each.applied for each in results) == len(jobs)
    assert [each.refused for each in results] == [{}, {}]
    assert sorted(job_id(raw) for raw in bench.pending()) == sorted(job.id for job in jobs)
    assert bench.dead() == []


def test_a_review_of_ten_megabytes_shows_them_all_and_what_is_too_large_is_not_requeued(
    bench: Bench,
) -> None:
    end = '"); os.system("'
    job = bench.job(args=("x" * 10_000_000 + end,))
    bench.client.lpush("asok:dlq", foreign_dead_job(job, 5.0))
    review = review_at(bench.url, KEYRING)
    [call] = review.calls
    assert call.text.endswith(f'xxx{json.dumps(end)[1:-1]}"){RETRIED}')
    assert len(call.text) > 10_000_000
    result = bench.operator.requeue(DEAD, trust=review.reviewed)
    assert result.refused == {"larger than ASOK_MAX_ENVELOPE (5,242,880 bytes)": 1}
    assert bench.pending() == []
