"""The documentation names every Redis key, and what is true of it."""

from __future__ import annotations

import re
from pathlib import Path

from asok_core.backends.redis import keys
from asok_core.backends.redis.keys import Keys
from tests.poison.poisons import Target, attacked
from tests.readme.generated import PAGES

SCRIPTS = Path(keys.__file__).parent / "lua"
KINDS = {
    "list": "(Capped list|List)", "zset": "Sorted set", "set": "Set", "hash": "Hash",
    "string": "String", "stream": "Capped stream",
}  # fmt: skip
TARGET = Target(
    worker="{worker}", running="{job}", queue="{queue}", operation="{operation}", machine="{place}"
)


def test_a_script_names_keys_only_as_they_are_declared() -> None:
    texts = {path.name: path.read_text() for path in SCRIPTS.rglob("*.lua")}
    assert [
        name for name, text in texts.items() if re.search(r"\bns\b *\.\.|\.\. *':[a-z]", text)
    ] == []
    used = {each for text in texts.values() for each in re.findall(r"\b(\w+)_key\b", text)}
    assert len(used) > 20
    assert used <= {name for name in dir(Keys) if not name.startswith("_")}


def test_the_table_states_the_type_of_each_key() -> None:
    meanings = {
        name: (getattr(Keys, name).__doc__ or "") for name in dir(Keys) if not name.startswith("_")
    }
    for name, (_, kind, _) in attacked(TARGET).items():
        if name in meanings and name != "job":
            assert re.match(KINDS[kind], meanings[name]), name


def test_the_key_of_the_default_queue_is_named() -> None:
    page = (PAGES / "redis.md").read_text()
    assert "| `asok:queue` (queue `default`), `asok:queue:{name}` | List of pending jobs;" in page
