"""Workers whose standard streams are closed, full, without a reader or not UTF-8, or that have no disk."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType

import pytest

from asok_core.errors import AsokError
from asok_core.worker.shared_state import SharedState, shared_file
from tests.conftest import SECRET_KEY
from tests.fixtures.worker import Desk
from tests.programs import PATIENCE, environment

TASKS = """\
import logging
import os
import subprocess
import sys

def talk():
    print("é → ж", flush=True)
    print("é → ж")
    print("é → ж", file=sys.stderr, flush=True)
    logging.getLogger("shop").warning("é → ж")
    subprocess.run(["true"], check=True)
    return [os.readlink(f"/proc/self/fd/{number}") for number in range(3)]
"""
NULL = "/dev/null"

SPY = """\
import os
import sys

log = os.open(os.environ["OPENED"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def note(event, arguments):
    if event == "open":
        path, _mode, flags = arguments
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes and not isinstance(path, int) and path != os.devnull:
            os.write(log, f"{path!r}\\n".encode())

sys.addaudithook(note)
"""


@contextmanager
def worker(
    desk: Desk,
    words: str,
    *paths: Path,
    settings: Mapping[str, str] = MappingProxyType({}),
    output: int | None = None,
) -> Iterator[None]:
    """A worker that ends with exit code 0 when it is asked to."""
    (desk.folder / "talking.py").write_text(TASKS)
    env = environment(
        {
            "ASOK_QUEUE_BACKEND": "redis",
            "ASOK_REDIS_URL": desk.settings.redis_url,
            "SECRET_KEY": SECRET_KEY,
            **settings,
        },
        *paths,
    )
    command = f"exec {shlex.quote(sys.executable)} -P -m asok_console worker {words}"
    process = subprocess.Popen(
        ["/bin/sh", "-c", command],
        env=env,
        cwd=desk.folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )
    try:
        yield
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def talked(desk: Desk) -> list[str]:
    """What the task saw as its three streams, once it has completed on its first attempt."""
    job = desk.enqueue("talk", module="talking")
    found: list[str] = json.loads(desk.reaches(job, "completed").result or "")
    return found


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("redirections", "output", "errors"),
    [
        ("0<&- >out 2>log", "out", "log"),
        ("1>&- 2>log", NULL, "log"),
        (">out 2>&-", "out", NULL),
        ("0<&- 1>&- 2>&-", NULL, NULL),
        (">/dev/full 2>/dev/full", "/dev/full", "/dev/full"),
    ],
)
def test_a_job_does_not_see_that_streams_are_closed_or_full(
    desk: Desk, redirections: str, output: str, errors: str, unbuffered: str
) -> None:
    with worker(desk, redirections, settings={"PYTHONUNBUFFERED": unbuffered}):
        seen = talked(desk)
    assert seen == [NULL, str(desk.folder / output), str(desk.folder / errors)]
    if errors == "log":
        assert "WARNING é → ж" in (desk.folder / "log").read_text()
    if output == "out":
        assert (desk.folder / "out").read_text() == "é → ж\n" * 2


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_worker_continues_when_its_log_is_not_read(desk: Desk, form: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with worker(desk, f"--log-format {form}", output=writer):
        os.close(writer)
        for _ in range(2):
            assert talked(desk)[0] == NULL


@pytest.mark.parametrize(
    ("encoding", "settings"),
    [
        ("ascii", {"PYTHONIOENCODING": "ascii"}),
        ("ascii", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
        ("latin-1", {"PYTHONIOENCODING": "latin-1"}),
    ],
)
def test_a_job_may_print_what_the_encoding_lacks(
    desk: Desk, encoding: str, settings: dict[str, str]
) -> None:
    with worker(desk, ">out 2>log", settings=settings):
        talked(desk)
    shown = "é → ж".encode(encoding, "backslashreplace")
    assert (desk.folder / "out").read_bytes() == (shown + b"\n") * 2
    assert b"WARNING " + shown in (desk.folder / "log").read_bytes()


def test_a_worker_writes_to_no_file(desk: Desk) -> None:
    spy = desk.folder / "spy"
    spy.mkdir()
    (spy / "sitecustomize.py").write_text(SPY)
    opened = desk.folder / "opened"
    settings = {"OPENED": str(opened), "PYTHONDONTWRITEBYTECODE": "1"}
    with worker(desk, ">out 2>log", spy, settings=settings):
        talked(desk)
    assert opened.read_text() == ""


class TestSharedFile:
    def test_it_is_shared_memory(self) -> None:
        with shared_file("state") as file:
            one, other = SharedState(file, 2), SharedState(file, 2)
            one.begin(1, "job", 1.0)
            assert [each.job_id for each in other.running()] == ["job"]
            one.close()
            other.close()

    def test_where_memory_cannot_be_had_it_is_a_temporary_file(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.delattr(os, "memfd_create", raising=False)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        self.test_it_is_shared_memory()

    def test_with_neither_the_error_says_what_to_do(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.delattr(os, "memfd_create", raising=False)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
        with pytest.raises(AsokError, match=r"No such file or directory; set TMPDIR to a folder"):
            shared_file("state")
