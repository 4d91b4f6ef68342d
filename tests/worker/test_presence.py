"""Workers that die whole, supervisor and all: those beside them prove it long before the lease ends.

Leases are longer than any test waits, so a job that comes back has come by proof. Whether another is
left alone is seen beside a worker that truly died: once that one is recovered, both were looked at.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import redis

from asok_core.jobs.job import Job
from asok_core.worker.presence import WorkerPresence, is_gone
from tests.fixtures.worker import Desk, RunWorker, Worker
from tests.programs import wait_until

LONG = "600s"
"""A lease that ends in no test."""
PROVED = "of which no process is left"
LEASED = "whose lease expired"

Start = Callable[..., Worker]


@pytest.fixture
def start(run_worker: RunWorker) -> Start:
    """Start a worker with a long lease. It gives its running jobs time if its supervisor is killed."""

    def started(*options: str, **settings: object) -> Worker:
        given = {"ASOK_WORKER_LEASE": LONG, "ASOK_WORKER_SHUTDOWN_TIMEOUT": LONG} | settings
        return run_worker(*options, **given)

    return started


def busy(desk: Desk, start: Start, word: str) -> tuple[Worker, Job]:
    """A worker that holds a job, which ends when the test lets ``word``."""
    queue = f"of-{word}"
    worker = start("--queues", queue)
    job = desk.enqueue("hold", word, queue=queue)
    desk.wait_for_lines(f"begin {word}")
    desk.reaches(job, "running")
    return worker, job


def everything(*words: str) -> tuple[str, str]:
    return "--queues", ",".join(["default", *(f"of-{word}" for word in words)])


def id_of(desk: Desk, worker: Worker) -> str:
    """The id under which a worker has its lease."""
    mark = f"-{worker.process.pid}-".encode()
    (found,) = [each for each in desk.client.zrange("asok:workers", 0, -1) if mark in each]
    return str(found.decode())


def waiting(desk: Desk) -> int:
    """How many processes sleep until there is a job."""
    return len({each["name"] for each in desk.client.client_list() if "b" in each["flags"]})


def charges(desk: Desk, job: Job) -> int:
    return int(desk.client.get(desk.keys.crashes(job.id)) or 0)


def test_a_killed_worker_that_is_started_again_has_its_jobs_at_once(
    desk: Desk, start: Start
) -> None:
    options = ("--concurrency", "2", "--processes", "2")
    killed = start(*options)
    desk.idle(2)
    jobs = [desk.enqueue("hold", f"job {n}") for n in range(4)]
    waiting = [desk.enqueue("note", f"{n}") for n in range(6)]
    desk.wait_for_lines(*(f"begin job {n}" for n in range(4)))
    for job in jobs:
        desk.reaches(job, "running")
    killed.kill()
    again = start(*options)
    desk.wait_for_lines(*[f"begin job {n}" for n in range(4)] * 2)
    again.wait_for_log(PROVED)
    assert [charges(desk, job) for job in jobs] == [1] * 4
    for n in range(4):
        desk.release(f"job {n}")
    for job in jobs + waiting:
        desk.reaches(job, "completed")
    assert desk.counted("completed") == 10
    assert sorted(desk.journal()) == sorted(
        [f"begin job {n}" for n in range(4)] * 2
        + [f"end job {n}" for n in range(4)]
        + [f"{n}" for n in range(6)]
    )
    wait_until(lambda: desk.client.zcard("asok:workers") == 1, "the dead worker's lease given up")
    assert again.stop() == 0


def test_a_worker_beside_it_takes_over_at_once(desk: Desk, start: Start) -> None:
    killed, job = busy(desk, start, "job")
    other = start(*everything("job"))
    wait_until(lambda: desk.client.zcard("asok:workers") == 2, "two workers")
    killed.kill()
    other.wait_for_log(PROVED)
    desk.release("job")
    desk.reaches(job, "completed")
    assert desk.journal() == ["begin job", "begin job", "end job"]


def test_one_that_started_last_is_known_to_those_beside_it(desk: Desk, start: Start) -> None:
    other = start("--queues", "default")
    desk.idle()
    killed, job = busy(desk, start, "job")
    killed.kill()
    other.wait_for_log(PROVED)
    assert [payload.id for payload in desk.pending("of-job")] == [job.id]


def test_one_that_is_suspended_keeps_what_it_holds(desk: Desk, start: Start) -> None:
    suspended, job = busy(desk, start, "suspended")
    dead, lost = busy(desk, start, "dead")
    suspended.signal(signal.SIGSTOP, to_all=True)
    dead.kill()
    other = start(*everything("suspended", "dead"))
    desk.wait_for_lines(*["begin dead"] * 2)
    other.wait_for_log(PROVED)
    assert other.log.count(PROVED) == 1
    suspended.signal(signal.SIGCONT, to_all=True)
    for word in ("suspended", "dead"):
        desk.release(word)
    for each in (job, lost):
        desk.reaches(each, "completed")
    assert desk.journal().count("begin suspended") == 1
    assert charges(desk, job) == 0
    assert suspended.stop() == 0


def test_what_a_process_without_supervisor_still_runs_is_left_to_it_until_it_is_gone(
    desk: Desk, start: Start
) -> None:
    take_over_beside_an_orphan(desk, start)
    assert desk.journal().count("begin orphaned") == 2


def take_over_beside_an_orphan(desk: Desk, start: Start) -> None:
    """A worker takes over what a dead one ran at once, and what an orphan runs once that is gone."""
    orphaned, job = busy(desk, start, "orphaned")
    dead, lost = busy(desk, start, "dead")
    pid = orphaned.only_process()
    orphaned.process.kill()
    orphaned.process.wait()
    dead.kill()
    other = start(*everything("orphaned", "dead"))
    desk.wait_for_lines(*["begin dead"] * 2)
    other.wait_for_log(PROVED)
    assert other.log.count(PROVED) == 1
    assert desk.journal().count("begin orphaned") == 1
    desk.release("dead")
    desk.reaches(lost, "completed")
    os.kill(pid, signal.SIGKILL)
    other.wait_for_log(PROVED, times=2)
    desk.release("orphaned")
    desk.reaches(job, "completed")


@pytest.mark.parametrize("machine", ["a1b2c3d4-5e6f-4a1b-8c2d-3e4f5a6b7c8d:4026531840", None])
def test_of_another_boot_or_of_none_that_is_known_the_lease_decides(
    desk: Desk, start: Start, machine: str | None
) -> None:
    foreign, job = busy(desk, start, "foreign")
    dead, lost = busy(desk, start, "dead")
    name = id_of(desk, foreign)
    (here,) = desk.client.keys("asok:place:*")
    # Neither may see the other die and recover its job.
    for each in (foreign, dead):
        each.signal(signal.SIGSTOP)
    for each in (foreign, dead):
        each.kill()
    desk.client.srem(here, name)
    if machine is not None:
        desk.client.sadd(desk.keys.machine(machine), name)
        desk.client.expire(desk.keys.machine(machine), 60)
    other = start(*everything("foreign", "dead"))
    desk.wait_for_lines(*["begin dead"] * 2)
    desk.release("dead")
    desk.reaches(lost, "completed")
    other.wait_for_log("Recovered")
    assert other.log.count("Recovered") == 1
    assert desk.journal().count("begin foreign") == 1
    desk.client.zadd("asok:workers", {name: 1})
    last = start(*everything("foreign"))
    desk.release("foreign")
    desk.reaches(job, "completed")
    wait_until(lambda: LEASED in other.log + last.log, "a recovery by the lease")
    assert charges(desk, job) == 0, "it came to its end"


def test_one_that_redis_still_has_a_connection_of_is_left_alone(desk: Desk, start: Start) -> None:
    """Two copies of one virtual machine have one boot id, and see each other's names free."""
    copied, job = busy(desk, start, "copied")
    dead, _ = busy(desk, start, "dead")
    name = id_of(desk, copied)
    with redis.Redis.from_url(
        desk.settings.redis_url, client_name=f"asok:{name}:supervisor"
    ) as connection:
        connection.ping()
        for each in (copied, dead):
            each.kill()
        other = start(*everything("copied", "dead"))
        desk.wait_for_lines(*["begin dead"] * 2)
        other.wait_for_log(PROVED)
        assert other.log.count(PROVED) == 1
        assert desk.client.zscore("asok:workers", name) > 0
    desk.release("dead")
    desk.release("copied")
    desk.reaches(job, "completed")
    other.wait_for_log(PROVED, times=2)


