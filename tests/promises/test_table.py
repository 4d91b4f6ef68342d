"""The table in SECURITY.md names tests that exist."""

from __future__ import annotations

import re

from tests.programs import ROOT

NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def test_every_test_that_is_named_exists() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    table = text[text.index("## Promises and their tests") : text.index("## Limits")]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 20
    for row in rows:
        named = NAMED.findall(row)
        assert named, row
        for file, function in named:
            source = (ROOT / file).read_text()
            assert not function or re.search(rf"def {function}\b", source), row
