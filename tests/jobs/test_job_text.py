"""The text of a job: the fast formatting must equal that of the JSON encoder."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asok_core.errors import MalformedEnvelope
from asok_core.jobs import envelope_text, job_decoder
from asok_core.jobs.envelope import seal_text
from asok_core.jobs.envelope_text import envelope_size
from asok_core.jobs.job import Job
from asok_core.jobs.job_text import from_text, to_text
from asok_core.jobs.keyring import Keyring

KEYRING = Keyring(b"not to be shown")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = texts.filter(bool)
moments = st.none() | st.floats(0, 1e12)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
jobs = st.builds(
    Job,
    id=names,
    module=names,
    function=names,
    args=st.lists(values, max_size=3).map(tuple),
    kwargs=st.dictionaries(texts, values, max_size=3),
    queue=names,
    retries=st.integers(0, 9),
    retry_count=st.integers(0, 9),
    backoff=st.integers(0, 9) | st.floats(0, 9),
    enqueued_at=moments,
    due_at=moments,
    timeout=moments,
    unique=st.none() | names,
    typed=st.lists(names, max_size=2).map(tuple),
    postponements=st.none() | st.integers(1, 9),
)


@given(jobs)
def test_a_text_is_json_with_the_id_first_and_the_other_keys_sorted(
    job: Job,
) -> None:
    optional = (
        *("enqueued_at", "due_at", "timeout", "hard_timeout"),
        *("unique", "request", "postponements", "keep_result"),
    )
    expected: dict[str, Any] = {
        field.name: getattr(job, field.name)
        for field in fields(Job)
        if field.name not in (*optional, "delay", "extra", "typed")
    }
    expected |= {name: getattr(job, name) for name in optional if getattr(job, name) is not None}
    if job.typed:
        expected["typed"] = job.typed
    first = {"id": expected.pop("id")}
    assert to_text(job) == json.dumps(first | dict(sorted(expected.items())))


@given(jobs)
def test_a_job_is_decoded_from_its_text(job: Job) -> None:
    back = from_text(to_text(job))
    assert back == job
    assert repr((back.args, back.kwargs)) == repr((job.args, job.kwargs)), (
        "with keys in their order"
    )


@given(jobs)
def test_the_size_of_an_envelope_is_computed_without_creating_it(job: Job) -> None:
    text = to_text(job)
    assert envelope_size(text) == len(seal_text(text, KEYRING))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": 7}, "'id' is an int"),
        ({"id": "x" * 129}, "128 bytes"),
        ({"module": "\ud800"}, "'module' is not UTF-8 text"),
        ({"function": "\udfff"}, "'function' is not UTF-8 text"),
        ({"args": {}}, "'args' is a dict"),
        ({"kwargs": []}, "'kwargs' is a list"),
        ({"retries": True}, "'retries' is a bool"),
        ({"retry_count": 1.5}, "'retry_count' is a float"),
        ({"backoff": "2"}, "'backoff' is a str"),
        ({"typed": "when"}, "'typed' is not a list of names"),
        ({"typed": [1]}, "'typed' is not a list of names"),
    ],
)
def test_an_invalid_field_is_named(changes: dict[str, Any], words: str) -> None:
    text = json.dumps(json.loads(to_text(Job("job-1", "m", "f"))) | changes)
    with pytest.raises(MalformedEnvelope, match=words):
        from_text(text)


@pytest.mark.parametrize("name", ["queue", "retries", "retry_count", "backoff"])
def test_a_key_with_a_default_may_be_missing(name: str) -> None:
    known = json.loads(to_text(Job("job-1", "m", "f")))
    del known[name]
    assert from_text(json.dumps(known)) == Job("job-1", "m", "f")


unhurried = settings(
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
    ]
)
"""Creating an example may be slow on a busy machine."""
CHANGES = (
    *("", " ", ",", ":", '"', "\\", "{", "}", "[", "]", "\n", "\x00", "\ufeff", "\ud800", "é"),
    *("0", "-0", "1.0", "1e400", "-1", "01", "1E2", "NaN", "Infinity", "true", "null", "9" * 40),
    *("9" * 5000, "1764131234.1234567890123", "18446744073709551616", "9007199254740993"),
    *("\\ud800", "\\u0000", "\\u0069d", "\\/", '\\"', "[" * 30_000, "x" * 128),
    *(
        '"id": "other", ',
        '"retries": 7, ',
        '"v": 1, ',
        '"job": "{}", ',
        '"sig": "ab", ',
        '"more": 1, ',
    ),
    *("\\ud83d\\ude00", "\\ud83d", "1" + "0" * 400, "0." + "0" * 400 + "1"),
)


@st.composite
def changed(draw: st.DrawFn, texts_of: st.SearchStrategy[str]) -> str:
    """A text with some parts replaced, mostly at the start of values."""
    text = draw(texts_of)
    for _ in range(draw(st.integers(0, 3))):
        starts = [at for at, each in enumerate(text) if each in ' "{[,:0123456789'] or [0]
        start = draw(st.sampled_from(starts) | st.integers(0, len(text)))
        end = start + draw(st.integers(0, 20))
        text = text[:start] + draw(st.sampled_from(CHANGES)) + text[end:]
    return text


def usual(job: Job) -> Job:
    """The job in the common form."""
    required = (job.id, job.module, job.function, job.args, job.kwargs, job.queue)
    return Job(*required, job.retries, job.retry_count, job.backoff, 1.5)


def test_the_common_form_is_read_by_the_fast_decoder() -> None:
    text = to_text(Job("1", "m", "f", ([1], {"a": 1e3}), {"x": "é"}, enqueued_at=1764131234.123456))
    assert job_decoder.decode(text) == from_text(text)


@unhurried
@given(changed((jobs.map(usual) | jobs).map(to_text)))
def test_the_fast_decoder_returns_the_same_job_or_none(text: str) -> None:
    fast = job_decoder.decode(text)
    if fast is not None:
        slow = from_text(text)
        assert fast == slow
        assert repr(fast) == repr(slow), "of the same types"


@unhurried
@given(changed(jobs.map(lambda job: seal_text(to_text(job), KEYRING).decode())))
def test_an_envelope_in_the_usual_format_is_parsed_as_any_other(text: str) -> None:
    raw = text.encode("utf-8", "surrogatepass")
    fast = envelope_text.parse_written(raw)
    if fast is not None:
        slow = envelope_text.parse_any(raw)
        assert (slow.version, slow.text, slow.signature) == fast
        assert envelope_text.parse(raw) == slow
