"""Commands whose standard streams are closed, full, without a reader or not UTF-8."""

from __future__ import annotations

import fcntl
import os
import shlex
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from asok_core.backends.redis.producing.producer import RedisProducer
from asok_core.jobs.job import Job, new_id
from asok_core.settings.settings import Settings
from tests.conftest import SECRET_KEY
from tests.programs import PATIENCE, environment, run_program, wait_until

ASOK = (sys.executable, "-P", "-m", "asok_console")
CODES = {
    "worker status": 0,
    "worker status --json": 0,
    "queue list": 0,
    "dlq groups": 0,
    "dlq export -": 0,
    "audit": 0,
    "enqueue shop:pay 1": 0,
    "init": 0,
    "worker status --require-workers 1": 1,
    "job show unknown": 1,
    "console": 2,
    "--help": 0,
}
"""Commands and their exit codes with usual streams."""
READING = ("worker status", "worker status --json", "queue list", "dlq groups", "audit", "--help")
FULL = "asok: standard output cannot be written: No space left on device"


@pytest.fixture
def env(redis_url: str, tmp_path: Path) -> dict[str, str]:
    settings = {
        "ASOK_QUEUE_BACKEND": "redis",
        "ASOK_REDIS_URL": redis_url,
        "SECRET_KEY": SECRET_KEY,
        "HOME": str(tmp_path),
    }
    found = environment(settings)
    # The usual case: buffered output, which fails at the end.
    del found["PYTHONUNBUFFERED"]
    return found


@pytest.fixture
def enqueue(make_settings: Callable[..., Settings]) -> Callable[[str, int], None]:
    def enqueue(function: str, times: int) -> None:
        producer = RedisProducer(make_settings())
        producer.enqueue([Job(new_id(), "shop", function, ("é → ж",)) for _ in range(times)])
        producer.close()

    return enqueue


def run(
    words: str, redirections: str, env: Mapping[str, str], cwd: Path
) -> subprocess.CompletedProcess[bytes]:
    command = f"exec {shlex.join(ASOK)} {words} {redirections}"
    return subprocess.run(
        ["/bin/sh", "-c", command],
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize("words", CODES)
@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_a_closed_stream_changes_neither_the_work_nor_the_exit_code(
    closed: str, words: str, env: dict[str, str], tmp_path: Path
) -> None:
    done = run(words, closed, env, tmp_path)
    assert b"internal error" not in done.stderr
    assert b"Traceback" not in done.stderr
    assert done.returncode == CODES[words], done.stderr


@pytest.mark.parametrize("words", CODES)
def test_unreadable_messages_change_neither_the_work_nor_the_exit_code(
    words: str, env: dict[str, str], tmp_path: Path
) -> None:
    assert run(words, "2>/dev/full", env, tmp_path).returncode == CODES[words]
    (second := tmp_path / "second").mkdir()
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*ASOK, *words.split()],
        env=env,
        cwd=second,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=writer,
        timeout=PATIENCE,
        check=False,
    )
    os.close(writer)
    assert done.returncode == CODES[words]


@pytest.mark.parametrize("words", READING)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_cannot_be_written_is_one_line(
    words: str, unbuffered: str, env: dict[str, str], tmp_path: Path
) -> None:
    done = run(words, ">/dev/full", env | {"PYTHONUNBUFFERED": unbuffered}, tmp_path)
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1] == f"{FULL} (the command itself succeeded)"


def test_output_that_cannot_be_written_does_not_hide_that_the_job_was_enqueued(
    env: dict[str, str], tmp_path: Path
) -> None:
    done = run("enqueue --no-import shop:pay 1", ">/dev/full", env, tmp_path)
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1] == f"{FULL} (the command itself succeeded)"
    assert b"shop.pay(1)" in run("worker status", "", env, tmp_path).stdout


def test_an_export_counts_only_what_was_written(env: dict[str, str], tmp_path: Path) -> None:
    done = run("dlq export - --format csv", ">/dev/full", env, tmp_path)
    assert (done.returncode, done.stderr.decode()) == (1, f"{FULL}\n")


