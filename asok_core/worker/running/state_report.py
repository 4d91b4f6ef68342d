"""What a process reports in shared memory beside its jobs: whether it claims, and when it retires."""

from __future__ import annotations

from collections.abc import Callable

from asok_core.runtime.logs import safe_logger
from asok_core.worker.running.circuit_breaker import CircuitBreaker
from asok_core.worker.shared_state import SharedState

logger = safe_logger("asok.worker")


class StateReport:
    """Writes what has changed. ``notify`` has the supervisor read it at once."""

    def __init__(
        self, shared: SharedState, breaker: CircuitBreaker, notify: Callable[[], None]
    ) -> None:
        self._shared = shared
        self._breaker = breaker
        self._notify = notify
        self._claims = self._retires_soon = False
        self._changes = 0
        self._reason = ""

    def claims(self) -> None:
        """Report that it claims jobs, or would if an operator had not quieted it."""
        if not self._claims:
            self._claims = True
            self._shared.note_claims()

    def breaker_changed(self) -> bool:
        """Log and report the state of the breaker, if it has changed since the last call."""
        breaker = self._breaker
        if breaker.changes == self._changes:
            return False
        self._changes = breaker.changes
        reason = breaker.reason
        if reason and not self._reason:
            logger.error("Process stopped claiming jobs", extra={"error": reason})
        elif self._reason and not reason:
            logger.info("Process claims jobs again")
        self._reason = reason
        self._shared.note_refusal(reason, proven=breaker.closed, lasting=breaker.lasting)
        return True

    def enforces_holds(self, generation: int) -> None:
        """Report that no job starts here that a hold of this generation matches."""
        self._shared.note_holds(generation)
        self._notify()

    def retires_soon(self) -> None:
        """Report that a successor is needed soon."""
        if not self._retires_soon:
            self._retires_soon = True
            self._shared.note_retires_soon()
            self._notify()

    def retiring(self, slots: int) -> bool:
        """Report how many slots its jobs still take, as it claims no more. False: known already."""
        if slots == self._shared.retiring:
            return False
        self._shared.note_retiring(slots)
        self._notify()
        return True
