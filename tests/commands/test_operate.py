"""Commands that change something: their output, JSON, errors and exit codes."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest

from asok_core.jobs.envelope import dead_entry, seal
from asok_core.operations.canary import Canary
from asok_core.operations.catalog import dead_jobs
from tests.backends.redis.operating.workers import as_before, well, worker
from tests.conftest import SECRET_KEY
from tests.fixtures.bench import KEYRING, Bench, dead_job, foreign_dead_job, job_id
from tests.fixtures.command_line import Ran
from tests.programs import PATIENCE, wait_until
from tests.pseudo_terminal import TypedText

Asok = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())


class TestBulk:
    def test_a_dry_run_counts_exactly_and_changes_nothing(self, bench: Bench, asok: Asok) -> None:
        dead_jobs = bench.add_dead(*(bench.job(queue="a" if n % 4 else "b") for n in range(1000)))
        ran = asok("dlq", "requeue", "--filter", "queue:b", "--dry-run")
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.splitlines()[0] == "Would requeue 250 dead jobs"
        assert "250 signed" in ran.out
        assert "and 245 more" in ran.out
        reported = asok("dlq", "purge", "--all", "--dry-run", "--json").document
        assert (reported["matching"], reported["total"], len(reported["sample"])) == (1000, 1000, 5)
        assert reported["signatures"] == {"signed": 1000}
        assert bench.dead() == dead_jobs

    def test_a_bulk_command_without_yes_or_a_terminal_is_refused(
        self, bench: Bench, asok: Asok
    ) -> None:
        dead_jobs = bench.add_dead(bench.job())
        for words in (("dlq", "requeue", "--all"), ("queue", "purge", "default")):
            ran = asok(*words)
            assert (ran.code, ran.out) == (2, "")
            assert "not interactive; pass --yes" in ran.err
        assert bench.dead() == dead_jobs

    @pytest.mark.parametrize(("typed", "done"), [("purge\n", True), ("yes\n", False), ("", False)])
    def test_a_bulk_command_asks_with_the_exact_count_and_requires_typed_confirmation(
        self, bench: Bench, asok: Asok, monkeypatch: pytest.MonkeyPatch, typed: str, done: bool
    ) -> None:
        bench.add_dead(bench.job(), bench.job(), bench.job(queue="x"))
        monkeypatch.setattr(sys, "stdin", TypedText(typed))
        ran = asok("dlq", "purge", "--filter", "queue:default")
        assert "Purge 2 dead jobs?\n  Redis " in ran.err
        assert "  Filter  queue:default\n" in ran.err
        assert f"  Redis   {bench.url.partition('?')[0]}" in ran.err
        assert (len(bench.dead()) == 1) is done
        assert ran.code == (0 if done else 1)

    @pytest.mark.parametrize(
        ("words", "line"),
        [
            (("--all", "--id", "x"), "specify exactly one of --id, --filter, --all"),
            ((), "specify exactly one of --id, --filter, --all"),
            (("--filter", ""), "--all selects all"),
            (("--filter", "colour:red"), "no field 'colour'"),
            (("--all", "--rate", "0"), "--rate"),
            (("--all", "--rate", "fast"), "--rate"),
            (("--all", "--canary", "x"), "--canary"),
        ],
    )
    def test_words_that_are_invalid(self, asok: Asok, words: tuple[str, ...], line: str) -> None:
        ran = asok("dlq", "requeue", "--yes", *words)
        assert (ran.code, ran.out) == (2, "")
        assert line in ran.err
        assert len(ran.err.splitlines()) == 1


class TestDeadJobs:
    def test_requeue_all_reports_what_was_refused(self, bench: Bench, asok: Asok) -> None:
        bench.add_dead(bench.job(), bench.job())
        bench.client.lpush("asok:dlq", foreign_dead_job(bench.job(), 5.0), b"junk")
        ran = asok("dlq", "requeue", "--all", "--yes")
        assert ran.code == 1
        assert ran.out == "Requeued 2 jobs (2 refused: 1 unsigned, 1 malformed)\n"
        review = asok("dlq", "requeue", "--all", "--dry-run", "--trust", "--json").document["trust"]
        words = ("--yes", "--trust", "--reviewed", review["reviewed"])
        reported = asok("dlq", "requeue", "--all", *words, "--json")
        assert reported.code == 1
        assert reported.document["applied"] == 1
        assert reported.document["refused"] == {"malformed": 1}
        assert len(bench.pending()) == 3

    def test_requeue_by_id(self, bench: Bench, asok: Asok) -> None:
        jobs = [bench.job() for _ in range(3)]
        bench.add_dead(*jobs)
        ran = asok("dlq", "requeue", "--id", jobs[1].id, "--id", "unknown", "--yes")
        assert (ran.code, ran.out, ran.err) == (
            1,
            "Requeued 1 job (1 skipped: not found)\n",
            "not found: unknown; --id requires the whole id\n",
        )
        assert [job_id(raw) for raw in bench.pending()] == [jobs[1].id]

    def test_requeue_with_a_canary(self, bench: Bench, asok: Asok) -> None:
        words = ("dlq", "requeue", "--all", "--yes", "--canary", "5", "--rate", "1000")
        bench.add_dead(*(bench.job() for _ in range(50)))
        with worker(bench, as_before):
            ran = asok(*words)
        assert (ran.code, ran.out) == (
            1,
            (
                "Canary stopped: the same error returned: ValueError: no "
                "(requeued 5 jobs; of the first 5, 0 completed, 0 failed, 5 did not finish yet)\n"
            ),
        )
        with worker(bench, well):
            reported = asok(*words, "--json")
        assert (reported.code, reported.document["applied"]) == (0, 45)
        assert reported.document["skipped"] == {}
        assert reported.document["canary"]["verdict"] == "all sent"
        assert reported.document["canary"]["first"] == {
            "completed": 5,
            "failed": 0,
            "unfinished": 0,
        }

    @pytest.mark.parametrize("named", ["whole", "beginning"])
    def test_an_id_that_is_not_there_is_named_and_fails_the_command(
        self, bench: Bench, asok: Asok, named: str
    ) -> None:
        job = bench.job()
        dead_jobs = bench.add_dead(job)
        name = str(uuid.UUID(int=7)) if named == "whole" else job.id[:8]
        line = f"not found: {name}"
        line += "" if named == "whole" else "; --id requires the whole id"
        for verb in ("requeue", "purge"):
            looked = asok("dlq", verb, "--id", name, "--dry-run")
            assert (looked.code, looked.out.splitlines()[1:], looked.err) == (1, [line], "")
            looked = asok("dlq", verb, "--id", name, "--dry-run", "--json")
            assert (looked.code, looked.document["missing"]) == (1, [name])
            done = "Requeued" if verb == "requeue" else "Purged"
            ran = asok("dlq", verb, "--id", name, "--yes")
            assert ran == (1, f"{done} 0 jobs (1 skipped: not found)\n", f"{line}\n")
            ran = asok("dlq", verb, "--id", name, "--yes", "--json")
            assert (ran.code, ran.err) == (1, f"{line}\n")
            assert ran.document["missing"] == [name]
            assert ran.document["skipped"] == {"not found": 1}
        looked = asok("dlq", "requeue", "--id", name, "--trust", "--dry-run")
        assert (looked.code, line in looked.out.splitlines()) == (1, True)
        ran = asok("dlq", "requeue", "--id", name, "--canary", "1", "--yes")
        assert (ran.code, ran.err) == (1, f"{line}\n")
        assert ran.out == "Canary: nothing to requeue (1 skipped: not found)\n"
        exported = asok("dlq", "export", "--id", name)
        assert (exported.code, exported.out, line in exported.err.splitlines()) == (1, "", True)
        assert asok("dlq", "export", "--id", job.id).code == 0
        assert bench.dead() == dead_jobs

    @pytest.mark.parametrize("verb", ["requeue", "purge"])
    def test_ids_that_are_not_there_take_no_walk_of_their_own(
        self, bench: Bench, asok: Asok, verb: str
    ) -> None:
        job = bench.job()
        bench.add_dead(job, *(bench.job() for _ in range(2000)))

        def walk(*more: str) -> tuple[int, Ran]:
            bench.client.config_resetstat()
            ran = asok("dlq", verb, "--id", job.id, "--id", "unknown", "--json", *more)
            return bench.client.info("commandstats")["cmdstat_lrange"]["calls"], ran

        once, looked = walk("--dry-run")
        calls, ran = walk("--yes")
        assert looked.document["missing"] == ran.document["missing"] == ["unknown"]
        assert (looked.code, ran.code, ran.document["applied"]) == (1, 1, 1)
        assert calls < 1.5 * once

    def test_the_question_is_about_the_ids_that_are_there(
        self, bench: Bench, asok: Asok, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job = bench.job()
        bench.add_dead(job)
        monkeypatch.setattr(sys, "stdin", TypedText("yes\n"))
        ran = asok("dlq", "requeue", "--id", job.id, "--id", "unknown")
        assert ran.err.splitlines()[0] == "not found: unknown; --id requires the whole id"
        assert "Requeue 1 dead job?\n" in ran.err
        assert (ran.code, ran.out) == (1, "Requeued 1 job\n")

    @pytest.mark.parametrize("handler", [well, as_before])
    def test_a_canary_names_the_ids_that_are_not_there(
        self, bench: Bench, asok: Asok, handler: Callable[[int], dict[str, str]]
    ) -> None:
        jobs = [bench.job() for _ in range(3)]
        bench.add_dead(*jobs)
        named = [each for job in jobs for each in ("--id", job.id)]
        with worker(bench, handler):
            ran = asok("dlq", "requeue", *named, "--id", "unknown", "--canary", "1", "--yes")
        assert ran.out.startswith("Canary succeeded" if handler is well else "Canary stopped")
        assert ran.out.endswith("; 1 skipped: not found)\n")
        line = "not found: unknown; --id requires the whole id"
        assert (ran.code, ran.err.splitlines()[-1]) == (1, line)

    def test_a_canary_says_what_it_waits_for(
        self, bench: Bench, asok: Asok, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(dead_jobs, "Canary", partial(Canary, patience=1.0))
        bench.add_dead(*(bench.job(queue="high") for _ in range(3)))
        ran = asok("dlq", "requeue", "--all", "--canary", "2", "--yes")
        assert ran.out.startswith("Canary stopped: the first jobs did not finish in time")
        assert (ran.code, ran.err.splitlines()) == (
            1,
            [
                "waiting up to 1 s for 2 canary jobs to finish",
                "warning: no worker takes jobs from queue 'high'",
            ],
        )

    def test_requeue_without_a_key(
        self, bench: Bench, asok: Asok, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bench.add_dead(bench.job())
        monkeypatch.delenv("SECRET_KEY")
        ran = asok("dlq", "requeue", "--all", "--yes")
        assert ran.code == 2
        assert "SECRET_KEY is not set" in ran.err

    def test_a_purge_names_the_command_to_restore_it(self, bench: Bench, asok: Asok) -> None:
        dead_jobs = bench.add_dead(*(bench.job() for _ in range(5)))
        purged = asok("dlq", "purge", "--all", "--yes")
        assert (purged.code, purged.out) == (0, "Purged 5 jobs\n")
        hint = purged.err.split()
        assert hint[:3] == ["asok", "trash", "restore"]
        assert bench.dead() == []
        (kept,) = asok("trash", "list", "--json").document["trash"]
        assert (kept["operation"], kept["in_trash"], kept["action"]) == (hint[3], 5, "purge")
        assert hint[3] in asok("trash").out
        restored = asok("trash", "restore", hint[3])
        assert (restored.code, restored.out) == (0, "Restored 5 jobs\n")
        assert bench.dead() == dead_jobs
        again = asok("trash", "restore", hint[3])
        assert again.code == 2
        assert "restored or emptied already" in again.err

    def test_the_trash_is_emptied_by_operation_or_whole(self, bench: Bench, asok: Asok) -> None:
        operations = []
        for count in (3, 1, 2):
            bench.add_dead(*(bench.job() for _ in range(count)))
            operations.append(
                asok("dlq", "purge", "--all", "--yes", "--json").document["operation"]
            )
        first, second, third = operations
        preview = asok("trash", "empty", first, second, "--dry-run")
        assert (preview.code, preview.out.splitlines()) == (
            0,
            [
                "Would delete 4 jobs from the trash",
                *sorted([f"  {first}  3 jobs", f"  {second}  1 job"]),
            ],
        )
        document = asok("trash", "empty", "--all", "--dry-run", "--json").document
        assert (document["action"], document["dry_run"], document["matching"]) == ("empty", True, 6)
        assert sorted(document["operations"], key=lambda each: each["in_trash"]) == [
            {"operation": second, "in_trash": 1},
            {"operation": third, "in_trash": 2},
            {"operation": first, "in_trash": 3},
        ]
        emptied = asok("trash", "empty", second, "--yes")
        assert (emptied.code, emptied.out, emptied.err) == (0, "Deleted 1 job from the trash\n", "")
        for words in (("trash", "empty", second), ("trash", "restore", second)):
            again = asok(*words, *(["--yes"] if "empty" in words else []))
            assert (again.code, again.out) == (2, "")
            assert f"nothing of {second} is in the trash: it was restored or emptied" in again.err
        rest = asok("trash", "empty", "--all", "--yes", "--json").document
        assert (rest["action"], rest["applied"], rest["skipped"]) == ("empty", 5, {})
        assert asok("trash", "list", "--json").document == {"version": 1, "trash": []}
        newest = asok("audit", "--json").document["actions"][0]
        assert (newest["action"], newest["place"], newest["applied"]) == ("empty", "trash", 5)
        assert (
            asok("trash", "empty", "--all", "--yes").out
            == "Deleted 0 jobs from the trash (none found)\n"
        )

    @pytest.mark.parametrize(("typed", "done"), [("empty\n", True), ("yes\n", False), ("", False)])
    def test_emptying_the_trash_asks_for_typed_confirmation(
        self, bench: Bench, asok: Asok, monkeypatch: pytest.MonkeyPatch, typed: str, done: bool
    ) -> None:
        bench.add_dead(bench.job(), bench.job())
        asok("dlq", "purge", "--all", "--yes")
        monkeypatch.setattr(sys, "stdin", TypedText(typed))
        ran = asok("trash", "empty", "--all")
        assert "Delete 2 jobs from the trash?\n" in ran.err
        assert "Type empty to confirm: " in ran.err
        assert bool(bench.client.keys("asok:trash:*")) is not done
        assert ran.code == (0 if done else 1)

    def test_emptying_the_trash_requires_a_scope_and_yes(self, bench: Bench, asok: Asok) -> None:
        for words, line in (
            (("--yes",), "specify exactly one of OPERATION_ID... and --all"),
            (("--all", "some-operation", "--yes"), "specify exactly one of"),
            (("--all",), "not interactive; pass --yes"),
            (("no:operation", "--yes"), "nothing of no:operation is in the trash"),
        ):
            ran = asok("trash", "empty", *words)
            assert (ran.code, ran.out) == (2, "")
            assert line in ran.err
            assert len(ran.err.splitlines()) == 1
        assert not bench.client.exists("asok:audit")

    def test_list_shows_the_newest_and_filters(self, bench: Bench, asok: Asok) -> None:
        jobs = [bench.job(queue="a" if n % 2 else "b") for n in range(30)]
        bench.add_dead(*jobs)
        reported = asok("dlq", "list", "--json", "--filter", "queue:a", "--limit", "2").document
        assert reported["total"] == 30
        assert [each["id"] for each in reported["dead_letters"]] == [jobs[29].id, jobs[27].id]
        assert reported["dead_letters"][0]["error"] == "ValueError: no"
        page = asok("dlq", "list", "--limit", "3")
        assert len(page.out.splitlines()) == 4
        assert "3 of 30 dead jobs" in page.err

    def test_groups_by_cause(self, bench: Bench, asok: Asok) -> None:
        bench.add_dead(*(bench.job() for _ in range(7)))
        bench.client.lpush("asok:dlq", foreign_dead_job(bench.job(), 5.0))
        groups = asok("dlq", "groups", "--json").document["groups"]
        assert [(each["cause"], each["count"]) for each in groups] == [
            ("ValueError: no", 7),
            ("boom", 1),
        ]
        assert "ValueError: no" in asok("dlq", "groups").out

    @pytest.mark.parametrize(
        ("by", "expected"),
        [
            ("task", [("m.f", 3), ("m.g", 1)]),
            ("worker", [("web-1", 2), (None, 1), ("web-2.x", 1)]),
            ("release", [(None, 2), ("4f2a1c", 1), ("9b00d7", 1)]),
        ],
    )
    def test_groups_by_what_ran_them(
        self, bench: Bench, asok: Asok, by: str, expected: list[tuple[str | None, int]]
    ) -> None:
        jobs = [bench.job(module="m", function="g" if n == 3 else "f") for n in range(4)]
        bench.add_dead(*jobs)
        ran = (("web-1.1", "4f2a1c"), ("web-1.2", "9b00d7"), ("web-2.x.1", ""))
        for job, (process, release) in zip(jobs, ran, strict=False):
            fields = {"status": "failed", "worker": process, "release": release}
            bench.client.hset(f"asok:job:{job.id}", mapping=fields)
            bench.client.expire(f"asok:job:{job.id}", 600)
        document = asok("dlq", "groups", "--by", by, "--json").document
        assert document["by"] == by
        found = [(each[by], each["count"]) for each in document["groups"]]
        assert sorted(found, key=str) == sorted(expected, key=str)
        titles, *lines = asok("dlq", "groups", "--by", by).out.splitlines()
        assert by.upper() in titles
        assert any((expected[0][0] or "not known") in line for line in lines)
        few = asok("dlq", "groups", "--by", by, "--filter", "task:=m.g", "--json").document
        assert [each["count"] for each in few["groups"]] == [1]

    def test_groups_into_a_pipe_have_their_errors_whole(
        self, bench: Bench, asok: Asok, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "80")
        error = f"TypeError: greet() has no parameter named {'like_this_' * 12}"
        raw = dead_entry(seal(bench.job(), KEYRING), failed_at=6.0, error=error)
        bench.client.lpush("asok:dlq", raw)
        (group,) = asok("dlq", "groups", "--json").document["groups"]
        assert len(group["cause"]) > 150
        assert group["cause"] in asok("dlq", "groups").out
        assert asok("note", "write", "x", "--error", group["cause"]).code == 0

    def test_export_and_import_are_lossless(self, bench: Bench, asok: Asok, tmp_path: Path) -> None:
        dead_jobs = bench.add_dead(*(bench.job(args=("é\x1b",)) for _ in range(600)))
        odd = [
            foreign_dead_job(bench.job(), 5.0),
            b"\xff\x00junk",
            dead_job(bench.job(args=("x" * 90_000,)), 6.0),
        ]
        bench.client.lpush("asok:dlq", *odd)
        file = tmp_path / "dead.jsonl"
        exported = asok("dlq", "export", str(file))
        assert (exported.code, exported.out) == (0, "")
        assert exported.err == f"Exported 603 jobs to {file}\n"
        assert asok("dlq", "import", str(file)).out == (
            "Imported 0 jobs (603 skipped: among the dead jobs already)\n"
        )
        bench.client.delete("asok:dlq")
        assert asok("dlq", "import", str(file), "--dry-run").out == "Would import 603 dead jobs\n"
        assert asok("dlq", "import", str(file), "--json").document["applied"] == 603
        assert bench.dead() == [*dead_jobs, *odd]

    @pytest.mark.parametrize(
        ("content", "line"),
        [
            (b"no json\n", "line 1 is not a line of an export"),
            (b"[1]\n", "line 1 is not a line of an export"),
            (b'{"id": 1}\n', "has no dead job"),
            (b'{"letter": "x", "sha256": "0"}\n', "was changed since it was exported"),
            (b'{"letter64": "?", "sha256": "0"}\n', "cannot be read"),
        ],
    )
    def test_import_of_a_file_that_was_tampered_with(
        self, bench: Bench, asok: Asok, tmp_path: Path, content: bytes, line: str
    ) -> None:
        file = tmp_path / "f"
        file.write_bytes(content)
        ran = asok("dlq", "import", str(file))
        assert (ran.code, ran.out) == (2, "")
        assert line in ran.err
        assert bench.dead() == []

    def test_an_import_of_a_missing_file(self, asok: Asok) -> None:
        ran = asok("dlq", "import", "/nowhere/f")
        assert ran.code == 2
        assert "No such file" in ran.err
        assert asok("dlq", "export", "/nowhere/f").code == 1


class TestQueues:
    def test_pause_and_resume(self, bench: Bench, asok: Asok) -> None:
        bench.add_pending(bench.job(queue="high"))
        assert asok("queue", "pause", "high").out == "Paused queue 'high'\n"
        unchanged = asok("queue", "pause", "high").out
        assert unchanged.startswith("Queue 'high' is unchanged (it is paused already by ")
        queues = asok("queue", "list", "--json").document["queues"]
        assert {each["name"]: each["paused"] for each in queues}["high"] is True
        assert "paused" in asok("queue").out
        assert asok("queue", "resume", "high", "--json").document["applied"] == 1
        assert bench.client.exists("asok:paused") == 0

    def test_a_pause_with_a_reason_and_an_end(self, bench: Bench, asok: Asok) -> None:
        bench.add_pending(bench.job(queue="high"))
        words = ("queue", "pause", "high", "--until", "2099-01-01T00:00Z")
        ran = asok(*words, "--reason", "\x1b]0;bank\x07 down")
        assert ran.code == 2, "an end is at most a year away"
        assert "--until '2099-01-01T00:00Z': a pause lasts at most 366 days" in ran.err
        ran = asok("queue", "pause", "high", "--for", "90m", "--reason", "\x1b]0;bank\x07 down")
        assert re.fullmatch(
            r"Paused queue 'high' until [-0-9 :]+ UTC: ␛\]0;bank␇ down\n", ran.out
        ), "nothing reaches a terminal raw"
        ran = asok("queue", "pause", "high", "--for", "2h", "--reason", "still down")
        assert re.fullmatch(
            r"Changed the pause of queue 'high': it is paused until [-0-9 :]+ UTC: still down "
            r"\(before: until [-0-9 :]+ UTC by \S+: ␛\]0;bank␇ down\)\n",
            ran.out,
        )
        reported = asok("queue", "list", "--json").document["queues"]
        (pause,) = [each["pause"] for each in reported if each["name"] == "high"]
        assert pause["reason"] == "still down"
        assert "@" in pause["by"]
        until, since = (datetime.fromisoformat(pause[name]) for name in ("until", "since"))
        assert 7190 < (until - since).total_seconds() < 7300
        for shown in (asok("queue").out, asok("worker", "status").out):
            lines = shown.splitlines()
            (at,) = [n for n, line in enumerate(lines) if line.startswith("high ")]
            assert "paused" in lines[at]
            assert lines[at + 1].startswith("    paused until ")
            assert "still down" in lines[at + 1]
        entries = asok("audit", "--json").document["actions"]
        assert [each["changed"] for each in entries] == [True, False]
        assert entries[0]["reason"] == "still down"
        assert entries[0]["until"] == pause["until"]
        assert "queue high, ch" in asok("audit").out
        assert "pause of queue high changed by" in asok("events").out
        assert asok("queue", "resume", "high").out == "Resumed queue 'high'\n"
        assert asok("queue").out.splitlines()[0].split()[-1] == "STATE"
        asok("note", "write", "--queue", "high", "ask Ann")
        assert asok("queue").out.splitlines()[0].split()[-2:] == ["STATE", "NOTE"]

    def test_an_end_in_local_time_is_confirmed_in_both_zones(
        self, bench: Bench, asok: Asok, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bench.add_pending(bench.job(queue="high"))
        with monkeypatch.context() as patched:
            patched.setenv("TZ", "Etc/GMT+5")
            time.tzset()
            ran = asok("queue", "pause", "high", "--until", "tomorrowT21:00")
        time.tzset()
        assert re.fullmatch(r"Paused queue 'high' until [-0-9]+ 02:00:00 UTC\n", ran.out)
        assert re.fullmatch(r"until [-0-9]+ 21:00 UTC-05:00 on this machine\n", ran.err)

    @pytest.mark.parametrize(
        ("words", "problem"),
        [
            (("--for", "0"), "--for '0': a pause lasts longer than 0 s"),
            (("--for", "367d"), "--for '367d': a pause lasts at most 366 days"),
            (("--for", "soon"), "--for: 'soon' is not a duration"),
            (("--for", "1m", "--until", "15:00"), "specify at most one of --for, --until"),
            (("--until", "2h"), "--until: '2h' is not a moment, as in 15:00"),
            (("--until", "2020-01-01"), "--until: '2020-01-01' has passed by the clock of Redis"),
            (("--reason", "x" * 201), "the reason has 201 characters; at most 200 are kept"),
        ],
    )
    def test_what_no_pause_can_be(
        self, bench: Bench, asok: Asok, words: tuple[str, ...], problem: str
    ) -> None:
        bench.add_pending(bench.job(queue="high"))
        ran = asok("queue", "pause", "high", *words)
        assert (ran.code, ran.out) == (2, "")
        assert problem in ran.err
        assert not bench.client.exists("asok:paused")

    def test_purge_and_restore(self, bench: Bench, asok: Asok) -> None:
        envelopes = bench.add_pending(*(bench.job() for _ in range(4)))
        reported = asok("queue", "purge", "default", "--yes", "--json").document
        assert reported["applied"] == 4
        asok("trash", "restore", reported["operation"])
        assert bench.pending() == envelopes

    def test_an_unknown_queue_is_reported_with_the_existing_ones(self, asok: Asok) -> None:
        for words in (("pause", "hihg"), ("purge", "hihg", "--yes")):
            ran = asok("queue", *words)
            assert ran.code == 2
            assert "there is no queue 'hihg'; there are" in ran.err
            assert "high" in ran.err


class TestJobs:
    def test_a_result_is_shown_as_stored(self, bench: Bench, asok: Asok) -> None:
        lost, kept = bench.job(), bench.job()
        why = "result not stored: it is a set, which JSON cannot encode; return a list"
        for job, fields in (
            (lost, {"result": "", "result_error": why}),
            (kept, {"result": '{"z": 1, "a": 2}', "result_type": "tuple[int, str]"}),
        ):
            key = "asok:job:" + job.id
            bench.client.hset(key, mapping={"status": "completed", **fields})
            bench.client.expire(key, 60)
        reported = asok("job", "show", lost.id, "--json").document
        assert (reported["result"], reported["result_error"]) == (None, why)
        assert f"result      {why}" in asok("job", "show", lost.id).out
        reported = asok("job", "show", kept.id, "--json").document
        assert (reported["result_type"], list(reported["result"])) == (
            "tuple[int, str]",
            ["z", "a"],
        )
        assert 'result      {"z": 1, "a": 2}' in asok("job", "show", kept.id).out

    def test_show_a_job(self, bench: Bench, asok: Asok) -> None:
        job = bench.job(kwargs={"to": "a\x1b[31m"})
        bench.add_dead(job)
        bench.client.hset("asok:job:" + job.id, mapping={"status": "failed", "queue": "default"})
        bench.client.expire("asok:job:" + job.id, 60)
        reported = asok("job", "show", job.id, "--json").document
        assert (reported["status"], reported["place"], reported["kwargs"]) == (
            "failed",
            "dead",
            {"to": "a\x1b[31m"},
        )
        page = asok("job", "show", job.id).out
        assert "shop.mail" in page
        assert "retries     3 of " in page
        error = page.partition("\nerror\n")[2].partition("\nhistory (UTC)\n")[0]
        assert all(line.startswith("  ") for line in error.splitlines())
        assert "\x1b" not in page
        assert (reported["result"], reported["result_type"], reported["result_error"]) == (
            None,
            None,
            None,
        )
        ran = asok("job", "show", "unknown")
        assert ran.code == 1
        assert "there is no job 'unknown'" in ran.err

    def test_a_failed_job_is_listed_with_its_error(self, bench: Bench, asok: Asok) -> None:
        job = bench.job()
        key = f"asok:job:{job.id}"
        record = {"status": "failed", "queue": "default", "function": "shop.mail", "error": "E: 1"}
        bench.client.hset(key, mapping=record)
        bench.client.expire(key, 60)
        bench.client.lpush("asok:recent", job.id)
        line = asok("job", "list", "--state", "recent").out.splitlines()[1]
        assert line.split()[-4:] == ["failed", "shop.mail", "E:", "1"]

    def test_list_jobs_in_every_state(self, bench: Bench, asok: Asok) -> None:
        waiting, late, dead = bench.job(queue="high"), bench.job(), bench.job()
        bench.add_pending(waiting)
        bench.delay(late)
        bench.add_dead(dead)
        for state, job in (("pending", waiting), ("delayed", late), ("dead", dead)):
            reported = asok("job", "list", "--state", state, "--json").document
            assert [each["id"] for each in reported["jobs"]] == [job.id]
            assert job.id in asok("job", "list", "--state", state).out
        assert asok("job", "list", "--state", "running", "--json").document["jobs"] == []
        assert asok("job", "list", "--queue", "low", "--json").document["jobs"] == []
        line = "only pending jobs are listed; --state STATE lists others: 1 delayed, 1 dead\n"
        assert asok("job", "list").err == line
        assert asok("job", "list", "--state", "pending").err == ""
        assert asok("job", "list", "--queue", "low").err == "no pending jobs\n"

    @pytest.mark.parametrize(
        ("words", "unknown"),
        [
            ("dlq list --filter worker:web1", "the worker of dead jobs"),
            ("dlq groups --filter release:4f2a1c", "the release of dead jobs"),
            ("dlq requeue --filter worker:web1 --dry-run", "the worker of dead jobs"),
            ("job list --filter !worker:web1", "the worker of pending jobs"),
            ("job list --state delayed --filter worker:web1", ""),
        ],
    )
    def test_what_a_filter_asks_that_is_not_known_is_named(
        self, bench: Bench, asok: Asok, words: str, unknown: str
    ) -> None:
        bench.add_dead(bench.job())
        warning = asok(*words.split()).err
        assert (f"{unknown} is not known: no job matches" in warning) is bool(unknown)

    @pytest.mark.parametrize(
        ("words", "title", "line"),
        [
            ("dlq list", "ID", "no dead jobs"),
            ("dlq list --filter task:mail", "ID", "no dead jobs"),
            ("dlq groups", "COUNT", "no dead jobs"),
            ("dlq groups --filter task:mail", "COUNT", "no dead jobs match"),
            ("job list", "ID", "no pending jobs"),
            ("job list --state running --filter task:mail", "ID", "no running jobs match"),
            ("note list", "KIND", "no notes"),
            ("audit", "OPERATION", "no operations"),
            ("trash list", "OPERATION", "the trash is empty"),
            ("task list", "TASK", "no task was counted in the last 1h"),
            ("events", None, "no events"),
        ],
    )
    def test_a_list_without_rows_is_reported_as_empty(
        self, bench: Bench, asok: Asok, words: str, title: str | None, line: str
    ) -> None:
        ran = asok(*words.split())
        assert (ran.code, ran.err) == (0, f"{line}\n")
        assert [each.split()[0] for each in ran.out.splitlines()] == ([title] if title else [])
        assert asok(*words.split(), "--json").err == ""

    def test_ids_are_printed_whole_however_narrow_the_terminal_is(
        self, bench: Bench, asok: Asok, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "60")
        pending, dead = (
            bench.job(queue="high-priority-invoices"),
            bench.job(kwargs={"to": "a" * 99}),
        )
        bench.add_pending(pending)
        bench.add_dead(dead)
        asok("note", "write", "ask Ann first", "--job", dead.id)
        (noted,) = asok("audit", "--json").document["actions"]
        for whole, words in (
            (pending.id, ("job", "list")),
            (dead.id, ("job", "list", "--state", "dead")),
            (dead.id, ("job", "find", "shop")),
            (dead.id, ("dlq", "list")),
            (dead.id, ("dlq", "requeue", "--all", "--dry-run")),
            (dead.id, ("note", "list")),
            (noted["operation"], ("audit",)),
        ):
            assert whole in asok(*words).out.split(), words

    def test_cancel_jobs_wherever_they_are(self, bench: Bench, asok: Asok) -> None:
        waiting, late, dead = bench.job(queue="high"), bench.job(), bench.job()
        bench.add_pending(waiting)
        bench.delay(late)
        bench.add_dead(dead)
        ran = asok("job", "cancel", waiting.id, late.id, dead.id, "unknown", "--yes")
        assert ran.code == 1
        assert ran.out == ("Cancelled 2 jobs (1 skipped: not found; 1 refused: it is dead)\n")
        assert bench.pending("high") == []
        assert bench.client.zcard("asok:delayed_tasks") == 0
        assert len(bench.dead()) == 1

    def test_promote_a_delayed_job(self, bench: Bench, asok: Asok) -> None:
        job = bench.job()
        bench.delay(job, due=2e9)
        assert asok("job", "promote", job.id, "--yes", "--json").document["applied"] == 1
        assert len(bench.pending()) == 1


class TestAudit:
    def test_audit_lists_what_was_done(self, bench: Bench, asok: Asok) -> None:
        bench.add_dead(bench.job())
        asok("dlq", "purge", "--all", "--yes")
        (action,) = asok("audit", "--json").document["actions"]
        assert (action["action"], action["applied"], action["state"]) == ("purge", 1, "done")
        assert "@" in action["who"]
        assert "purge" in asok("audit").out
        assert asok("audit", "--limit", "0").code == 2


@pytest.mark.parametrize(
    "words", [("queue",), ("dlq", "list"), ("audit",), ("trash",), ("job", "show", "x")]
)
def test_an_unreachable_redis(asok: Asok, words: tuple[str, ...]) -> None:
    ran = asok(*words, "--url", "redis://localhost:1/0")
    assert (ran.code, ran.out) == (3, "")
    assert len(ran.err.splitlines()) == 1


def test_ctrl_c_between_batches_reports_what_was_done(bench: Bench) -> None:
    bench.add_dead(*(bench.job() for _ in range(2000)))
    program = subprocess.Popen(
        [sys.executable, "-m", "asok_console", "dlq", "requeue", "--all", "--yes", "--json",
         "--rate", "100"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {
            "ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": bench.url, "SECRET_KEY": SECRET_KEY,
        },
    )  # fmt: skip
    wait_until(lambda: bench.client.llen("asok:queue"), "the first batch")
    program.send_signal(signal.SIGINT)
    out, err = program.communicate(timeout=PATIENCE)
    assert program.returncode == 130, err
    reported = json.loads(out)
    assert reported["cancelled"] is True
    assert 0 < reported["applied"] < 2000
    assert reported["applied"] == bench.client.llen("asok:queue")
    assert bench.client.llen("asok:dlq") == 2000 - reported["applied"]
