from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

from asok_console.cli.main import main
from asok_console.commands.support.systemd_unit import WorkerUnit, command, whole_path
from asok_core.errors import UsageError
from asok_core.worker.supervising import supervisor
from asok_core.worker.supervising.duties.heartbeat import HEARTBEATS
from tests.commands.systemd import systemd_analyze
from tests.programs import run_program


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of a project, which is the current one. No virtual environment is active."""
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    return _project(tmp_path / "shop", monkeypatch)


def _project(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path.mkdir(parents=True)
    monkeypatch.chdir(path)
    return path


def make_venv(folder: Path) -> Path:
    """Create a virtual environment in which this package can be imported; return its
    interpreter.
    """
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", "--system-site-packages", folder],
        check=True,
        timeout=60,
    )
    packages = next(folder.glob("lib/python*/site-packages"))
    (packages / "here.pth").write_text(str(Path(__file__).parents[2]))
    return folder / "bin" / "python"


def read_unit(path: Path) -> ConfigParser:
    unit = ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(path.read_text())
    return unit


def test_it_writes_the_unit_and_prints_how_to_install_it(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / ".env").write_text("SECRET_KEY=very-secret\n")
    (project / ".env").chmod(0o600)
    assert main(["deploy", "--user", "worker"]) == 0
    said = capsys.readouterr()
    sudo = "" if os.geteuid() == 0 else "sudo "
    assert said.out.splitlines() == [
        f"{sudo}cp deployment/shop-worker.service /etc/systemd/system/",
        f"{sudo}systemctl daemon-reload",
        f"{sudo}systemctl enable shop-worker.service",
        f"{sudo}systemctl restart shop-worker.service",
    ]
    assert said.err.startswith("Wrote deployment/shop-worker.service, ")
    path = project / "deployment" / "shop-worker.service"
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert "very-secret" not in path.read_text()
    service = read_unit(path)["Service"]
    assert service["User"] == "worker"
    assert service["WorkingDirectory"] == str(project)
    assert service["EnvironmentFile"] == f"{project}/.env"
    # systemd reads it as root. The worker, which may not read it, does not search for one.
    assert service["Environment"].split() == ["PYTHONUNBUFFERED=1", "ASOK_ENV_FILE="]
    assert service["ExecStart"] == f":{sys.executable} -P -m asok_console worker run"


def test_systemd_does_not_kill_a_worker_during_its_shutdown(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASOK_WORKER_SHUTDOWN_TIMEOUT", "5m")
    monkeypatch.setenv("ASOK_WORKER_LEASE", "1h")
    assert main(["deploy"]) == 0
    service = read_unit(project / "deployment" / "shop-worker.service")["Service"]
    assert float(service["TimeoutStopSec"]) > 300 + supervisor.MARGIN
    assert float(service["WatchdogSec"]) >= 3600 / HEARTBEATS + 60
    assert service["Restart"] == "always"
    assert service["Type"] == "notify"
    assert service["KillSignal"] == "SIGTERM"
    assert service["KillMode"] == "mixed", "the supervisor itself asks its processes to finish"


def test_it_overwrites_only_on_request(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = project / "deployment" / "shop-worker.service"
    path.parent.mkdir()
    path.write_text("mine")
    assert main(["deploy"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "asok: deployment/shop-worker.service exists already and is left as it is; "
        "replace it with --force\n"
    )
    assert path.read_text() == "mine"
    assert main(["deploy", "--force"]) == 0
    assert "[Service]" in path.read_text()


class TestUser:
    def test_the_unit_of_root_runs_as_the_owner_of_the_project(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        assert main(["deploy"]) == 0
        owner = pwd.getpwuid(project.stat().st_uid).pw_name
        assert read_unit(project / "deployment/shop-worker.service")["Service"]["User"] == owner

    def test_a_worker_as_root_is_reported(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["deploy", "--user", "root"]) == 0
        assert "would run as root" in capsys.readouterr().err


class TestVirtualEnvironment:
    def test_that_of_the_project_takes_precedence(self, project: Path) -> None:
        python = make_venv(project / ".venv")
        assert main(["deploy"]) == 0
        service = read_unit(project / "deployment/shop-worker.service")["Service"]
        assert service["ExecStart"] == f":{python} -P -m asok_console worker run"

    def test_one_without_this_package_is_skipped(self, project: Path) -> None:
        (project / ".venv" / "bin").mkdir(parents=True)
        (project / ".venv" / "bin" / "python").symlink_to("/bin/false")
        assert main(["deploy"]) == 0
        service = read_unit(project / "deployment/shop-worker.service")["Service"]
        assert service["ExecStart"].startswith(f":{sys.executable} ")

    def test_a_named_one_without_this_package_is_an_error(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        python = make_venv(project / "other")
        assert main(["deploy", "--venv", "other"]) == 0
        text = (project / "deployment/shop-worker.service").read_text()
        assert str(python) in text
        capsys.readouterr()
        assert main(["deploy", "--venv", "nowhere", "--force"]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "nowhere/bin/python is not there" in line
        assert (project / "deployment/shop-worker.service").read_text() == text


class TestEnvFile:
    def test_a_missing_one_is_reported(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["deploy"]) == 0
        assert "`asok init` makes one" in capsys.readouterr().err

    def test_a_key_that_is_not_a_secret_is_named(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (project / ".env").write_text("SECRET_KEY=change-me\nSECRET_KEY_FALLBACKS=hunter2\n")
        assert main(["deploy"]) == 0
        said = capsys.readouterr().err
        assert f"{project}/.env: SECRET_KEY is a well-known placeholder" in said
        assert f"{project}/.env: SECRET_KEY_FALLBACKS has 7 characters" in said
        assert "hunter2" not in said

    def test_one_in_another_folder(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (project.parent / "secrets").write_text("SECRET_KEY=x\n")
        assert main(["deploy", "--user", "worker", "--env-file", "../secrets"]) == 0
        service = read_unit(project / "deployment/shop-worker.service")["Service"]
        assert service["EnvironmentFile"] == f"{project.parent}/secrets"

    def test_the_file_of_init_is_read_in_the_same_way(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["init"]) == 0
        with (project / ".env").open("a") as file:
            file.write("# A=1 # ${x}\nA=1#x\nB='${x}'\nC=\"a # b ${x}\"\n")
        assert main(["deploy"]) == 0
        assert "otherwise" not in capsys.readouterr().err


class TestNames:
    def test_a_directory_with_unusual_characters_still_names_a_service(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        project = _project(tmp_path / "My Shop 100%", monkeypatch)
        assert main(["deploy"]) == 0
        assert (project / "deployment" / "My-Shop-100-worker.service").exists()

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["--project", "../etc"], "cannot name a service"),
            (["--project", "a b"], "cannot name a service"),
            (["--user", "a b"], "is not the name of a user"),
            (["--user", "x\nExecStartPre=/bin/false"], "is not the name of a user"),
            (["--env-file", "a\nb"], "holds a character that a unit cannot"),
            (["--env-file", "a "], "ends in a character"),
            (["--env-file", "a\\"], "ends in a character"),
        ],
    )
    def test_text_that_a_unit_cannot_contain_is_refused_in_one_line(
        self, words: list[str], said: str, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["deploy", *words]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line
        assert not (project / "deployment").exists()

    def test_percent_signs_are_doubled_and_words_quoted(self) -> None:
        assert whole_path(Path('/a b/%h "q"')) == '/a b/%%h "q"'
        assert command(Path("/a b/%h/$x"), "-m") == ':"/a b/%%h/$x" -m'
        quoted = command(Path("/a'b/\"c\\d"), "-m")
        assert quoted == ':/bin/sh -c "exec \\"$0\\" \\"$@\\"" "/a\'b/\\"c\\\\d" -m'
        with pytest.raises(UsageError):
            command(Path("/a\nb"))


def unit_of(tmp_path: Path, user: str, *words: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The unit that a command line writes."""
    project = _project(tmp_path / "shop", monkeypatch)
    assert main(["deploy", "--user", user, *words]) == 0
    return project / "deployment" / "shop-worker.service"