def test_many_who_prove_it_at_once_recover_each_job_once(desk: Desk, start: Start) -> None:
    killed = start("--concurrency", "6", "--processes", "2")
    jobs = [desk.enqueue("hold", f"job {n}") for n in range(12)]
    desk.wait_for_lines(*(f"begin job {n}" for n in range(12)))
    for job in jobs:
        desk.reaches(job, "running")
    others = [start("--concurrency", "4") for _ in range(3)]
    wait_until(lambda: waiting(desk) == 3, "three that wait for jobs")
    for each in others:
        each.signal(signal.SIGSTOP, to_all=True)
    killed.kill()
    for each in others:
        each.signal(signal.SIGCONT, to_all=True)
    desk.wait_for_lines(*[f"begin job {n}" for n in range(12)] * 2)
    assert [charges(desk, job) for job in jobs] == [1] * 12
    for n in range(12):
        desk.release(f"job {n}")
    for job in jobs:
        desk.reaches(job, "completed")
    assert desk.counted("completed") == 12
    assert len(desk.journal()) == 36
    wait_until(lambda: desk.client.zcard("asok:workers") == 3, "the dead worker's lease given up")


def test_a_program_that_a_task_started_and_left_is_no_process_of_the_worker(
    desk: Desk, start: Start
) -> None:
    killed = start()
    job = desk.enqueue("leave_a_program_and_hold", "job")
    desk.wait_for_lines("begin job")
    desk.reaches(job, "running")
    killed.kill()
    try:
        start().wait_for_log(PROVED)
        desk.release("job")
        desk.reaches(job, "completed")
    finally:
        for line in desk.journal():
            with suppress(ValueError, ProcessLookupError):
                os.kill(int(line), signal.SIGKILL)


