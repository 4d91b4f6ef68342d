"""A fault of the worker costs no job: wrong key, wrong folder, failing imports, used-up resources.

On the way out of each the jobs are where they were or postponed at no charge, and run once a worker can
run them. What is the job's own fault still ends as a dead job.
"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from asok_core.backends.roles import Scope
from asok_core.jobs.envelope import dead_entry, seal
from asok_core.jobs.job import Job
from asok_core.jobs.keyring import Keyring
from asok_core.jobs.states import Location
from asok_core.operations.inspector import open_operator
from tests.fixtures.worker import KEYRING, TASKS, Desk, RunWorker
from tests.programs import wait_until
from tests.reviewing import review_at
from tests.worker.supervising.test_health import worker_of

WRONG = "a key that nobody else has"


def waiting(desk: Desk) -> int:
    """Jobs that are pending, postponed or claimed: neither dead nor finished."""
    return len(desk.pending()) + len(desk.delayed()) + len(desk.active())


def forged(desk: Desk, count: int = 1) -> list[Job]:
    """Jobs that a stranger has signed, at the consuming end of the queue."""
    jobs = [desk.job("note", "forged") for _ in range(count)]
    for job in jobs:
        desk.client.rpush(desk.keys.queue("default"), seal(job, Keyring(b"a stranger's")))
    return jobs


def test_a_worker_with_a_wrong_key_buries_nothing_and_says_why(
    desk: Desk, run_worker: RunWorker
) -> None:
    jobs = [desk.enqueue("note", f"{n}") for n in range(40)]
    worker = run_worker("--concurrency", "4", SECRET_KEY=WRONG)
    worker.wait_for_log(
        "Process stopped claiming jobs  error='SECRET_KEY does not fit the signatures of the last"
    )
    wait_until(lambda: not desk.active(), "everything returned")
    assert desk.dead() == []
    assert waiting(desk) == 40
    assert len(desk.pending()) >= 30
    for raw, _ in desk.delayed():
        record = desk.producer.record(json.loads(json.loads(raw)["job"])["id"])
        assert record is not None
        assert record.status == "retrying"
        assert "BadSignature" in (record.error or "")
        assert record.started_at is None
    assert worker.stop() == 0
    run_worker("--concurrency", "4")
    for job in jobs:
        assert desk.reaches(job, "completed").retry_count in (0, None)
    assert (desk.counted("dead"), desk.counted("failed"), desk.counted("retried")) == (0, 0, 0)
    assert desk.counted("completed") == 40


def test_a_wrong_key_beside_a_good_one_costs_no_job(desk: Desk, run_worker: RunWorker) -> None:
    run_worker("--processes", "2", "--concurrency", "4", SECRET_KEY=WRONG)
    run_worker("--concurrency", "4")
    desk.idle(3)
    jobs = [desk.job("note", f"{n}") for n in range(2000)]
    desk.producer.enqueue(jobs)
    wait_until(lambda: desk.counted("completed") == 2000, "every job")
    assert desk.dead() == []
    assert desk.counted("failed") == 0
    assert sorted(desk.journal()) == sorted(f"{n}" for n in range(2000))


def test_a_key_that_became_wrong_costs_a_handful(desk: Desk, run_worker: RunWorker) -> None:
    """Producers sign with another key from some moment on; this worker was right before."""
    worker = run_worker()
    desk.reaches(desk.enqueue("note", "before"), "completed")
    new = Keyring(b"the key after the rotation")
    for n in range(200):
        desk.client.lpush(desk.keys.queue("default"), seal(desk.job("note", f"{n}"), new))
    worker.wait_for_log("stopped claiming")
    wait_until(lambda: not desk.active(), "everything returned")
    assert len(desk.dead()) < 5
    assert waiting(desk) + len(desk.dead()) == 200


def test_forged_jobs_before_a_new_worker_end_dead_and_hold_nothing_up(
    desk: Desk, run_worker: RunWorker
) -> None:
    bad = forged(desk, 3)
    good = desk.enqueue("note", "good")
    run_worker()
    desk.reaches(good, "completed")
    for job in bad:
        assert "BadSignature" in (desk.reaches(job, "failed").error or "")
    assert {each.id for each in desk.dead()} == {job.id for job in bad}
    assert desk.journal() == ["good"]


def test_jobs_under_a_former_key_do_not_block_those_behind_them(
    desk: Desk, run_worker: RunWorker
) -> None:
    """The newest job is tried as well, so that a backlog which cannot be verified is got past."""
    bad = forged(desk, 30)
    good = [desk.enqueue("note", "good") for _ in range(3)]
    run_worker()
    for job in good:
        desk.reaches(job, "completed")
    assert len(desk.dead()) + waiting(desk) == len(bad)


def test_a_forged_job_that_comes_alone_waits_for_proof(desk: Desk, run_worker: RunWorker) -> None:
    (bad,) = forged(desk)
    worker = run_worker()
    desk.reaches(bad, "retrying")
    assert desk.dead() == []
    desk.reaches(desk.enqueue("note", "good"), "completed")
    desk.reaches(bad, "failed")
    assert "stopped claiming" not in worker.log


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """The folder of an application, on the path of workers that are given it."""
    folder = tmp_path / "app"
    folder.mkdir()
    return folder


NOTE = "from tests.worker.jobs import note, fail\n"


def test_a_worker_in_the_wrong_folder_leaves_the_jobs_alone_and_says_why(
    desk: Desk, run_worker: RunWorker, app: Path
) -> None:
    jobs = [desk.enqueue("note", f"{n}", module="shop.tasks") for n in range(40)]
    worker = run_worker("--concurrency", "4", cwd=app)
    worker.wait_for_log(
        "jobs  error=\"module 'shop.tasks' cannot be imported: No module named 'shop'"
    )
    wait_until(lambda: not desk.active(), "everything returned")
    assert desk.dead() == []
    assert waiting(desk) == 40
    assert len(desk.pending()) >= 20
    # When the modules are there it resumes by itself.
    (app / "shop").mkdir()
    (app / "shop" / "tasks.py").write_text(NOTE)
    for job in jobs:
        assert desk.reaches(job, "completed").retry_count in (0, None)
    assert (desk.counted("dead"), desk.counted("failed"), desk.counted("retried")) == (0, 0, 0)
    assert worker.stop() == 0


def test_a_worker_in_the_wrong_folder_beside_a_good_one_costs_no_job(
    desk: Desk, run_worker: RunWorker, app: Path, tmp_path: Path
) -> None:
    (app / "shop.py").write_text(NOTE)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    run_worker("--concurrency", "4", cwd=elsewhere)
    run_worker("--concurrency", "4", cwd=app)
    desk.idle(2)
    jobs = [desk.job("note", f"{n}", module="shop") for n in range(2000)]
    desk.producer.enqueue(jobs)
    wait_until(lambda: desk.counted("completed") == 2000, "every job")
    assert desk.dead() == []
    assert desk.counted("failed") == 0


def test_an_import_that_fails_for_a_while_spends_no_retry(
    desk: Desk, run_worker: RunWorker, app: Path
) -> None:
    (app / "shop.py").write_text(
        "import pathlib\n"
        "if not pathlib.Path('database').exists():\n"
        "    raise ConnectionError('the database is down')\n" + NOTE
    )
    jobs = [desk.enqueue("note", f"{n}", module="shop", retries=n % 2) for n in range(20)]
    worker = run_worker("--concurrency", "2", cwd=app)
    record = desk.reaches(jobs[0], "retrying")
    assert (record.error or "").endswith("ConnectionError: the database is down\n")
    assert record.retry_count == 0
    worker.wait_for_log(
        "jobs  error=\"module 'shop' cannot be imported: ConnectionError: the database"
    )
    assert desk.dead() == []
    (app / "database").touch()
    for job in jobs:
        record = desk.reaches(job, "completed")
        assert record.retry_count in (0, None)
    assert (desk.counted("dead"), desk.counted("failed"), desk.counted("retried")) == (0, 0, 0)


def test_one_broken_module_is_retried_and_keeps_no_other_job_waiting(
    desk: Desk, run_worker: RunWorker, app: Path
) -> None:
    (app / "broken.py").write_text("def note( half of a file\n")
    broken = desk.enqueue("note", "repaired", module="broken")
    good = [desk.enqueue("note", f"{n}") for n in range(20)]
    worker = run_worker(cwd=app)
    for job in good:
        desk.reaches(job, "completed")
    assert "SyntaxError" in (desk.reaches(broken, "retrying").error or "")
    (app / "broken.py").write_text(NOTE)
    desk.reaches(broken, "completed")
    assert "stopped claiming" not in worker.log


def test_a_renamed_task_is_retried_as_its_job_may_be_and_then_dead(
    desk: Desk, run_worker: RunWorker
) -> None:
    run_worker()
    desk.reaches(desk.enqueue("note", "good"), "completed")
    job = desk.enqueue("former_name", retries=1, backoff=1)
    record = desk.reaches(job, "failed")
    assert record.retry_count == 1
    line = f"TaskNotFound: module {TASKS!r} has no function 'former_name'"
    assert record.error == line
    (dead,) = desk.dead()
    assert dead.error == line
    assert json.loads(dead.raw)["rejected"] is True
    assert (desk.counted("retried"), desk.counted("dead")) == (1, 1)


def test_a_process_out_of_file_descriptors_costs_no_job(
    desk: Desk, run_worker: RunWorker, app: Path
) -> None:
    """One task leaks them all; every other one needs some, or a few of them none."""
    (app / "leaky.py").write_text(
        "import resource\n"
        "from tests.worker.jobs import note, write_line\n"
        "kept = []\n"
        "def leak():\n"
        "    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "    while True:\n"
        "        try:\n"
        "            kept.append(open('/dev/null'))\n"
        "        except OSError:\n"
        "            return\n"
        "def nothing():\n"
        "    return 1\n"
    )
    leak = desk.enqueue("leak", module="leaky")
    jobs = [
        desk.enqueue("note", f"{n}") if n % 3 else desk.enqueue("nothing", module="leaky")
        for n in range(60)
    ]
    worker = run_worker("--concurrency", "2", cwd=app)
    for job in [leak, *jobs]:
        desk.reaches(job, "completed")
    assert desk.dead() == []
    assert desk.counted("failed") == 0
    worker.wait_for_log('stopped claiming jobs  error="OSError: [Errno 24] Too many open files')


def test_a_process_renewed_after_it_ran_out_of_files_counts_before_it_has_run_a_job(
    desk: Desk, run_worker: RunWorker, app: Path
) -> None:
    """It has files again; whether it can run jobs is as well known as of any new process."""
    (app / "leaky.py").write_text(
        "import pathlib, resource\n"
        "from tests.worker.jobs import hold\n"
        "kept = []\n"
        "def leak():\n"
        "    if pathlib.Path('again').exists():\n"
        "        return\n"
        "    pathlib.Path('again').touch()\n"
        "    hold('go')\n"
        "    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "    while True:\n"
        "        kept.append(open('/dev/null'))\n"
    )
    job = desk.enqueue("leak", module="leaky")
    worker = run_worker(cwd=app)
    desk.wait_for_lines("begin go")
    first = worker.only_process()
    desk.client.sadd("asok:paused", "default")
    desk.release("go")
    desk.reaches(job, "retrying")
    worker.wait_for_log('stopped claiming jobs  error="OSError: [Errno 24] Too many open files')
    wait_until(lambda: worker.processes() not in ([], [first]), "a new process")
    wait_until(lambda: worker_of(desk).condition == "", "a worker that claims jobs")
    assert worker_of(desk).able == 1
    assert desk.journal() == ["begin go", "end go"]
    desk.client.srem("asok:paused", "default")
    desk.client.publish("asok:wake", "resume default")
    desk.reaches(job, "completed")


def test_a_full_disk_stops_the_worker_after_a_handful(
    desk: Desk, run_worker: RunWorker, app: Path
) -> None:
    (app / "disk.py").write_text(
        "import errno, os\n"
        "from tests.worker.jobs import FOLDER\n"
        "def write():\n"
        "    if not (FOLDER / 'room').exists():\n"
        "        with open('/dev/full', 'w') as file:\n"
        "            file.write('x')\n"
    )
    worker = run_worker(cwd=app)
    desk.reaches(desk.enqueue("give"), "completed")
    jobs = [desk.enqueue("write", module="disk") for _ in range(50)]
    worker.wait_for_log("stopped claiming jobs  error='OSError: [Errno 28] No space left on device")
    wait_until(lambda: not desk.active(), "everything returned")
    assert len(desk.dead()) < 5
    desk.release("room")
    dead = {each.id for each in desk.dead()}
    for job in jobs:
        if job.id not in dead:
            desk.reaches(job, "completed")


def test_a_task_that_alone_runs_out_of_something_fails(
    desk: Desk, run_worker: RunWorker, app: Path
) -> None:
    (app / "disk.py").write_text("def write():\n    raise MemoryError('too much')\n")
    worker = run_worker(cwd=app)
    desk.reaches(desk.enqueue("give"), "completed")
    job = desk.enqueue("write", module="disk")
    assert "MemoryError: too much" in (desk.reaches(job, "failed").error or "")
    desk.reaches(desk.enqueue("give"), "completed")
    assert "stopped claiming" not in worker.log


def test_what_is_rejected_drops_no_dead_job_and_is_not_dropped(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker(ASOK_DLQ_MAX=5)
    desk.reaches(desk.enqueue("give"), "completed")
    failed = [desk.enqueue("fail", f"{n}") for n in range(3)]
    rejected = [desk.enqueue("former_name") for _ in range(4)]
    desk.client.lpush(desk.keys.queue("default"), b"no envelope")
    desk.reaches(desk.enqueue("give"), "completed")
    assert len(desk.dead()) == 8
    assert desk.counted("dropped") == 0
    worker.wait_for_log("of 5 jobs (ASOK_DLQ_MAX)")
    for n in range(2):
        desk.reaches(desk.enqueue("fail", f"later {n}"), "failed")
    wait_until(lambda: desk.counted("dropped") == 2, "two dropped")
    kept = [each.id for each in desk.dead()]
    assert {job.id for job in rejected} <= set(kept)
    assert [job.id for job in failed if job.id in kept] == [failed[2].id]
    assert len(kept) == 8


def test_a_rejected_job_keeps_the_error_that_it_had_before(
    desk: Desk, run_worker: RunWorker
) -> None:
    """An operator whose key is another one requeues a dead job, and the worker rejects it."""
    failed = desk.job("note", "failed")
    dead_job = dead_entry(seal(failed, KEYRING), failed_at=5.0, error="TimeoutError: gateway")
    desk.client.lpush(desk.keys.dead, dead_job)
    stranger = Keyring(b"a stranger's")
    with closing(
        open_operator(replace(desk.settings, secret_key=stranger.secret.decode()))
    ) as operator:
        # Of a few jobs none would verify, and the operator would sign nothing.
        trust = review_at(desk.settings.redis_url, stranger).reviewed
        assert operator.requeue(Scope(Location.DEAD), trust=trust).applied == 1
    good = desk.enqueue("note", "good")
    run_worker()
    desk.reaches(good, "completed")
    desk.reaches(failed, "failed")
    (dead,) = desk.dead()
    record = desk.producer.record(failed.id)
    assert record is not None
    for error in (dead.error, record.error):
        assert "BadSignature" in (error or "")
        assert "TimeoutError: gateway" in (error or "")
    assert dead.id == failed.id
