from __future__ import annotations

import re
from pathlib import Path

from markdown_it import MarkdownIt

from asok_console.tui.catalog import operations
from tests.readme import rights
from tests.readme.generated import GROUPS, README, redis_page, written_anew
from tests.screenshots import SCENES


def test_what_is_generated_is_as_it_should_be() -> None:
    text = README.read_text()
    assert text == written_anew(text), "write its generated parts anew: make readme"


def test_the_rights_of_the_users_are_those_that_the_code_needs() -> None:
    text = rights.README.read_text()
    assert text == redis_page(text), "write its generated part again: make readme"


def test_every_key_is_in_a_group_that_is_shown() -> None:
    assert {action.group for action in operations.ALL} <= set(GROUPS)


def test_every_link_leads_somewhere() -> None:
    text = README.read_text()
    html = MarkdownIt().enable("table").render(text)
    headings = {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
    targets = re.findall(r'(?:href|src)="([^"]+)"', html)
    drawn = {f"screenshots/{name}.svg" for name in SCENES}
    for target in targets:
        if target.startswith("#"):
            assert target[1:] in headings, target
        elif not target.startswith("https://"):
            assert target in drawn or (Path(README.parent) / target).exists(), target
