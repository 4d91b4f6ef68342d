"""A parser that has its options by name, which argparse keeps to itself."""

from __future__ import annotations

import argparse
from typing import Any


class OptionParser(argparse.ArgumentParser):
    """An ``ArgumentParser``; ``by_option``: its options, those of its groups as well."""

    def __init__(self, **options: Any) -> None:
        self.by_option: dict[str, argparse.Action] = {}
        super().__init__(**options)

    def add_argument(self, *names: Any, **options: Any) -> argparse.Action:
        """Add and keep it."""
        return self._kept(super().add_argument(*names, **options))

    def add_argument_group(self, *args: Any, **options: Any) -> Any:
        """Add it; its arguments are kept as well."""
        return self._keeping(super().add_argument_group(*args, **options))

    def add_mutually_exclusive_group(self, **options: Any) -> Any:
        """Add it; its arguments are kept as well."""
        return self._keeping(super().add_mutually_exclusive_group(**options))

    def _keeping(self, group: Any) -> Any:
        add = group.add_argument
        group.add_argument = lambda *names, **options: self._kept(add(*names, **options))
        return group

    def _kept(self, action: argparse.Action) -> argparse.Action:
        self.by_option |= dict.fromkeys(action.option_strings, action)
        return action
