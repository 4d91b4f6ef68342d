"""The parts of the documentation that are generated from the code: ``python -m tests.readme``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from asok_console.tui.keys import actions, operations
from asok_core.settings.settings import Settings
from tests.conformance import differences
from tests.readme import redis_keys, rights

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = ROOT / "docs" / "pages"
EXAMPLES = ("webhook", "thumbnails", "warm_cache", "mail")
GROUPS = ("Move", "Mark", "Act", "Show", "Get around")


def rewritten(page: Path) -> str:
    """A page with its generated parts updated."""
    text = page.read_text()
    for name, part in GENERATED[page].items():
        text = _between(text, name, part())
    return text


def settings_table() -> str:
    """The table of settings, from their declarations."""
    rows = ["| Variable | Default | Allowed | Meaning |", "|---|---|---|---|"]
    for each in Settings.declared().values():
        names = " or ".join(f"`{variable}`" for variable in each.variables)
        default = f"`{each.default}`" if each.default else ""
        rows.append(f"| {names} | {default} | {each.kind.allowed} | {each.description} |")
    return "\n".join(rows)


def keys_table() -> str:
    """The table of keys, from the declared actions."""
    rows = ["| Key | What it does | Where |", "|---|---|---|"]
    for group in GROUPS:
        for action in operations.ALL:
            if action.group == group:
                keys = " ".join(f"`{key}`" for key in action.all_keys.split())
                keys = keys.replace("|", "\\|")  # of a cell
                rows.append(f"| {keys} | {action.help} | {_where(action.views)} |")
    return "\n".join(rows)


def example(name: str) -> str:
    """The source of one of the use cases that the tests run."""
    path = ROOT / "tests" / "examples" / f"{name}.py"
    _, _, code = path.read_text().partition("from __future__ import annotations\n")
    code = re.sub(r" +# type: ignore.*", "", code).strip()
    return f"```python {path.relative_to(ROOT)}\n{code}\n```"


def _where(views: frozenset[str]) -> str:
    if not views:
        return "everywhere"
    if views == actions.LISTS:
        return "every list"
    pages = {
        "job": "the page of a job",
        "task": "the page of a task",
        "why": "the page of reasons",
        "entry": "the page of an operation or event",
    }
    titles = actions.VIEW_TITLES | pages
    if views - titles.keys():
        raise ValueError(f"no title of {sorted(views - titles.keys())}")
    return ", ".join(title for name, title in titles.items() if name in views)


GENERATED: Mapping[Path, Mapping[str, Callable[[], str]]] = {
    PAGES / "settings.md": {"settings": settings_table},
    PAGES / "console.md": {"keys": keys_table},
    PAGES / "backends.md": {"backends": differences.table},
    PAGES / "redis.md": {"keys": redis_keys.table, "users": rights.users},
    PAGES / "examples.md": {f"example {name}": partial(example, name) for name in EXAMPLES},
}


def _between(text: str, name: str, part: str) -> str:
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    assert found, f"there is no line {begin}"
    assert closed, f"there is no line {end}"
    return f"{before}{begin}\n{part}\n\n{end}{after}"
