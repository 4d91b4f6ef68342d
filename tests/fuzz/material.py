"""Input for the parsers: bytes, JSON, modified envelopes, and unusual numbers."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from asok_core.jobs.envelope import dead_entry, seal
from asok_core.jobs.job import Job
from asok_core.jobs.keyring import Keyring
from tests.hidden import texts

KEYRING = Keyring(b"the key of the fuzz, long enough")
STRANGER = Keyring(b"the key of a stranger to the fuzz")

words = st.text(max_size=12) | texts()
clean_words = words.map(lambda text: text.encode("utf-8", "replace").decode()).filter(bool)
numbers = st.integers(-(10**30), 10**30) | st.floats() | st.just(10**400)
leaves = st.none() | st.booleans() | numbers | words
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)
deep = st.integers(0, 1200).map(lambda depth: "[" * depth + "1" + "]" * depth)

digits = st.sampled_from(
    [
        "nan",
        "inf",
        "-inf",
        "1e400",
        "9" * 5000,
        "-1",
        "",
        "0x10",
        "1_0",
        "١",
        " 5 ",
        "\0",
        "1.5.2",
        "1" * 20,
    ]
)
scalars = (
    st.binary(max_size=40)
    | digits.map(str.encode)
    | words.map(lambda each: each.encode("utf-8", "replace"))
)

KEYS = (
    *("v", "job", "sig", "raw", "raw64", "failed_at", "error", "traceback", "rejected", "id", "module"),
    *("function", "args", "kwargs", "queue", "retries", "retry_count", "backoff", "typed", "request"),
    *("redact", "earlier_error", "enqueued_at", "due_at", "timeout", "unique", "keep_result"),
)  # fmt: skip
objects = st.dictionaries(st.sampled_from(KEYS) | words, values, max_size=10)

jobs = st.builds(
    Job,
    id=clean_words.map(lambda each: each[:30]),
    module=clean_words,
    function=clean_words,
    args=st.lists(st.none() | st.integers(-(2**60), 2**60) | clean_words, max_size=4).map(tuple),
    kwargs=st.dictionaries(clean_words, clean_words, max_size=3),
    queue=clean_words,
    extra=st.dictionaries(st.sampled_from(["redact", "earlier_error", "x"]), values, max_size=2),
)


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


@st.composite
def changed(draw: st.DrawFn, raws: st.SearchStrategy[bytes]) -> bytes:
    """Byte strings with a few changes."""
    raw = bytearray(draw(raws))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, max(0, len(raw) - 1)))
        raw[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(raw)


signed = st.builds(seal, jobs, st.sampled_from([KEYRING, STRANGER]))
dead = st.builds(
    lambda raw, at, error, trace: dead_entry(raw, failed_at=at, error=error, traceback=trace),
    signed | st.binary(max_size=60),
    st.floats(),
    words,
    words,
)
nested = st.builds(
    lambda inner, sig: _dumped({"v": 1, "job": inner, "sig": sig}),
    objects.map(json.dumps) | deep | words,
    words | st.just("00" * 32),
)
elements = st.one_of(
    st.binary(max_size=80),
    objects.map(_dumped),
    values.map(_dumped),
    deep.map(str.encode),
    nested,
    changed(signed),
    changed(dead),
    signed,
    dead,
)
"""Possible elements of a list of envelopes."""
