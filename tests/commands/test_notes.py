"""``asok note``, and notes in what other commands print."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from asok_core.inspection.notes import on_error, on_job, on_queue
from tests.fixtures.bench import Bench
from tests.fixtures.command_line import Ran

Asok = Callable[..., Ran]
ESCAPE = "\x1b]52;c;eA==\x07\u202e"


def without_a_right_to_notes(bench: Bench, request: pytest.FixtureRequest) -> str:
    """The URL of a user who may do everything but with the notes."""
    bench.client.acl_setuser(
        "limited", enabled=True, reset=True, passwords=["+pw"], keys=["asok:[^n]*"], channels=["*"],
        commands=["+@all"],
    )  # fmt: skip
    request.addfinalizer(lambda: bench.client.acl_deluser("limited"))
    return bench.url + ("&" if "?" in bench.url else "?") + "username=limited&password=pw"


def test_a_note_is_written_listed_and_removed(bench: Bench, asok: Asok) -> None:
    job = bench.job(id="4f2a1c")
    bench.add_dead(job)
    bench.client.hset("asok:job:4f2a1c", mapping={"status": "failed", "function": job.task})
    bench.client.expire("asok:job:4f2a1c", 600)
    bench.add_pending(bench.job(queue="high"))
    written = asok("note", "write", "ask Ann first", "--job", "4f2a")
    assert (written.code, written.out) == (0, f"Wrote the note on job {job.id}\n")
    assert asok("note", "write", "--queue", "high", "import until 6").code == 0
    grouped = asok("note", "write", "--error", "valueerror: No", "ticket 12", "--json")
    assert grouped.document["applied"] == 1
    listed = asok("note").out
    for out in (listed, asok("note", "list").out):
        assert [line.split()[0] for line in out.splitlines()] == ["KIND", "error", "queue", "job"]
    notes = asok("note", "list", "--json").document["notes"]
    assert [(each["kind"], each["name"], each["text"], each["by"]) for each in notes] == [
        ("error", "ValueError: no", "ticket 12", notes[0]["by"]),
        ("queue", "high", "import until 6", notes[0]["by"]),
        ("job", job.id, "ask Ann first", notes[0]["by"]),
    ]
    assert "@" in notes[0]["by"]
    assert asok("note", "write", "", "--queue", "high").out == "Removed the note on queue 'high'\n"
    assert len(asok("note", "list", "--json").document["notes"]) == 2
    again = asok("note", "write", "", "--queue", "high")
    assert (again.code, again.out) == (0, "Queue 'high' is unchanged (it has no note)\n")


def test_a_note_on_what_there_is_not_is_refused_and_its_removal_is_not(
    bench: Bench, asok: Asok
) -> None:
    bench.add_dead(bench.job())
    for words in (("--job", "nowhere"), ("--queue", "hihg"), ("--error", "KeyError")):
        refused = asok("note", "write", "x", *words)
        assert refused.code == (1 if words[0] == "--job" else 2), words
        assert words[1] in refused.err
    assert "no dead job has the error" in refused.err
    assert not bench.client.exists("asok:notes", "asok:audit")
    for subject, words in (
        (on_job("nowhere", "a.b"), ("--job", "nowhere")),
        (on_queue("hihg"), ("--queue", "hihg")),
        (on_error("KeyError"), ("--error", "KeyError")),
    ):
        bench.operator.write_note(subject, "x")
        assert asok("note", "write", "", *words).out.startswith("Removed the note on ")
    assert not bench.client.exists("asok:notes")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("x",), "specify exactly one of --job, --queue, --error"),
        (("x", "--job", "a", "--queue", "b"), "specify exactly one of"),
        (("x" * 301, "--queue", "default"), "the note has 301 characters; at most 300 are kept"),
    ],
)
def test_what_is_not_a_note(asok: Asok, bench: Bench, words: tuple[str, ...], said: str) -> None:
    refused = asok("note", "write", *words)
    assert refused.code == 2
    assert said in refused.err
    assert not bench.client.exists("asok:notes")


def test_notes_are_beside_what_they_are_on(
    bench: Bench, asok: Asok, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    job = bench.job()
    bench.add_dead(job)
    bench.add_pending(bench.job(queue="high"))
    bench.operator.write_note(on_job(job.id, job.task), "ask Ann first")
    bench.operator.write_note(on_queue("high"), "import until 6")
    bench.operator.write_note(on_error("ValueError: no"), "ticket 12")
    shown = asok("job", "show", job.id)
    assert "note        ask Ann first (ann@desk, " in shown.out
    assert asok("job", "show", job.id, "--json").document["note"]["text"] == "ask Ann first"
    (line,) = [each for each in asok("queue", "list").out.splitlines() if each.startswith("high")]
    assert line.endswith("✎ import until 6")
    queues = asok("queue", "list", "--json").document["queues"]
    assert {each["name"]: (each["note"] or {}).get("text") for each in queues} == {
        "default": None, "high": "import until 6", "low": None,
    }  # fmt: skip
    assert asok("dlq", "groups").out.splitlines()[1].endswith("✎ ticket 12")
    (group,) = asok("dlq", "groups", "--json").document["groups"]
    assert (group["note"]["text"], group["note"]["by"]) == ("ticket 12", "ann@desk")
    audit = asok("audit", "--json").document["actions"]
    assert [(each["action"], each["scope"], each["note"]) for each in audit] == [
        ("note", "error:ValueError: no", "ticket 12"),
        ("note", "queue:high", "import until 6"),
        ("note", f"job:{job.id}", "ask Ann first"),
    ]
    assert f"job {job.id}: ask Ann first" in asok("audit").out


def test_an_explanation_begins_with_the_notes_on_what_it_explains(
    bench: Bench, asok: Asok, request: pytest.FixtureRequest
) -> None:
    waiting, dead = bench.job(queue="high"), bench.job()
    bench.add_pending(waiting)
    bench.add_dead(dead)
    bench.client.hset("asok:job:ended", mapping={"status": "completed", "function": "shop.mail"})
    bench.client.expire("asok:job:ended", 600)
    bench.operator.write_note(on_job(waiting.id, waiting.task), "ask Ann first")
    bench.operator.write_note(on_queue("high"), "import until 6")
    bench.operator.write_note(on_error("ValueError: no"), "ticket 12")
    bench.operator.write_note(on_job("ended"), "was wrong")
    bench.operator.write_note(on_job("gone"), "purged it")
    job, queue = f"job {waiting.id}: ask Ann first", "queue 'high': import until 6"
    error = "error group 'ValueError: no': ticket 12"
    for words, code, said in (
        ((waiting.id,), 0, [job, queue]),
        (("--queue", "high"), 0, [queue]),
        ((), 0, [queue]),
        ((dead.id,), 0, [error]),
        (("ended",), 0, ["job ended: was wrong"]),
        (("gone",), 1, ["job gone: purged it"]),
        (("--queue", "default"), 0, []),
    ):
        ran = asok("explain", *words)
        assert ran.code == code, words
        for line, each in zip(ran.out.splitlines()[1:], said, strict=False):
            assert line.startswith(f"  ✎ note on {each} (ann@desk, "), words
        assert ran.out.count("note on") == len(said), words
        notes = asok("explain", *words, "--json").document["notes"]
        assert [each["text"] for each in notes] == [each.rpartition(": ")[2] for each in said]
        assert {each["by"] for each in notes} <= {"ann@desk"}
    # Which note is that of another job with the same id is known.
    bench.operator.write_note(on_job(waiting.id, "other.task"), "not this one")
    assert "not this one" not in asok("explain", waiting.id).out
    url = without_a_right_to_notes(bench, request)
    ran = asok("explain", "--queue", "high", "--url", url)
    assert ran.code == 0, ran.err
    assert (
        "whether there are notes is not known: this user has no right to the key asok:notes"
        in ran.out
    )
    assert asok("explain", "--queue", "high", "--url", url, "--json").document["notes"] is None


def test_an_export_without_a_right_to_the_notes_says_so_and_has_the_rest(
    bench: Bench, asok: Asok, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    job = bench.job()
    bench.add_dead(job)
    bench.operator.write_note(on_job(job.id, job.task), "ask Ann")
    url = without_a_right_to_notes(bench, request)
    said = "without notes: this user has no right to the key asok:notes"
    for words in ((), ("--format", "csv"), (str(tmp_path / "dead.jsonl"),)):
        ran = asok("dlq", "export", *words, "--url", url)
        assert ran.code == 0, ran.err
        (line,) = ran.err.splitlines()
        assert line.startswith("Exported 1 job"), words
        assert line.endswith(f" ({said})"), words
        assert job.id in (ran.out or (tmp_path / "dead.jsonl").read_text()), words
    bench.client.delete("asok:notes")
    bench.client.set("asok:notes", "x", ex=60)
    assert "(without notes: the key asok:notes is not a hash)" in asok("dlq", "export").err


def test_an_export_has_the_notes_and_an_import_leaves_them(
    bench: Bench, asok: Asok, tmp_path: Path
) -> None:
    job, other = bench.job(), bench.job()
    bench.add_dead(job, other)
    bench.operator.write_note(on_job(job.id, job.task), "=ask Ann")
    (group,) = asok("dlq", "groups", "--json").document["groups"]
    bench.operator.write_note(on_error(group["cause"]), "the bank is down")
    path = tmp_path / "dead.jsonl"
    assert asok("dlq", "export", str(path)).code == 0
    first, second = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    assert (first["id"], first["note"]["text"], first["note"]["by"]) == (
        job.id,
        "=ask Ann",
        "ann@desk",
    )
    assert "note" not in second
    assert [each["error_note"]["text"] for each in (first, second)] == ["the bank is down"] * 2
    rows = list(csv.DictReader(io.StringIO(asok("dlq", "export", "--format", "csv").out)))
    assert [row["note"] for row in rows] == ["'=ask Ann", ""]
    assert {row["error_note"] for row in rows} == {"the bank is down"}
    bench.client.flushall()
    assert asok("dlq", "import", str(path)).code == 0
    assert len(bench.dead()) == 2
    assert not bench.client.exists("asok:notes")


def test_an_export_hides_a_note_on_a_job_with_hidden_values(
    bench: Bench, asok: Asok, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = bench.job(kwargs={"card": "4929123456789012"})
    bench.add_dead(job)
    bench.operator.write_note(on_job(job.id, job.task), "card 4929123456789012 is stolen")
    monkeypatch.setenv("ASOK_REDACT", "card")
    for words in (("dlq", "export"), ("dlq", "export", "--format", "csv"), ("job", "show", job.id)):
        assert "4929123456789012" not in asok(*words).out, words
    assert "is stolen" in asok("dlq", "export", "--unredacted").out


def test_hostile_notes_never_reach_the_terminal_raw(bench: Bench, asok: Asok) -> None:
    job = replace(bench.job(), id=f"job{ESCAPE}")
    bench.add_dead(job)
    name = f"high{ESCAPE}"
    bench.add_pending(bench.job(queue=name))
    for subject in (on_job(job.id, job.task), on_queue(name), on_error(f"ValueError: no{ESCAPE}")):
        bench.operator.write_note(subject, f"text{ESCAPE}")
    bench.operator.write_note(on_error("ValueError: no"), f"text{ESCAPE}")
    for words in (
        ("note", "list"), ("note", "list", "--json"), ("queue", "list"), ("dlq", "groups"),
        ("audit",), ("audit", "--json"), ("job", "show", job.id), ("dlq", "export"),
        ("dlq", "export", "--format", "csv"), ("note", "write", ESCAPE, "--queue", name),
        ("explain", job.id), ("explain", job.id, "--json"), ("explain", "--queue", name), ("explain",),
    ):  # fmt: skip
        ran = asok(*words)
        assert ran.code == 0, words
        assert not {"\x1b", "\x07", "\u202e"} & set(ran.out + ran.err), words