def test_a_key_of_another_type_costs_no_heartbeat(desk: Desk, start: Start) -> None:
    first = start()
    desk.idle()
    (here,) = desk.client.keys("asok:place:*")
    first.stop()
    desk.client.set(here, "not a set", ex=60)
    worker = start()
    desk.enqueue("note", "job")
    desk.wait_for_lines("job")
    assert worker.stop() == 0
    assert desk.client.zcard("asok:workers") == 0


@pytest.fixture(autouse=True)
def no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a directory of the user's own, as a service has none, names are taken."""
    for variable in ("XDG_RUNTIME_DIR", "RUNTIME_DIRECTORY"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_folder: None) -> Path:
    """A directory as a session of a user has one."""
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    return folder


def test_a_name_that_another_user_has_taken_delays_no_recovery(
    desk: Desk, start: Start, own_folder: Path
) -> None:
    killed, job = busy(desk, start, "job")
    name = id_of(desk, killed)
    killed.kill()
    with socket.socket(socket.AF_UNIX) as squatter:
        squatter.bind(f"\0asok:{name}")
        other = start(*everything("job"))
        other.wait_for_log(PROVED)
        assert charges(desk, job) == 1
        desk.release("job")
        desk.reaches(job, "completed")
    wait_until(lambda: len(locks(own_folder)) == 1, "the dead worker's file removed")
    assert other.stop() == 0
    assert locks(own_folder) == []


def test_what_a_process_without_supervisor_runs_is_left_to_it_by_a_lock_too(
    desk: Desk, start: Start, own_folder: Path
) -> None:
    take_over_beside_an_orphan(desk, start)
    assert len(locks(own_folder)) == 1


def locks(folder: Path) -> list[Path]:
    return list((folder / "asok").glob("*.lock"))


def test_a_lock_is_held_until_its_last_descriptor_is_closed(own_folder: Path) -> None:
    presence = WorkerPresence("host-1-abcd")
    assert ":lock:" in presence.machine
    (file,) = presence.files
    assert not os.get_inheritable(file)
    inherited = os.dup(file)
    assert not is_gone("host-1-abcd", presence.machine)
    assert not is_gone("host-1-abce", presence.machine), "a file that is not there proves nothing"
    os.close(file)
    assert not is_gone("host-1-abcd", presence.machine)
    os.close(inherited)
    assert is_gone("host-1-abcd", presence.machine)


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
def test_a_directory_that_others_can_write_holds_no_lock(own_folder: Path, mode: int) -> None:
    own_folder.chmod(mode)
    presence = WorkerPresence("host-3-abcd")
    assert presence.machine
    assert ":lock:" not in presence.machine
    assert list(own_folder.iterdir()) == []
    presence.close()


def test_a_name_is_taken_until_its_last_descriptor_is_closed() -> None:
    presence = WorkerPresence("host-1-abcd")
    assert presence.machine
    (file,) = presence.files
    assert not os.get_inheritable(file)
    inherited = os.dup(file)
    assert not is_gone("host-1-abcd")
    assert is_gone("host-1-abce")
    presence.close()
    assert not is_gone("host-1-abcd")
    os.close(inherited)
    assert is_gone("host-1-abcd")


def test_a_name_that_cannot_be_tried_proves_nothing() -> None:
    assert not is_gone("x" * 200)
    assert WorkerPresence("x" * 200).machine == ""


def test_a_worker_whose_name_is_taken_makes_no_promise() -> None:
    with socket.socket(socket.AF_UNIX) as taken:
        taken.bind("\0asok:host-2-abcd")
        presence = WorkerPresence("host-2-abcd")
        assert (presence.machine, presence.files) == ("", ())
