"""``--trust`` in real processes: only what an operator was shown is signed and runs."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from asok_core.inspection.review import SHARED_ID
from asok_core.jobs.envelope import peek, seal
from asok_core.jobs.job import Job, new_id
from tests.conftest import SECRET_KEY
from tests.fixtures.bench import KEYRING, STRANGER, Bench, dead_job, foreign_dead_job
from tests.fixtures.command_line import Ran
from tests.fixtures.worker import TASKS, RunWorker
from tests.programs import PATIENCE, environment, run_program, wait_until

ALLOWED = f"{TASKS},os:system"
"""The tasks that the worker may run: the harmless one, and that of the attacker."""


class TrustDesk:
    """A Redis with dead jobs of the framework, to which an attacker can write."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.client = bench.client
        self.url = bench.url
        self.folder = folder
        self.pwned = folder / "pwned"

    def harmless(self, word: str = "shown") -> Job:
        return Job(new_id(), TASKS, "note", (word,))

    def equivalent(self, job: Job) -> Job:
        """A job with the same id that runs a command."""
        return replace(job, module="os", function="system", args=(f"touch {self.pwned}",))

    def put(self, *jobs: Job, newest: bool = True) -> None:
        push = self.client.lpush if newest else self.client.rpush
        push("asok:dlq", *(foreign_dead_job(job, 5.0) for job in jobs))

    @property
    def journal(self) -> list[str]:
        path = self.folder / "journal"
        return path.read_text().splitlines() if path.exists() else []

    def dead(self) -> list[str]:
        found = [peek(raw).job for raw in self.client.lrange("asok:dlq", 0, -1)]
        return [job.task for job in found if job is not None]

    def run_to_the_end(self, run_worker: RunWorker) -> None:
        """Run all pending jobs by a real worker; a last job shows when it has finished."""
        last = Job(new_id(), TASKS, "note", ("last",))
        self.client.lpush("asok:queue", seal(last, KEYRING))
        run_worker("--concurrency", "1", "--processes", "1", ASOK_TASK_MODULES=ALLOWED)
        wait_until(lambda: "last" in self.journal, "the last job")


@pytest.fixture
def desk(bench: Bench, tmp_path: Path) -> TrustDesk:
    return TrustDesk(bench, tmp_path)


@pytest.fixture
def env(redis_url: str) -> dict[str, str]:
    return environment(
        {"ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": redis_url, "SECRET_KEY": SECRET_KEY}
    )


class Asked:
    """A command that waits on a terminal for confirmation. ``shown`` is its output before that."""

    def __init__(self, program: subprocess.Popen[bytes], terminal: int) -> None:
        self._program, self._terminal = program, terminal
        self.shown = ""

    def waits(self) -> None:
        assert self._program.stderr is not None
        end = time.monotonic() + PATIENCE
        read = b""
        while not read.endswith(b": ") or b"Type " not in read:
            ready, _, _ = select.select([self._program.stderr], [], [], end - time.monotonic())
            part = os.read(self._program.stderr.fileno(), 65536) if ready else b""
            assert part, f"it did not ask:\n{read.decode()}"
            read += part
        self.shown = read.decode()

    def types(self, word: str) -> Ran:
        os.write(self._terminal, f"{word}\n".encode())
        out, err = self._program.communicate(timeout=PATIENCE)
        return Ran(self._program.returncode, out.decode(), err.decode())


Ask = Callable[..., Asked]


@pytest.fixture
def ask(env: dict[str, str]) -> Iterator[Ask]:
    """Start ``asok dlq requeue ...`` on a terminal, and wait until it asks."""
    with _asking(env) as start:
        yield start


@contextmanager
def _asking(env: dict[str, str]) -> Iterator[Ask]:
    programs: list[tuple[subprocess.Popen[bytes], int, int]] = []

    def start(*words: str) -> Asked:
        terminal, inner = pty.openpty()
        program = subprocess.Popen(
            [sys.executable, "-m", "asok_console", "dlq", "requeue", *words],
            stdin=inner,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            start_new_session=True,
        )
        programs.append((program, terminal, inner))
        asked = Asked(program, terminal)
        asked.waits()
        return asked

    try:
        yield start
    finally:
        for program, terminal, inner in programs:
            program.kill()
            program.communicate()
            os.close(terminal)
            os.close(inner)


