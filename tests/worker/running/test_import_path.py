"""A folder whose files are named as modules of Python and of our dependencies, and a worker in it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from asok_core.execution import import_path
from tests.conftest import SECRET_KEY
from tests.fixtures.worker import Desk
from tests.programs import environment, python, running

DEPENDENCIES = {"redis", "hiredis", "dotenv", "humanize", "textual", "rich", "msgspec", "pygments"}
STANDARD = {
    name for name in sys.stdlib_module_names if not name.startswith("_") and find_spec(name)
}
TASKS = """\
import multiprocessing
import os
import queue
import secrets
import subprocess
import os
import sys
from pathlib import Path

from asok_core import background, task

def origin(name):
    return __import__(name).__file__

def position_of_folder():
    path = [Path(each) for each in sys.path]
    here = path.index(Path.cwd())
    library = path.index(Path(os.__file__).parent)
    packages = [n for n, each in enumerate(path) if each.name in ("site-packages", "dist-packages")]
    return [library < here, all(here < n for n in packages), path.count(Path.cwd())]

async def wait():
    import asyncio
    await asyncio.sleep(0.01)
    return "waited"

def fail():
    raise ValueError("no")

def typed(numbers: set[int]) -> frozenset[int]:
    return frozenset(numbers)

@task(timeout=30)
def enqueue_another():
    return background(typed, {1, 2}).job_id

def flags_of_a_program():
    code = "import os, sys; print(sys.flags.safe_path, os.environ.get('PYTHONSAFEPATH'))"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/"
    ).stdout.split()

def in_another_process():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return [Path(each).parent == Path.cwd() for each in pool.map(origin, ["flask", "queue"])]
"""

RESULTS = {
    "wait": "waited",
    "position_of_folder": [True, True, 1],
    "flags_of_a_program": ["False", "None"],
    "in_another_process": [True, False],
}
"""What tasks return that say how they see the folder."""

SPY = """\
import os, sys

