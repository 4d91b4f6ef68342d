"""Answers to operators who ask what a running job does: its stack, or several in a row."""

from __future__ import annotations

import json
import math
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from asok_core.backends.redis.consuming.registry import Registry
from asok_core.inspection.stacks import (
    MOST_SAMPLES,
    JobStack,
    Stack,
    encode_answer,
    merged,
)
from asok_core.jobs.job import LONGEST_ID
from asok_core.worker.job_slots import SlotJob
from asok_core.worker.supervising.duties.duty import Duty
from asok_core.worker.supervising.process_handle import ProcessHandle
from asok_core.worker.supervising.processes import Processes
from asok_core.worker.supervising.stack_sampling import HELD_AFTER, StackSampling, same_run

INTERVAL = 0.1
"""Seconds between two samples, where there are few."""
ALL_WITHIN = 2.5
"""Seconds in which all samples of a request are taken, where the process answers at once."""
LOOK = 0.02
"""Seconds between two checks for a sample."""
PATIENCE = 4.0
"""Seconds after which an answer has the samples that there are: the client waits 5 s."""
AT_ONCE = 4
"""Requests that are answered at the same time: samples of a process that is held take seconds each, and a
process walks its stacks so often at most."""
MOST_ASKED = 20
"""Requests that wait at most; of more, the oldest get no answer."""
LONGEST_TOKEN = 64


@dataclass(slots=True, eq=False)
class _StackRequest:
    token: str
    job_id: str
    samples: int
    since: float
    stacks: list[Stack] = field(default_factory=list)
    held: bool = False
    found: tuple[ProcessHandle, SlotJob] | None = None
    sampling: StackSampling | None = None
    next_at: float = 0.0
    asked_at: float | None = None
    """When the process was asked for the stack that it has not given yet."""


class StackAnswersDuty(Duty):
    """Due when it is hastened by a request, until that is answered. The oldest are answered first."""

    name = "answers about stacks"

    def __init__(self, registry: Registry, processes: Processes) -> None:
        super().__init__(interval=math.inf, backoff=LOOK)
        self._registry = registry
        self._processes = processes
        self._requests: deque[_StackRequest] = deque(maxlen=MOST_ASKED)

    def add(self, asked: Iterable[str]) -> None:
        """Add requests, as an operator wrote them. What is not a request is ignored."""
        for each in asked:
            try:
                token, job_id, samples = json.loads(each)
            except (ValueError, TypeError, RecursionError):
                continue
            if not (isinstance(token, str) and isinstance(job_id, str) and type(samples) is int):
                continue
            if len(token) <= LONGEST_TOKEN and len(job_id) <= LONGEST_ID:
                most = min(max(samples, 1), MOST_SAMPLES)
                self._requests.append(_StackRequest(token, job_id, most, time.monotonic()))
                self.hasten()

    def run(self) -> float | None:
        """Continue the oldest requests. Raises Unreachable or Refused, and that request is dropped."""
        for request in list(self._requests)[:AT_ONCE]:
            answer = self._continued(request)
            if answer is not None:
                self._requests.remove(request)
                self._registry.answer(request.token, encode_answer(answer))
        return LOOK if self._requests else None

    def _continued(self, request: _StackRequest) -> JobStack | None:
        """The answer, or None while samples are to come."""
        now = time.monotonic()
        if request.found is None:
            request.found = self._find(request.job_id)
            if request.found is None:
                return JobStack(request.job_id, problem="it is not running on this worker now")
        process, job = request.found
        late = now - request.since >= PATIENCE
        if request.sampling is None and not late:
            if now < request.next_at:
                return None
            left = PATIENCE - (now - request.since)
            request.sampling = StackSampling(process, (job,), patience=left)
            request.next_at = now + min(INTERVAL, ALL_WITHIN / request.samples)
            request.asked_at = now
        if request.sampling is not None and request.sampling.collect():
            sampling = request.sampling
            # Whether Python code runs is what the newest sample shows, unless it was cut short.
            request.held = sampling.held or (request.held and not sampling.stacks)
            if sampling.stacks:
                request.asked_at = None
            request.stacks += sampling.stacks.values()
            request.sampling = None
        running = [each for each in process.running() if same_run(job, each)]
        if running and not late and len(request.stacks) < request.samples:
            return None
        return self._answer(request, process, running[0] if running else None)

    def _answer(
        self, request: _StackRequest, process: ProcessHandle, running: SlotJob | None
    ) -> JobStack:
        missing = request.samples - len(request.stacks)
        problem = ""
        if running is None:
            problem = "it ended meanwhile"
        elif missing:
            problem = _why_missing(request)
            if request.stacks:
                problem += f" for {missing} more samples"
        return JobStack(
            request.job_id,
            process.process_id,
            running.phase.name.lower() if running else "",
            time.monotonic() - running.started if running else None,
            held=request.held,
            samples=merged(request.stacks),
            problem=problem,
        )

    def _find(self, job_id: str) -> tuple[ProcessHandle, SlotJob] | None:
        for process in self._processes:
            if process.alive:
                for job in process.running():
                    if job.job_id == job_id:
                        return process, job
        return None


def _why_missing(request: _StackRequest) -> str:
    """Why samples are missing of a job that runs."""
    if not request.next_at:
        return "its worker had other requests to answer: try again"
    asked_at = request.asked_at
    if asked_at is not None and time.monotonic() - asked_at >= HELD_AFTER:
        return "its process did not answer in time"
    return "there was no time"
