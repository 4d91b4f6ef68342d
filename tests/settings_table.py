"""The README's table of settings, from their declaration: ``python -m tests.settings_table``."""

import sys

from asok_core.config import Settings


def settings_table() -> str:
    """Return the table in Markdown."""
    rows = ["| Variable | Default | Allowed | Meaning |", "|---|---|---|---|"]
    for each in Settings.declared().values():
        names = " or ".join(f"`{variable}`" for variable in each.variables)
        default = f"`{each.default}`" if each.default else ""
        rows.append(f"| {names} | {default} | {each.kind.allowed} | {each.description} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.stdout.write(settings_table())
