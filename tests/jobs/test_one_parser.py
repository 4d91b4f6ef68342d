"""All code parses an envelope in the same way: what is shown is what runs, or nothing runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.backends.redis.keys import Keys
from asok_core.errors import EnvelopeError, Replayed
from asok_core.jobs import envelope_text
from asok_core.jobs.envelope import Trust, dead_entry, peek, seal, unseal
from asok_core.jobs.job import Job
from asok_core.jobs.job_text import to_text
from asok_core.jobs.keyring import Keyring
from asok_core.worker.running.claim_checks import verified

KEYRING = Keyring(b"the key of the workers, long enough")
STRICT = Keyring(b"the key of the workers, long enough", writes=2, accepts_v1=False)
SHOWN = Job("shown", "shop", "harmless", (1,), enqueued_at=5.0)
RUN = Job("run", "shop", "harmful", (2,), {"queue": "low"}, enqueued_at=5.0)


def parts(job: Job, version: int) -> list[tuple[str, str]]:
    """Keys and values, as JSON texts, of a signed envelope."""
    fields = json.loads(seal(job, KEYRING, 2 if version == 2 else 1))
    return [(json.dumps(key), json.dumps(value)) for key, value in fields.items()]


def escaped(text: str) -> str:
    """The same JSON string, with all characters as escapes."""
    return '"' + "".join(f"\\u{ord(each):04x}" for each in json.loads(text)) + '"'


signed = st.builds(parts, st.sampled_from([SHOWN, RUN]), st.sampled_from([1, 2]))
versions = st.sampled_from(
    ["1", "2", "1.0", "2.0", "true", '"1"', "null", "1e0", "-0", "3", "9" * 400, "[1]", "{}"]
)
keys = st.sampled_from(
    ["v", "job", "sig", "raw", "raw64", "module", "id", "failed_at", "error", "x"]
)
bare = json.dumps(json.loads(to_text(RUN)))
values = st.one_of(
    versions,
    st.sampled_from([bare, json.dumps(bare), json.dumps(to_text(SHOWN)), '""', '"AAAA"', "[]"]),
    signed.map(lambda pairs: dict(pairs)['"job"']),
    signed.map(lambda pairs: dict(pairs)['"sig"']),
    st.sampled_from([SHOWN, RUN]).map(lambda job: json.dumps(seal(job, KEYRING).decode())),
)
more = st.lists(st.tuples(keys.map(json.dumps), values), max_size=3)


@st.composite
def spellings(draw: st.DrawFn) -> bytes:
    """A signed envelope in another format: keys in any order, duplicated, escaped, or added."""
    pairs = draw(signed)
    if draw(st.booleans()):
        pairs += draw(signed)
    pairs += draw(more)
    if draw(st.booleans()):
        pairs = draw(st.permutations(pairs))
    if draw(st.booleans()):
        pairs = pairs[: draw(st.integers(0, len(pairs)))]
    if draw(st.booleans()):
        version = draw(versions)
        pairs = [(key, version if key == '"v"' else value) for key, value in pairs]
    text = [
        (escaped(key) if draw(st.integers(0, 9)) == 0 else key)
        + draw(st.sampled_from([": ", ":", " : "]))
        + (escaped(value) if value[:1] == '"' and draw(st.integers(0, 9)) == 0 else value)
        for key, value in pairs
    ]
    whole = draw(st.sampled_from(["", "", " ", "\ufeff"])) + "{" + ", ".join(text) + "}"
    return whole.encode(draw(st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-16", "utf-32"])))


def runs_by_the_rules(raw: bytes, keyring: Keyring) -> dict[str, Any] | None:
    """The fields of the job of an envelope, by the rules of SECURITY.md and without our code."""

    class TwiceError(ValueError):
        pass

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise TwiceError
        return dict(pairs)

    try:
        fields = json.loads(raw, object_pairs_hook=once)
    except ValueError:
        return None
    if not isinstance(fields, dict) or fields.keys() & {"raw", "raw64"}:
        return None
    version, text, signature = fields.get("v"), fields.get("job"), fields.get("sig")
    if (
        type(version) is not int
        or version not in (1, 2)
        or (version == 1 and not keyring.accepts_v1)
    ):
        return None
    if not isinstance(text, str) or not isinstance(signature, str):
        return None
    right = keyring.sign(text, 1 if version == 1 else 2) == signature
    found: dict[str, Any] = json.loads(text) if right else {}
    return found or None


def opened_or_none(raw: bytes, keyring: Keyring) -> Job | None:
    try:
        return unseal(raw, keyring)
    except EnvelopeError:
        return None


def agree(raw: bytes, keyring: Keyring) -> bool:
    """Check that what is shown, what is opened and the rules agree; return whether it runs."""
    job, shown = opened_or_none(raw, keyring), peek(raw, keyring)
    rules = runs_by_the_rules(raw, keyring)
    assert (job is None) == (rules is None), (raw, rules)
    if job is not None and rules is not None:
        assert (shown.trust, shown.job) == (Trust.SIGNED, job)
        assert (job.id, job.function, list(job.args)) == (
            rules["id"], rules["function"], rules["args"],
        )  # fmt: skip
    elif shown.trust is Trust.SIGNED:
        # Only for bytes that a dead job keeps unchanged, which a requeue would sign.
        assert shown.envelope is not None
        assert opened_or_none(shown.envelope, keyring) == shown.job
    return job is not None


@pytest.mark.parametrize("keyring", [KEYRING, STRICT], ids=["both", "v2"])
def test_what_is_shown_is_what_runs(keyring: Keyring) -> None:
    @settings(max_examples=600, suppress_health_check=list(HealthCheck))
    @given(spellings())
    def check(raw: bytes) -> None:
        agree(raw, keyring)

    check()


def written(*changes: tuple[str, str], version: int = 1, order: str = "v job sig") -> bytes:
    """The envelope of RUN with other values or more keys, in another order."""
    fields = dict(parts(RUN, version))
    pairs = [(f'"{key}"', fields.pop(f'"{key}"')) for key in order.split()]
    known = dict(changes)
    pairs = [(key, known.pop(key[1:-1], value)) for key, value in pairs]
    pairs += [(f'"{key}"', value) for key, value in known.items()]
    return ("{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}").encode()


OTHER = json.dumps(to_text(SHOWN))
SPELLINGS = {
    "another order": (written(order="sig job v"), True),
    "escaped": (written(("job", escaped(json.dumps(to_text(RUN))))), True),
    "one more key": (written(("x", "[1]")), True),
    "error of a dead job": (written(("error", '"E"')), True),
    "v is 1.0": (written(("v", "1.0")), False),
    "v is true": (written(("v", "true")), False),
    "v is text": (written(("v", '"1"')), False),
    "v is 1e0": (written(("v", "1e0")), False),
    "v is 3": (written(("v", "3")), False),
    "v is 2 under the signature of 1": (written(("v", "2")), False),
    "v is 1 under the signature of 2": (written(("v", "1"), version=2), False),
    "no v": (written(order="job sig"), False),
    "the job twice": (written()[:-1] + f', "job": {OTHER}}}'.encode(), False),
    "another job first": (f'{{"job": {OTHER}, '.encode() + written()[1:], False),
    "the same job twice": (written()[:-1] + b', "job": ' + OTHER.encode() + b"}", False),
    "v twice": (b'{"v": 1, ' + written()[1:], False),
    "a key twice under an escape": (
        written()[:-1] + b', "j\\u006fb": ' + OTHER.encode() + b"}",
        False,
    ),
    "raw beside it": (written(("raw", json.dumps(seal(SHOWN, KEYRING).decode()))), False),
    "raw64 beside it": (written(("raw64", '"AAAA"')), False),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_each_spelling_is_the_same_job_or_none_for_all_parsers(spelling: str) -> None:
    raw, runs = SPELLINGS[spelling]
    assert agree(raw, KEYRING) == runs
    shown = peek(raw, KEYRING)
    assert (shown.job == RUN) if runs else (shown.trust is not Trust.SIGNED)


@given(spellings())
@example(seal(RUN, KEYRING, 1))
@example(seal(RUN, KEYRING, 2))
@settings(max_examples=600, suppress_health_check=list(HealthCheck))
def test_the_fast_and_the_general_parser_return_the_same(raw: bytes) -> None:
    short = envelope_text.parse_written(raw)
    if short is not None:
        assert short == envelope_text.parse_any(raw)[1:4]
    else:
        assert raw not in {seal(job, KEYRING, v) for job in (SHOWN, RUN) for v in (1, 2)}


@given(spellings())
@settings(max_examples=300, suppress_health_check=list(HealthCheck))
def test_a_dead_job_is_shown_as_it_was_before(raw: bytes) -> None:
    before, dead = peek(raw, KEYRING), peek(dead_entry(raw, failed_at=7.0, error="E"), KEYRING)
    if before.failed_at is None and before.error is None:
        assert (dead.job, dead.version) == (before.job, before.version)
        assert dead.trust is before.trust


@pytest.fixture
def claimed(redis_url: str, redis_client: redis.Redis) -> Any:
    """Enqueue bytes and claim them as a worker does, after the job has ended."""
    consumer = Consumer(
        Endpoint(redis_url), Keys(), worker="w", process="w.1", queues=["default"], dlq_max=9
    )
    redis_client.zadd("asok:workers", {"w": 9e15})
    for job in (SHOWN, RUN):
        redis_client.hset(f"asok:job:{job.id}", "status", "completed")
        redis_client.expire(f"asok:job:{job.id}", 600)

    def claim(raw: bytes) -> Any:
        redis_client.delete("asok:active:w.1:default")
        redis_client.lpush("asok:queue", raw)
        (found,) = consumer.cycle([], [], 1).claims
        return found

    yield claim
    redis_client.delete("asok:active:w.1:default")
    consumer.close()


def test_no_spelling_of_the_envelope_of_a_job_that_has_ended_runs(
    claimed: Callable[[bytes], Any],
) -> None:
    """Scripts read the id of a job by another parser than the worker; if they differ, nothing
    runs.
    """

    @settings(max_examples=400, suppress_health_check=list(HealthCheck))
    @given(spellings())
    def check(raw: bytes) -> None:
        claim = claimed(raw)
        with pytest.raises(EnvelopeError) as refused:
            verified(claim, KEYRING, None, lambda: 0.0)
        if opened_or_none(raw, KEYRING) is not None:
            assert refused.type is Replayed

    check()
