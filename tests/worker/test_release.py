"""The application's release: as ASOK_RELEASE states it, else as the directory of the worker shows it."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import pytest

from asok_core.errors import SettingsError
from asok_core.inspection.workers import WorkerInfo
from asok_core.operations.inspector import open_reader
from asok_core.settings.settings import Settings
from asok_core.worker.application_release import UNKNOWN, Release, found_in
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import run_program, wait_until

WHO = {
    **{f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}


def git(folder: Path, *arguments: str) -> str:
    """What a git command prints."""
    ran = run_program("git", *arguments, cwd=folder, env={**os.environ, **WHO})
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def repository(folder: Path, *options: str) -> Release:
    """Make a repository with a commit, which is returned as a release."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", *options)
    return commit(folder)


def commit(folder: Path) -> Release:
    """Commit, and return that as a release."""
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "A change")
    return Release(git(folder, "rev-parse", "HEAD")[:12], "git commit")


def reported(desk: Desk) -> WorkerInfo:
    """The worker as a reader sees it."""
    reader = open_reader(desk.settings)
    (worker,) = reader.snapshot().workers
    reader.close()
    return worker


def test_what_is_stated_counts_most(desk: Desk, run_worker: RunWorker, tmp_path: Path) -> None:
    repository(tmp_path / "shop")
    run_worker(cwd=tmp_path / "shop", ASOK_RELEASE="v1.8.2")
    desk.idle()
    worker = reported(desk)
    assert (worker.release, worker.release_source) == ("v1.8.2", "ASOK_RELEASE")


def test_a_worker_in_a_repository_reports_the_commit(
    desk: Desk, run_worker: RunWorker, tmp_path: Path
) -> None:
    expected = repository(tmp_path / "shop")
    run_worker(cwd=tmp_path / "shop")
    desk.idle()
    worker = reported(desk)
    assert (worker.release, worker.release_source) == expected


def test_a_worker_elsewhere_reports_none(desk: Desk, run_worker: RunWorker, tmp_path: Path) -> None:
    run_worker(cwd=tmp_path)
    desk.idle()
    worker = reported(desk)
    assert (worker.release, worker.release_source) == ("", "")


def test_a_record_names_the_release_that_ran_the_last_attempt(
    desk: Desk, run_worker: RunWorker, tmp_path: Path
) -> None:
    first = run_worker(cwd=tmp_path, ASOK_RELEASE="4f2a1c")
    done, failing = desk.enqueue("note", "a"), desk.enqueue("fail", retries=1, backoff=0.1)
    assert desk.reaches(done, "completed").release == "4f2a1c"
    assert desk.reaches(failing, "failed").release == "4f2a1c"
    held = desk.hold("gate")
    assert desk.record(held).release == "4f2a1c"
    first.signal(signal.SIGQUIT)
    first.ends()
    run_worker(cwd=tmp_path, ASOK_RELEASE="77aa00")
    wait_until(lambda: desk.record(held).release == "77aa00", "the next attempt")
    desk.release("gate")
    assert desk.reaches(held, "completed").release == "77aa00"


def test_a_process_that_starts_later_reads_its_own_release(
    desk: Desk, run_worker: RunWorker, tmp_path: Path
) -> None:
    first = repository(tmp_path)
    run_worker("--max-jobs", "1", "--concurrency", "1", "--processes", "1", cwd=tmp_path)
    assert desk.reaches(desk.enqueue("note", "a"), "completed").release == first.name
    second = commit(tmp_path)
    # A successor may have started before the commit.
    wait_until(
        lambda: desk.reaches(desk.enqueue("note", "b"), "completed").release == second.name,
        "a process of the new commit",
    )
    assert reported(desk).release == first.name


def test_the_record_of_a_worker_without_a_release_has_none(
    desk: Desk, run_worker: RunWorker, tmp_path: Path
) -> None:
    run_worker(cwd=tmp_path)
    done = desk.enqueue("note", "a")
    assert desk.reaches(done, "completed").release is None
    assert not desk.client.hexists(desk.keys.job(done.id), "release")


