"""Output on a terminal and in a spreadsheet is plain text, whatever characters Redis has."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings

from asok_core.jobs.envelope import dead_entry, seal
from asok_core.jobs.job import Job
from tests import hidden
from tests.conftest import SECRET_KEY
from tests.fixtures.bench import KEYRING, Bench
from tests.fixtures.command_line import Ran
from tests.programs import environment

OURS = re.compile(r"\x1b\[[0-2]m|\r{0,2}\n|\r(?=\[[#.]|\x1b\[K)|\x1b\[K")
"""Sequences that our commands write: bold, dim, line ends (CSV has carriage returns), progress."""
MARK = "end-of-command-5b0c"
COMMANDS = (
    *(("dlq", "list"), ("dlq", "list", "--json"), ("dlq", "groups"), ("dlq", "groups", "--json")),
    *(("dlq", "export", "-"), ("dlq", "export", "-", "--format", "csv"), ("queue", "list")),
    *(("job", "list", "--state", "pending"), ("job", "show", "j1"), ("job", "show", "j1", "--json")),
    *(("worker", "status"), ("audit",), ("trash", "list"), ("dlq", "requeue", "--all", "--dry-run")),
    ("dlq", "requeue", "--id", "j1", "--dry-run"),
)  # fmt: skip


class CommandTerminal:
    """Runs commands on a terminal, all in one process."""

    def __init__(self, env: dict[str, str]) -> None:
        self._screen, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        theirs, self._orders = os.pipe()
        self._program = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.on_terminal", MARK],
            env=environment({**env, "ORDERS": str(theirs)}),
            stdin=inner,
            stdout=inner,
            stderr=inner,
            pass_fds=[theirs],
            start_new_session=True,
        )
        os.close(inner)
        os.close(theirs)

    def run(self, *words: str) -> str:
        """The output of a command line on the terminal."""
        os.write(self._orders, json.dumps(words).encode() + b"\n")
        written = b""
        while not (found := re.search(rb"%s (\d+)\r\n" % MARK.encode(), written)):
            ready, _, _ = select.select([self._screen], [], [], 120)
            assert ready, written
            written += os.read(self._screen, 65536)
        assert found[1] in b"01", written.decode()
        return written[: found.start()].decode()

    def close(self) -> None:
        """End the program."""
        os.close(self._orders)
        os.close(self._screen)
        self._program.wait(120)


@pytest.fixture
def terminal(redis_url: str) -> Iterator[CommandTerminal]:
    made = CommandTerminal(
        {"ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": redis_url, "SECRET_KEY": SECRET_KEY}
    )
    yield made
    made.close()


def put_everywhere(client: Any, text: str) -> None:
    """Add ``text`` to a dead job, a pending job, a record, a queue, a worker and the audit."""
    raw = text.encode("utf-8", "surrogatepass")
    clean = raw.decode("utf-8", "replace")
    client.flushall()
    job = Job("j1", f"m{clean}", f"f{clean}", (text, {text: [text]}), {text: text}, clean)
    dead_job = dead_entry(
        seal(job, KEYRING), failed_at=1.7e9, error=f"E: {text}\n{text}: {text}", traceback=text
    )
    client.lpush("asok:dlq", dead_job, seal(replace(job, id=f"j2{clean}"), KEYRING), raw)
    client.lpush("asok:queue", seal(replace(job, id="j3", queue="default"), KEYRING))
    fields = ("status", "function", "queue", "error", "worker", "result")
    client.hset("asok:job:j1", mapping=dict.fromkeys(fields, raw))
    client.sadd("asok:queues", raw, "default")
    client.lpush(b"asok:queue:" + raw, seal(replace(job, id="j4"), KEYRING))
    client.zadd("asok:workers", {raw: 9e15})
    client.hset(b"asok:worker:" + raw, mapping=dict.fromkeys(("host", "queues", "version"), raw))
    names = ("operation", "who", "where", "action", "queue", "words", "state")
    client.xadd("asok:audit", dict.fromkeys(names, raw) | {"at": "1700000000"})


@pytest.mark.keeps_keys(r"(?s)asok:.*")
@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(hidden.texts())
def test_no_text_of_any_category_controls_a_terminal(
    redis_client: redis.Redis, terminal: CommandTerminal, text: str
) -> None:
    put_everywhere(redis_client, text)
    for words in COMMANDS:
        written = OURS.sub("", terminal.run(*words))
        assert not hidden.hidden_in(written), (words, ascii(written))


@pytest.mark.keeps_keys(r"(?s)asok:.*")
def test_a_sample_of_every_category_on_a_terminal(
    redis_client: redis.Redis, terminal: CommandTerminal
) -> None:
    for text in hidden.samples():
        put_everywhere(redis_client, text)
        for words in (("dlq", "list"), ("job", "show", "j1"), COMMANDS[5]):
            written = OURS.sub("", terminal.run(*words))
            assert not hidden.hidden_in(written), (words, ascii(text), ascii(written))


FORMULAS = (
    *("=cmd()", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\u00a0=1", "\u3000=1"),
    *("\uff1d1", "\uff0b1", "\uff0d1", "\uff201", "\ufe661", "\u22121", "\u207a1", "\ufe63x"),
)


@pytest.mark.parametrize("formula", FORMULAS, ids=ascii)
def test_an_export_as_csv_contains_no_formula(
    bench: Bench, asok: Callable[..., Ran], formula: str
) -> None:
    bench.add_dead(bench.job(queue=formula, module=formula, id=formula + "1"))
    title, row = csv.reader(io.StringIO(asok("dlq", "export", "--format", "csv").out))
    cells = dict(zip(title, row, strict=True))
    for name in ("id", "task", "queue"):
        assert cells[name].startswith("'"), cells


def test_an_export_as_csv_has_one_line_per_job_and_no_control_character(
    bench: Bench, asok: Callable[..., Ran]
) -> None:
    bench.add_dead(
        bench.job(queue="a\x1b[31m\r\nb\u2028c\u0085d\x0ce", module="größe 日本 \u202ex")
    )
    out = asok("dlq", "export", "--format", "csv").out
    assert len(out.splitlines()) == 2
    assert "a␛[31m↵b↵c↵d↵e" in out
    assert r"größe 日本 \u202ex.mail" in out
