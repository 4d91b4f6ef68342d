"""A process of the worker, seen from the supervisor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

from asok_core.runtime.logs import safe_logger
from asok_core.worker import start
from asok_core.worker.config import WorkerConfig, send
from asok_core.worker.import_crashes import FailedImport, died_importing
from asok_core.worker.presence import Presence
from asok_core.worker.shared_state import Phase, Running, SharedState, shared_file
from asok_core.worker.signals import held_back
from asok_core.worker.stacks import StackFile
from asok_core.worker.stall_detection import KEPT, SHOWN_AFTER, Hang, StallReason, Watch
from asok_core.worker.supervising.hard_timeout import Overrun, reason
from asok_core.worker.supervising.process_health import exit_reason

logger = safe_logger("asok.worker")

MOST_UNTOLD = 1000
"""Orders that are kept for a child that does not read."""


class ProcessHandle:
    """Starts, orders and outlives one process; its board tells what ran when it died.

    The process leads a session and a process group of its own: Ctrl+C in a terminal reaches the
    supervisor alone, and what the process's tasks start is ended with it, unless they start it in
    another group.
    """

    def __init__(
        self,
        config: WorkerConfig,
        number: int,
        presence: Presence,
        bell: int,
        position: int = 0,
    ) -> None:
        self.number = number
        self.position = position
        """Which of the processes that were configured it is, or succeeds, from 0."""
        self.slots = config.concurrency
        """How many jobs it may run at once by the last order."""
        self.process_id = f"{config.worker}.{number}"
        self._config = config
        self._presence = presence
        self._bell = bell
        self._file = shared_file("board")
        self.shared = SharedState(self._file, config.concurrency)
        self._stacks = StackFile()
        self._popen: subprocess.Popen[bytes] | None = None
        self._retiring = False
        self.prepared = False
        """Whether a successor has been created for it, which may have died since."""
        self._untold: deque[bytes] = deque()
        self.hang: Hang | None = None
        """Of its loop, as it was at the last look."""
        self.hung = False
        """Whether it was ended because its loop did not turn, and through no fault of its jobs."""
        self._left_hanging = False
        self.kept = False
        """Whether hooks and log handlers of jobs that have ended keep all its threads."""
        self._watch = Watch(self.shared)
        self.overruns: dict[str, Overrun] = {}
        """The jobs past their hard limit for which it was ended, by id."""

    @property
    def pid(self) -> int | None:
        """Its process id in the system, or None before the start."""
        return self._popen.pid if self._popen else None

    def start(self, slots: int) -> None:
        """Start the process on an empty board. It may run so many jobs at once: see ``grant``."""
        self._hang_up()
        self.shared.clear()
        self.overruns = {}
        self.hang, self.hung, self.kept = None, False, False
        self._watch = Watch(self.shared)
        self._untold.clear()
        self._retiring = self.prepared = False
        self.slots = slots
        shared, stacks = self._file.fileno(), self._stacks.fileno()
        with held_back():
            self._popen = subprocess.Popen(
                [
                    sys.executable,
                    # Tasks' programs do not inherit this, as they would the variable PYTHONSAFEPATH.
                    "-P",
                    start.__file__,
                    str(shared),
                    str(stacks),
                    str(self._bell),
                    str(slots),
                    self.process_id,
                    *(str(file) for file in self._presence.files),
                ],
                stdin=subprocess.PIPE,
                pass_fds=(shared, stacks, self._bell, *self._presence.files),
                start_new_session=True,
            )
        assert self._popen.stdin is not None, "asked for above"
        with suppress(BrokenPipeError):  # it died at once: the exit code tells
            send(self._popen.stdin, self._config)
        os.set_blocking(self._popen.stdin.fileno(), False)

    def order(self, order: str) -> None:
        """Send ``drain``, ``retire``, ``quiet``, ``resume``, ``wake`` or ``cancel ID``, at once or soon.

        A dead child hears nothing. Of one that does not read (its task holds the interpreter) the
        pipe may be full: nothing waits for that, and ``tell`` tries again.
        """
        line = order.encode() + b"\n"
        if len(self._untold) < MOST_UNTOLD or not order.startswith(("cancel", "wake")):
            self._untold.append(line)
        self.tell()

    def tell(self) -> None:
        """Send the orders that could not be sent yet."""
        pipe = self._popen.stdin if self._popen is not None else None
        if pipe is None or pipe.closed:
            self._untold.clear()
            return
        try:
            while self._untold:
                # So short a line is written whole or not at all.
                os.write(pipe.fileno(), self._untold[0])
                self._untold.popleft()
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._untold.clear()

    @property
    def alive(self) -> bool:
        """Whether it was started and has not ended."""
        return self._popen is not None and self.exit_code() is None

    def retire(self, why: str) -> None:
        """Let it finish what it runs, however long that takes, and end; another takes its place."""
        if not self._retiring:
            self._retiring = True
            logger.info("Process %s %s: another takes its place", self.process_id, why)
            self.order("retire")

    @property
    def retiring(self) -> int | None:
        """Slots that its jobs still take, where it claims no more and lives; else None."""
        return self.shared.retiring if self.alive else None

    @property
    def retires_soon(self) -> bool:
        """Whether a successor should be started for it."""
        return self.shared.retires_soon and self.alive

    @property
    def taken(self) -> int:
        """Slots of its place that it takes, or may take: none once it has ended."""
        if not self.alive:
            return 0
        left = self.shared.retiring
        return self.slots if left is None else left

    def grant(self, slots: int) -> None:
        """Let it run so many jobs at once."""
        if slots != self.slots:
            self.slots = slots
            self.order(f"slots {slots}")

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
        """End it at once, with what its tasks started; what it ran is on the board."""
        if self.alive and self._popen is not None:
            self._kill_group(self._popen.pid)

    def write_stacks(self) -> None:
        """Have it write the stacks of its threads; ``stacks`` returns them a little later."""
        if self.alive and self._popen is not None:
            self._popen.send_signal(signal.SIGUSR1)

    def stacks(self) -> str:
        """Stacks that it has written since the last call, whoever sent it SIGUSR1."""
        return self._stacks.take()

    @staticmethod
    def _kill_group(group: int) -> None:
        # Called while its leader is alive or a zombie, so that the number is nobody else's.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)

    def end_overruns(self) -> str:
        """End it if jobs ran past their hard limits. Returns the reason, '' where it was not ended."""
        if not self.alive:
            return ""
        now = time.monotonic()
        over = {
            each.job_id: Overrun(each.phase, now - each.started)
            for each in self.running()
            if 0 < each.deadline <= now
        }
        if over:
            self.overruns = over
            self.kill()
        return reason(over.values())

    def watch_loop(self, limit: float | None, *, in_outage: bool) -> None:
        """See whether its loop turns, and log when that changes.

        End it when it has hung for ``limit`` seconds and no job may be the reason. In an outage of Redis
        a loop that alone stands still waits for that, as far as is known, and does not hang.
        """
        before, alive = self.hang, self.alive
        hang = self._watch.look(self.pid) if alive else None
        if in_outage and hang is not None and hang.cause is StallReason.LOOP:
            hang = None
        self.hang = hang
        if hang is None:
            self._left_hanging = False
            if before is not None and alive and not in_outage:
                logger.warning(
                    "Process %s works again, after it hung for %.0f s",
                    self.process_id,
                    before.seconds,
                )
            return
        if before is None:
            logger.error("Process %s hangs: %s", self.process_id, hang.why)
            self.write_stacks()
        if limit is None or hang.seconds < limit or self.hung:
            return
        if hang.replaceable:
            self.hung = True
            logger.error(
                "Process %s is ended: it hung for %.0f s (%s)",
                self.process_id,
                hang.seconds,
                hang.why,
            )
            self.kill()
        elif not self._left_hanging:
            self._left_hanging = True
            logger.error(
                "Process %s hangs for %.0f s and is not ended for it: %s",
                self.process_id,
                hang.seconds,
                "; ".join(filter(None, (hang.why, hang.advice))),
            )

    def watch_hooks(self) -> None:
        """See whether hooks and log handlers keep all its threads, and log when that changes.

        It claims no job then, and runs none. Nothing limits hooks, and what they do may be of use.
        """
        before, alive = self.kept, self.alive
        self.kept = alive and self.shared.kept_since <= time.monotonic() - SHOWN_AFTER
        if self.kept and not before:
            logger.error("Process %s claims no jobs: %s", self.process_id, KEPT)
            self.write_stacks()
        elif before and alive and not self.kept:
            logger.info("Process %s claims jobs again: hooks have returned", self.process_id)

    def running(self) -> list[Running]:
        """What its threads run, or ran when it died."""
        return self.shared.running()

    def failed_imports(self) -> dict[str, FailedImport]:
        """The imports that it died of, or was ended for, by the ids of their jobs."""
        if self.hung:
            return {}
        died = died_importing(exit_reason(self.exit_code() or 0))
        return {
            each.job_id: FailedImport(each.module, over.why if over else died)
            for each in self.running()
            if each.phase is Phase.IMPORTING
            # Where it was ended for other jobs, this import may be sound.
            and ((over := self.overruns.get(each.job_id)) or not self.overruns)
        }

    @property
    def in_hooks(self) -> bool:
        """Whether a thread called hooks when it died."""
        return self.shared.in_hooks

    def ended(self) -> list[Running]:
        """Jobs that it came to the end of before it died, and that were not settled yet."""
        return self.shared.ended()

    def memory(self) -> int | None:
        """Resident memory in bytes, where the system tells."""
        try:
            statm = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii")
            return int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError, IndexError):
            return None

    def close(self) -> None:
        """Let go of the board and the pipe."""
        self._hang_up()
        self.shared.close()
        self._file.close()
        self._stacks.close()

    def _hang_up(self) -> None:
        if self._popen is not None and self._popen.stdin is not None:
            with suppress(BrokenPipeError):
                self._popen.stdin.close()


def _has_ended(pid: int) -> bool:
    """Whether a child process is a zombie, without reaping it."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
