"""How a setting is declared: its names in the environment, its kind of value, how it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, Generic, NamedTuple, TypeVar, cast

from asok_core.errors import SettingsError, UsageError

T = TypeVar("T")
_LONGEST_SHOWN = 60


def shown(text: str) -> str:
    """Return ``text`` quoted, escaped and bounded, for use in an error message."""
    return ascii(text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "...")


class SettingKind(NamedTuple, Generic[T]):
    """A kind of value: how it is parsed, and a description of what is allowed.

    ``parse`` raises ValueError for invalid text; its message gives a reason where that is more than
    ``allowed`` says. ``allowed`` completes the sentence "it must be". ``show`` is how an error
    quotes invalid text. With ``blank_is_unset`` an empty variable counts as unset.
    """

    parse: Callable[[str], T]
    allowed: str
    show: Callable[[str], str] = shown
    blank_is_unset: bool = False
    verbatim: bool = False


class Setting(NamedTuple):
    """The declaration of one setting, beside its attribute in ``Settings``.

    ``variables`` are its names in the environment; the first that is set takes precedence.
    ``default`` is written as in the environment; ``None`` means that there is none.
    """

    variables: tuple[str, ...]
    kind: SettingKind[Any]
    default: str | None
    description: str

    def read(self, environment: Mapping[str, str]) -> Any:
        """Return the value that ``environment`` gives to this setting, or its default.

        Raises:
            SettingsError: The value is invalid.
        """
        for variable in self.variables:
            text = environment.get(variable)
            if text is None or (self.kind.blank_is_unset and not text.strip()):
                continue
            try:
                return self.kind.parse(text if self.kind.verbatim else text.strip())
            except ValueError as error:
                raise SettingsError(_invalid(variable, self.kind, text, error)) from None
        return None if self.default is None else self.kind.parse(self.default)


def setting(variables: str, kind: SettingKind[T], *, default: str | None, description: str) -> T:
    """Declare a dataclass field as a setting. mypy checks its annotation against ``kind``."""
    declared = Setting(tuple(variables.split()), kind, default, description)
    return cast(
        "T",
        field(
            default=declared.read({}),
            repr=kind.show is shown,
            metadata={"setting": declared},
        ),
    )


def parse_option(flag: str, kind: SettingKind[T], text: str) -> T:
    """Return the value of a command-line option, whose kind is that of a setting.

    Raises:
        UsageError: The value is invalid; the line names the option and what is allowed.
    """
    try:
        return kind.parse(text.strip())
    except ValueError as error:
        raise UsageError(_invalid(flag, kind, text, error)) from None


def _invalid(name: str, kind: SettingKind[Any], text: str, error: ValueError) -> str:
    why = f" ({error})" if str(error) else ""
    return f"{name} is {kind.show(text)}{why}; it must be {kind.allowed}"


def optional(kind: SettingKind[T]) -> SettingKind[T | None]:
    """Return ``kind`` for a setting that may have no value."""
    return cast("SettingKind[T | None]", kind._replace(blank_is_unset=True))
