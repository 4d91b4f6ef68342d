"""What every dialog has: it opens over a screen, and returns an answer or nothing."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar, cast

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Button

from asok_console.tui.views.host import Host

T = TypeVar("T")


class Dialog(ModalScreen[T], Generic[T]):
    """A screen over another one, which stays in sight behind it. A subclass binds Escape to close it."""

    @property
    def console(self) -> Host:
        """The application, as far as views and screens use it."""
        return cast(Host, self.app)


class QuestionDialog(Dialog[T], Generic[T]):
    """A dialog with the buttons ``#yes`` and ``#no``.

    Tab and the arrows move between its parts, Enter presses the button that has the focus, ``y`` and ``n``
    press theirs. In a line where text is typed they are text.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,up", "app.focus_previous", show=False),
        Binding("right,down", "app.focus_next", show=False),
        Binding("y", "choose('yes')", show=False),
        Binding("n", "choose('no')", show=False),
    ]

    def action_choose(self, button: str) -> None:
        """Press a button, where it can be pressed."""
        chosen = self.query_one(f"#{button}", Button)
        if not chosen.disabled:
            # The rest of a word that is typed arrives behind the dialog, where its characters are keys.
            self.console.stray_keys.begin()
            chosen.press()
