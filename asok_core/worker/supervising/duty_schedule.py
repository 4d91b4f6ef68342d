"""When each duty of the supervisor is due, and what its errors mean for the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from asok_core.errors import AsokError, Unreachable
from asok_core.runtime.failures import LONGEST_TRACEBACK, failure_of
from asok_core.runtime.logs import safe_logger
from asok_core.worker.outage import Outage
from asok_core.worker.supervising.duties.duty import Duty

logger = safe_logger("asok.worker")


class DutySchedule:
    """Runs duties in order, each when it is due. An error costs one duty its turn, and no other.

    ``heartbeat`` is the duty that shows whether an outage is over. ``reset`` is called after a fault of
    ours: the rest of a reply may be unread. ``on_recovery`` is called when an outage is over.
    """

    def __init__(
        self,
        duties: Sequence[Duty],
        *,
        heartbeat: Duty,
        outage: Outage,
        reset: Callable[[], object],
        on_recovery: Callable[[], object],
    ) -> None:
        self._duties = duties
        self._heartbeat = heartbeat
        self._outage = outage
        self._reset = reset
        self._on_recovery = on_recovery

    @property
    def next_due(self) -> float:
        """Monotonic time at which a duty is due."""
        return min(duty.next_due for duty in self._duties)

    def run_due(self) -> None:
        """Run each duty that is due."""
        for duty in self._duties:
            self.run_if_due(duty)

    def run_if_due(self, duty: Duty) -> None:
        """Run one duty, if it is due."""
        if time.monotonic() >= duty.next_due:
            self.run(duty)

    def run(self, duty: Duty) -> bool:
        """Run a duty now: whether it succeeded. Trouble is logged once, until it is over."""
        # Before it runs: others may hasten it during that.
        duty.next_due = time.monotonic() + duty.interval
        try:
            wait = duty.run()
        except AsokError as error:
            if isinstance(error, Unreachable) and not duty.has_own_connection:
                self._note_outage(error)
            else:
                self._note_refusal(duty, error)
            self._note_error(duty, error)
            return False
        except Exception as error:
            # Such as over an unforeseen value in Redis: the lease must not be lost for it.
            self._reset()
            if not duty.failed:
                duty.failed = True
                text = failure_of(error, LONGEST_TRACEBACK).traceback
                event = "Duty failed: %s; trying again"
                logger.error(event, duty.name, exc_info=error, exc_text=text)
            self._note_error(duty, error)
            return False
        duty.last_error = None
        if wait is not None:
            duty.hasten(wait)
        self._note_success(duty)
        return True

    def _note_error(self, duty: Duty, error: Exception) -> None:
        duty.last_error = error
        duty.hasten(duty.backoff)

    def _note_outage(self, error: Unreachable) -> None:
        self._outage.note(error)
        # When Redis is back, the lease comes first.
        self._heartbeat.hasten(self._heartbeat.backoff)

    def _note_refusal(self, duty: Duty, error: AsokError) -> None:
        # In an outage, only the heartbeat shows that it is over, and what it met is logged then.
        if duty.refused or (self._outage.active and duty is not self._heartbeat):
            return
        self._outage.drop()
        duty.refused = True
        logger.error("%s; trying again until it is allowed", error)

    def _note_success(self, duty: Duty) -> None:
        if duty.refused:
            duty.refused = False
            if not any(each.refused for each in self._duties):
                logger.info("Redis no longer refuses what this worker needs")
        if duty.failed:
            duty.failed = False
            logger.info("Duty no longer fails: %s", duty.name)
        if duty is self._heartbeat and self._outage.active:
            self._outage.end()
            for each in self._duties:
                if isinstance(each.last_error, Unreachable):
                    each.hasten()
            self._on_recovery()