@pytest.mark.parametrize(
    ("user", "words", "most"), [("www-data", [], 28), ("root", [], 45), ("www-data", ["basic"], 85)]
)
def test_the_exposure_of_the_unit_is_as_documented(
    user: str, words: list[str], most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["--sandbox", *words] if words else []
    unit = unit_of(tmp_path, user, *options, monkeypatch=monkeypatch)
    scored = run_program(
        systemd_analyze(), "security", "--offline=true", "--no-pager", f"--threshold={most}", unit
    )
    last = scored.stdout.splitlines()[-1:]
    assert scored.returncode == 0, (last, scored.stderr)
    assert "Overall exposure level" in last[0]


def test_the_option_does_not_change_access_to_files_and_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = read_unit(unit_of(tmp_path, "www-data", monkeypatch=monkeypatch))["Service"]
    assert service["SystemCallFilter"] == "@system-service"
    # 'strict' would make /srv and /var read-only for jobs, and a private /tmp would hide files of
    # the application.
    assert service["ProtectSystem"] == "full"
    assert not {"ProtectHome", "PrivateTmp", "PrivateNetwork", "UMask"} & set(service)
    basic = unit_of(tmp_path / "b", "www-data", "--sandbox", "basic", monkeypatch=monkeypatch)
    kept = read_unit(basic)["Service"]
    assert not {"SystemCallFilter", "PrivateDevices", "RestrictNamespaces"} & set(kept)
    assert kept["NoNewPrivileges"] == "yes"


@pytest.mark.parametrize(
    "name", ["shop", "a b", "100%h", "$HOME", 'say "hi"', "it's", "back\\slash", "größe", "a;b#c"]
)
def test_systemd_reads_the_unit_without_a_message(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    analyze = systemd_analyze()
    project = _project(tmp_path / name, monkeypatch)
    # systemd-analyze reports a missing program, which shows that it has parsed the line as
    # intended.
    python = project / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    shutil.copy("/bin/true", python)
    unit = WorkerUnit(
        project="shop",
        user=pwd.getpwuid(os.geteuid()).pw_name,
        directory=project,
        python=python,
        env_file=project / ".env",
        shutdown_timeout=30,
        lease=30,
    )
    path = tmp_path / unit.name
    path.write_text(unit.text)
    done = run_program(analyze, "verify", path)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
