"""The command palette: every action that is possible now, by its name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from textual.app import App, SystemCommand
from textual.screen import Screen


def commands(app: App[Any], screen: Screen[Any]) -> Iterator[SystemCommand]:
    """The commands for what has a key on this screen and is offered."""
    for active in screen.active_bindings.values():
        binding, node = active.binding, active.node
        if binding.description and active.enabled:
            yield SystemCommand(
                f"{binding.description[0].upper()}{binding.description[1:]}",
                binding.tooltip or "",
                lambda binding=binding, node=node: app.call_next(
                    app.run_action, binding.action, node
                ),
            )
