from __future__ import annotations

import re
from pathlib import Path

import pytest

from asok_console.cli.main import main
from asok_console.commands.init import env_text
from asok_core.settings.settings import Settings

pytestmark = pytest.mark.usefixtures("_project")


@pytest.fixture
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_it_writes_a_file_that_only_its_owner_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "SECRET_KEY" in said.err
    assert "asok worker" in said.err
    assert [each.name for each in tmp_path.iterdir()] == [".env"]
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    key = Settings.load({}, dotenv=tmp_path / ".env").require_secret_key()
    assert re.fullmatch("[0-9a-f]{64}", key)
    assert key not in said.err


def test_each_key_is_new(tmp_path: Path) -> None:
    keys = set()
    for name in "ab":
        (tmp_path / name).mkdir()
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path / name)
            assert main(["init"]) == 0
        keys.add(Settings.load({}, dotenv=tmp_path / name / ".env").secret_key)
    assert len(keys) == 2


@pytest.mark.parametrize("there", ["file", "dangling symlink"])
def test_it_never_overwrites(
    there: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    env = tmp_path / ".env"
    if there == "file":
        env.write_text("SECRET_KEY=mine\n")
    else:
        env.symlink_to("elsewhere")
    assert main(["init"]) == 2
    assert capsys.readouterr() == ("", "asok: .env exists already and is left as it is\n")
    assert [each.name for each in tmp_path.iterdir()] == [".env"]
    if there == "file":
        assert env.read_text() == "SECRET_KEY=mine\n"


def test_a_folder_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert main(["init"]) == 1
    assert capsys.readouterr() == ("", "asok: .env cannot be written: No such file or directory\n")


def test_it_only_sets_what_workers_require(tmp_path: Path) -> None:
    (tmp_path / "env").write_text(env_text("k" * 64))
    written = Settings.load({}, dotenv=tmp_path / "env")
    assert written == Settings(queue_backend="redis", secret_key="k" * 64)


def test_every_setting_is_listed_with_its_default_and_is_valid_uncommented(tmp_path: Path) -> None:
    text = env_text("k" * 64)
    for declared in Settings.declared().values():
        assert re.search(rf"^#?{declared.variables[0]}=", text, re.MULTILINE)
    # Without the comment marks, every line still has the default.
    bare = re.sub(r"^#(?=[A-Z_]+=)", "", text, flags=re.MULTILINE)
    (tmp_path / "env").write_text(bare)
    written = Settings.load({}, dotenv=tmp_path / "env")
    assert written == Settings(queue_backend="redis", secret_key="k" * 64)


def test_no_line_is_wider_than_a_page() -> None:
    assert max(map(len, env_text("k" * 64).splitlines())) <= 100
