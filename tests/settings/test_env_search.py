"""The search for ``.env``: a file that another user could have written is never read."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from asok_core.errors import SettingsError
from asok_core.settings.settings import Settings
from tests.programs import environment, run_program

OTHER_USER = 65534
Give = Callable[[Path], None]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a file of settings, and the current one."""
    tmp_path.chmod(0o755)
    project = tmp_path / "project"
    project.mkdir(mode=0o755)
    (project / ".env").write_text("BG_WORKERS=3\n")
    (project / ".env").chmod(0o644)
    monkeypatch.chdir(project)
    return project


@pytest.fixture
def give_away(monkeypatch: pytest.MonkeyPatch) -> Give:
    """Change the owner of a path. Without root rights the process acts as another user instead."""

    def give(path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, OTHER_USER, OTHER_USER)
        else:
            monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)

    return give


def assert_refused(path: Path, why: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    line = str(caught.value)
    assert line.startswith(f"{path} is not read: ")
    assert why in line
    assert "ASOK_ENV_FILE" in line
    assert "\n" not in line


def test_the_users_own_file_is_read_and_its_path_kept(project: Path) -> None:
    settings = Settings.load()
    assert settings.bg_workers == 3
    assert settings.env_file == project / ".env"
    assert settings == Settings.load({"BG_WORKERS": "3"})


def test_the_file_of_another_user(project: Path, give_away: Give) -> None:
    give_away(project / ".env")
    assert_refused(project / ".env", "belongs to user")


def test_the_directory_of_another_user(project: Path, give_away: Give) -> None:
    give_away(project)
    assert_refused(project / ".env", f"{project} belongs to user")


@pytest.mark.parametrize(("name", "mode"), [("", 0o777), ("", 0o1777), (".env", 0o646)])
def test_what_every_user_can_write(project: Path, name: str, mode: int) -> None:
    (project / name).chmod(mode)
    assert_refused(project / ".env", f"{project / name} can be written by every user")


@pytest.mark.parametrize(("name", "mode"), [("", 0o775), (".env", 0o664)])
def test_what_a_group_can_write(
    project: Path, name: str, mode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import grp
    import pwd

    me = pwd.getpwuid(os.geteuid())
    (project / name).chmod(mode)
    group = grp.struct_group(("staff", "x", me.pw_gid, [me.pw_name, "mallory"]))
    monkeypatch.setattr(grp, "getgrgid", lambda _: group)
    assert_refused(project / ".env", "can be written by group staff")
    # Many systems give each user a group of the same name, and a umask that allows it to write.
    group = grp.struct_group((me.pw_name, "x", me.pw_gid, []))
    assert Settings.load().bg_workers == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to a user without a name")
def test_users_and_groups_without_a_name_are_named_by_their_numbers(project: Path) -> None:
    os.chown(project / ".env", 54_321, 54_321)
    assert_refused(project / ".env", "belongs to user 54321")
    os.chown(project / ".env", 0, 54_321)
    (project / ".env").chmod(0o664)
    assert_refused(project / ".env", "can be written by group 54321")


def test_a_file_further_up_is_checked_too_and_ends_the_search(
    project: Path, monkeypatch: pytest.MonkeyPatch, give_away: Give
) -> None:
    inner = project / "app"
    inner.mkdir()
    (project.parent / ".env").write_text("BG_WORKERS=5\n")
    monkeypatch.chdir(inner)
    assert Settings.load().bg_workers == 3
    project.chmod(0o1777)
    assert_refused(project / ".env", f"{project} can be written")
    (project / ".env").unlink()
    assert Settings.load().bg_workers == 5


def test_the_target_of_a_symlink_is_checked(project: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (project / ".env").rename(shared / "env")
    (project / ".env").symlink_to(shared / "env")
    assert_refused(project / ".env", f"{shared} can be written")
    shared.chmod(0o755)
    assert Settings.load().bg_workers == 3


def test_a_file_that_the_environment_names_is_read(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.chmod(0o777)
    other = tmp_path / "settings"
    other.write_text("BG_WORKERS=7\n")
    monkeypatch.setenv("ASOK_ENV_FILE", str(other))
    assert Settings.load().bg_workers == 7
    monkeypatch.setenv("ASOK_ENV_FILE", str(project / ".env"))
    assert Settings.load().bg_workers == 3
    monkeypatch.setenv("ASOK_ENV_FILE", "")
    assert (Settings.load().bg_workers, Settings.load().env_file) == (10, None)
    monkeypatch.setenv("ASOK_ENV_FILE", "nowhere")
    with pytest.raises(SettingsError, match=r"^ASOK_ENV_FILE is 'nowhere', which is not a file;"):
        Settings.load()


def test_a_program_takes_no_key_from_a_shared_directory(tmp_path: Path) -> None:
    shared = tmp_path / "incoming"
    shared.mkdir()
    (shared / ".env").write_text("SECRET_KEY=of-the-attacker\nASOK_REDIS_URL=unix:///attack.sock\n")
    (shared / "mine").mkdir()
    shared.chmod(0o1777)
    ran = run_program(
        sys.executable, "-m", "asok_console", "worker", cwd=shared / "mine", env=environment({})
    )
    assert ran.returncode == 2
    assert ran.stdout == ""
    (line,) = ran.stderr.splitlines()
    assert line.startswith(f"asok: {shared}/.env is not read: {shared} can be written")
