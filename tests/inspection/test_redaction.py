"""What is hidden of a job, by which names, and that nothing else changes."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from asok_core import task
from asok_core.errors import SettingsError, UsageError
from asok_core.execution import context
from asok_core.inspection.redaction import MASK, NoRedaction, Redaction, mark, shown_raw
from asok_core.jobs.envelope import Trust, dead_entry, peek, seal
from asok_core.jobs.job import Job, JobRecord
from asok_core.jobs.job_text import from_text, to_text
from asok_core.jobs.keyring import Keyring
from asok_core.jobs.progress import as_kept, checked
from asok_core.runtime.failures import Failure, failure_of
from asok_core.settings.settings import Settings
from asok_core.web.request import WSGIRequest

KEYRING = Keyring(b"a key of thirty-two characters..")
REDACTION = Redaction(("password", "token", "card*"))


def job(
    *args: Any, names: list[str] | None = None, hide: list[str] | None = None, **kwargs: Any
) -> Job:
    marks: dict[str, Any] = {}
    if names is not None:
        marks["names"] = names
    if hide is not None:
        marks["hide"] = hide
    return Job("j1", "shop", "pay", args, kwargs, extra={"redact": marks} if marks else {})


def shown(made: Job, by: Redaction = REDACTION) -> tuple[list[Any], dict[str, Any]]:
    found = by.job(made)
    return list(found.args), dict(found.kwargs)


@pytest.mark.parametrize(
    "name", ["password", "PASSWORD", "Token", "card", "card_number", "card-number", "cardholder"]
)
def test_a_keyword_is_hidden_by_its_name(name: str) -> None:
    assert shown(replace(job(), kwargs={name: "4111", "user": "ada"})) == (
        [],
        {name: MASK, "user": "ada"},
    )


@pytest.mark.parametrize("name", ["user", "pass", "passwords", "my_card", "tokens"])
def test_another_name_is_not(name: str) -> None:
    made = replace(job(), kwargs={name: "4111"})
    assert REDACTION.job(made) is made


def test_positions_have_the_names_that_were_written_beside_the_job() -> None:
    made = job("ada", "4111", 5, names=["user", "card", "amount"])
    assert shown(made) == (["ada", MASK, 5], {})


@pytest.mark.parametrize("names", [None, [], ["user"], ["user", 7], "user", {"user": 1}])
def test_a_position_without_a_known_name_is_hidden(names: Any) -> None:
    args, _ = shown(job("ada", "4111", names=names))
    assert args[1] == MASK
    assert args[0] in ("ada", MASK)


def test_what_is_nested_is_hidden_by_its_keys() -> None:
    made = job(
        {"order": [{"card": {"number": 4111}, "id": 7}]}, names=["order"], o={"a": {"Token": None}}
    )
    assert shown(made) == ([{"order": [{"card": MASK, "id": 7}]}], {"o": {"a": {"Token": MASK}}})


def test_a_task_declares_its_own_names_and_jobs_have_them() -> None:
    @task(redact=("card",))
    def pay(user: str, card: str, *rest: str, **more: str) -> None:
        """Nothing."""

    options = pay.__asok_options__
    marks = mark(pay.__asok_function__, 4, options.redact, always=False)
    assert marks == {"hide": ["card"], "names": ["user", "card", "rest", "rest"]}
    made = replace(job("ada", "4111", "x", "y", card="z"), extra={"redact": marks})
    again = from_text(to_text(made))
    assert again == made
    assert shown(again, Redaction()) == (["ada", MASK, "x", "y"], {"card": MASK})
    assert mark(pay.__asok_function__, 2, (), always=False) is None
    assert mark(pay.__asok_function__, 2, (), always=True) == {"names": ["user", "card"]}


@pytest.mark.parametrize("given", ["card", ("",), (1,), ("a b",), ("card.",)])
def test_a_declaration_that_means_nothing_is_refused(given: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"redact|pattern"):
        task(redact=given)


@pytest.mark.parametrize("text", ["a b", "a=b", "pass[word]", "x" * 101])
def test_a_pattern_that_means_nothing_is_named(text: str) -> None:
    with pytest.raises(SettingsError, match="ASOK_REDACT is"):
        Settings.load({"ASOK_REDACT": text})


SECRETS = ["hunter2-correct", 'o\'brien "x" \\ ß\n\u202e', "12345", 4111111111111111, -12.75, True]


@pytest.mark.parametrize("secret", SECRETS, ids=repr)
def test_errors_do_not_have_the_value(secret: Any) -> None:
    made = job("ada", names=["user"], password={"deep": [secret]})
    for text in (f"no {secret}!", f"no {secret!r}!", f"no {json.dumps(secret)}", f"{[secret]}"):
        found = REDACTION.text(text, made)
        if not isinstance(secret, bool):
            assert str(secret) not in found
            assert repr(secret) not in found
            assert MASK in found
    line, trace = REDACTION.failure(Failure(f"E: {secret}", f"Traceback\n x\nE: {secret}"), made)
    assert line == (f"E: {secret}" if isinstance(secret, bool) else f"E: {MASK}")
    assert "Traceback\n x\n" in trace


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("login?user=ada&password=hunter2&x=1", f"login?user=ada&password={MASK}&x=1"),
        ("{'password': 'hunter2', 'user': 'ada'}", f"{{'password': {MASK}, 'user': 'ada'}}"),
        ('{"card_number": 4111, "id": 7}', f'{{"card_number": {MASK}, "id": 7}}'),
        ('{\\"token\\": \\"abc\\"}', "{\\\"token\\\": " + MASK + "}"),
        ("Order(card='4111 1111', id=7)", f"Order(card={MASK}, id=7)"),
        ("nothing of the kind", "nothing of the kind"),
    ],
)  # fmt: skip
def test_errors_do_not_have_the_value_of_a_hidden_name(text: str, found: str) -> None:
    assert REDACTION.text(text, None) == found


LONG = "eyJ" + "".join(f"{n:x}." for n in range(900))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"no {LONG[:490]}", f"no {MASK}"),
        (f"no {LONG[:4]}", f"no {MASK}"),
        # So short a part shows nothing.
        (f"no {LONG[:3]}", f"no {LONG[:3]}"),
        (f"... (cut)\n{LONG[-490:]} twice {LONG}", f"... (cut)\n{MASK} twice {MASK}"),
        (f"no {LONG[:490]} … {LONG[-20:]}!", f"no {MASK} … {MASK}!"),
        (f"{LONG[:490]} is not at the end", f"{LONG[:490]} is not at the end"),
        ("{'token': 'eyJhb", f"{{'token': {MASK}"),
        ('{"token": "a b', f'{{"token": {MASK}'),
    ],
    ids=range(8),
)  # fmt: skip
def test_of_a_value_that_was_cut_nothing_is_left(text: str, found: str) -> None:
    assert REDACTION.text(text, job(token=LONG)) == found


def test_a_note_of_progress_has_nothing_of_a_long_value() -> None:
    made = job(token=LONG)
    hide = partial(REDACTION.text, job=made)
    for note in (f"loaded {LONG}", f"{'':1990}{LONG}"):
        assert as_kept(checked(1, 2, note, 0.0), hide).note in (f"loaded {MASK}", MASK)
    # A console may hide more than the worker did, whose note was cut.
    cut = as_kept(checked(1, 2, f"loaded {LONG}", 0.0), str)
    assert REDACTION.progress(cut, made).note == f"loaded {MASK}…"


@pytest.mark.parametrize(
    "secret",
    [LONG, "-----BEGIN KEY-----\nMIIEvQ\nIBADAN\n-----END KEY-----\n"],
    ids=["long", "several lines"],
)
def test_the_line_of_an_error_has_nothing_of_a_long_value(secret: str) -> None:
    failure = failure_of(ValueError(f"refused: {secret}"), 20_000)
    line, trace = REDACTION.failure(failure, job(token=secret))
    assert line.startswith(f"ValueError: refused: {MASK}")
    for text in (line, trace):
        assert not any(part in text for part in (secret[:12], secret[-12:], secret[20:28]))


def test_short_values_are_left_in_errors() -> None:
    assert REDACTION.text("no 12 or a1", job(card=12, token="a1")) == "no 12 or a1"


def test_nothing_changes_where_nothing_is_to_be_hidden() -> None:
    payload = peek(seal(job("ada", card="4111"), KEYRING), KEYRING)
    assert Redaction().payload(payload) is payload
    assert NoRedaction().payload(payload) is payload
    record = JobRecord("j", "failed", result='{"card": 1}', error="card=1")
    assert Redaction().record(record) is record


def test_a_payload_keeps_the_bytes_it_is_acted_upon_by() -> None:
    made = job("ada", card="4111-secret", names=["user"])
    raw = dead_entry(
        seal(made, KEYRING), failed_at=1.0, error="E: 4111-secret", traceback="T 4111-secret"
    )
    payload = peek(raw, KEYRING)
    found = REDACTION.payload(payload)
    assert found.redacted
    assert (found.raw, found.envelope, found.text) == (raw, payload.envelope, payload.text)
    assert "4111-secret" not in f"{found.job} {found.error} {found.traceback} {shown_raw(found)}"
    assert json.loads(shown_raw(found))["job"]["kwargs"] == {"card": MASK}
    assert shown_raw(payload) == raw.decode()


def test_what_cannot_be_read_is_not_shown() -> None:
    payload = REDACTION.payload(peek(b'{"password": "hunter2'))
    assert payload.trust is Trust.MALFORMED
    assert shown_raw(payload) == MASK


def test_an_unsigned_job_cannot_hide_what_it_does() -> None:
    made = job("touch /tmp/x", names=["card"], hide=["*"], token="t0ken")
    unsigned = json.dumps({"v": 1, "job": to_text(made)}).encode()
    for raw in (unsigned, seal(made, Keyring(b"another"))):
        payload = peek(raw, KEYRING)
        found = Redaction().payload(payload).job
        assert found is not None
        assert (found.args, found.kwargs) == (made.args, made.kwargs)
        named = REDACTION.payload(payload).job
        assert named is not None
        assert (named.args, named.kwargs) == (made.args, {"token": MASK})


def test_results_are_hidden_by_their_keys() -> None:
    record = JobRecord(
        "j", "completed", result='{"user": "ada", "token": "t0ken-1", "x": [{"card": 1}]}'
    )
    result = REDACTION.record(record).result
    assert json.loads(result or "") == {"user": "ada", "token": MASK, "x": [{"card": MASK}]}
    cut = JobRecord("j", "completed", result='{"user": "ada", "token": "t0ken-1 … "}')
    assert "t0ken" not in (REDACTION.record(cut).result or "")


@pytest.mark.parametrize(
    ("args", "kwargs", "filled"),
    [
        ([MASK, 1], {"a": {"card": MASK}}, (["4111", 1], {"a": {"card": [1, 2]}})),
        (["new", 1], {"a": {"card": "new"}}, (["new", 1], {"a": {"card": "new"}})),
        ([MASK], {}, (["4111"], {})),
        ([1, MASK], {}, None),
        ([MASK, 1], {"b": MASK}, None),
        ([MASK, 1], {"a": [MASK]}, None),
        ([[MASK], 1], {}, None),
        ([MASK, 1, MASK], {}, None),
    ],
)
def test_an_edit_keeps_what_it_did_not_see(
    args: Any, kwargs: Any, filled: tuple[Any, Any] | None
) -> None:
    made = job("4111", 1, names=["card", "n"], a={"card": [1, 2]})
    if filled is None:
        with pytest.raises(UsageError, match="is used where no value was hidden"):
            REDACTION.filled({"args": args, "kwargs": kwargs}, made)
    else:
        found = REDACTION.filled({"args": args, "kwargs": kwargs}, made)
        assert (found["args"], found["kwargs"]) == filled


def test_what_an_edit_changed_is_reported_without_what_is_hidden() -> None:
    made = job("4111", 1, names=["card", "n"])
    assert REDACTION.changed_words(made, ["4222", 1], {}) == "hidden arguments changed"
    words = REDACTION.changed_words(made, ["4222", 2], {})
    assert "1 → 2" in words
    assert "4222" not in words


def environ(query: str) -> dict[str, Any]:
    return {"REQUEST_METHOD": "GET", "PATH_INFO": "/reset", "QUERY_STRING": query}


def test_a_request_is_sent_without_its_query() -> None:
    with context.request_context(WSGIRequest(environ("token=abc&page=2"))):
        values = context.snapshot()
    assert values is not None
    assert "query" not in values
    assert values["path"] == "/reset"
    with context.restored(values):
        assert context.current_request.query is None


@pytest.mark.usefixtures("request_hooks")
def test_a_query_is_sent_where_a_hook_adds_it_without_what_looks_secret() -> None:
    @context.dump
    def dump(request: Any) -> dict[str, Any]:
        more = {"user": "ada", "auth": {"API-Key": "k", "session_id": "s", "scheme": "basic"}}
        return {"query": request.query, "password": "p", **more}

    with context.request_context(WSGIRequest(environ("token=abc&page=2;csrf%5Ftoken=x&q"))):
        values = context.snapshot() or {}
    assert values["query"] == f"token={MASK}&page=2;csrf%5Ftoken={MASK}&q"
    assert values["password"] == MASK
    assert values["auth"] == {"API-Key": MASK, "session_id": MASK, "scheme": "basic"}
    assert values["user"] == "ada"
