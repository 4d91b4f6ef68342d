"""Files with secrets in them: readable by their owner alone, and never written over those of others."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import SECRET_KEY
from tests.fixtures.bench import Bench
from tests.fixtures.command_line import Ran
from tests.programs import PATIENCE, environment

UMASKS = (0o000, 0o002, 0o022, 0o027, 0o077, 0o177, 0o277, 0o777)


def real(*words: str, cwd: Path, umask: int, **settings: str) -> Ran:
    done = subprocess.run(
        [sys.executable, "-m", "asok_console", *words],
        env=environment(settings),
        cwd=cwd,
        umask=umask,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("umask", UMASKS, ids=lambda umask: f"{umask:03o}")
def test_the_env_file_is_its_owners_at_any_umask(umask: int, tmp_path: Path) -> None:
    assert real("init", cwd=tmp_path, umask=umask).code == 0
    [file] = tmp_path.iterdir()
    assert file.name == ".env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("umask", UMASKS, ids=lambda umask: f"{umask:03o}")
def test_an_export_is_its_owners_at_any_umask(
    umask: int, bench: Bench, redis_url: str, tmp_path: Path
) -> None:
    bench.add_dead(bench.job(args=("a secret",)))
    settings = {
        "ASOK_QUEUE_BACKEND": "redis",
        "ASOK_REDIS_URL": redis_url,
        "SECRET_KEY": SECRET_KEY,
    }
    for name in ("dead.jsonl", "dead.csv"):
        words = ("dlq", "export", name, "--format", name.partition(".")[2])
        ran = real(*words, cwd=tmp_path, umask=umask, **settings)
        assert ran.code == 0, ran.err
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert {each.name for each in tmp_path.iterdir()} == {"dead.jsonl", "dead.csv"}


def occupied(path: Path, kind: str, victim: Path) -> None:
    """Put something where the export is to be written."""
    if kind == "file":
        path.write_text("mine\n")
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "symlink to a file":
        path.symlink_to(victim)
    elif kind == "symlink to nothing":
        path.symlink_to(path.parent / "not there yet")
    elif kind == "symlink to itself":
        path.symlink_to(path)
    elif kind == "hard link":
        path.hardlink_to(victim)
    else:
        path.symlink_to("/dev/null")


@pytest.mark.parametrize(
    "kind",
    [
        *("file", "folder", "pipe", "symlink to a file", "symlink to nothing", "symlink to itself"),
        *("hard link", "symlink to a device"),
    ],
)
@pytest.mark.parametrize("words", [("dlq", "export", "out"), ("init",)], ids=lambda words: words[0])
def test_nothing_is_written_over_a_file_or_through_a_symlink(
    words: tuple[str, ...],
    kind: str,
    asok: Callable[..., Ran],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    # Settings are those of the environment: what is in the way of `init` would be read otherwise.
    monkeypatch.setenv("ASOK_ENV_FILE", "")
    victim = tmp_path / "victim"
    victim.write_text("mine\n")
    name = "out" if "out" in words else ".env"
    occupied(folder / name, kind, victim)
    before = (folder / name).lstat()
    ran = asok(*words)
    assert ran.code == 2, ran
    assert "exists already and is left as it is" in ran.err
    after = (folder / name).lstat()
    assert (after.st_ino, after.st_mode, after.st_size) == (
        before.st_ino,
        before.st_mode,
        before.st_size,
    )
    assert victim.read_text() == "mine\n"
    assert [each.name for each in folder.iterdir()] == [name]
