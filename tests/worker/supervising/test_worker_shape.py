"""The concurrency and the queues of a running worker, changed by an operator."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable

from asok_core.inspection.events import EventKind
from tests.fixtures.command_line import Ran
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import wait_until
from tests.worker.supervising.test_retiring import peak
from tests.worker.test_events import events

Asok = Callable[..., Ran]


def shape(asok: Asok) -> dict[str, object]:
    (worker,) = json.loads(asok("worker", "status", "--json").out)["workers"]
    return dict(worker["shape"])


def test_an_operator_changes_what_a_worker_runs_until_it_ends(
    desk: Desk, run_worker: RunWorker, asok: Asok
) -> None:
    worker = run_worker("--concurrency", "1", "--queues", "default,low")
    first = worker.only_process()
    (name,) = [each.decode() for each in desk.client.zrange(desk.keys.workers, 0, -1)]
    key = desk.keys.worker(name)
    configured = {"concurrency": 1, "queues": ["default", "low"]}
    assert shape(asok)["in_force"] == shape(asok)["ordered"] == configured

    # What another program wrote changes nothing.
    desk.client.hset(key, mapping={"ordered_concurrency": "0x10", "ordered_queues": ",\x00,"})
    desk.client.publish(desk.keys.wake, f"order {name}")
    long = desk.enqueue("hold", "long")
    desk.wait_for_lines("begin long")

    # Up, and another queue: what runs continues in the former process.
    ran = asok("worker", "set", name, "--concurrency", "3", "--queues", "default,high")
    assert ran.code == 0, ran
    assert (
        "confirmed by its heartbeat: 3 threads per process (configured 1), queues default,high"
        in ran.out
    )
    assert shape(asok)["in_force"] == {"concurrency": 3, "queues": ["default", "high"]}
    assert shape(asok)["configured"] == configured
    assert first in worker.processes()
    assert "3 threads per process (configured 1)" in asok("worker", "status").out
    low = desk.enqueue("note", "low", queue="low")
    high = [desk.enqueue("hold", f"h{n}", queue="high") for n in range(3)]
    desk.wait_for_lines("begin h0", "begin h1")
    desk.release("long")
    desk.reaches(long, "completed")
    desk.wait_for_lines("begin h2")
    assert desk.record(low).status == "pending"
    assert "no registered worker serves" in asok("explain", "--queue", "low").out

    # Down: nothing that runs is interrupted, and nothing starts before there is room.
    ran = asok("worker", "set", name, "--concurrency", "1")
    assert ran.code == 0, ran
    last = desk.enqueue("hold", "last", queue="high")
    desk.release("h0")
    desk.release("h1")
    desk.reaches(high[1], "completed")
    assert desk.record(last).status == "pending"
    desk.release("h2")
    desk.release("last")
    desk.reaches(last, "completed")
    assert peak(desk) == 3

    # A process that is killed is replaced by one of the ordered shape; a reset has the configured one.
    wait_until(lambda: len(worker.processes()) == 1, "the end of the former processes")
    killed = worker.only_process()
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: worker.processes() not in ([], [killed]), "another process")
    assert shape(asok)["in_force"] == {"concurrency": 1, "queues": ["default", "high"]}
    assert asok("worker", "set", name, "--reset").code == 0
    assert shape(asok)["in_force"] == configured
    desk.reaches(low, "completed")
    changes = [each for each in events(desk.settings) if each.kind == EventKind.WORKER_RESHAPED]
    assert [(each.fields["from"], each.fields["to"]) for each in changes] == [
        ("concurrency 1, queues default,low", "concurrency 3, queues default,high"),
        ("concurrency 3, queues default,high", "concurrency 1, queues default,high"),
        ("concurrency 1, queues default,high", "concurrency 1, queues default,low"),
    ]
    assert all("@" in each.fields["by"] for each in changes)

    # Jobs that are claimed ahead of a queue that is dropped return to it in their order, and none is lost.
    begun, jobs = len(desk.journal()), [desk.job("nap", n, queue="low") for n in range(1500)]
    desk.producer.enqueue(jobs)
    wait_until(lambda: len(desk.active()) > 2, "jobs claimed ahead")
    assert asok("worker", "set", name, "--queues", "default").code == 0
    wait_until(lambda: not desk.active(), "the end of what was claimed")
    numbers = desk.journal()[begun:]
    left = [each.job.id if each.job else "" for each in desk.pending("low")]
    assert 0 < len(numbers) < len(jobs)
    assert numbers == [str(n) for n in range(len(numbers))]
    assert left == [each.id for each in jobs[len(numbers) :]]
    assert worker.stop() == 0
    refused = asok("worker", "set", name, "--reset")
    assert (refused.code, "there is no worker" in refused.err) == (2, True)
