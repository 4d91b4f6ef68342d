"""What a refresh reads: a snapshot, and the pages of what is on the screen."""

from __future__ import annotations

from textual.message import Message

from asok_console.tui.data.poller import SnapshotTaken
from asok_console.tui.screens.job import JobScreen
from asok_core.backends.roles import Reader
from tests.fixtures.console import Hand, Open


def sources(hand: Hand) -> list[object]:
    return list(hand.app.poller.sources)


async def test_the_poller_has_what_is_on_the_screen_as_its_sources(open_dead: Open) -> None:
    async with open_dead(3) as hand:
        dead = hand.app.view
        assert sources(hand) == [dead]
        await hand.press("enter")
        await hand.sees("signed with our key")
        # The list behind the page of a job is turned from there.
        page = hand.app.screen
        assert isinstance(page, JobScreen)
        assert sources(hand) == [page, dead]
        await hand.press("escape", "2")
        assert sources(hand) == [hand.app.views["pending"]]


async def test_only_snapshots_are_read_while_the_display_is_paused(open_dead: Open) -> None:
    async with open_dead(3) as hand:
        await hand.press("p")
        assert sources(hand) == []
        await hand.press("p")
        assert sources(hand) == [hand.app.view]


async def test_requests_that_follow_one_another_do_not_prevent_snapshots(open_dead: Open) -> None:
    """As of a long list of tasks, which is read in steps."""
    async with open_dead(3) as hand:
        poller, snapshot = hand.app.poller, hand.app.snapshot
        answers: list[object] = []

        def again(reader: Reader) -> object:
            # Each takes the console less time than Redis, or the answers would wait in a queue of theirs.
            if len(answers) < 1_000_000:
                poller.ask("endless", again, answers.append)
            return reader.snapshot()

        poller.ask("endless", again, answers.append)
        await hand.until(lambda: len(answers) > 10, "answers")
        await hand.until(lambda: hand.app.snapshot is not snapshot, "another snapshot")
        answers += [None] * 1_000_000


async def test_an_error_of_one_page_is_shown_and_costs_no_other_page(open_dead: Open) -> None:
    async with open_dead(3) as hand:
        poller, dead = hand.app.poller, hand.app.view

        class Broken:
            def page(self, reader: Reader, snapshot: object) -> object:
                raise ValueError("a reply that nothing understands")

        broken = Broken()
        read: list[object] = []
        send = poller._post

        def post(message: Message) -> object:
            read.append(message)
            return send(message)

        poller._post = post
        poller.sources = (broken, dead)
        poller.hurry()
        await hand.sees("a reply that nothing understands")
        taken = next(each for each in read if isinstance(each, SnapshotTaken))
        assert dead in taken.pages


async def test_a_request_that_fails_does_not_make_redis_unreachable(open_dead: Open) -> None:
    async with open_dead(3) as hand:

        def fail(reader: Reader) -> object:
            raise ValueError("a reply that nothing understands")

        hand.app.poller.ask("one", fail, lambda answer: None)
        await hand.sees("a reply that nothing understands")
        assert hand.app.state.failing == ""
