"""``--app`` and ASOK_APP: the directory of the application's modules."""

from __future__ import annotations

from asok_core.errors import SettingsError
from asok_core.execution.import_path import application_folder
from asok_core.settings.declaration import parse_option
from asok_core.settings.kinds import FOLDER
from asok_core.settings.settings import Settings


def app_folder(option: str | None, settings: Settings) -> str:
    """Return the absolute path of the directory that the option or the setting names, '' for none.

    Raises:
        UsageError: The option is not a directory.
        SettingsError: The setting is not one.
    """
    if option is not None:
        return parse_option("--app", FOLDER._replace(parse=application_folder), option)
    if settings.app is None:
        return ""
    try:
        return application_folder(settings.app)
    except ValueError:
        raise SettingsError(
            f"ASOK_APP is {FOLDER.show(settings.app)}; it must be {FOLDER.allowed}"
        ) from None
