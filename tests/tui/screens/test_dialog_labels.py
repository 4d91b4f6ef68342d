"""What the keys are called that leave a dialog."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

from textual.binding import Binding

from asok_console.tui import screens
from asok_console.tui.screens.dialog import Dialog


def test_what_leaves_a_dialog_is_not_called_cancel() -> None:
    # Beside a button "Cancel 511 jobs" it would read as the same.
    for each in pkgutil.iter_modules(screens.__path__, f"{screens.__name__}."):
        importlib.import_module(each.name)
    labels = {
        (dialog.__name__, binding.description)
        for dialog in _subclasses(Dialog)
        for binding in dialog.BINDINGS
        if isinstance(binding, Binding) and "escape" in binding.key.split(",")
    }
    assert len(labels) >= 6
    assert {label for _, label in labels} <= {"back", "close"}, labels


def _subclasses(base: type[Dialog[Any]]) -> Iterator[type[Dialog[Any]]]:
    for each in base.__subclasses__():
        yield each
        yield from _subclasses(each)
