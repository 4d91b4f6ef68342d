"""The concurrency and the queues of a worker: what a form begins with, and what its answers change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from asok_core.inspection.phrases import named_queues
from asok_core.inspection.shape_words import ordered_words, shape_parts
from asok_core.inspection.worker_shape import LONGEST_ORDER, WorkerShape
from asok_core.inspection.workers import WorkerInfo
from asok_core.operations.catalog.switches import SetWorkerShape
from asok_core.settings.declaration import shown
from asok_core.settings.kinds import QUEUES, THREADS


@dataclass(frozen=True, slots=True)
class ShapeSubject:
    """A worker that can be ordered another shape. ``configured`` is what it was started with."""

    worker: WorkerInfo
    configured: WorkerShape
    alone: frozenset[str] = frozenset()
    """The queues that no other worker is seen to serve."""
    serves: str = "serves"
    """``is known to serve`` where there may be other workers."""
    known: frozenset[str] | None = None
    """The queues that there are; None where not all of them are known."""
    by: str = ""
    """Who ordered another shape, and when; '' where that is not known."""

    @property
    def overrides(self) -> bool:
        """Whether a reset would change anything."""
        return self._ordered != self.configured

    @property
    def threads(self) -> str:
        """What the form begins with: what was ordered last."""
        return str(self._ordered.concurrency)

    @property
    def queues(self) -> str:
        """The same of the queues."""
        return ",".join(self._ordered.queues)

    @property
    def configured_threads(self) -> str:
        """What no answer means."""
        return f"{self.configured.concurrency}, as configured"

    @property
    def configured_queues(self) -> str:
        """The same of the queues."""
        return f"{','.join(self.configured.queues)}, as configured"

    @property
    def about(self) -> tuple[str, ...]:
        """Lines of the form: what is configured, and what is in force or ordered instead."""
        return tuple(self._about())

    def _about(self) -> Iterator[str]:
        worker = self.worker
        yield f"configured: {_words(self.configured)}"
        if worker.in_force != self.configured:
            yield f"in force: {_words(worker.in_force)}"
        if worker.is_reshaping:
            yield f"ordered, not in force yet: {_words(self._ordered)}"
        if worker.overrides and self.by:
            yield f"ordered by {self.by}"

    def problem_of(self, answers: Mapping[str, str]) -> str:
        """Why nothing can be ordered by answers that are valid each, or ''."""
        if self._chosen(answers) != self._ordered:
            return ""
        return f"these values are {'ordered' if self.worker.is_reshaping else 'in force'} already"

    def change(self, answers: Mapping[str, str]) -> tuple[SetWorkerShape, tuple[str, ...], str]:
        """The order; lines that say what it changes; and what the operator may not see.

        It is a reset where all is as configured then, else it names what it changes.
        """
        chosen, before = self._chosen(answers), self._ordered
        operation = SetWorkerShape(self.worker.id, reset=True)
        if chosen != self.configured:
            operation = SetWorkerShape(
                self.worker.id,
                concurrency=chosen.concurrency
                if chosen.concurrency != before.concurrency
                else None,
                queues=chosen.queues if chosen.queues != before.queues else (),
            )
        return operation, tuple(self._changes(chosen)), self._warning(chosen)

    def _chosen(self, answers: Mapping[str, str]) -> WorkerShape:
        return WorkerShape(
            parse_threads(answers["concurrency"]) or self.configured.concurrency,
            parse_queues(answers["queues"]) or self.configured.queues,
        )

    def _warning(self, chosen: WorkerShape) -> str:
        """Queues that nothing serves then, or that do not exist."""
        left = self.alone - {*chosen.queues}
        lost = [each for each in self.worker.queues if each in left]
        known = self.known
        new = [each for each in chosen.queues if known is not None and each not in known]
        parts = [f"no other worker {self.serves} {named_queues(lost)}"] if lost else []
        parts += [f"there is no {named_queues(new)} yet"] if new else []
        return "; ".join(parts)

    @property
    def _ordered(self) -> WorkerShape:
        return self.worker.ordered or self.configured

    def _changes(self, chosen: WorkerShape) -> Iterator[str]:
        worker, now, configured = self.worker, self.worker.in_force, self.configured
        if chosen.concurrency != now.concurrency:
            before = f"threads per process: {now.concurrency} → {chosen.concurrency}"
            all_of_them = f" in {worker.processes} processes" if worker.processes > 1 else ""
            yield f"{before}{all_of_them} (configured {configured.concurrency})"
        if chosen.queues != now.queues:
            change = f"queues: {','.join(now.queues)} → {','.join(chosen.queues)}"
            yield f"{change} (configured {','.join(configured.queues)})"
        if worker.is_reshaping:
            yield f"{ordered_words(worker)}; this replaces it"


def _words(shape: WorkerShape) -> str:
    return ", ".join(shape_parts(shape))


def threads_problem(answer: str) -> str:
    """Why an answer is no number of threads, or ''. No answer is valid."""
    try:
        parse_threads(answer)
    except ValueError:
        return f"{shown(answer)} must be {THREADS.allowed}"
    return ""


def parse_threads(answer: str) -> int | None:
    """The threads per process; None without an answer. Raises ValueError."""
    return THREADS.parse(answer.strip()) if answer.strip() else None


def queues_problem(answer: str) -> str:
    """Why an answer does not name queues, or ''. No answer is valid."""
    try:
        queues = parse_queues(answer)
    except ValueError as error:
        return str(error) or f"{shown(answer)} must be {QUEUES.allowed}"
    if len(",".join(queues).encode("utf-8", "surrogateescape")) > LONGEST_ORDER:
        return f"the names of the queues have more than {LONGEST_ORDER:,} bytes"
    return ""


def parse_queues(answer: str) -> tuple[str, ...]:
    """The queues in their order; none without an answer. Raises ValueError."""
    return QUEUES.parse(answer) if answer.strip() else ()
