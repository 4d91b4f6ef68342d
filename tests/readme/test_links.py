"""Every link of the documents has a target, and the README remains short."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.readme.generated import PAGES, README, ROOT
from tests.screenshots import SCENES

DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted(PAGES.glob("*.md"))]
DRAWN = {ROOT / "screenshots" / f"{name}.svg" for name in SCENES}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_every_hyperlink_has_a_target(document: Path) -> None:
    for target in links_of(document):
        if "://" in target:
            assert target.startswith("https://"), target
            continue
        path, _, anchor = target.partition("#")
        led_to = (document.parent / path).resolve() if path else document
        # Screenshots are drawn by the tests, and not in every copy of the repository.
        assert led_to in DRAWN or led_to.is_file(), target
        if anchor:
            assert anchor in anchors_of(led_to), target


def test_every_page_is_linked_from_the_readme() -> None:
    linked = {(ROOT / target.partition("#")[0]).resolve() for target in links_of(README)}
    assert set(DOCUMENTS) - linked == {README}


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) <= 400


def links_of(document: Path) -> list[str]:
    html = MarkdownIt().enable("table").render(document.read_text())
    return re.findall(r'(?:href|src)="([^"]+)"', html)


@cache
def anchors_of(document: Path) -> set[str]:
    """The anchors that GitHub and our site make of the headings."""
    tokens = MarkdownIt().enable("table").parse(document.read_text())
    anchors: set[str] = set()
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            words = "".join(
                part.content
                for part in inline.children or ()
                if part.type in {"text", "code_inline"}
            )
            anchor = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
            assert anchor not in anchors, f"{document.name} has two headings {words!r}"
            anchors.add(anchor)
    return anchors