@pytest.mark.parametrize(
    ("encoding", "settings"),
    [
        ("ascii", {"PYTHONIOENCODING": "ascii"}),
        ("ascii", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
        ("latin-1", {"PYTHONIOENCODING": "latin-1"}),
        ("utf-8", {"PYTHONIOENCODING": "utf-8"}),
    ],
)
def test_characters_that_an_encoding_lacks_are_written_as_escapes(
    encoding: str,
    settings: dict[str, str],
    env: dict[str, str],
    tmp_path: Path,
    enqueue: Callable[[str, int], None],
) -> None:
    enqueue("pay", 2)
    for words in ("worker status", "queue list", "job list --state pending", "audit"):
        done = run(words, "", env | settings, tmp_path)
        said = b"no operations\n" if words == "audit" else b""
        assert (done.returncode, done.stderr) == (0, said)
        text = done.stdout.decode(encoding)
        if words == "worker status":
            shown = "é → ж".encode(encoding, "backslashreplace").decode(encoding)
            assert f'shop.pay("{shown}")' in text


def test_a_pipe_that_was_made_non_blocking_gets_the_whole_output(
    env: dict[str, str], tmp_path: Path, enqueue: Callable[[str, int], None]
) -> None:
    enqueue("pay", 100)
    reader, writer = os.pipe()
    room = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writer, False)
    words = ("worker", "status", "--json", "--limit", "100")
    program = subprocess.Popen([*ASOK, *words], env=env, cwd=tmp_path, stdout=writer)
    os.close(writer)

    def waiting() -> int:
        (size,) = struct.unpack("i", fcntl.ioctl(reader, termios.FIONREAD, bytes(4)))
        return int(size)

    wait_until(lambda: waiting() >= room or program.poll() is not None, "a full pipe")
    with os.fdopen(reader, "rb") as stream:
        text = stream.read()
    assert program.wait(PATIENCE) == 0
    assert len(text) > room
    assert text.count(b'"call"') == 100
    assert text.endswith(b"}\n")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"HOME": "", "USER": "", "LOGNAME": ""}, "queue pause default"),
        ({"LOGNAME": os.fsdecode(b"\xff")}, "queue pause default"),
        ({"TERM": "", "COLUMNS": "0", "LINES": "x", "TZ": "No/Where"}, "worker status"),
        ({"COLUMNS": "nonsense"}, "queue list"),
        ({"TMPDIR": "/nowhere"}, "worker status"),
    ],
)
def test_an_unusual_environment_is_not_an_error(
    settings: dict[str, str],
    words: str,
    env: dict[str, str],
    tmp_path: Path,
    enqueue: Callable[[str, int], None],
) -> None:
    enqueue("pay", 1)
    found = {k: v for k, v in (env | settings).items() if v}
    done = run(words, "", found, tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("worker", "quiet"), 2),
        (("worker", "stop"), 2),
        (("queue", "pause"), 2),
        (("job", "show"), 1),
        (("trash", "restore"), 2),
        (("enqueue", "shop:pay", "--queue"), 2),
        (("enqueue", "shop:pay", "--unique"), 2),
        (("dlq", "import"), 2),
        (("dlq", "requeue", "--yes", "--id"), 1),
        (("deploy", "--user"), 2),
    ],
)
def test_arguments_that_are_not_utf8_are_one_line(
    words: tuple[str, ...], code: int, env: dict[str, str], tmp_path: Path
) -> None:
    done = subprocess.run(
        [*ASOK, *words, b"\xff"], env=env, cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert done.stderr.count(b"\n") == (0 if code == 0 else 1)
    assert b"internal error" not in done.stderr


class TestFolder:
    REMOVE = "import os, sys; os.rmdir(os.getcwd()); os.execv(sys.executable, sys.argv[1:])"
    DEEP = """\
import os, sys
for _ in range(25):
    os.makedirs("d" * 200, exist_ok=True)
    os.chdir("d" * 200)
os.execv(sys.executable, sys.argv[1:])
"""

    @pytest.mark.parametrize(
        ("words", "code", "line"),
        [
            ("worker status", 0, ""),
            ("queue list", 0, ""),
            ("enqueue shop:pay", 0, ""),
            (
                "dlq export dead-jobs",
                1,
                "asok: dead-jobs cannot be written: No such file or directory\n",
            ),
            ("init", 1, "asok: .env cannot be written: No such file or directory\n"),
            (
                "deploy",
                2,
                "asok: the working directory cannot be used: No such file or directory\n",
            ),
            ("console", 2, None),
        ],
    )
    def test_in_a_removed_working_directory_commands_work_or_print_one_line(
        self, words: str, code: int, line: str | None, env: dict[str, str], tmp_path: Path
    ) -> None:
        gone = tmp_path / "gone"
        gone.mkdir()
        done = self.start(self.REMOVE, words, env, gone)
        assert done.returncode == code, done.stderr
        if line is not None and not words.startswith("enqueue"):
            assert done.stderr == line
        assert "internal error" not in done.stderr

    def test_parent_folders_that_cannot_be_searched_have_no_settings(
        self, env: dict[str, str], tmp_path: Path
    ) -> None:
        # A path that is too long fails like a folder without search permission, also for root.
        done = self.start(self.DEEP, "worker status", env, tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        done = self.start(self.DEEP, "deploy --project shop", env, tmp_path)
        assert done.returncode == 1
        line = "deployment/shop-worker.service cannot be written: File name too long"
        assert done.stderr == f"asok: {line}\n"

    def start(
        self, script: str, words: str, env: dict[str, str], cwd: Path
    ) -> subprocess.CompletedProcess[str]:
        return run_program(sys.executable, "-c", script, *ASOK, *words.split(), env=env, cwd=cwd)
