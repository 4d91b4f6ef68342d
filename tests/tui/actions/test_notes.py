"""Notes by the key n: on jobs, queues and error groups, where they are shown, and who may write them."""

from __future__ import annotations

import pytest
import redis
from textual.widgets import Button, Input

from asok_console.presentation.notes import MARK
from asok_console.tui.screens.ask import AnswersDialog
from asok_core.inspection.notes import on_error, on_job, on_queue
from asok_core.inspection.snapshot import Snapshot
from tests.fixtures.bench import Bench
from tests.fixtures.console import Hand, Open

SIZES = [(80, 24), (120, 40), (200, 60)]


def lines(hand: Hand, word: str) -> list[str]:
    return [line for line in hand.screen().splitlines() if word in line]


async def write(hand: Hand, text: str) -> None:
    await hand.press("n")
    await hand.until(lambda: isinstance(hand.app.screen, AnswersDialog))
    hand.app.screen.query_one("#text", Input).value = ""
    await hand.press(*(each if each != " " else "space" for each in text), "enter")
    await hand.until(lambda: not isinstance(hand.app.screen, AnswersDialog))


@pytest.mark.parametrize("size", SIZES)
async def test_a_dead_job_gets_a_note_and_a_mark(
    bench: Bench, open_console: Open, size: tuple[int, int]
) -> None:
    jobs = [bench.job() for _ in range(3)]
    bench.add_dead(*jobs)
    newest = jobs[-1]
    async with open_console(size=size) as hand:
        await hand.open_list("6", of=3)
        assert not hand.shows(MARK)
        await hand.press("n")
        await hand.sees(f"Write the note on job {newest.id}")
        await hand.press("escape")
        await write(hand, "ask Ann")
        await hand.until(lambda: bench.client.hexists("asok:notes", f"job:{newest.id}"), "the note")
        await hand.until(lambda: len(lines(hand, MARK)) == 2, "heading and row")
        assert lines(hand, f"{MARK} ask Ann")[0].lstrip().startswith("Dead jobs")
        assert lines(hand, f"{MARK} ")[1].lstrip().startswith("▸")
        await hand.press("j")
        await hand.loses(f"{MARK} ask Ann")
        await hand.press("k", "enter")
        await hand.until(lambda: lines(hand, "─ Note ─"), "the section")
        await hand.sees("ask Ann")
        await hand.sees("Note by ")
        # On its page the same key changes it.
        await hand.press("n")
        await hand.until(lambda: isinstance(hand.app.screen, AnswersDialog))
        assert hand.app.screen.query_one("#text", Input).value == "ask Ann"
        await hand.sees("written by ")
        await hand.sees(f"asok note write --job {newest.id} 'ask Ann'")
        await hand.press("escape")
        await write(hand, "")
        # The line that reports it is shown for a few seconds only.
        await hand.until(lambda: not bench.client.exists("asok:notes"), "no note")
        await hand.until(lambda: not lines(hand, "─ Note ─"), "no section")
        await hand.press("q")
        await hand.loses(MARK)
    assert not bench.client.exists("asok:notes")


@pytest.mark.parametrize("size", SIZES)
async def test_a_queue_gets_a_note(bench: Bench, open_console: Open, size: tuple[int, int]) -> None:
    bench.add_pending(bench.job(queue="high"), bench.job())
    async with open_console(size=size) as hand:
        await hand.until(lambda: lines(hand, "high"), "the queue")
        await hand.until(lambda: lines(hand, "▸"), "the cursor")
        # The first line is that of all queues.
        await hand.press("j", "j")
        await hand.until(lambda: "high" in lines(hand, "▸")[0], "the cursor on the queue")
        await write(hand, "import until 6")
        await hand.until(lambda: bench.client.hexists("asok:notes", "queue:high"), "the note")
        await hand.until(lambda: lines(hand, f"high {MARK}"), "the mark")
        await hand.until(lambda: lines(hand, f"  {MARK} import until 6"), "the note in the heading")
        await hand.press("enter")
        await hand.until(lambda: lines(hand, "Queue high"), "the queue")
        await hand.until(lambda: lines(hand, f"{MARK} import"), "the note")


@pytest.mark.parametrize("size", SIZES)
async def test_an_error_group_gets_a_note(
    bench: Bench, open_console: Open, size: tuple[int, int]
) -> None:
    bench.add_dead(*(bench.job() for _ in range(3)))
    async with open_console(size=size) as hand:
        await hand.open_list("6", of=3)
        await hand.press("v")
        await hand.sees("1 error group")
        await write(hand, "ticket 12")
        await hand.until(lambda: bench.client.exists("asok:notes"), "the note")
        await hand.until(lambda: lines(hand, f"{MARK} ValueError: no"), "the mark")
        await hand.sees(f"{MARK} ticket 12")


@pytest.mark.parametrize("size", SIZES)
async def test_a_long_note_leaves_room_for_the_rest_of_the_heading(
    bench: Bench, open_console: Open, size: tuple[int, int]
) -> None:
    job = bench.job(queue="high")
    bench.add_pending(job)
    bench.add_dead(dead := bench.job())
    for subject in (on_queue("high"), on_job(dead.id, dead.task), on_error("ValueError: no")):
        bench.operator.write_note(subject, "\N{CJK UNIFIED IDEOGRAPH-6CE8}" * 300)
    async with open_console(size=size) as hand:
        await hand.until(lambda: lines(hand, "▸"), "the cursor")
        await hand.press("j", "j")
        await hand.until(lambda: lines(hand, "  ✎ 注"), "the note of the queue")
        for keys, rest in (
            (("enter",), ("Queue high", "job 1 of 1")),
            (("6",), ("Dead jobs", "1 of 1")),
            (("v",), ("Dead jobs by error", "1 error group")),
        ):
            await hand.press(*keys)
            title, after = rest
            await hand.until(lambda: hand.shows(f"{title} {MARK} 注"), title)  # noqa: B023
            assert hand.shows(f"… {after} ")


