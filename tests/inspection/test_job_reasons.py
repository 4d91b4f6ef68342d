"""The reasons of a job that a worker holds, that waits for its time or that has ended."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from asok_core.inspection.events import SystemEvent
from asok_core.inspection.job_detail import Attempt, JobDetail
from asok_core.inspection.job_reasons import Explanation, explain_job
from asok_core.inspection.queues import QueueStats
from asok_core.inspection.reason import Reason
from asok_core.inspection.snapshot import ServerInfo, Snapshot
from asok_core.inspection.stacks import JobStack, StackFrame, StackSample
from asok_core.inspection.task_figures import NOTHING, Figures, TaskHistory
from asok_core.inspection.workers import RunningJob, WorkerInfo
from asok_core.jobs.envelope import Payload, Trust
from asok_core.jobs.job import Job, JobRecord
from asok_core.jobs.progress import JobProgress
from asok_core.jobs.states import Location, Status

NOW = 1_700_000_000.0
WORKER = WorkerInfo(
    "w1", host="web1", queues=("mail",), concurrency=2, processes=1, able=1, beat_at=NOW - 1,
    lease_until=NOW + 10,
)  # fmt: skip
JOB = Job("j", "shop", "mail", queue="mail")
RUNNING = JobRecord("j", Status.RUNNING, queue="mail", started_at=NOW - 50, worker="w1.1")
CLAIMED = JobRecord("j", Status.PENDING, queue="mail")


def held(
    worker: WorkerInfo | None = WORKER, record: JobRecord = RUNNING, *stacks: JobStack,
    timeout: float | None = None, unread: str = "", figures: Figures | None = None,
    since_release: Figures | None = None, events: tuple[SystemEvent, ...] = (),
) -> Explanation:  # fmt: skip
    whole = Snapshot(
        NOW,
        ServerInfo("redis://x"),
        (QueueStats("mail", 0),),
        (worker,) if worker else (),
        workers_unread=unread,
        events=events,
    )
    payload = Payload(b"", replace(JOB, timeout=timeout), Trust.SIGNED)
    detail = JobDetail("j", record, Location.ACTIVE, payload, worker="w1")
    # Half of them an hour ago, and those since a release in the minute that is the last one but one.
    minutes = [NOTHING] * 1440
    if figures is not None:
        minutes[-30] = figures
    if since_release is not None:
        minutes[-2] = since_release
    history = TaskHistory("shop.mail", NOW, int(NOW) // 60 * 60 - 1439 * 60, 60, minutes)
    return explain_job(detail, whole, (), stacks, None if figures is None else history)


def first(found: Explanation) -> Reason:
    return found.reasons[0]


def stack(name: str, line: int, *, times: int = 3, also: bool = False) -> JobStack:
    samples = [StackSample(times, (StackFrame("/app/shop.py", line, "transfer"),))]
    samples += [StackSample(1, (StackFrame("/app/shop.py", 99, "other"),))] if also else []
    return JobStack(name, "w1.1", "running", 50.0, samples=tuple(samples))


def test_a_worker_without_heartbeat_is_named_with_when_its_jobs_are_returned() -> None:
    reason = first(held(replace(WORKER, beat_at=NOW - 29, lease_until=NOW + 1)))
    assert (reason.code, reason.evidence["put_back_after_at"]) == ("worker_no_heartbeat", NOW + 1)
    assert "not known" in reason.text


@pytest.mark.parametrize(
    ("timeout", "words"),
    [(60.0, "its timeout is near"), (40.0, "its timeout is over"), (600.0, "")],
)
def test_a_timeout_is_named_from_when_it_is_near(timeout: float, words: str) -> None:
    reason = first(held(timeout=timeout))
    assert words in reason.text
    assert reason.evidence.get("timeout_at") == (NOW - 50 + timeout if words else None)


def test_a_process_that_hangs_is_named_before_its_job() -> None:
    hangs = replace(
        WORKER,
        hanging=1,
        hang_seconds=40.0,
        hang="job j (running for 40 s) holds it",
    )
    found = held(hangs, CLAIMED)
    assert [each.code for each in found.reasons] == ["process_hangs", "claimed"]
    assert first(found).since == NOW - 1 - 40


def test_another_job_that_hangs_does_not_explain_this_one() -> None:
    hangs = replace(
        WORKER,
        hanging=1,
        hang_seconds=40.0,
        hang="job kj (running for 40 s) holds it",
    )
    assert [each.code for each in held(hangs).reasons] == ["running", "worker_in_trouble"]


def test_two_stuck_jobs_of_a_process_may_wait_for_each_other() -> None:
    reason = first(held(WORKER, RUNNING, stack("j", 10), stack("k", 20)))
    assert reason.code == "jobs_stand_still"
    assert "all samples of its stack are in transfer (shop.py:10)" in reason.text
    assert "and those of job k of its process in transfer (shop.py:20)" in reason.text


@pytest.mark.parametrize(
    ("seconds", "code"), [(2.0, "running"), (60.0, "jobs_stand_still"), (-60.0, "jobs_stand_still")]
)
def test_a_job_that_reported_progress_just_now_is_not_stuck(seconds: float, code: str) -> None:
    record = replace(RUNNING, progress=JobProgress(3, 10, at=NOW - seconds))
    assert first(held(WORKER, record, stack("j", 10), stack("k", 20))).code == code


@pytest.mark.parametrize(
    "other",
    [stack("k", 10), stack("k", 20, also=True), stack("k", 20, times=1)],
    ids=["at the same call", "that moves", "of which one sample is known"],
)
def test_no_deadlock_is_supposed_of_a_job_beside_one(other: JobStack) -> None:
    found = held(WORKER, RUNNING, stack("j", 10), other)
    assert [each.code for each in found.reasons] == ["running"]
    assert first(found).evidence["all_samples_in"] == "transfer (shop.py:10)"


def test_a_job_that_holds_the_interpreter_cannot_report_that_it_runs() -> None:
    found = held(WORKER, CLAIMED, replace(stack("j", 10, times=1), held=True))
    assert (found.state, first(found).code) == ("running, and not reported yet", "interpreter_held")
    assert held(WORKER, CLAIMED).state == "claimed by a worker"


@pytest.mark.parametrize(
    ("beside", "text"),
    [
        (0, "holds the interpreter in C code; this job is in transfer (shop.py:10)"),
        (
            1,
            "this job is in transfer (shop.py:10), beside 1 job, and which of them holds it is not known",
        ),
    ],
)
def test_which_job_of_a_process_holds_the_interpreter_is_known_of_none(
    beside: int, text: str
) -> None:
    own = replace(stack("j", 10, times=1), held=True)
    ids = ["j", *(f"k{at}" for at in range(beside))]
    jobs = [
        RunningJob(
            Payload(b"", Job(each, "shop", "mail"), Trust.SIGNED), WORKER.id, own.process, "mail"
        )
        for each in ids
    ]
    reason = first(held(replace(WORKER, jobs=tuple(jobs)), RUNNING, own))
    assert reason.text.endswith(text)


def test_the_stack_of_a_job_that_has_ended_meanwhile_shows_nothing() -> None:
    ended = replace(stack("j", 10), phase="", held=True, problem="it ended meanwhile")
    found = held(WORKER, CLAIMED, ended)
    assert (found.state, first(found).code) == ("claimed by a worker", "claimed")
    assert first(found).evidence["stack"] == "it ended meanwhile"


@pytest.mark.parametrize("record", [RUNNING, CLAIMED])
def test_a_stack_that_could_not_be_read_is_not_known(record: JobRecord) -> None:
    unread = JobStack("j", problem="not read: this session is read-only")
    assert first(held(WORKER, record, unread)).evidence["stack"] == unread.problem
    assert "stack" not in first(held(WORKER, record)).evidence


@pytest.mark.parametrize(
    ("bucket", "ended", "longer"), [(40, 100, True), (40, 3, False), (120, 100, False)]
)
def test_a_job_is_compared_with_others_of_its_task(
    bucket: int, ended: int, *, longer: bool
) -> None:
    reason = first(held(figures=Figures(ended, ended, runs={bucket: ended})))
    assert ("longer than 95 % of the attempts of its task" in reason.text) is longer
    assert reason.code == ("running_long" if longer else "running")
    assert ("p50_of_task_s" in reason.evidence) == (ended == 100)


def change(seconds: float) -> tuple[SystemEvent, ...]:
    fields = {"from": "4f2a1c", "to": "77aa00", "worker": "w1"}
    return (SystemEvent("1-1", NOW - seconds, "release_changed", fields),)


FAST, SLOW = Figures(100, 100, runs={40: 100}), Figures(900, 900, runs={120: 900})
slow_since = partial(held, figures=FAST, since_release=SLOW)
ON_RELEASE = replace(RUNNING, release="77aa00")


def test_a_job_of_a_task_that_is_slow_since_a_release_names_it() -> None:
    """Also where most attempts of the last hour are of that release."""
    worker = replace(WORKER, release="77aa00")
    reason = first(slow_since(worker, ON_RELEASE, events=change(600)))
    assert reason.code == "running_long"
    assert reason.text.endswith("before release 77aa00, since which it is slower")
    assert reason.evidence["attempts_before_release"] == 100
    assert reason.evidence["attempts_since_release"] == 900
    assert reason.evidence["release_began_at"] == NOW - 600
    assert reason.evidence["release"] == "77aa00"
    for few in (Figures(10, 10, runs={120: 10}), Figures(100, 100, runs={40: 99, 120: 1})):
        found = held(worker, ON_RELEASE, figures=FAST, since_release=few, events=change(600))
        assert "since which" not in first(found).text


@pytest.mark.parametrize("release", ["4f2a1c", None])
def test_a_job_that_does_not_run_on_a_release_is_not_slow_since_it(release: str | None) -> None:
    record = replace(RUNNING, release=release)
    assert "77aa00" not in first(slow_since(WORKER, record, events=change(600))).text


@pytest.mark.parametrize(
    ("release", "mixed"),
    [("4f2a1c", "(a mixture of releases)"), ("", "(maybe a mixture of releases)")],
)
def test_figures_of_a_mixture_of_releases_are_named_as_that(release: str, mixed: str) -> None:
    worker = replace(WORKER, release=release)
    reason = first(slow_since(worker, ON_RELEASE, events=change(600)))
    assert reason.text.endswith(f"since which it is slower {mixed}")


@pytest.mark.parametrize(
    ("queues", "named"), [("mail", True), ("high,mail", True), ("bills", False)]
)
def test_the_release_of_workers_of_other_queues_is_not_named(queues: str, *, named: bool) -> None:
    (event,) = change(600)
    of_queues = replace(event, fields={**event.fields, "queues": queues})
    reason = first(slow_since(WORKER, ON_RELEASE, events=(of_queues,)))
    assert ("77aa00" in reason.text) is named


@pytest.mark.parametrize(
    ("release", "seconds", "named"),
    [("77aa00", 100, True), ("77aa00", 20, False), ("4f2a1c", 100, False), ("77aa00", 7200, False)],
)
def test_a_long_job_names_the_release_that_began_shortly_before_it(
    release: str, seconds: float, *, named: bool
) -> None:
    record = replace(RUNNING, release=release)
    figures = Figures(100, 100, runs={40: 100})
    reason = first(held(WORKER, record, figures=figures, events=change(seconds)))
    assert reason.code == "running_long"
    assert ("release 77aa00, which runs it, began shortly before" in reason.text) is named
    assert ("(before: 4f2a1c)" in reason.text) is named
    assert "release 77aa00" not in first(held(WORKER, record, events=change(seconds))).text


def test_a_worker_that_was_not_read_is_not_lost() -> None:
    assert first(held(None, unread="5 workers were not read")).code == "worker_not_read"
    assert first(held(None)).code == "worker_lost"
    assert "is not there" in first(held(None)).text


def delayed(record: JobRecord | None, job: Job = JOB) -> Reason:
    whole = Snapshot(NOW, ServerInfo("redis://x"), (), (WORKER,))
    payload = Payload(b"", job, Trust.SIGNED)
    return first(
        explain_job(JobDetail("j", record, Location.DELAYED, payload, NOW + 60), whole, ())
    )


@pytest.mark.parametrize(
    ("last", "others", "named"),
    [("4f2a1c", ("77aa00",), True), ("4f2a1c", ("",), True), ("4f2a1c", ("4f2a1c",), False),
     (None, ("77aa00",), False)],
)  # fmt: skip
@pytest.mark.parametrize("location", [Location.DELAYED, Location.PENDING])
def test_the_next_attempt_may_run_on_another_release(
    location: Location, last: str | None, others: tuple[str, ...], *, named: bool
) -> None:
    workers = [
        replace(WORKER, id=str(at), release=each) for at, each in enumerate(("4f2a1c", *others))
    ]
    elsewhere = replace(WORKER, id="other", queues=("high",), release="elsewhere")
    leaving = replace(WORKER, id="leaving", release="before", stopping=True)
    whole = Snapshot(NOW, ServerInfo("redis://x"), (), (*workers, elsewhere, leaving))
    record = JobRecord(
        "j", Status.RETRYING, queue="mail", error="KeyError: 1", release=last, started_at=NOW - 60
    )
    due = NOW + 60 if location is Location.DELAYED else None
    detail = JobDetail("j", record, location, Payload(b"", JOB, Trust.SIGNED), due)
    found = [
        each for each in explain_job(detail, whole, ()).reasons if each.code == "releases_differ"
    ]
    assert bool(found) is named
    if found:
        assert f"run several: {others[0] or 'not known'} (1)" in found[0].text or (
            "run several: 4f2a1c (1), 77aa00 (1); which runs the next is not known" in found[0].text
        )


def test_a_postponed_job_was_not_delayed_by_its_caller() -> None:
    record = JobRecord("j", Status.RETRYING, queue="mail", error="BadSignature: another key")
    reason = delayed(record)
    assert (reason.code, "another key" in reason.text) == ("postponed", True)
    assert delayed(replace(record, status=Status.SCHEDULED)).code == "delayed_by_caller"


def test_a_signature_that_a_worker_could_not_verify_is_newer_than_the_attempts_before_it() -> None:
    """A worker with another SECRET_KEY adds no attempt, since it has run nothing."""
    record = JobRecord("j", Status.RETRYING, queue="mail", error="BadSignature: another key")
    again = replace(JOB, retry_count=1, retries=3)
    before = Attempt(NOW - 90, 1.0, "retry", "w1.1", "KeyError: 1")
    whole = Snapshot(NOW, ServerInfo("redis://x"), (), (WORKER,))
    detail = JobDetail(
        "j", record, Location.DELAYED, Payload(b"", again, Trust.SIGNED), NOW + 60,
        attempts=(before,),
    )  # fmt: skip
    reason = first(explain_job(detail, whole, ()))
    assert (reason.code, "BadSignature: another key" in reason.text) == ("postponed", True)
    assert "SECRET_KEY" in reason.remedy
    ran = detail._replace(record=replace(record, error="KeyError: 1", started_at=NOW - 90))
    assert first(explain_job(ran, whole, ())).code == "retry"


def test_only_what_says_so_shows_who_delayed_a_job() -> None:
    """Its record may have expired: a worker that could not verify it changed nothing else."""
    assert delayed(None).code == "delay_not_known"
    assert delayed(None, replace(JOB, due_at=NOW + 60)).code == "delayed_by_caller"
    postponed = delayed(None, replace(JOB, postponements=3))
    assert postponed.code == "postponed"
    assert postponed.text == "it was postponed, which costs no retry: why is not known"
    assert delayed(None, replace(JOB, retries=3, retry_count=1)).code == "retry"


@pytest.mark.parametrize(
    ("ahead", "foreign", "named"), [(600.0, True, True), (600.0, False, False), (1.0, True, False)]
)
def test_only_a_clock_of_the_framework_that_is_ahead_is_named(
    ahead: float, *, foreign: bool, named: bool
) -> None:
    record = JobRecord("j", Status.RETRYING, ts=NOW + ahead, foreign=foreign)
    reason = delayed(record, replace(JOB, retry_count=1, retries=3))
    assert (reason.code == "clock_ahead") is named


def test_of_an_ended_job_without_a_record_it_is_known_that_it_has_ended() -> None:
    whole = Snapshot(NOW, ServerInfo("redis://x"))
    found = explain_job(JobDetail("j", None, Location.FINISHED), whole, ())
    assert (found.state, first(found).code) == ("not known", "record_expired")


def test_a_job_that_redis_set_aside_is_not_a_failure_of_its_task() -> None:
    record = JobRecord(
        "j", Status.FAILED, error_line="Oversized: 9 bytes, more than 5", finished_at=NOW
    )
    whole = Snapshot(NOW, ServerInfo("redis://x"))
    found = explain_job(JobDetail("j", record, Location.FINISHED), whole, ())
    assert first(found).code == "oversized"
