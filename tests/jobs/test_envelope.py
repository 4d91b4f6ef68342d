"""Envelopes and dead jobs by their exact values: versions, trust, what is kept, and each refusal."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from asok_core.errors import (
    BadSignature,
    MalformedEnvelope,
    OldEnvelope,
    UnsignedEnvelope,
)
from asok_core.jobs.envelope import (
    Payload,
    Trust,
    changed_text,
    dead_entry,
    is_canonical,
    peek,
    seal,
    seal_again,
    seal_text,
    unseal,
)
from asok_core.jobs.envelope_text import envelope_size, parse, parse_any, parse_written
from asok_core.jobs.job import Job
from asok_core.jobs.job_text import to_text
from asok_core.jobs.keyring import V1, V2, Keyring

KEYRING = Keyring(b"secret")
V2_ONLY = Keyring(b"secret", namespace="shop", writes=2, accepts_v1=False)
OTHER = Keyring(b"other", namespace="shop")
JOB = Job("1", "app", "send", (1, "a"), {"b": None}, enqueued_at=5.0)
TEXT = to_text(JOB)
BARE = TEXT.encode()
SHA1 = "0123456789abcdef" * 2 + "01234567"
BOTH_TEXT = "'job' and 'sig' of the envelope are not both text"


def envelope(**changes: Any) -> bytes:
    """The JSON of an envelope in another layout than ours."""
    fields = {"sig": KEYRING.sign(TEXT, 1), "v": 1, "job": TEXT} | changes
    return json.dumps({k: v for k, v in fields.items() if v is not ...}).encode()


def refusal(raw: bytes, kind: type[Exception], keyring: Keyring = KEYRING) -> str:
    with pytest.raises(kind) as caught:
        unseal(raw, keyring)
    return str(caught.value)


@pytest.mark.parametrize("version", [1, 2])
def test_an_envelope_is_its_version_the_text_and_the_signature(version: Any) -> None:
    raw = seal(JOB, KEYRING, version)
    signature = KEYRING.sign(TEXT, version)
    assert json.loads(raw) == {"v": version, "job": TEXT, "sig": signature}
    assert list(json.loads(raw)) == ["v", "job", "sig"]
    assert raw == seal_text(TEXT, KEYRING, version)
    assert len(raw) == envelope_size(TEXT)
    assert is_canonical(raw)
    assert unseal(raw, KEYRING) == JOB
    assert peek(raw, KEYRING) == Payload(
        raw, JOB, Trust.SIGNED, envelope=raw, text=TEXT, version=version
    )
    assert peek(raw).trust is Trust.UNVERIFIED
    assert peek(raw, OTHER).trust is Trust.BAD


OURS = '{"v": 1, "job": "text", "sig": "ab12"}'


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (OURS, (1, "text", "ab12")),
        (OURS.replace("1,", "2,"), (2, "text", "ab12")),
        (OURS.replace("text", 'a\\"b'), (1, 'a"b', "ab12")),
        *(
            (OURS.replace(part, other), None)
            for part, other in (
                ("1,", "3,"), ('"v"', '"V"'), ('"sig"', '"SIG"'), ("}", " }"), ("}", ', "x": 1}'),
                ("ab12", ""), ("ab12", 'a\\"b'), ("ab12", "a b"), ('"ab12"', "12"), ("ab12", "\udcff"),
            )
        ),
        (OURS[1:], None),
        (OURS[:-8], None),
        ("", None),
    ],
)  # fmt: skip
def test_the_fast_parser_accepts_our_own_layout_alone(text: str, parts: object) -> None:
    raw = text.encode("utf-8", "surrogateescape")
    assert parse_written(raw) == parts
    if parts is not None:
        assert parse(raw) == parse_any(raw)


def test_a_key_that_is_there_twice_is_malformed() -> None:
    raw = OURS.replace('"job"', '"job": "other", "job"').encode()
    with pytest.raises(MalformedEnvelope):
        unseal(raw, KEYRING)
    assert peek(raw).trust is Trust.MALFORMED


def test_the_size_of_an_envelope_counts_what_json_escapes() -> None:
    text = to_text(Job("1", "app", "send", ('a"b', "\\", "\\\\", "\n")))
    for version in (V1, V2):
        assert envelope_size(text) == len(seal_text(text, KEYRING, version))


def test_the_keyring_decides_the_version_of_new_envelopes() -> None:
    assert json.loads(seal(JOB, KEYRING))["v"] == 1
    assert json.loads(seal(JOB, V2_ONLY))["v"] == 2
    assert json.loads(seal_text(TEXT, V2_ONLY))["v"] == 2
    both = Keyring(b"secret", writes=2)
    for version in (V1, V2):
        again = seal_again(JOB, both, seal(JOB, both, version))
        assert json.loads(again)["v"] == version


def test_an_envelope_in_another_layout_is_read_and_is_not_canonical() -> None:
    raw = envelope()
    assert unseal(raw, KEYRING) == JOB
    assert not is_canonical(raw)
    found = peek(raw, KEYRING)
    assert found == Payload(
        raw, JOB, Trust.SIGNED, envelope=seal(JOB, KEYRING), text=TEXT, version=1
    )
    assert is_canonical(found.envelope or b"")
    assert not is_canonical(BARE)
    assert not is_canonical(envelope(sig=...))


def test_each_refusal_names_its_reason() -> None:
    v1, v2 = seal(JOB, KEYRING, 1), seal(JOB, V2_ONLY, 2)
    changed = "the signature does not match SECRET_KEY"
    assert refusal(v1, BadSignature, OTHER) == f"{changed}; was the key changed?"
    assert refusal(v2, BadSignature, OTHER) == f"{changed} in namespace shop; was the key changed?"
    assert refusal(v1, OldEnvelope, V2_ONLY) == (
        "it is signed in version 1, which ASOK_ENVELOPE=v2 does not accept"
    )
    assert refusal(BARE, UnsignedEnvelope) == "the job is not signed"
    assert refusal(envelope(sig=...), UnsignedEnvelope) == "the job is not signed"
    assert refusal(b"{}", MalformedEnvelope) == BOTH_TEXT
    for wrong in ({"job": 1}, {"sig": 1}, {"job": ...}, {"job": None}):
        assert refusal(envelope(**wrong), MalformedEnvelope) == BOTH_TEXT
    for shown, value in (("3", 3), ("a bool", True), ("a float", 1.0), ("a str", "1" * 90)):
        words = f"the envelope's 'v' is {shown}; it must be 1 or 2"
        assert refusal(envelope(v=value), MalformedEnvelope) == words
    cut = f"the envelope's 'v' is {'1' * 40}; it must be 1 or 2"
    assert refusal(envelope(v=int("1" * 90)), MalformedEnvelope) == cut
    assert refusal(envelope(v=...), MalformedEnvelope).startswith(
        "the envelope's 'v' is a NoneType;"
    )


@pytest.mark.parametrize("key", ["job", "sig", "module", "raw64"])
def test_an_entry_with_raw_has_no_other_content(key: str) -> None:
    entry = json.dumps({"raw": "x", key: "eA=="}).encode()
    assert refusal(entry, MalformedEnvelope) == "it has other keys besides 'raw'"
    assert peek(entry) == Payload(entry, None, Trust.MALFORMED, "it has other keys besides 'raw'")


@pytest.mark.parametrize("kept", [{"raw": 1}, {"raw64": "="}, {"raw64": "e A=="}, {"raw64": None}])
def test_raw_that_cannot_be_decoded_is_malformed(kept: dict[str, Any]) -> None:
    assert peek(json.dumps(kept).encode()).problem == "its 'raw' is invalid"


def test_the_trust_of_an_old_version_depends_on_what_is_accepted() -> None:
    v1 = seal(JOB, V2_ONLY, 1)
    assert peek(v1, V2_ONLY).trust is Trust.V1
    assert peek(v1, Keyring(b"secret", writes=2)).trust is Trust.SIGNED
    assert peek(seal(JOB, V2_ONLY, 2), V2_ONLY).trust is Trust.SIGNED


def test_a_bare_job_and_an_envelope_without_signature_are_unsigned() -> None:
    assert peek(BARE, KEYRING) == Payload(BARE, JOB, Trust.UNSIGNED)
    raw = envelope(sig=...)
    assert peek(raw, KEYRING) == Payload(raw, JOB, Trust.UNSIGNED, version=1)
    empty = peek(b"{}", KEYRING)
    assert (empty.job, empty.trust, empty.id) == (None, Trust.MALFORMED, "")


def test_a_dead_job_keeps_the_envelope_and_says_why_it_failed() -> None:
    raw = seal(JOB, V2_ONLY, 2)
    entry = dead_entry(raw, failed_at=7.5, error="E: x", traceback="trace")
    assert json.loads(entry) == json.loads(raw) | {
        "failed_at": 7.5, "error": "E: x", "traceback": "trace",
    }  # fmt: skip
    assert peek(entry, V2_ONLY) == Payload(
        entry, JOB, Trust.SIGNED, None, raw, 7.5, "E: x", "trace", text=TEXT, version=2
    )
    plain = json.loads(dead_entry(raw, failed_at=1.0, error="x"))
    assert plain["traceback"] == ""
    assert "rejected" not in plain


def test_an_unsigned_dead_job_says_why_it_failed() -> None:
    fields = {"failed_at": 7.5, "error": "E: x", "traceback": "trace"}
    raw = json.dumps(json.loads(BARE) | fields).encode()
    assert peek(raw, KEYRING) == Payload(raw, JOB, Trust.UNSIGNED, None, None, 7.5, "E: x", "trace")


def test_text_that_is_not_utf_8_is_kept_as_it_was() -> None:
    assert peek(b'{"raw": "\\ud800"}').envelope == b"\xed\xa0\x80"


def test_a_rejected_dead_job_says_so_last() -> None:
    entry = dead_entry(seal(JOB, KEYRING), failed_at=1.0, error="x", rejected=True)
    assert entry.endswith(b', "rejected": true}')
    assert peek(entry).rejected is True
    for other in (1, "true", None, False):
        fields = json.dumps(json.loads(entry) | {"rejected": other}).encode()
        assert peek(fields).rejected is False


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (b"no JSON", {"raw": "no JSON"}),
        ("caf\u00e9".encode(), {"raw": "caf\u00e9"}),
        (b"\xff\xfe", {"raw64": base64.b64encode(b"\xff\xfe").decode()}),
        # Six bytes for each in JSON: text up to 1,024 bytes, and not beyond.
        (b"\x01" * 1024, {"raw": "\x01" * 1024}),
        (b"\x01" * 1025, {"raw64": base64.b64encode(b"\x01" * 1025).decode()}),
        # With the two quotes exactly twice as long, and one byte more.
        (b'"' * 1026 + b"xx", {"raw": '"' * 1026 + "xx"}),
        (b'"' * 1027 + b"x", {"raw64": base64.b64encode(b'"' * 1027 + b"x").decode()}),
        (BARE, {"raw": TEXT}),
    ],
)
def test_what_is_not_an_envelope_is_kept_whole(raw: bytes, kept: dict[str, str]) -> None:
    entry = dead_entry(raw, failed_at=1.0, error="why")
    assert json.loads(entry) == {
        "v": 1, **kept, "failed_at": 1.0, "error": "why", "traceback": "",
    }  # fmt: skip
    found = peek(entry, KEYRING)
    assert (found.envelope, found.failed_at, found.error) == (raw, 1.0, "why")
    assert found.raw == entry


def test_a_kept_job_is_what_it_was_and_its_problem_is_named() -> None:
    inner = envelope(v=3)
    entry = dead_entry(inner, failed_at=1.0, error="why")
    found = peek(entry, KEYRING)
    assert (found.trust, found.problem) == (
        Trust.MALFORMED, "the envelope's 'v' is 3; it must be 1 or 2",
    )  # fmt: skip
    bare = peek(dead_entry(BARE, failed_at=1.0, error="why", traceback="t"), KEYRING)
    assert (bare.job, bare.trust, bare.problem) == (JOB, Trust.UNSIGNED, "why")
    assert (bare.traceback, bare.text, bare.version) == ("t", None, None)
    signed = seal(JOB, V2_ONLY, 2)
    kept = peek(json.dumps({"raw": signed.decode()}).encode(), V2_ONLY)
    assert (kept.job, kept.trust, kept.text, kept.version) == (JOB, Trust.SIGNED, TEXT, 2)


@pytest.mark.parametrize(
    ("value", "shown"), [(None, None), (3, 3.0), ("3", None), (True, None), (1e999, None)]
)
def test_the_time_of_a_failure_is_a_finite_number_or_unknown(value: Any, shown: Any) -> None:
    fields = json.dumps(json.loads(seal(JOB, KEYRING)) | {"failed_at": value, "error": 5})
    found = peek(fields.encode())
    assert (found.failed_at, type(found.failed_at)) == (shown, type(shown))
    assert (found.error, found.traceback) == ("5", None)


def test_an_oversized_entry_is_described() -> None:
    fields = {"v": 1, "oversized": {"size": 90_000_000, "sha1": SHA1}, "failed_at": 2.0}
    entry = json.dumps(fields | {"error": "why", "traceback": ""}).encode()
    words = f"oversized: 85.8 MiB, SHA-1 {SHA1}"
    assert peek(entry) == Payload(
        entry, None, Trust.OVERSIZED, words, failed_at=2.0, error="why", traceback=""
    )
    alias = f"asok:oversized 90000000 {SHA1}".encode()
    assert peek(alias) == Payload(alias, None, Trust.OVERSIZED, "oversized: 85.8 MiB, not read")
    job = json.dumps(json.loads(BARE) | fields).encode()
    assert peek(job).job is not None


def test_a_text_that_is_not_a_job_is_malformed_with_what_is_known() -> None:
    entry = dead_entry(seal_text("[]", KEYRING), failed_at=3.0, error="why")
    found = peek(entry, KEYRING)
    assert found == Payload(
        entry, None, Trust.MALFORMED, found.problem, failed_at=3.0, error="why", traceback=""
    )
    assert found.problem == refusal(entry, MalformedEnvelope)


@pytest.mark.parametrize("kind", ["signed", "unsigned", "bare", "kept"])
def test_changes_of_a_text_leave_the_rest_as_it_was(kind: str) -> None:
    own = json.dumps(json.loads(BARE) | {"due_at": 9.0, "note": "kept"})
    raw = {
        "signed": seal_text(own, KEYRING),
        "unsigned": json.dumps({"v": 1, "job": own}).encode(),
        "bare": json.dumps(json.loads(own) | {"failed_at": 1.0, "error": "x"}).encode(),
        "kept": json.dumps({"raw": own, "failed_at": 1.0}).encode(),
    }[kind]
    text = changed_text(peek(raw, KEYRING), queue="high", due_at=None, retries=3)
    expected = json.loads(own) | {"queue": "high", "retries": 3}
    del expected["due_at"]
    assert json.loads(text) == expected
    keys = list(json.loads(text))
    assert keys == ["id", *sorted(keys[1:])]


def test_a_text_that_is_nested_too_deeply_is_not_changed() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(MalformedEnvelope, match=r"^it is nested too deeply$"):
        changed_text(peek(seal(JOB, KEYRING), KEYRING), args=deep)
    while deep:  # Its own deletion would be as deep.
        deep = deep[0]
