"""The text of a job: what is put together by hand must be what the JSON encoder makes."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok_core.errors import MalformedEnvelope
from asok_core.job import Job
from asok_core.job_text import from_text, to_text
from asok_core.wire import Keyring, envelope_size, seal_text

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
def test_a_text_is_json_of_what_a_job_has_with_its_id_first_and_its_other_keys_sorted(
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
def test_a_job_comes_back_from_its_text(job: Job) -> None:
    back = from_text(to_text(job))
    assert back == job
    assert repr((back.args, back.kwargs)) == repr((job.args, job.kwargs)), (
        "with keys in their order"
    )


@given(jobs)
def test_the_size_of_an_envelope_is_known_before_it_is_made(job: Job) -> None:
    text = to_text(job)
    assert envelope_size(text) == len(seal_text(text, KEYRING))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": 7}, "'id' is an int"),
        ({"id": "x" * 129}, "128 bytes"),
        ({"module": "\ud800"}, "'module' is no text"),
        ({"function": "\udfff"}, "'function' is no text"),
        ({"args": {}}, "'args' is a dict"),
        ({"kwargs": []}, "'kwargs' is a list"),
        ({"retries": True}, "'retries' is a bool"),
        ({"retry_count": 1.5}, "'retry_count' is a float"),
        ({"backoff": "2"}, "'backoff' is a str"),
        ({"typed": "when"}, "'typed' is not a list of names"),
        ({"typed": [1]}, "'typed' is not a list of names"),
    ],
)
def test_a_field_at_fault_is_named(changes: dict[str, Any], words: str) -> None:
    text = json.dumps(json.loads(to_text(Job("job-1", "m", "f"))) | changes)
    with pytest.raises(MalformedEnvelope, match=words):
        from_text(text)


@pytest.mark.parametrize("name", ["queue", "retries", "retry_count", "backoff"])
def test_what_has_a_default_may_be_missing(name: str) -> None:
    known = json.loads(to_text(Job("job-1", "m", "f")))
    del known[name]
    assert from_text(json.dumps(known)) == Job("job-1", "m", "f")
