"""What each verb sends to its script for a row, by its exact values, and why it refuses one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha1, sha256
from typing import Any

import pytest

from asok_core.backends.redis.operating.job_builders import (
    LONGEST_ERROR,
    SkipReason,
    as_bytes,
    cancelled_delayed_job,
    cancelled_job,
    earlier_error,
    moved_job_builder,
    only,
    promoted_job,
    purged_job,
    requeued_job_builder,
)
from asok_core.inspection.redaction import Redaction
from asok_core.inspection.review import NOT_REVIEWED, SHARED_ID, ReviewedEntries
from asok_core.inspection.rows import Row
from asok_core.jobs.envelope import Payload, Trust, dead_entry, peek, seal
from asok_core.jobs.envelope_text import envelope_size
from asok_core.jobs.job import EARLIER_ERROR, Job
from asok_core.jobs.job_text import to_text
from asok_core.jobs.keyring import Keyring
from asok_core.jobs.states import Location
from asok_core.settings.secret_names import MASK

KEYRING = Keyring(b"secret")
WRONG = Keyring(b"other")
JOB = Job(
    *("1", "app", "send", (1,), {"b": 2}), queue="low", retries=3, retry_count=2, enqueued_at=5.0,
    due_at=6.0, unique="u", postponements=4,
)  # fmt: skip
FACTS = (b"1", b"low", b"app.send", b"u")
MALFORMED = Row(0, peek(b"no", KEYRING), Location.DEAD, "low")
ALIAS = b"asok:oversized 90000000 " + b"a" * 40


def row(raw: bytes, location: Location = Location.DEAD, queue: str = "low") -> Row:
    return Row(0, peek(raw, KEYRING), location, queue)


def dead(job: Job = JOB, keyring: Keyring = KEYRING, version: Any = 1, **why: Any) -> Row:
    said: dict[str, Any] = {"failed_at": 7.0, "error": "E: x"} | why
    return row(dead_entry(seal(job, keyring, version), **said))


def requeued(
    of: Row,
    changes: Mapping[str, Any] | None = None,
    trust: ReviewedEntries | None = None,
    **rest: Any,
) -> Any:
    return requeued_job_builder(KEYRING, 50.0, changes or {}, trust=trust, **rest)(of, 0)


def digest(raw: bytes) -> str:
    return sha1(raw, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("version", [1, 2])
def test_a_requeue_signs_the_job_again_with_all_its_retries(version: Any) -> None:
    of = dead(version=version)
    fresh = replace(
        JOB, retry_count=0, due_at=None, postponements=None, enqueued_at=50.0,
        extra={EARLIER_ERROR: "E: x"},
    )  # fmt: skip
    assert requeued(of) == (
        digest(of.payload.raw), seal(fresh, KEYRING, version), b"1", b"low", b"app.send", 3, b"u",
        0, 5.0, 7.0, b"E: x", b"",
    )  # fmt: skip


def test_a_requeue_of_a_job_without_the_optional_facts() -> None:
    of = dead(Job("1", "app", "send"), error="")
    fresh = Job("1", "app", "send", enqueued_at=50.0)
    of = replace(of, payload=replace(of.payload, failed_at=None))
    assert requeued(of) == (
        digest(of.payload.raw), seal(fresh, KEYRING), b"1", b"default", b"app.send", 0, b"",
        0, "", "", b"", b"",
    )  # fmt: skip


def test_a_requeue_refuses_what_it_cannot_trust() -> None:
    assert requeued(MALFORMED) == "malformed"
    assert requeued(MALFORMED, trust=ReviewedEntries([])) == "malformed"
    assert requeued(dead(keyring=WRONG)) == "bad signature"
    assert requeued(row(to_text(JOB).encode())) == "unsigned"
    unchecked = Row(0, peek(dead().payload.raw), Location.DEAD, "low")
    assert requeued(unchecked) == "unverified"
    reviewed = ReviewedEntries([sha256(unchecked.payload.raw).digest()])
    assert requeued(unchecked, trust=reviewed) == SkipReason(NOT_REVIEWED)


def test_a_trusted_job_is_signed_once_and_byte_for_byte() -> None:
    of, other = dead(keyring=WRONG), dead(keyring=WRONG, error="E: y")
    trust = ReviewedEntries([sha256(of.payload.raw).digest()])
    skipped = requeued(other, trust=trust)
    assert (skipped, type(skipped)) == (NOT_REVIEWED, SkipReason)
    done = requeued(of, trust=trust)
    assert (done[0], done[7], done[11]) == (
        digest(of.payload.raw), 1, b"trusted: bad signature",
    )  # fmt: skip
    assert peek(done[1], KEYRING).trust is Trust.SIGNED
    assert type(requeued(of, trust=trust)) is SkipReason
    signed = requeued(dead(), trust=trust)
    assert (signed[7], signed[11]) == (0, b"")


def test_a_job_that_shares_its_id_is_not_requeued_under_a_trust() -> None:
    assert requeued(dead(), trust=ReviewedEntries([], ["1"])) == SHARED_ID
    assert len(requeued(dead(), trust=ReviewedEntries([], ["2"]))) == 12


def test_the_largest_envelope_is_the_limit_itself() -> None:
    size = len(requeued(dead())[1])
    assert len(requeued(dead(), largest=size)) == 12
    assert requeued(dead(), largest=size - 1) == (
        f"larger than ASOK_MAX_ENVELOPE ({size - 1:,} bytes)"
    )
    long = dead(replace(JOB, args=("x" * 2000,)))
    assert requeued(long, largest=1234) == "larger than ASOK_MAX_ENVELOPE (1,234 bytes)"
    assert envelope_size(peek(requeued(dead())[1]).text or "") == size


def test_an_edit_changes_the_arguments_and_its_detail_names_them() -> None:
    of = dead()
    done = requeued(of, {"args": [2], "kwargs": {"b": 2}}, note="to the front")
    job = peek(done[1], KEYRING).job
    assert job is not None
    assert (job.args, job.kwargs, job.retry_count) == ((2,), {"b": 2}, 0)
    words, _, note = done[11].decode().partition("; ")
    assert "1" in words
    assert "2" in words
    assert note == "to the front"
    assert requeued(of, note="to the front")[11] == b"to the front"


def test_hidden_values_stay_and_are_in_no_detail() -> None:
    job = replace(JOB, kwargs={"card": "4111-1111"})
    of = dead(job, error="E: 4111-1111")
    redaction = Redaction(["card"])
    shown = redaction.payload(of.payload).job
    assert shown is not None
    hidden = shown.kwargs["card"]
    assert hidden != "4111-1111"
    changes = {"args": [shown.args[0]], "kwargs": {"card": hidden}}
    done = requeued(of, changes, redaction=redaction)
    again = peek(done[1], KEYRING).job
    assert again is not None
    assert again.kwargs == {"card": "4111-1111"}
    assert b"4111" not in done[10] + done[11]
    misplaced = requeued(of, {"args": [hidden, hidden], "kwargs": {}}, redaction=Redaction())
    assert isinstance(misplaced, str)
    assert misplaced.count(hidden) >= 1


def marked(number: str) -> Job:
    """A job whose task declares that its card is hidden."""
    return replace(JOB, kwargs={"card": number}, extra={"redact": {"hide": ["card"]}})


def test_a_signed_job_hides_what_its_task_declares() -> None:
    of = dead(marked("4111-1111"))
    detail = requeued(of, {"args": [2], "kwargs": {"card": "5222-2222"}})[11]
    assert b"5222" not in detail
    assert b"4111" not in detail
    done = requeued(of, {"args": [2], "kwargs": {"card": MASK}})
    again = peek(done[1], KEYRING).job
    assert again is not None
    assert again.kwargs == {"card": "4111-1111"}


def test_a_job_that_is_not_signed_hides_nothing_from_who_trusts_it() -> None:
    of = dead(marked("4111-1111"), WRONG)
    trust = ReviewedEntries([sha256(of.payload.raw).digest()])
    refused = requeued(of, {"args": [2], "kwargs": {"card": MASK}}, trust=trust)
    assert isinstance(refused, str)
    assert MASK in refused
    done = requeued(of, {"args": [2], "kwargs": {"card": "5222-2222"}}, trust=trust)
    assert b"5222-2222" in done[11]


def test_one_element_alone_is_judged() -> None:
    of = dead()
    judge = only(of.payload.raw, purged_job)
    assert judge(of, 4) == (digest(of.payload.raw), 4, b"1")
    skipped = judge(dead(error="E: y"), 4)
    assert (skipped, type(skipped)) == (NOT_REVIEWED, SkipReason)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (None, None),
        ("", None),
        (" \n ", None),
        ("E: x", "E: x"),
        ("\n first\nlast \n", "last"),
        ("x" * (LONGEST_ERROR + 1), "x" * LONGEST_ERROR),
    ],
)
def test_the_earlier_error_is_the_last_line(error: str | None, line: str | None) -> None:
    assert earlier_error(Payload(b"", JOB, Trust.SIGNED, error=error)) == line
    assert LONGEST_ERROR == 300


def test_the_earlier_error_of_a_rejected_job_is_the_one_before() -> None:
    before = replace(JOB, extra={EARLIER_ERROR: "E: before"})
    assert (
        earlier_error(Payload(b"", before, Trust.SIGNED, error="now", rejected=True)) == "E: before"
    )
    assert earlier_error(Payload(b"", before, Trust.SIGNED, error="now")) == "now"
    other = replace(JOB, extra={EARLIER_ERROR: 5})
    assert earlier_error(Payload(b"", other, Trust.SIGNED, error="now", rejected=True)) == "now"
    assert earlier_error(Payload(b"", JOB, Trust.SIGNED, error="now", rejected=True)) == "now"
    assert earlier_error(Payload(b"", None, Trust.BAD, error="now", rejected=True)) == "now"


def test_the_arguments_of_a_cancellation() -> None:
    raw = seal(JOB, KEYRING)
    pending = row(raw, Location.PENDING, "of the list")
    facts = b"1", b"of the list", b"app.send", b"u"
    assert cancelled_job(pending, 3) == (digest(raw), *facts)
    assert cancelled_delayed_job(row(raw, Location.DELAYED, "low"), 3) == (raw, *FACTS)
    plain = row(seal(replace(JOB, unique=None), KEYRING), Location.PENDING)
    assert cancelled_job(plain, 0)[1:] == (*FACTS[:3], b"")
    assert cancelled_job(MALFORMED, 0) == (digest(b"no"), b"", b"low", b"", b"")
    assert cancelled_delayed_job(MALFORMED, 0) == (b"no", b"", b"low", b"", b"")
    assert cancelled_delayed_job(row(ALIAS), 0) == "oversized"


def test_the_arguments_of_a_purge() -> None:
    assert purged_job(dead(), 9) == (digest(dead().payload.raw), 9, b"1")
    assert purged_job(MALFORMED, 0) == (digest(b"no"), 0, b"")


def test_the_arguments_of_a_promotion() -> None:
    raw = seal(JOB, KEYRING)
    assert promoted_job(row(raw, queue="other"), 0) == (raw, b"1", b"low", b"app.send")
    assert promoted_job(MALFORMED, 0) == "malformed"
    assert promoted_job(row(ALIAS), 0) == "oversized"


@pytest.mark.parametrize("version", [1, 2])
def test_a_move_signs_the_job_for_its_new_queue(version: Any) -> None:
    raw = seal(JOB, KEYRING, version)
    there = seal(replace(JOB, queue="high"), KEYRING, version)
    judge = moved_job_builder(KEYRING, "high")
    assert judge(row(raw), 0) == (digest(raw), there, b"1", b"app.send")
    assert judge(row(seal(JOB, WRONG)), 0) == "bad signature"
    assert judge(MALFORMED, 0) == "malformed"


def test_texts_that_are_not_utf_8_are_sent_as_they_are() -> None:
    assert as_bytes("caf\u00e9 \ud800") == b"caf\xc3\xa9 \xed\xa0\x80"