def test_a_commit_counts_more_than_a_version(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\nversion = "1.8.2"\n')
    assert found_in(tmp_path) == Release("1.8.2", "package version")
    assert repository(tmp_path) == found_in(tmp_path)


@pytest.mark.parametrize("form", ["sha1", "sha256"])
def test_a_commit_in_every_form_of_a_repository(tmp_path: Path, form: str) -> None:
    shop = tmp_path / "shop"
    first = repository(shop, f"--object-format={form}", "--initial-branch=a/b")
    assert found_in(shop) == first
    (shop / "deep" / "er").mkdir(parents=True)
    assert found_in(shop / "deep" / "er") == first
    git(shop, "pack-refs", "--all")
    assert not (shop / ".git/refs/heads/a/b").exists()
    assert found_in(shop) == first
    git(shop, "worktree", "add", "--quiet", "--detach", str(tmp_path / "beside"))
    second = commit(shop)
    assert found_in(shop) == second != first
    assert found_in(tmp_path / "beside") == first
    git(tmp_path / "beside", "switch", "--quiet", "--create", "other")
    third = commit(tmp_path / "beside")
    git(shop, "pack-refs", "--all")
    assert found_in(tmp_path / "beside") == third
    assert found_in(shop) == second
    git(shop, "symbolic-ref", "refs/heads/alias", "refs/heads/other")
    git(shop, "symbolic-ref", "HEAD", "refs/heads/alias")
    assert found_in(shop) == third


def test_a_repository_without_a_commit_has_none(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    assert found_in(tmp_path) == UNKNOWN


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"ref: refs/heads/../../../secret\n",
        b"ref: /etc/passwd\n",
        b"ref: refs/heads/loop\n",
        b"not a commit\n",
        b"0" * 39,
        b"\xff" * 40,
        b"a" * 100_000,
    ],
)
def test_a_damaged_repository_has_none(tmp_path: Path, head: bytes) -> None:
    heads = tmp_path / ".git" / "refs" / "heads"
    heads.mkdir(parents=True)
    (tmp_path / ".git" / "HEAD").write_bytes(head)
    (heads / "loop").write_text("ref: refs/heads/loop\n")
    (tmp_path.parent / "secret").write_text("1" * 40)
    (tmp_path / "secret").write_text("1" * 40)
    assert found_in(tmp_path) == UNKNOWN


def test_a_pipe_does_not_hold_up_the_start(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    for name in (".git/HEAD", "pyproject.toml"):
        os.mkfifo(tmp_path / name)
        assert stat.S_ISFIFO((tmp_path / name).stat().st_mode)
    assert found_in(tmp_path) == UNKNOWN


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ('[project]\nversion = "1.8.2+build.7"\n', "1.8.2+build.7"),
        ('[tool.poetry]\nversion = "2.0"\n', "2.0"),
        ('[project]\nname = "shop"\ndynamic = ["version"]\n', ""),
        ('project = "shop"\ntool = 7\n', ""),
        ("[project]\nversion = 7\n", ""),
        ('[project]\nversion = "1!2.0 and more"\n', ""),
        ("[project\n", ""),
        (f"a = {'[' * 100_000}", ""),
        ('[project]\nversion = "1"\n' + "#" * 300_000, ""),
    ],
    ids=range(9),
)
def test_the_version_of_the_project(tmp_path: Path, text: str, version: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    assert found_in(tmp_path) == (Release(version, "package version") if version else UNKNOWN)


@pytest.mark.parametrize("release", ["two words", "x" * 65, "-dash", "é"])
def test_a_release_that_cannot_be_one_is_an_error(release: str) -> None:
    with pytest.raises(SettingsError, match=r"ASOK_RELEASE is .*; it must be up to 64 "):
        Settings.load({"ASOK_RELEASE": release})