async def test_every_list_marks_jobs_with_notes(bench: Bench, open_console: Open) -> None:
    pending, delayed, recent = (bench.job() for _ in range(3))
    bench.add_pending(pending)
    bench.delay(delayed)
    bench.client.hset(
        f"asok:job:{recent.id}",
        mapping={"status": "completed", "function": recent.task, "finished_at": 1.0},
    )
    bench.client.expire(f"asok:job:{recent.id}", 600)
    bench.client.lpush("asok:recent", recent.id)
    for job in (pending, delayed, recent):
        bench.operator.write_note(on_job(job.id, job.task), "ask Ann")
    async with open_console(size=(120, 40)) as hand:
        for view in ("2", "3", "4"):
            await hand.open_list(view, of=1)
            await hand.until(lambda: lines(hand, f"{pending.task} {MARK}"), f"the mark in {view}")
            assert lines(hand, f"{MARK} ask Ann"), "the heading"


async def test_the_line_of_all_queues_gets_none(bench: Bench, open_console: Open) -> None:
    bench.add_pending(bench.job(queue="high"))
    async with open_console() as hand:
        await hand.until(lambda: lines(hand, "▸ all queues"), "the cursor")
        await hand.press("n")
        said = "Can't note: choose a job, a queue or an error group."
        assert said in [each.message for each in hand.app._notifications]
        assert not isinstance(hand.app.screen, AnswersDialog)


async def test_a_note_that_is_too_long_is_not_taken(bench: Bench, open_console: Open) -> None:
    bench.add_dead(bench.job())
    async with open_console() as hand:
        await hand.open_list("6", of=1)
        await hand.press("n")
        await hand.until(lambda: isinstance(hand.app.screen, AnswersDialog))
        await hand.sees("Save")
        await hand.press("enter")
        assert isinstance(hand.app.screen, AnswersDialog), "there is nothing to save"
        assert hand.app.screen.query_one("#yes", Button).disabled
        assert not hand.shows("✗ "), "nothing was typed yet"
        hand.app.screen.query_one("#text", Input).value = "x" * 301
        await hand.sees("the note has 301 characters; at most 300 are kept")
        await hand.press("enter")
        assert isinstance(hand.app.screen, AnswersDialog)
    assert not bench.client.exists("asok:notes")


@pytest.mark.parametrize("size", SIZES)
async def test_the_dialog_does_not_move_while_a_note_is_typed(
    bench: Bench, open_console: Open, size: tuple[int, int]
) -> None:
    bench.add_dead(bench.job())
    async with open_console(size=size) as hand:
        await hand.open_list("6", of=1)
        await hand.press("n")
        await hand.sees("Save")
        dialog = hand.app.screen.query_one("#question")
        before = dialog.region
        hand.app.screen.query_one("#text", Input).value = "words of a note " * 18
        await hand.sees("Same as")
        assert dialog.region == before


async def test_a_read_only_console_shows_notes_and_writes_none(
    bench: Bench, open_console: Open
) -> None:
    job = bench.job()
    bench.add_dead(job)
    bench.operator.write_note(on_job(job.id, job.task), "ask Ann")
    async with open_console(read_only=True) as hand:
        await hand.open_list("6", of=1)
        await hand.until(lambda: len(lines(hand, MARK)) == 2, "heading and row")
        await hand.press("n")
        await hand.until(lambda: hand.app._notifications, "the line")
        (said,) = [each.message for each in hand.app._notifications]
        assert said.startswith(f"Job {job.id}: ask Ann (ann@desk, ")
        assert said.endswith(" ago). This session is read-only.")
        assert not isinstance(hand.app.screen, AnswersDialog)
    assert bench.client.hlen("asok:notes") == 1


async def test_hostile_notes_are_shown_harmless(bench: Bench, open_console: Open) -> None:
    job = bench.job(queue="high")
    bench.add_dead(job)
    bench.add_pending(bench.job(queue="high"))
    text = "\x1b[2J[red]\u202e x"
    for subject in (on_job(job.id, job.task), on_queue("high"), on_error("ValueError: no")):
        bench.operator.write_note(subject, text)
    async with open_console(size=(120, 40)) as hand:
        await hand.until(lambda: lines(hand, "▸"), "the cursor")
        for keys in (
            ("j", "j"),
            ("enter",),
            ("6",),
            ("enter",),
            ("n",),
            ("escape", "q", "v"),
            ("7",),
        ):
            await hand.press(*keys)
            await hand.until(lambda: hand.shows("red]"), f"the note after {keys}")
            assert not {"\x1b", "\u202e"} & set(hand.screen())


async def test_marks_take_no_further_round_trip(
    bench: Bench, open_console: Open, redis_client: redis.Redis
) -> None:
    job = bench.job()
    bench.add_dead(job)

    async def round_trips(hand: Hand) -> int:
        def fresh(seen: Snapshot | None) -> bool:
            return hand.app.snapshot is not None and hand.app.snapshot is not seen

        for _ in range(3):
            seen = hand.app.snapshot
            await hand.until(lambda: fresh(seen), "another snapshot")  # noqa: B023
        assert hand.app.snapshot is not None
        return hand.app.snapshot.cost.round_trips

    async with open_console() as hand:
        await hand.open_list("6", of=1)
        before = await round_trips(hand)
        bench.operator.write_note(on_job(job.id, job.task), "x")
        await hand.sees(f"{MARK} x")
        assert await round_trips(hand) == before
