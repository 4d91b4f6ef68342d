"""62 hostile words on the command line and in the environment: no control sequence comes back."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from asok_console.cli.parser import COMMANDS
from tests.conftest import SECRET_KEY
from tests.fixtures.bench import Bench
from tests.fixtures.command_line import Ran
from tests.hidden import hidden_in, samples
from tests.programs import PATIENCE, environment

SEQUENCES = (
    # Colours, cursor, window title, clipboard, status reports, character sets, resets, C1 forms.
    *("\x1b[31m", "\x1b[2J\x1b[H", "\x1b]0;title\x07", "\x1b]52;c;cm0gLXJm\x07", "\x1b[6n", "\x1b(0"),
    *("\x1bc", "\x1b[?1049h", "\x1bPq\x1b\\", "\x9b31m", "\x9d0;t\x9c", "\x90q\x9c", "\x1b[8m", "\x1b#8"),
    *("\x1b]8;;http://x\x07y\x1b]8;;\x07", "\x1b[201~", "\x1bZ", "\x05", "\x0e", "\x0f", "\x07" * 9),
    # Lines and positions.
    *("a\rb", "a\nb", "a\r\nb", "a\x08\x08b", "a\x0bb", "a\x0cb", "a\x85b", "a\u2028b", "a\u2029b", "\t"),
    # Direction, blanks and what is drawn as nothing.
    *("\u202egnp.exe", "\u2066x", "\u200b", "\u2060", "\ufeff", "\u00ad", "\u3164", "\U000e0041"),
    # Bytes that are not UTF-8.
    *("\ufe0f", "\udcff", "\udc80\udc9b", "a\udcfeb"),
    # Formats, markup, options, and other languages.
    *("%s%n%x", "{0.__class__}", "[bold]x[/]", "[@click=app.quit]x[/]", "--", "-", "--\x1b[31m", "$(id)"),
    *("`id`", "';--", "<script>", "../../etc/passwd", "\\x1b[31m", "%1b[31m", "日本\x1b[0m", "A" * 5000),
    *("*", "~", "0" * 400),
)  # fmt: skip
assert len(SEQUENCES) == 62


def harmless(ran: Ran, words: object) -> None:
    """What was written, but for the ends of lines, is text; there was no fault."""
    assert ran.code in {0, 1, 2}, (words, ran)
    written = (ran.out + ran.err).replace("\n", "")
    assert not hidden_in(written), (words, ascii(ran.out), ascii(ran.err))
    assert "internal error" not in ran.err, (words, ran.err)
    assert "Traceback" not in ran.err, (words, ran.err)


POSITIONS: tuple[tuple[str, ...], ...] = (
    ("{}",),
    ("dlq", "{}"),
    ("worker", "run", "{}"),
    ("worker", "run", "--{}"),
    ("worker", "run", "--concurrency", "{}"),
    ("worker", "status", "--max-pending", "{}"),
    ("worker", "quiet", "{}"),
    ("worker", "stop", "{}"),
    ("worker", "set", "{}", "--concurrency", "2"),
    ("worker", "set", "x", "--queues", "{}"),
    ("console", "--view", "{}"),
    ("console", "--filter", "{}", "--url", "redis://127.0.0.1:1"),
    ("console", "--url", "{}"),
    ("queue", "list", "--url", "{}"),
    ("queue", "composition", "{}"),
    ("queue", "composition", "default", "--by", "{}"),
    ("queue", "composition", "default", "--by", "arg:{}"),
    ("queue", "history", "{}"),
    ("queue", "history", "--since", "{}"),
    ("queue", "history", "--until", "{}"),
    ("queue", "pause", "{}"),
    ("queue", "pause", "default", "--for", "{}"),
    ("queue", "pause", "default", "--until", "{}"),
    ("queue", "pause", "default", "--reason", "{}"),
    ("queue", "resume", "{}"),
    ("hold", "add", "--task", "{}"),
    ("hold", "add", "--queue", "{}", "--dry-run"),
    ("hold", "add", "--release", "{}", "--reason", "{}", "--for", "1h"),
    ("hold", "add", "--arg", "{}"),
    ("hold", "add", "--arg", "0={}", "--until", "{}"),
    ("hold", "list", "--url", "{}"),
    ("hold", "release", "{}", "--yes"),
    ("hold", "remove", "{}"),
    ("limit", "set", "--queue", "{}", "--yes", "4 at once"),
    ("limit", "set", "--queue", "x", "--dry-run", "{}"),
    ("limit", "set", "--task", "shop.mail", "--key", "{}", "--reason", "{}", "--yes", "1/s"),
    ("limit", "list", "--task", "{}"),
    ("limit", "reset", "--queue", "{}", "--yes"),
    ("queue", "purge", "{}", "--yes"),
    ("queue", "purge", "{}", "--dry-run"),
    ("events", "--kind", "{}"),
    ("events", "--since", "{}"),
    ("explain", "{}"),
    ("explain", "--queue", "{}"),
    ("explain", "--worker", "{}"),
    ("job", "show", "{}"),
    ("job", "stack", "{}"),
    ("note", "write", "--queue", "default", "{}"),
    ("note", "write", "--queue", "{}", "x"),
    ("note", "write", "--job", "{}", "x"),
    ("note", "write", "--error", "{}", "x"),
    ("note", "list", "--url", "{}"),
    ("job", "cancel", "id", "--yes", "--wait", "{}"),
    ("job", "find", "{}"),
    ("job", "list", "--state", "{}"),
    ("job", "list", "--state", "pending", "--filter", "{}"),
    ("job", "list", "--state", "pending", "--filter", "task:{}"),
    ("job", "cancel", "{}", "--yes"),
    ("job", "move", "{}", "--queue", "x", "--yes"),
    ("job", "promote", "{}", "--yes"),
    ("task", "list", "--last", "{}"),
    ("task", "list", "--sort", "{}"),
    ("task", "list", "--limit", "{}"),
    ("task", "show", "{}"),
    ("dlq", "list", "--filter", "group:{}"),
    ("dlq", "requeue", "--id", "{}", "--yes"),
    ("dlq", "requeue", "--filter", "{}", "--dry-run"),
    ("dlq", "requeue", "--all", "--rate", "{}", "--yes"),
    ("dlq", "purge", "--id", "{}", "--dry-run"),
    ("dlq", "export", "/nowhere/{}"),
    ("dlq", "import", "/nowhere/{}"),
    ("trash", "restore", "{}"),
    ("trash", "empty", "{}", "--yes"),
    ("enqueue", "{}"),
    ("enqueue", "shop:{}", "--no-import"),
    ("enqueue", "{}:send", "--no-import"),
    ("enqueue", "shop:send", "{}", "--no-import", "--queue", "{}"),
    ("enqueue", "shop:send", "--no-import", "--delay", "{}"),
    ("enqueue", "shop:send", "--no-import", "--unique", "{}"),
    ("deploy", "--project", "{}"),
    ("deploy", "--user", "{}"),
    ("deploy", "--venv", "{}"),
)


@pytest.mark.keeps_keys(r"(?s)asok:.*")
@pytest.mark.parametrize("position", POSITIONS, ids=" ".join)
def test_no_argument_comes_back_as_a_control_sequence(
    position: tuple[str, ...],
    bench: Bench,
    asok: Callable[..., Ran],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    bench.add_dead(bench.job())
    for text in SEQUENCES:
        words = [word.replace("{}", text) for word in position]
        harmless(asok(*words), words)


def test_every_command_has_a_position() -> None:
    named = {" ".join(position[:2]) for position in POSITIONS} | {each[0] for each in POSITIONS}
    without = {"audit", "init", "dlq groups", "trash list", "worker resume"}
    assert {command.words for command in COMMANDS} - named == without


def real(words: list[bytes], env: dict[bytes, bytes], cwd: Path) -> Ran:
    done = subprocess.run(
        [sys.executable.encode(), b"-m", b"asok_console", *words],
        env=env,
        cwd=cwd,
        capture_output=True,
        timeout=PATIENCE,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def test_a_real_program_writes_utf_8_and_nothing_else(redis_url: str, tmp_path: Path) -> None:
    """With the bytes that an operating system passes, also as a setting and as a folder's name.

    Each text is the name of the environment file and the value of another setting, in turn.
    """
    names = itertools.cycle([b"ASOK_WORKER_QUEUES", b"ASOK_REDIS_URL", b"ASOK_NAMESPACE"])
    settings = {
        "ASOK_QUEUE_BACKEND": "redis",
        "ASOK_REDIS_URL": redis_url,
        "SECRET_KEY": SECRET_KEY,
    }
    env = {os.fsencode(name): os.fsencode(value) for name, value in environment(settings).items()}
    for text in (*SEQUENCES[:12:6], *SEQUENCES[39:43], "A" * 5000, "\x1b]0;\udcff\u202e\x07"):
        raw = text.encode("utf-8", "surrogateescape")
        harmless(real([b"dlq", b"list", b"--filter", raw], env, tmp_path), raw)
        for name in (next(names), b"ASOK_ENV_FILE"):
            harmless(real([b"queue", b"list"], env | {name: raw}, tmp_path), (name, raw))
        folder = tmp_path / os.fsdecode(raw.replace(b"/", b"_")[:200] + b"x")
        folder.mkdir()
        (folder / ".env").write_text("SECRET_KEY=short\nX\n")
        (folder / ".env").chmod(0o666)
        harmless(real([b"queue", b"list"], env, folder), raw)


def can_be_an_argument(text: str) -> bool:
    """Whether there are bytes that Python reads as this text: half of a pair has none."""
    try:
        return "\0" not in text and os.fsdecode(os.fsencode(text)) == text
    except UnicodeEncodeError:
        return False


def test_texts_of_every_category_of_unicode(asok: Callable[..., Ran]) -> None:
    for text in samples():
        if not can_be_an_argument(text):
            continue
        for position in (("job", "show", "{}"), ("{}",), ("queue", "list", "--url", "{}")):
            words = [word.replace("{}", text) for word in position]
            harmless(asok(*words), words)
