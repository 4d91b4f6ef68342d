import os
import signal
import subprocess
import sys
from pathlib import Path

from asok_console.demo.child_process import ManagedCommand
from tests.programs import PATIENCE, wait_until

OWNER = """
import sys, time
from pathlib import Path
from asok_console.demo.child_process import ManagedCommand
managed = ManagedCommand(["sleep", "600"], folder=Path(sys.argv[1]))
print(managed.pid, flush=True)
time.sleep(600)
"""


def ready_and_wait(folder: Path) -> str:
    """The end of a shell script: it creates a file, so that a test knows that it has begun."""
    return f"touch {folder}/ready; while :; do sleep 0.01; done"


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until_gone(pid: int, folder: Path) -> None:
    wait_until(lambda: not is_running(pid), "the end of the command")
    wait_until(lambda: not folder.exists(), "the removal of its folder")


def test_the_command_and_its_folder_are_removed_when_it_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "private"
    folder.mkdir()
    (folder / "file").write_text("x")
    with ManagedCommand(["sleep", "600"], folder=folder) as managed:
        assert is_running(managed.pid)
        assert not managed.wait(0)
    assert not is_running(managed.pid)
    assert not folder.exists()


def test_the_folder_is_kept_on_request(tmp_path: Path) -> None:
    managed = ManagedCommand(["sleep", "600"], folder=tmp_path)
    managed.close(keep_folder=True)
    managed.close()
    assert not is_running(managed.pid)
    assert tmp_path.exists()


def test_both_are_removed_when_the_owner_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "private"
    folder.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, folder], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout
        pid = int(owner.stdout.readline())
        assert is_running(pid)
        owner.send_signal(signal.SIGKILL)
    wait_until_gone(pid, folder)


def test_a_fork_of_the_owner_does_not_keep_the_command_alive(tmp_path: Path) -> None:
    folder = tmp_path / "private"
    folder.mkdir()
    forking = OWNER.replace("time.sleep(600)", "import os; os.fork(); time.sleep(30)")
    with subprocess.Popen(
        [sys.executable, "-c", forking, folder], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout
        pid = int(owner.stdout.readline())
        owner.send_signal(signal.SIGKILL)
    wait_until_gone(pid, folder)


def test_the_end_of_a_command_is_detected(tmp_path: Path) -> None:
    errors = tmp_path / "errors"
    with ManagedCommand(["sh", "-c", "echo lost; echo kept >&2"], errors=errors) as managed:
        assert managed.wait(PATIENCE)
        managed.send(signal.SIGTERM)
    assert errors.read_text() == "kept\n"


def test_a_command_gets_sigterm_before_sigkill(tmp_path: Path) -> None:
    script = f"trap 'echo asked > {tmp_path}/said; exit' TERM; {ready_and_wait(tmp_path)}"
    with ManagedCommand(["sh", "-c", script]) as managed:
        wait_until((tmp_path / "ready").exists, "the trap of the command")
        assert managed.stop(timeout=PATIENCE)
    assert (tmp_path / "said").read_text() == "asked\n"


def test_a_command_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    with ManagedCommand(["sh", "-c", f"trap '' TERM; {ready_and_wait(tmp_path)}"]) as managed:
        wait_until((tmp_path / "ready").exists, "the trap of the command")
        assert not managed.stop(timeout=0.1)
    assert not is_running(managed.pid)


def test_ctrl_c_in_the_terminal_does_not_reach_it() -> None:
    with ManagedCommand(["sleep", "600"]) as managed:
        assert os.getsid(managed.pid) != os.getsid(0)