def run(env: dict[str, str], *words: str) -> Ran:
    """Run ``asok dlq requeue ...`` without a terminal."""
    done = run_program(sys.executable, "-m", "asok_console", "dlq", "requeue", *words, env=env)
    return Ran(done.returncode, done.stdout, done.stderr)


def hash_in(ran: Ran) -> str:
    found = re.search(r"^reviewed: ([0-9a-f]{64})$", ran.out, re.MULTILINE)
    assert found is not None, ran
    return found[1]


def test_the_counterpart_of_a_harmless_job_never_runs(
    desk: TrustDesk, env: dict[str, str], ask: Ask, run_worker: RunWorker
) -> None:
    """Two entries with one id: one is harmless, the other runs a command."""
    job, good = desk.harmless(), desk.harmless("good")
    desk.put(job, desk.equivalent(job))
    reviewed = hash_in(run(env, "--id", job.id, "--trust", "--dry-run"))
    ran = run(env, "--id", job.id, "--trust", "--yes", "--reviewed", reviewed)
    assert ran.code == 1
    assert ran.out == f"Requeued 0 jobs (2 refused: {SHARED_ID})\n"
    desk.put(good)
    asked = ask("--all", "--trust")
    assert "to be signed: 1 dead job (1 task, 1 distinct call)" in asked.shown
    assert f"2 not signed: {SHARED_ID}" in asked.shown
    assert f'1 ✗ os.system("touch {desk.pwned}")' in asked.shown
    assert f'1 × {TASKS}.note("good")' in asked.shown
    assert "Trust and requeue 1 dead job?" in asked.shown
    ran = asked.types("trust")
    assert (ran.code, ran.out) == (1, f"Requeued 1 job (2 refused: {SHARED_ID})\n")
    desk.run_to_the_end(run_worker)
    assert desk.journal == ["good", "last"]
    assert not desk.pwned.exists()
    assert "os.system" in desk.dead()


@pytest.mark.parametrize("change", ["replaced", "older", "newer"])
def test_an_entry_that_changes_during_the_confirmation_never_runs(
    desk: TrustDesk, ask: Ask, run_worker: RunWorker, change: str
) -> None:
    job = desk.harmless()
    desk.put(job)
    asked = ask("--id", job.id, "--trust")
    assert "os.system" not in asked.shown
    if change == "replaced":
        desk.client.delete("asok:dlq")
    desk.put(desk.equivalent(job), newest=change != "older")
    ran = asked.types("trust")
    applied = 0 if change == "replaced" else 1
    assert (ran.code, ran.out) == {
        "replaced": (1, "Requeued 0 jobs (1 skipped: not as reviewed)\n"),
        "older": (1, "Requeued 1 job (1 skipped: not as reviewed)\n"),
        # Jobs that are newer than the newest at the confirmation are out of scope.
        "newer": (0, "Requeued 1 job\n"),
    }[change]
    desk.run_to_the_end(run_worker)
    assert desk.journal == ["shown"] * applied + ["last"]
    assert not desk.pwned.exists()


def test_an_entry_that_changes_before_an_edit_never_runs(
    desk: TrustDesk, env: dict[str, str], ask: Ask, run_worker: RunWorker
) -> None:
    job = desk.harmless()
    equivalent = replace(desk.equivalent(job), args=(), kwargs={"command": f"touch {desk.pwned}"})
    desk.client.lpush("asok:dlq", dead_job(job, 5.0))
    words = ("--id", job.id, "--args", '["edited"]')
    asked = ask(*words)
    assert f'with changed arguments: {TASKS}.note("edited")' in asked.shown
    # Named arguments that are not given are those of the reviewed entry, not of another.
    desk.put(equivalent)
    late = run(env, *words, "--yes")
    assert (late.code, late.out) == (1, "")
    assert f"2 dead jobs have the id '{job.id}', and an edit is about one" in late.err
    ran = asked.types("yes")
    assert ran.out.startswith("Requeued 1 job")
    alone = run(env, *words, "--yes")
    assert (alone.code, alone.out) == (
        1,
        "Requeued 0 jobs with changed arguments (1 refused: unsigned)\n",
    )
    desk.run_to_the_end(run_worker)
    assert desk.journal == ["edited", "last"]
    assert not desk.pwned.exists()


