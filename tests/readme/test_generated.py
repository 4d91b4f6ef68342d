from __future__ import annotations

from pathlib import Path

import pytest

from asok_console.tui.keys import operations
from tests.readme.generated import GENERATED, GROUPS, rewritten


@pytest.mark.parametrize("page", GENERATED, ids=lambda page: page.stem)
def test_generated_parts_are_up_to_date(page: Path) -> None:
    assert page.read_text() == rewritten(page), "write its generated part again: make readme"


def test_every_key_is_in_a_group_that_is_shown() -> None:
    assert {action.group for action in operations.ALL} <= set(GROUPS)
