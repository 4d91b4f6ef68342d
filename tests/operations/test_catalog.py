"""Each operation is declared once: commands, keys, questions, results and the audit derive from it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

import asok_core.operations.catalog as package
from asok_console.cli.parser import COMMANDS, GROUPS
from asok_console.tui.actions.results import outcome_line
from asok_console.tui.keys.actions import KeyScope
from asok_console.tui.keys.operations import EDIT, OPERATIONS, RESET_LIMIT
from asok_console.tui.plans.plan import OperationPlan
from asok_core.backends.roles import OperationResult, Scope
from asok_core.inspection.audit import SWITCHES
from asok_core.inspection.holds import Hold
from asok_core.inspection.limits import LimitRule
from asok_core.inspection.notes import on_queue
from asok_core.inspection.pauses import QueuePause
from asok_core.inspection.review import ReviewedEntries
from asok_core.jobs.envelope import seal
from asok_core.jobs.limits import Limit
from asok_core.jobs.states import Location
from asok_core.operations.canary import CanaryResult, Verdict
from asok_core.operations.catalog import summaries
from asok_core.operations.catalog.confirmation import confirmation_word_for, facts, question
from asok_core.operations.catalog.dead_jobs import (
    EditDead,
    ExportDead,
    ImportDead,
    PurgeDead,
    RequeueDead,
    TrustDead,
)
from asok_core.operations.catalog.entry import Access, CatalogOperation, Danger, ScopeKind
from asok_core.operations.catalog.holds import HoldJobs, ReleaseHold, RemoveHold
from asok_core.operations.catalog.limits import LimitJobs, RemoveLimit
from asok_core.operations.catalog.notes import EditNote
from asok_core.operations.catalog.results import result_line
from asok_core.operations.catalog.running_jobs import StopRunningJobs
from asok_core.operations.catalog.summaries import either
from asok_core.operations.catalog.switches import (
    PauseQueue,
    PurgeQueue,
    QuietWorker,
    ResumeQueue,
    ResumeWorker,
    SetWorkerShape,
    StopWorker,
)
from asok_core.operations.catalog.trash import EmptyTrash, RestoreTrash
from asok_core.operations.catalog.waiting_jobs import (
    CancelDelayed,
    CancelHeld,
    CancelPending,
    MovePending,
    MoveToFront,
    PromoteDelayed,
)
from asok_core.operations.inspector import open_reader
from asok_core.settings.settings import Settings
from tests.conftest import SECRET_KEY
from tests.fixtures.bench import KEYRING, Bench
from tests.fixtures.command_line import Ran
from tests.programs import ROOT
from tests.pseudo_terminal import TypedText
from tests.tui import seed

Asok = Callable[..., Ran]

NOW = 1_700_000_000.0
"""2023-11-14 22:13:20 UTC."""
LIMITED = LimitRule(queue="high", limit=Limit(4))
NO_KEY = {
    ImportDead: "an export is a file of the machine on which the command runs",
}
"""Operations without a key in the console, and why."""


def declared() -> list[type[CatalogOperation]]:
    """The operations of the catalogue: all classes that say how they are performed."""
    modules = [
        importlib.import_module(f"{package.__name__}.{each.name}")
        for each in pkgutil.iter_modules(package.__path__)
    ]
    found = {
        each
        for module in modules
        for _, each in inspect.getmembers(module, inspect.isclass)
        if issubclass(each, CatalogOperation) and hasattr(each, "verb")
    }
    return sorted(found, key=lambda each: each.__name__)


DECLARED = declared()


def commands_of() -> dict[type[CatalogOperation], str]:
    return {
        operation: command.words
        for command in COMMANDS
        for operation in getattr(importlib.import_module(command.module), "OPERATIONS", ())
    }


def test_every_operation_has_a_command_and_a_key_or_a_reason_why_not() -> None:
    assert set(commands_of()) == set(DECLARED)
    keys = {action.operation for action in (*OPERATIONS, EDIT, RESET_LIMIT)}
    assert keys | set(NO_KEY) == set(DECLARED)
    assert not keys & set(NO_KEY)


def test_a_key_adds_nothing_to_an_operation_but_where_it_is() -> None:
    for action in OPERATIONS:
        own = {name for name in action.__dataclass_fields__ if name not in KEY_FIELDS}
        assert own == {"operation", "key_scope"}
        assert action.location is action.operation.location
        assert action.changes is action.operation.changes


OF_SEVERAL = {
    "job cancel": either(
        summaries.CANCEL_PENDING.in_general("pending or delayed jobs"),
        summaries.STOP_RUNNING.in_general(),
    ),
    "job move": either(summaries.MOVE_PENDING.in_general(), summaries.MOVE_TO_FRONT.in_general()),
}
"""The help of commands of several operations, between which what is named or an option decides."""


def test_the_help_of_a_command_and_of_a_key_is_the_summary_of_the_operation() -> None:
    for command in COMMANDS:
        for operation in getattr(importlib.import_module(command.module), "OPERATIONS", ())[:1]:
            expected = OF_SEVERAL.get(command.words, operation.summary.in_general())
            assert command.help == expected
    for action in (*OPERATIONS, EDIT, RESET_LIMIT):
        summary = action.operation.summary
        if action.key_scope in (KeyScope.MATCHING, KeyScope.LISTED_TRASH):
            assert re.fullmatch(re.sub(r"{\w*}", ".*", summary.text), action.help)
        else:
            # In brackets: where the key has this meaning.
            text = re.sub(r" \([^()]*filter\)$", "", action.help)
            assert text in (summary.of_one(), summary.in_general())


def test_the_help_of_a_group_names_what_each_of_its_operations_does() -> None:
    # By the word that chooses it, or by the verb of its summary.
    for command in COMMANDS:
        word, _, verb = command.words.partition(" ")
        operates = hasattr(importlib.import_module(command.module), "OPERATIONS")
        for group in GROUPS:
            if operates and verb and group.word == word:
                named = set(re.findall("[a-z]+", group.help))
                assert {verb, command.help.split()[0]} & named, f"{command.words}: {group.help}"


def test_a_summary_agrees_with_what_it_is_about() -> None:
    assert summaries.REQUEUE_DEAD.in_general() == (
        "move dead jobs back to their queues, with all their retries"
    )
    assert summaries.REQUEUE_DEAD.of_one() == (
        "move the dead job back to its queue, with all its retries"
    )
    assert summaries.PAUSE_QUEUE.in_general().startswith("pause a queue until it is resumed, ")
    assert OF_SEVERAL["job move"] == (
        "move pending jobs to another queue, or the front of their queues"
    )


KEY_FIELDS = {"name", "keys", "label", "help", "group", "views", "footer", "call", "priority"}


@pytest.mark.parametrize("operation", DECLARED, ids=lambda each: each.__name__)
def test_an_operation_is_declared_whole(operation: type[CatalogOperation]) -> None:
    made = operation()
    assert made.done != made.verb
    assert made.scopes
    grave = confirmation_word_for(made, Scope(made.location), 2)
    assert (grave == made.confirmation_word()) is (made.danger is not Danger.MILD)
    assert (
        confirmation_word_for(made, Scope(made.location), 2, protected=True)
        == made.confirmation_word()
    )
    if made.undo.to_trash:
        assert ("Undo", made.undo.words) in list(facts(made, Scope(made.location)))
    if made.reviews:
        assert made.signs
    assert type(made).__doc__


WORDINGS = (
    "job?", "jobs?",
    "Requeued", "Purged", "Cancelled", "Promoted", "Moved", "Restored", "Deleted", "Exported",
    "Imported", "Paused", "Resumed", "Quieted", "Would ", "skipped:", "refused:",
)  # fmt: skip
DERIVED = ("commands/dlq", "commands/job", "commands/queue", "commands/trash", "commands/worker",
           "tui/actions", "tui/keys", "tui/plans",
           "tui/screens/confirm.py", "tui/screens/ask.py")  # fmt: skip


def test_neither_commands_nor_the_console_have_words_of_their_own_for_questions_and_results() -> (
    None
):
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for each in DERIVED
        for path in _files(each)
        for word in WORDINGS
        if word in _code(path.read_text())
    ]
    assert not found, "\n".join(found)


def test_nothing_is_decided_by_the_name_of_an_action() -> None:
    compared = re.compile(
        r"\b(action|each|a|plan\.operation)\.(name|verb|audited) (==|!=|in|not in) "
        r"|\b(action|command) (==|!=|in|not in) [({]?[\"']"
    )
    found = [each for folder in ("tui", "commands") for each in _matching(compared, _files(folder))]
    assert not found, "\n".join(found)


def test_actions_and_locations_are_compared_with_names_and_not_with_words_in_quotes() -> None:
    compared = r'(\b(action|location)|get\("action"\)|get\("place"\))'
    quoted = re.compile(compared + r""" (==|!=|in|not in) [({]?["']""")
    sources = [
        path for name in ("asok_console", "asok_core") for path in (ROOT / name).rglob("*.py")
    ]
    found = _matching(quoted, sources)
    assert not found, "\n".join(found)
    before = (
        'activity.action == "edit"',
        'about.get("action") == "edit"',
        'about.get("place") == "dead"',
    )
    assert all(map(quoted.search, before))


def _matching(pattern: re.Pattern[str], paths: Iterable[Path]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in paths
        for line in path.read_text().splitlines()
        if pattern.search(line)
    ]


def _files(name: str) -> list[Path]:
    path = ROOT / "asok_console" / name
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def _code(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if '"""' not in line)


RESULT = OperationResult("x", 40, {"already requeued": 2}, operation="op")


@pytest.mark.parametrize("operation", DECLARED, ids=lambda each: each.__name__)
def test_the_console_asks_and_reports_as_the_catalogue_does(
    operation: type[CatalogOperation],
) -> None:
    made = operation()
    scope = Scope(made.location, queue="high", ids=frozenset({"a"}))
    for count in (1, 42, None):
        plan = OperationPlan(made, scope, count)
        assert plan.title == question(made, scope, count)
        assert outcome_line(plan, RESULT)[0] == result_line(made, scope, RESULT, count)


def test_questions_and_results_in_words() -> None:
    dead, pending = Scope(Location.DEAD), Scope(Location.PENDING, "high")
    for operation, scope, count, asked, reported in (
        (RequeueDead(), dead, 42, "Requeue 42 dead jobs?",
         "Requeued 40 jobs (2 skipped: already requeued)"),
        (PurgeDead(), dead, 46, "Purge 46 dead jobs?", "Purged 40 jobs (2 skipped: already requeued)"),
        (EditDead(), dead, 1, "Requeue 1 dead job with changed arguments?",
         "Requeued 40 jobs with changed arguments (2 skipped: already requeued)"),
        (MovePending("low"), pending, 3, "Move 3 jobs to queue 'low'?",
         "Moved 40 jobs to queue 'low' (2 skipped: already requeued)"),
        (PauseQueue(), pending, None, "Pause queue 'high'?", "Paused queue 'high'"),
        (PurgeQueue(), pending, 9, "Purge 9 pending jobs of queue 'high'?",
         "Purged 40 jobs of queue 'high' (2 skipped: already requeued)"),
        (QuietWorker("web-1"), pending, None, "Quiet worker web-1?",
         "Quieted 1 worker (takes no new jobs): web-1"),
        (EmptyTrash(), Scope(Location.TRASH), 5, "Delete 5 jobs from the trash?",
         "Deleted 40 jobs from the trash (2 skipped: already requeued)"),
    ):  # fmt: skip
        assert question(operation, scope, count) == asked
        assert result_line(operation, scope, RESULT) == reported


@pytest.mark.parametrize(
    ("result", "line"),
    [
        (OperationResult("x", 0), "Purged 0 jobs (none found)"),
        (OperationResult("x", 1), "Purged 1 job"),
        (OperationResult("x", 5, cancelled=True), "Purged 5 jobs (stopped before the end)"),
        (
            OperationResult("x", 5, {"gone": 1, "moved": 1200}, {"unsigned": 3}),
            "Purged 5 jobs (1,201 skipped: 1 gone, 1,200 moved; 3 refused: unsigned)",
        ),
    ],
)
def test_a_result_says_what_was_left_out_and_why(result: OperationResult, line: str) -> None:
    assert result_line(PurgeDead(), Scope(Location.DEAD), result) == line


def test_a_switch_that_changed_nothing_says_so() -> None:
    same = OperationResult("pause", 0, {"it is paused already": 1})
    scope = Scope(Location.PENDING, "high")
    assert result_line(PauseQueue(), scope, same) == (
        "Queue 'high' is unchanged (it is paused already)"
    )
    pause = QueuePause("ann", NOW, NOW, "bank down", NOW + 60)
    same = OperationResult("pause", 0, {"it is paused already": 1}, pause=pause)
    assert result_line(PauseQueue(), scope, same) == (
        "Queue 'high' is unchanged (it is paused already until 2023-11-14 22:14:20 UTC by ann: bank down)"
    ), "it may be that of another day"
    assert result_line(StopWorker("web-1"), scope, OperationResult("stop", 1)).startswith(
        "Requested the stop of 1 worker ("
    )


def test_a_change_of_a_pause_states_what_it_removed_and_of_which_day_the_former_was() -> None:
    scope = Scope(Location.PENDING, "high")
    former = QueuePause("ann", NOW - 86_400, NOW - 86_400, "bank down", NOW - 86_400 + 60)
    now = QueuePause("bob", NOW, NOW - 86_400, "still down")
    changed = OperationResult("pause", 1, pause=now, replaced=former)
    assert result_line(PauseQueue(), scope, changed) == (
        "Changed the pause of queue 'high': it is paused without an end: still down (before: until "
        "2023-11-13 22:14:20 UTC, which has passed, and no worker has resumed it, by ann: bank down)"
    )
    former = QueuePause("ann", NOW - 86_400, NOW - 86_400, "", NOW + 60)
    changed = OperationResult("pause", 1, pause=now._replace(until=NOW + 120), replaced=former)
    assert result_line(PauseQueue(), scope, changed) == (
        "Changed the pause of queue 'high': it is paused until 22:15:20 UTC: still down "
        "(before: until 22:14:20 UTC by ann)"
    )


def test_a_canary_reports_what_its_first_jobs_did() -> None:
    first = OperationResult("requeue", 5)
    stopped = CanaryResult(Verdict.FAILED_AGAIN, (first,), 1, 1, 3, "ValueError: no")
    line = result_line(RequeueDead(), Scope(Location.DEAD), stopped, 46)
    assert line == (
        "Canary stopped: the same error returned: ValueError: no (requeued 5 jobs; of the first 5, "
        "1 completed, 1 failed, 3 did not finish yet; the other 41 remain dead jobs)"
    )


def test_the_names_of_switches_are_those_of_the_audit() -> None:
    assert set(SWITCHES) == {PauseQueue.audit_name(), ResumeQueue.audit_name()}


def test_the_command_line_asks_and_reports_as_the_catalogue_does(
    bench: Bench, asok: Asok, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.add_dead(*(bench.job() for _ in range(3)))
    bench.add_pending(bench.job(queue="high"))
    monkeypatch.setattr(sys, "stdin", TypedText("purge\n"))
    purged = asok("dlq", "purge", "--all")
    scope, result = Scope(Location.DEAD), OperationResult("purge", 3)
    assert purged.err.splitlines()[0] == question(PurgeDead(), scope, 3)
    assert purged.out == result_line(PurgeDead(), scope, result) + "\n"
    for name, value in facts(PurgeDead(), scope):
        assert f"  {name:<8}{value}\n" in purged.err
    high = Scope(Location.PENDING, "high")
    assert asok("queue", "pause", "high").out == (
        result_line(PauseQueue(), high, OperationResult("pause", 1)) + "\n"
    )


def test_the_audit_has_the_names_of_the_catalogue(bench: Bench) -> None:
    """Each operation is performed, by what the console and the command line perform it with."""
    seed.worker(bench.client, "web-1", queues=("high",), concurrency=1, running=0, first=1)
    dead = [bench.job() for _ in range(5)]
    raws = bench.add_dead(*dead)
    jobs = [bench.job(queue="high") for _ in range(4)]
    bench.add_pending(*jobs)
    late = [bench.job(queue="high") for _ in range(2)]
    for job in late:
        bench.delay(job, due=2e9)
    running = bench.job(queue="high")
    bench.client.lpush("asok:active:web-1.1:high", seal(running, KEYRING))
    known = {"status": "running", "worker": "web-1.1", "queue": "high"}
    bench.client.hset(f"asok:job:{running.id}", mapping=known)
    reader = open_reader(
        Settings.load({"ASOK_REDIS_URL": bench.url, "SECRET_KEY": SECRET_KEY}), bench.url
    )
    access = Access(reader, bench.operator)

    def ids(location: Location, *names: str, queue: str | None = None) -> Scope:
        return Scope(location, queue, frozenset(names))

    high = Scope(Location.PENDING, "high")
    performed = [
        (RequeueDead(), ids(Location.DEAD, dead[0].id)),
        (TrustDead(ReviewedEntries(())), ids(Location.DEAD, dead[1].id)),
        (EditDead(raws[2], ["x"], {}), ids(Location.DEAD, dead[2].id)),
        (PurgeDead(), ids(Location.DEAD, dead[3].id)),
        (ImportDead([raws[3]]), Scope(Location.DEAD)),
        (CancelPending(), ids(Location.PENDING, jobs[0].id, queue="high")),
        (CancelDelayed(), ids(Location.DELAYED, late[0].id)),
        (CancelHeld(), replace(ids(Location.HELD, "x", queue="high"), hold="4f2a1c")),
        (StopRunningJobs(), ids(Location.ACTIVE, running.id)),
        (PromoteDelayed(), ids(Location.DELAYED, late[1].id)),
        (MovePending("low"), ids(Location.PENDING, jobs[1].id, queue="high")),
        (MoveToFront(), ids(Location.PENDING, jobs[2].id, queue="high")),
        (PauseQueue(), high),
        (ResumeQueue(), high),
        (PurgeQueue(), high),
        (QuietWorker("web-1"), Scope(Location.ACTIVE)),
        (ResumeWorker("web-1"), Scope(Location.ACTIVE)),
        (SetWorkerShape("web-1", concurrency=8), Scope(Location.ACTIVE)),
        (StopWorker("web-1"), Scope(Location.ACTIVE)),
        (EditNote(on_queue("high"), "x"), Scope(Location.ACTIVE)),
        (LimitJobs(LIMITED), Scope(Location.HELD)),
        (RemoveLimit(LIMITED), Scope(Location.HELD)),
    ]
    for operation, scope in performed:
        operation.perform(access, scope, lambda _: True)
    for ending in (RemoveHold, ReleaseHold):
        rule = HoldJobs(Hold("", task="m.f"))
        made = rule.perform(access, Scope(Location.HELD), lambda _: True)
        assert isinstance(made, OperationResult)
        assert made.hold is not None
        ended = ending(made.hold.id)
        ended.perform(access, Scope(Location.HELD), lambda _: True)
        performed += [(rule, Scope(Location.HELD)), (ended, Scope(Location.HELD))]
    trashed = [each.operation for each in reader.activity(50) if each.in_trash]
    for operation, scope in (
        (RestoreTrash(trashed[0]), Scope(Location.TRASH)),
        (EmptyTrash(), Scope(Location.TRASH, ids=frozenset(trashed[1:]))),
    ):
        operation.perform(access, scope, lambda _: True)
        performed.append((operation, scope))
    audited = Counter(each.action for each in reader.activity(50))
    assert audited == Counter(operation.audit_name() for operation, _ in performed)
    left = {type(operation) for operation, _ in performed} ^ set(DECLARED)
    # An export is not audited, and a canary is two requeues.
    assert {each.__name__ for each in left} == {"ExportDead", "CanaryRequeue"}
    assert not ExportDead.changes


def test_what_an_operation_is_performed_with_are_its_fields() -> None:
    moved = replace(MovePending(), to="low")
    assert moved.destinations({"high": 2, "x": 1}) == {"low": 3}
    assert {kind for each in DECLARED for kind in each.scopes} == set(ScopeKind)
