"""The measurements of each peer. A case takes a Stage and returns figures by name."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tests.benchmarks.catalogue import DEFAULT_WORKERS, PEERS, Peer
from tests.benchmarks.produce import FIRST_STAMPS
from tests.benchmarks.stage import Failed, PeerStage, PeerWorker

Figures = dict[str, float | str]

_STAMP = re.compile(rb"stamp (\S+)\n")

CONCURRENCY = 10
START = 30.0
"""Seconds that a worker may take to start."""
SETTLE = 2.0
"""Seconds between the kill of a worker and the recovery of the next peer."""
LONGEST = 60.0
"""Seconds that a drain or a recovery may take."""
WARM = 0.1
"""The share of a drain that is not measured, while processes start."""


@dataclass(frozen=True, slots=True)
class CaseSize:
    """The size of the cases; ``share`` is of the catalogue's number of jobs."""

    share: float = 1.0
    seconds: float = 1.2
    stamps: int = 110
    naps: int = 10


def enqueue(stage: PeerStage, size: CaseSize) -> Figures:
    """Enqueue jobs one by one for some seconds."""
    return {"enqueue": stage.produce("one", size.seconds)["rate"]}


def bulk(stage: PeerStage, size: CaseSize) -> Figures:
    """Enqueue jobs in bulk for some seconds."""
    return {"bulk": stage.produce("bulk", size.seconds)["rate"]} if stage.peer.bulk else {}


def drain(stage: PeerStage, size: CaseSize) -> Figures:
    """Drain with one process, and then measure it while it is idle."""
    with drained(stage, 1, size) as (worker, figures):
        figures["rss"] = worker.rss()
        stage.clear()
        time.sleep(0.3)
        stage.produce("stamps", size.stamps)
        stamps = FIRST_STAMPS + size.stamps
        stage.wait(
            lambda: len(_STAMP.findall(stage.reported())) >= stamps, LONGEST, "the last stamp"
        )
        waits = sorted(map(float, _STAMP.findall(stage.reported())[FIRST_STAMPS:]))
        figures["p50"] = waits[len(waits) // 2]
        figures["p99"] = waits[min(len(waits) - 1, round(len(waits) * 0.99))]
    return figures


def drain_by_two(stage: PeerStage, size: CaseSize) -> Figures:
    """Drain with two processes."""
    with drained(stage, 2, size) as (_, figures):
        return {"drain2": figures["drain"]}


@contextmanager
def drained(
    stage: PeerStage, processes: int, size: CaseSize
) -> Iterator[tuple[PeerWorker, Figures]]:
    jobs = max(20, int(stage.peer.jobs * size.share))
    stage.produce("fill", jobs)
    worker = stage.start(stage.peer.worker(processes, CONCURRENCY))
    try:
        stage.wait(lambda: stage.reported_bytes() >= jobs * WARM, START, "the start of the drain")
        before, used = stage.load(), worker.cpu()
        first, begun = stage.reported_bytes(), time.monotonic()
        end = stage.wait(lambda: stage.reported_bytes() >= jobs, LONGEST, "the drain")
        after, spent = stage.load(), worker.cpu() - used
        # If there are few jobs, all may be done when the first is noticed.
        timed = max(1, jobs - first)
        yield (
            worker,
            {
                "drain": timed / max(end - begun, 1e-6),
                "jobs": jobs,
                "commands": (after.commands - before.commands) / timed,
                "reads": (after.reads - before.reads) / timed,
                "cpu": (after.cpu - before.cpu) / timed,
                "worker_cpu": spent / timed,
            },
        )
    finally:
        worker.stop()


CASES: dict[str, Callable[[PeerStage, CaseSize], Figures]] = {
    "enqueue": enqueue,
    "bulk": bulk,
    "drain": drain,
    "drain2": drain_by_two,
}


# A recovery mostly waits, so those of all peers run in parallel, each on its own Redis.

_BEGUN = re.compile(rb"begun (\d+) (\d+)\n")
_DONE = re.compile(rb"done (\d+) \d+\n")


class RecoveryCase(threading.Thread):
    """Send SIGKILL while four of ten jobs run, restart what has ended, and wait for all jobs.

    ``whole``: kill every process of the worker; otherwise only those that run jobs.
    """

    def __init__(self, stage: PeerStage, size: CaseSize, *, whole: bool) -> None:
        super().__init__(daemon=True)
        self.stage = stage
        self.figures: Figures = {}
        self._jobs = size.naps
        self._whole = whole
        peer = stage.peer
        worker = DEFAULT_WORKERS.get(peer.name, peer.worker)
        self._commands = worker(1, 4)
        self.settled = threading.Event()

    def run(self) -> None:
        key = "whole" if self._whole else "process"
        try:
            finished, seconds = self._recover()
        except Failed as failure:
            self.figures[key] = f"failed: {failure}"
        else:
            if finished == self._jobs:
                self.figures[key] = f"all in {seconds:.1f} s"
            else:
                self.figures[key] = f"{finished} of {self._jobs}"
        finally:
            self.settled.set()

    def _recover(self) -> tuple[int, float]:
        stage = self.stage
        stage.produce("naps", self._jobs)
        worker = stage.start(self._commands, 4)
        try:
            stage.wait(lambda: len(self._begun()) >= 4, START, "the start of four jobs")
            time.sleep(0.3)
            if self._whole:
                worker.kill()
            else:
                for pid in set(self._begun()):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            killed = time.monotonic()
            worker.restart_the_ended()
            while self._finished() < self._jobs and time.monotonic() < killed + LONGEST:
                time.sleep(0.02)
                worker.restart_the_ended()
                if time.monotonic() > killed + SETTLE:
                    self.settled.set()
            return self._finished(), time.monotonic() - killed
        finally:
            worker.kill()

    def _begun(self) -> list[int]:
        return [int(pid) for _, pid in _BEGUN.findall(self.stage.reported())]

    def _finished(self) -> int:
        return len(set(_DONE.findall(self.stage.reported())))


def chosen(names: list[str]) -> list[Peer]:
    """The peers of those names, or all; ours is always the first."""
    return [peer for at, peer in enumerate(PEERS) if at == 0 or not names or peer.name in names]
