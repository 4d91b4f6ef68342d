"""A process of the worker, seen from the supervisor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from asok_core.runtime.logs import safe_logger
from asok_core.worker import start
from asok_core.worker.config import WorkerConfig
from asok_core.worker.import_crashes import FailedImport, died_importing, postponed_for
from asok_core.worker.job_slots import Phase, SlotJob
from asok_core.worker.presence import WorkerPresence
from asok_core.worker.shared_state import SharedState, shared_file
from asok_core.worker.signals import held_back
from asok_core.worker.stacks import StackFile, StackRequests, fatal_error_in, handles_signal
from asok_core.worker.stall_detection import is_stopped
from asok_core.worker.supervising.command_pipe import CommandPipe
from asok_core.worker.supervising.process_health import exit_reason
from asok_core.worker.supervising.process_watch import ProcessWatch
from asok_core.worker.supervising.stack_sampling import StackDump

logger = safe_logger("asok.worker")


class ProcessHandle:
    """Starts, commands and outlives one process; its shared state shows what ran when it died.

    The process leads a session and a process group of its own: Ctrl+C in a terminal reaches the
    supervisor alone, and what the process's tasks start is ended with it, unless they start it in
    another group.
    """

    def __init__(
        self,
        config: WorkerConfig,
        number: int,
        presence: WorkerPresence,
        bell: int,
        position: int = 0,
    ) -> None:
        self.number = number
        self.position = position
        """Which of the processes that were configured it is, or succeeds, from 0."""
        self.slots = config.concurrency
        """How many jobs it may run at once by the last command."""
        self.process_id = f"{config.worker}.{number}"
        self.shape = config.shape
        """Its threads and its queues, as long as it exists."""
        self._config = config
        self._presence = presence
        self._bell = bell
        self._file = shared_file("state")
        self.shared = SharedState(self._file, config.concurrency)
        self.watch = ProcessWatch(self, self.shared)
        self.commands = CommandPipe()
        self._stacks = StackFile()
        self.stack_requests = StackRequests()
        self.dump = ""
        """The last stacks that it wrote on SIGUSR1."""
        self._stack_dump: StackDump | None = None
        self._popen: subprocess.Popen[bytes] | None = None
        self._retiring = False
        self.prepared = False
        """Whether a successor has been created for it, which may have died since."""

    @property
    def pid(self) -> int | None:
        """Its process id in the system, or None before the start."""
        return self._popen.pid if self._popen else None

    def start(self, slots: int) -> None:
        """Start the process on an empty shared state. It may run ``slots`` jobs at once: see ``grant``."""
        self.commands.close()
        self.shared.clear()
        self.watch = ProcessWatch(self, self.shared)
        self._stacks.take_all()
        self.dump, self._stack_dump = "", None
        self._retiring = self.prepared = False
        self.slots = slots
        shared, stacks = self._file.fileno(), self._stacks.fileno()
        requests = self.stack_requests.fileno()
        with held_back():
            self._popen = subprocess.Popen(
                [
                    sys.executable,
                    # Tasks' programs do not inherit this, as they would the variable PYTHONSAFEPATH.
                    "-P",
                    start.__file__,
                    str(shared),
                    str(stacks),
                    str(requests),
                    str(self._bell),
                    str(slots),
                    self.process_id,
                    *(str(file) for file in self._presence.files),
                ],
                stdin=subprocess.PIPE,
                pass_fds=(shared, stacks, requests, self._bell, *self._presence.files),
                start_new_session=True,
            )
        assert self._popen.stdin is not None, "asked for above"
        self.commands.open(self._popen.stdin, self._config)

    @property
    def alive(self) -> bool:
        """Whether it was started and has not ended."""
        return self._popen is not None and self.exit_code() is None

    def retire(self, why: str) -> None:
        """Let it finish what it runs, however long that takes, and end; another replaces it."""
        if not self._retiring:
            self._retiring = True
            logger.info("Process %s %s: another replaces it", self.process_id, why)
            self.commands.send("retire")

    @property
    def retiring(self) -> int | None:
        """Slots that its jobs still take, where it no longer claims and lives; else None."""
        return self.shared.retiring if self.alive else None

    @property
    def retires_soon(self) -> bool:
        """Whether a successor should be started for it."""
        return self.shared.retires_soon and self.alive

    @property
    def taken(self) -> int:
        """Slots of its position that it takes, or may take: none once it has ended."""
        if not self.alive:
            return 0
        left = self.shared.retiring
        return self.slots if left is None else left

    def grant(self, slots: int) -> None:
        """Let it run ``slots`` jobs at once."""
        if slots != self.slots:
            self.slots = slots
            self.commands.send(f"slots {slots}")

    def exit_code(self) -> int | None:
        """The exit code (negative: a signal), or None while it lives.

        What its tasks started and left is ended before an exit code is returned.
        """
        popen = self._popen
        if popen is None:
            return None
        if popen.returncode is not None:
            return popen.returncode
        if not hasattr(os, "waitid"):  # macOS before Python 3.13 has no way to look without reaping
            if popen.poll() is not None:
                self._kill_group(popen.pid)
        elif _has_ended(popen.pid):
            self._kill_group(popen.pid)
            popen.wait()
        return popen.returncode

    def kill(self) -> None:
        """End it at once, with what its tasks started; its shared state shows what it ran."""
        if self.alive and self._popen is not None:
            self._kill_group(self._popen.pid)

    def request_stacks(self) -> None:
        """Request the stacks of its threads; ``stacks`` returns them a little later."""
        if self.alive and self._stack_dump is None:
            self._stack_dump = StackDump(self)

    @property
    def stopped(self) -> bool:
        """Whether no code of it runs until it is continued."""
        return self.alive and is_stopped(self.pid)

    def write_stacks(self) -> None:
        """Have it write the stacks of its threads by a signal; ``stacks`` returns them a little later.

        Only while no Python code runs there: see ``worker/stacks.py``. Not where a task has removed the
        handler of the signal, which would end the process.
        """
        if self.alive and self._popen is not None and handles_signal(self._popen.pid):
            self._popen.send_signal(signal.SIGUSR1)

    def stacks(self) -> str:
        """Stacks that have come since the last call, also where another program sent it SIGUSR1."""
        stacks = self._stacks.take()
        self.dump = stacks or self.dump
        answered = None if self._stack_dump is None else self._stack_dump.collect()
        if answered is not None:
            self._stack_dump = None
        return stacks or answered or ""

    def fatal_error(self) -> tuple[str, str]:
        """The fatal error that Python reported as the process ended, in one line, and as it was written.

        Both are '' where it reported none, as of SIGKILL.
        """
        # A part may have been taken before: a process whose memory is dumped takes a while to end.
        return fatal_error_in(self.dump + self._stacks.take_all(), self.exit_code() or 0)

    @staticmethod
    def _kill_group(group: int) -> None:
        # Called while its leader is alive or a zombie, so that the number is that of no other process.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)

    def running(self) -> list[SlotJob]:
        """What its threads run, or ran when it died."""
        return self.shared.running()

    def description(self) -> str:
        """Its name and what it runs, for the log."""
        now = time.monotonic()
        jobs = [f"job {each.job_id} for {now - each.started:.1f} s" for each in self.running()]
        running = ", ".join(jobs) or "no job"
        return f"process {self.process_id} (pid {self.pid}), which runs {running}"

    def failed_imports(self) -> dict[str, FailedImport]:
        """The imports that it died of, or was ended for, by the ids of their jobs."""
        if self.watch.ended and not self.watch.overruns:
            return {}
        died, overruns = died_importing(exit_reason(self.exit_code() or 0)), self.watch.overruns
        return {
            each.job_id: FailedImport(each.module, over.why if over else died)
            for each in self.running()
            if each.phase is Phase.IMPORTING
            # Where it was ended for other jobs, this import may be sound.
            and ((over := overruns.get(each.job_id)) or not overruns)
        }

    def failed_start_import(self) -> str:
        """Why it has ended before it could claim a job: the import of a module; '' where it had not begun.

        It was not ended by its worker.
        """
        module = self.shared.importing
        if not module or self.shared.planned_end:
            return self.shared.refusal if module else ""
        return postponed_for(module, died_importing(exit_reason(self.exit_code() or 0)))

    def memory(self) -> int | None:
        """Resident memory in bytes, where the system shows it."""
        try:
            statm = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii")
            return int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError, IndexError):
            return None

    def close(self) -> None:
        """Close the shared state, the pipe, and what stacks come by."""
        self.commands.close()
        self.shared.close()
        self._file.close()
        self._stacks.close()
        self.stack_requests.close()


def _has_ended(pid: int) -> bool:
    """Whether a process is a zombie, without reaping it."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
