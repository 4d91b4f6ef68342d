"""``asok worker --reload``: another worker after each change of the application's files."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from asok_console.commands.support.reloading import Reloader, watched
from asok_core.errors import UsageError
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import family, wait_until


def test_a_changed_file_starts_the_worker_again(
    desk: Desk, run_worker: RunWorker, tmp_path: Path
) -> None:
    shop = tmp_path / "project" / "src" / "shop.py"
    shop.parent.mkdir(parents=True)
    shop.write_text("raise OSError('half')")
    options = ("--reload", "--app", "src", "--import", "shop")
    worker = run_worker(*options, cwd=tmp_path / "project")
    # It stays where the code is to be corrected.
    worker.wait_for_log("the worker ended with exit code 4; waiting for a changed file")
    shop.write_text("def version(): return 1")
    worker.wait_for_log("1 file changed (src/shop.py); starting the worker again")
    first = desk.enqueue("version", module="shop")
    assert desk.reaches(first, "completed").result == "1"
    (shop.parent / "notes.txt").write_text("no code")
    shop.write_text("def version(): return 22")
    worker.wait_for_log("starting the worker again", times=2)
    wait_until(lambda: worker.log.count(" has stopped") == 2, "the end of the worker before")
    second = desk.enqueue("version", module="shop")
    assert desk.reaches(second, "completed").result == "22"
    assert worker.log.count("starting the worker again") == 2
    worker.signal(signal.SIGINT)
    assert worker.ends() == 0
    assert family(worker.name) == []
    assert not desk.client.exists("asok:workers")


def test_an_option_that_is_invalid_ends_it(run_worker: RunWorker) -> None:
    worker = run_worker("--reload", "--concurrency", "0")
    assert worker.ends() == 2


def test_a_worker_that_a_signal_ended_has_the_exit_code_of_a_shell(run_worker: RunWorker) -> None:
    worker = run_worker("--reload")
    os.kill(worker.only_process(), signal.SIGKILL)
    worker.wait_for_log("the worker ended with exit code 137; waiting for a changed file")
    worker.signal(signal.SIGTERM)
    assert worker.ends() == 137


def test_without_the_extra_the_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with pytest.raises(UsageError, match="pip install 'asok-console\\[reload\\]'"):
        Reloader(["worker", "--reload"], ["."]).run()


def test_the_folder_of_the_application_and_the_working_directory_are_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    here = str(tmp_path)
    assert watched("") == watched(f"{here}/src") == [here]
    assert watched("/srv/shop") == ["/srv/shop", here]