def test_the_hash_of_another_review_signs_nothing(desk: TrustDesk, env: dict[str, str]) -> None:
    job = desk.harmless()
    desk.put(job)
    words = ("--id", job.id, "--trust")
    reviewed = hash_in(run(env, *words, "--dry-run"))
    desk.client.delete("asok:dlq")
    desk.put(desk.equivalent(job))
    before = desk.client.lrange("asok:dlq", 0, -1)
    ran = run(env, *words, "--yes", "--reviewed", reviewed)
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (1, "", 1)
    assert "are not those that were reviewed" in ran.err
    assert "nothing was signed: review them again with --dry-run" in ran.err
    assert desk.client.lrange("asok:dlq", 0, -1) == before
    assert not desk.client.exists("asok:queue", "asok:audit")


def test_the_hash_of_the_review_signs_the_job(desk: TrustDesk, env: dict[str, str]) -> None:
    desk.put(*(desk.harmless(str(n % 2)) for n in range(6)))
    desk.client.lpush("asok:dlq", dead_job(desk.harmless("other key"), 5.0, STRANGER))
    looked = run(env, "--all", "--trust", "--dry-run")
    assert looked.out.splitlines()[:4] == [
        "Would trust and requeue 7 dead jobs",
        "to be signed: 7 dead jobs (1 task, 3 distinct calls)",
        f'        3 × {TASKS}.note("0")',
        f'        3 × {TASKS}.note("1")',
    ]
    reported = json.loads(run(env, "--all", "--trust", "--dry-run", "--json").out)
    assert reported["trust"]["reviewed"] == hash_in(looked)
    assert (reported["trust"]["signs"], reported["matching"]) == (7, 7)
    assert reported["signatures"] == {"unsigned": 6, "bad signature": 1}
    ran = run(env, "--all", "--trust", "--yes", "--reviewed", hash_in(looked))
    assert (ran.code, ran.out) == (0, "Requeued 7 jobs\n")


def test_thousands_of_distinct_calls_are_all_listed(desk: TrustDesk, ask: Ask) -> None:
    desk.put(*(desk.harmless(f"call {n}") for n in range(3000)))
    desk.put(desk.equivalent(desk.harmless()), newest=False)
    asked = ask("--all", "--trust")
    lines = asked.shown.splitlines()
    assert lines[0] == "to be signed: 3,001 dead jobs (2 tasks, 3,001 distinct calls)"
    assert "os.system" in lines[1], "the rarest task comes first"
    assert len({line for line in lines if " × " in line}) == 3001
    ran = asked.types("yes")
    assert (ran.code, ran.out) == (1, "")
    assert "nothing was done" in ran.err
    assert not desk.client.exists("asok:queue")


AS_THEY_ARE = "--trust requeues dead jobs as they are"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--all", "--trust", "--yes"), "--trust --yes requires --reviewed HASH"),
        (("--all", "--trust", "--canary", "1"), f"{AS_THEY_ARE}; remove --canary"),
        (("--id", "x", "--args", "[]", "--trust"), f"{AS_THEY_ARE}; remove --args"),
        (("--id", "x", "--kwargs", "{}", "--trust"), f"{AS_THEY_ARE}; remove --kwargs"),
        (("--all", "--reviewed", "0" * 64, "--yes"), "--reviewed requires --trust"),
        (
            ("--all", "--reviewed", "0" * 64, "--yes", "--canary", "1"),
            "--reviewed requires --trust",
        ),
        (("--all", "--trust"), "not interactive"),
    ],
)
def test_options_that_do_not_fit_together(
    desk: TrustDesk, env: dict[str, str], words: tuple[str, ...], line: str
) -> None:
    desk.put(desk.harmless())
    ran = run(env, *words)
    assert (ran.code, ran.out) == (2, "")
    assert line in ran.err
    assert len(desk.dead()) == 1


def test_a_trust_without_a_key_or_with_a_wrong_one_signs_nothing(
    desk: TrustDesk, env: dict[str, str]
) -> None:
    desk.client.lpush("asok:dlq", *(dead_job(desk.harmless(), 5.0, STRANGER) for _ in range(5)))
    words = ("--all", "--trust")
    keyless = run({**env, "SECRET_KEY": ""}, *words, "--dry-run")
    assert keyless.code == 2
    assert "SECRET_KEY is not set" in keyless.err
    reviewed = hash_in(run(env, *words, "--dry-run"))
    ran = run(env, *words, "--yes", "--reviewed", reviewed)
    assert ran.code == 2
    assert "Nothing was signed; set SECRET_KEY to the one of the workers" in ran.err
    assert len(desk.dead()) == 5