if any(word.endswith(os.environ["SPY_ON"]) for word in sys.orig_argv):
    log = os.open(os.environ["IMPORTS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(event, arguments):
        if event == "import" and arguments[2] and os.environ["FOLDER"] in arguments[2]:
            os.write(log, arguments[0].encode() + b"\\n")

    sys.addaudithook(note)
"""


@pytest.fixture
def folder(desk: Desk) -> Path:
    """An application's folder with a file for every name that could hide a module of ours."""
    folder = desk.folder / "application"
    folder.mkdir()
    for name in STANDARD | DEPENDENCIES:
        (folder / f"{name}.py").write_text(f"raise RuntimeError('this is the folder's {name}')")
    (folder / "application_tasks.py").write_text(TASKS)
    # An installed package, of which the application has a module of the same name.
    (folder / "flask.py").write_text("")
    settings = {
        "ASOK_QUEUE_BACKEND": "redis",
        "ASOK_REDIS_URL": desk.settings.redis_url,
        "SECRET_KEY": SECRET_KEY,
    }
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    return folder


@contextmanager
def worker_in(folder: Path, *python: str, **more: str) -> Iterator[None]:
    paths = [folder.parent / "spy"] if more else []
    with running(
        *python, "-m", "asok_console", "worker", env=environment(more, *paths), cwd=folder
    ) as program:
        yield
        assert program.poll() is None


def result_of(desk: Desk, function: str, *arguments: str) -> Any:
    job = desk.enqueue(function, *arguments, module="application_tasks")
    return json.loads(desk.reaches(job, "completed").result or "")


def origin_of(desk: Desk, name: str) -> str:
    return str(result_of(desk, "origin", name))


@pytest.mark.parametrize("name", ["queue", "logging", "select", "types", "json", "redis", "dotenv"])
def test_no_file_of_the_application_replaces_a_module_that_the_worker_needs(
    desk: Desk, folder: Path, name: str
) -> None:
    for other in STANDARD | DEPENDENCIES:
        if other != name:
            (folder / f"{other}.py").unlink()
    with worker_in(folder, "-P"):
        found = origin_of(desk, name)
    assert str(folder) not in found
    assert name in found


def test_a_worker_works_among_files_of_all_these_names(desk: Desk, folder: Path) -> None:
    with worker_in(folder, "-P"):
        assert "/application/flask.py" in origin_of(desk, "flask")
        results = {name: result_of(desk, name) for name in RESULTS}
    assert results == RESULTS


def test_a_start_by_module_works_but_for_what_python_itself_imports_first(
    desk: Desk, folder: Path
) -> None:
    env = environment({})
    of_python = python("-c", "import runpy, sys; print(*sys.modules)", env=env).split()
    assert "types" in of_python
    for name in of_python:
        (folder / f"{name}.py").unlink(missing_ok=True)
    with worker_in(folder):
        assert str(folder) not in origin_of(desk, "queue")
    for words in (["worker", "status"], ["queue", "list"], ["audit"], ["dlq", "groups"]):
        python("-m", "asok_console", *words, env=env, cwd=folder)


@pytest.mark.parametrize(
    ("module", "origin"),
    [("queue", "queue.py"), ("json.tasks", "json/__init__.py"), ("time", "Python")],
)
def test_a_task_in_a_file_that_cannot_be_imported_by_its_name_says_so(
    desk: Desk, module: str, origin: str
) -> None:
    top = module.partition(".")[0]
    (desk.folder / "json").mkdir()
    for name in ("queue.py", "json/__init__.py", "json/tasks.py", "time.py"):
        (desk.folder / name).write_text("def work():\n    return 1\n")
    settings = {
        "ASOK_QUEUE_BACKEND": "redis",
        "ASOK_REDIS_URL": desk.settings.redis_url,
        "SECRET_KEY": SECRET_KEY,
    }
    with running("-P", "-m", "asok_console", "worker", env=environment(settings), cwd=desk.folder):
        # A worker that has imported nothing would not hold it against the job.
        desk.reaches(desk.enqueue("getsize", "/", module="posixpath"), "completed")
        failed = desk.reaches(desk.enqueue("work", module=module), "failed")
    assert failed.error is not None
    assert f"{top!r} is " in failed.error
    assert origin in failed.error
    assert ": rename it" in failed.error


def test_all_that_a_process_needs_is_imported_before_the_folder_is_on_its_path(
    desk: Desk, folder: Path
) -> None:
    spy, log = desk.folder / "spy", desk.folder / "imports"
    spy.mkdir()
    (spy / "sitecustomize.py").write_text(SPY)
    spied = {"IMPORTS": str(log), "FOLDER": str(folder), "SPY_ON": "worker/start.py"}
    with worker_in(folder, "-P", **spied):
        for name in ("wait", "in_another_process"):
            desk.reaches(desk.enqueue(name, module="application_tasks"), "completed")
        other = replace(desk.job("typed"), id=result_of(desk, "enqueue_another"))
        assert desk.reaches(other, "completed").result == "[1, 2]"
        job = desk.enqueue("fail", module="application_tasks", retries=1, backoff=0)
        desk.reaches(job, "failed")
    assert "multiprocessing.pool" in log.read_text().split()
    assert foreign_imports(log) == {"application_tasks"}


def test_all_that_asok_enqueue_needs_is_imported_before_the_folder_is_on_its_path(
    desk: Desk, folder: Path
) -> None:
    spy, log = desk.folder / "spy", desk.folder / "imports"
    spy.mkdir()
    (spy / "sitecustomize.py").write_text(SPY)
    spied = {"IMPORTS": str(log), "FOLDER": str(folder), "SPY_ON": "enqueue"}
    words = ("enqueue", "application_tasks:enqueue_another", "--json")
    env = environment(spied, spy)
    reported = json.loads(python("-P", "-m", "asok_console", *words, env=env, cwd=folder))
    assert reported["enqueued"]
    assert foreign_imports(log) == {"application_tasks"}


def foreign_imports(log: Path) -> set[str]:
    """What was imported with the folder on the path, but for Python's own and our packages."""
    tops = {name.partition(".")[0] for name in log.read_text().split()}
    # Python's own copy.py tries whether it runs on Jython by the last of these.
    return tops - sys.stdlib_module_names - {"asok_core", "asok_console", "org"}


def test_a_worker_whose_folder_is_removed_says_so_and_runs_what_is_installed(
    desk: Desk, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    settings = {
        "ASOK_QUEUE_BACKEND": "redis",
        "ASOK_REDIS_URL": desk.settings.redis_url,
        "SECRET_KEY": SECRET_KEY,
    }
    start = (
        "import os, sys; os.rmdir(os.getcwd()); os.dup2(os.open(sys.argv[1], os.O_RDWR), 2); "
        "from asok_console.cli.main import main; sys.exit(main(['worker']))"
    )
    log = tmp_path / "log"
    log.touch()
    with running("-P", "-c", start, str(log), env=environment(settings), cwd=gone) as program:
        job = desk.enqueue("getsize", "/", module="posixpath")
        desk.reaches(job, "completed")
    assert program.returncode == 0
    assert "Working directory does not exist" in log.read_text()
    assert "Traceback" not in log.read_text()


class TestPosition:
    @pytest.fixture(autouse=True)
    def _here(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)

    def test_it_comes_after_the_standard_library(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        library = str(Path(os.__file__).parent)
        before = ["/python.zip", library, f"{library}/lib-dynload"]
        monkeypatch.setattr(sys, "path", [*before, "/site-packages"])
        for _ in range(2):
            assert import_path.add_application_folder() == str(tmp_path)
            assert sys.path == [*before, str(tmp_path), "/site-packages"]

    def test_another_folder_comes_before_it_and_its_hidden_module_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "src").mkdir()
        app = import_path.application_folder("src")
        library = str(Path(os.__file__).parent)
        monkeypatch.setattr(sys, "path", [library, "/site-packages"])
        monkeypatch.setattr(import_path, "_app", [])
        for _ in range(2):
            assert import_path.add_application_folder(app) == str(tmp_path)
            assert sys.path == [library, f"{tmp_path}/src", str(tmp_path), "/site-packages"]
        (tmp_path / "src" / "queue.py").write_text("")
        assert f"hides the application's {tmp_path}/src/queue.py" in import_path.about_hidden(
            "queue"
        )

    def test_a_location_that_the_user_gave_it_is_kept(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        library = str(Path(os.__file__).parent)
        monkeypatch.setattr(sys, "path", [str(tmp_path), library, "/site-packages"])
        assert import_path.add_application_folder() == str(tmp_path)
        assert sys.path == [str(tmp_path), library, "/site-packages"]
