"""A hook of mkdocs: the documents at the top of the repository are pages of the site as well.

References between documents are written as they work in the repository, and rewritten here.
"""

from __future__ import annotations

import contextlib
import io
import os
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

from asok_console.cli.parser import build_parser

ROOT = Path(__file__).parents[1]
PAGES = "docs/pages"
DOCUMENTS = {
    "README.md": "index.md",
    "SECURITY.md": "security.md",
    "CONTRIBUTING.md": "contributing.md",
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "LICENSE": "LICENSE",
}
PAGE_OF = {page: document for document, page in DOCUMENTS.items()}
_TARGET = re.compile(r"(?<=\]\()(?P<path>[^)\s#:]+)(?=[)#])")
_BLOCK = re.compile(r"^```(?P<language>\w+) (?P<words>[^\n]+)$", re.MULTILINE)
_COMMANDS = re.compile(r"^    (\w+)  ", re.MULTILINE)


def on_files(files: Files, config: Any) -> Files:
    """Add the documents and pictures outside of the folder of pages."""
    paths = {page: ROOT / document for document, page in DOCUMENTS.items()}
    paths |= {f"screenshots/{path.name}": path for path in ROOT.glob("screenshots/*.svg")}
    for name, path in paths.items():
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Rewrite references and code blocks, and insert what is generated only for the site."""
    document = PAGE_OF.get(page.file.src_uri, f"{PAGES}/{page.file.src_uri}")
    folder = posixpath.dirname(document)
    text = _TARGET.sub(lambda target: _in_site(target["path"], folder), markdown)
    text = _BLOCK.sub(lambda block: _titled(block["language"], block["words"]), text)
    return text.replace("<!-- commands -->", commands()) if "<!-- commands -->" in text else text


def _in_site(target: str, folder: str) -> str:
    path = posixpath.normpath(posixpath.join(folder, target))
    return DOCUMENTS.get(path, path.removeprefix(f"{PAGES}/"))


def _titled(language: str, words: str) -> str:
    """A code block whose name is the file that it is, if it is one."""
    names = [word for word in words.split() if "." in word]
    return f'```{language} title="{names[0]}"' if names else f"```{language}"


def commands() -> str:
    """The help of every command, as it is printed."""
    os.environ["COLUMNS"] = "100"
    return "\n\n".join(_help(()))


def _help(words: tuple[str, ...]) -> list[str]:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        build_parser().parse_args([*words, "--help"])
    text = printed.getvalue()
    _, _, listed = text.partition("\ncommands:\n")
    below = _COMMANDS.findall(listed.partition("\n\n")[0])
    parts = [f"## `{' '.join(('asok', *words))}`\n\n```text\n{text.rstrip()}\n```"]
    return parts + [part for word in below for part in _help((*words, word))]
