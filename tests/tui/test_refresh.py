"""What a refresh reads: a snapshot, and the pages of what is on the screen."""

from __future__ import annotations

from asok_console.tui.screens.job import JobScreen
from tests.fixtures.console import Open


async def test_the_poller_has_what_is_on_the_screen_as_its_sources(open_dead: Open) -> None:
    async with open_dead(3) as hand:
        poller, dead = hand.app.poller, hand.app.view
        assert poller.sources == (dead,)
        await hand.press("enter")
        await hand.sees("signed with our key")
        # The list behind the page of a job is turned from there.
        assert isinstance(hand.app.screen, JobScreen)
        assert poller.sources == (hand.app.screen, dead)
        await hand.press("escape", "2")
        assert poller.sources == (hand.app.views["pending"],)


async def test_only_snapshots_are_read_while_the_display_is_frozen(open_dead: Open) -> None:
    async with open_dead(3) as hand:
        await hand.press("p")
        assert hand.app.poller.sources == ()
        await hand.press("p")
        assert hand.app.poller.sources == (hand.app.view,)
