"""The wheel: built from the tree, installed in an empty environment, and used."""

from __future__ import annotations

import email
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from asok_console.demo.embedded import find_redis_server
from asok_core import __version__
from asok_core.settings.settings import Settings
from tests.conftest import SECRET_KEY
from tests.programs import ROOT, run_program, wait_until
from tests.pseudo_terminal import open_and_quit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
INSTALL = 300
PATIENCE = 60

CHORES = """\
from pathlib import Path
from asok_core import task

@task
def write(word: str) -> str:
    Path("written").write_text(word)
    return word
"""


def do(*words: str | Path, cwd: Path, env: Mapping[str, str] | None = None, seconds: int) -> str:
    """Run a program and return its output."""
    done = run_program(*words, cwd=cwd, env=env, seconds=seconds)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def packaged(*suffixes: str) -> set[str]:
    """The paths of the packages' files in the tree."""
    return {
        str(path.relative_to(ROOT))
        for package in ("asok_core", "asok_console")
        for path in (ROOT / package).rglob("*")
        if path.suffix in suffixes
    }


def test_the_wheel_works_in_an_empty_environment(tmp_path: Path, redis_url: str) -> None:
    expected = packaged(".py", ".lua", ".tcss", ".typed")
    readme = (ROOT / "README.md").read_text()
    # The wheel is built from the sdist, which proves that the sdist is complete.
    build = (sys.executable, "-m", "build", "--outdir", tmp_path, ROOT)
    do(*build, cwd=tmp_path, seconds=INSTALL)
    (wheel,) = tmp_path.glob("*.whl")
    (sdist,) = tmp_path.glob("*.tar.gz")
    has_the_expected_files(wheel, sdist, expected, readme)

    venv = tmp_path / "venv"
    do(sys.executable, "-m", "venv", "--without-pip", venv, cwd=tmp_path, seconds=INSTALL)
    pip = (sys.executable, "-m", "pip", "--python", venv / "bin" / "python", "install", "--quiet")
    do(*pip, f"{wheel}[demo]", cwd=tmp_path, seconds=INSTALL)
    home = tmp_path / "home"
    home.mkdir()
    (home / "chores.py").write_text(CHORES)
    env = clean_environment(venv, home, redis_url)
    reports_its_version_and_location(venv, home, env)
    runs_a_job(venv, home, env)
    opens_the_demo(venv, home, env)


def clean_environment(venv: Path, home: Path, redis_url: str) -> dict[str, str]:
    """An environment without the checkout and without variables of this process."""
    return {
        # The demo uses a redis-server on the PATH if there is no wheel of one.
        "PATH": os.pathsep.join([str(venv / "bin"), os.defpath, str(find_redis_server().parent)]),
        "HOME": str(home),
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "ASOK_QUEUE_BACKEND": "redis",
        "ASOK_REDIS_URL": redis_url,
        "SECRET_KEY": SECRET_KEY,
    }


def has_the_expected_files(wheel: Path, sdist: Path, expected: set[str], readme: str) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = {name for name in file.namelist() if ".dist-info/" not in name}
        info = f"asok_console-{__version__}.dist-info"
        head, _, body = file.read(f"{info}/METADATA").decode().partition("\n\n")
        scripts = file.read(f"{info}/entry_points.txt").decode()
        assert f"{info}/licenses/LICENSE" in file.namelist()
    assert expected <= names
    assert {Path(name).suffix for name in names} == {Path(name).suffix for name in expected}
    assert any(name.endswith(".lua") for name in names)
    assert any(name.endswith(".tcss") for name in names)
    assert {"asok_core/py.typed", "asok_console/py.typed"} <= names
    metadata = email.message_from_string(head)
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert body == readme
    assert "asok = asok_console.cli.main:main" in scripts
    assert "asok-console = asok_console.cli.main:main" in scripts
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    documents = {
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "CHANGELOG.md",
        "LICENSE",
        "Makefile",
    }
    documents |= {"docs/mkdocs.yml", "docs/pages/library.md"}
    assert names | documents | {"pyproject.toml"} <= packed
    assert "tests/conftest.py" in packed


def reports_its_version_and_location(venv: Path, home: Path, env: Mapping[str, str]) -> None:
    for name in ("asok", "asok-console"):
        reported = do(venv / "bin" / name, "--version", cwd=home, env=env, seconds=PATIENCE)
        assert reported == f"asok-console {__version__}\n"
    where = "import asok_core, asok_console; print(asok_core.__file__, asok_console.__file__)"
    python = venv / "bin" / "python"
    for path in do(python, "-c", where, cwd=home, env=env, seconds=PATIENCE).split():
        assert Path(path).is_relative_to(venv)


def runs_a_job(venv: Path, home: Path, env: Mapping[str, str]) -> None:
    enqueue = "import chores; chores.write.delay('a word')"
    do(venv / "bin" / "python", "-c", enqueue, cwd=home, env=env, seconds=PATIENCE)
    worker = subprocess.Popen([venv / "bin" / "asok", "worker"], cwd=home, env=dict(env))
    try:
        wait_until((home / "written").exists, "the job's file")
    finally:
        worker.terminate()
        worker.wait(PATIENCE)
    assert (home / "written").read_text() == "a word"
    status = do(venv / "bin" / "asok", "worker", "status", cwd=home, env=env, seconds=PATIENCE)
    assert "default" in status


def opens_the_demo(venv: Path, home: Path, env: Mapping[str, str]) -> None:
    settings = {name for each in Settings.declared().values() for name in each.variables}
    bare = {name: value for name, value in env.items() if name not in settings}
    command = (venv / "bin" / "asok-console", "console", "--demo")
    assert open_and_quit(command, cwd=home, env=bare, until=("Overview", "critical")) == 0
    wait_until(lambda: not running_in(venv), "the end of the demo's programs")


def running_in(venv: Path) -> list[str]:
    """The running programs of an environment, if /proc exists."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(path.read_text(errors="replace").replace("\0", " "))
    return [words for words in found if words.startswith(str(venv))]
