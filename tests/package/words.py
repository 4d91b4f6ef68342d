"""The words that the project does not use.

    python -m tests.package.words [PATH...]     print every line with such a word
    python -m tests.package.words --count       print their number in each folder

Names are split into words first: ``DeadLetter``, ``dead_letter`` and ``dead-letter`` are all read
as "dead letter"."""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.programs import ROOT

TREES = ("asok_core", "asok_console", "tests", "docs", ".ci")
FILES = frozenset({"Makefile", "run"})
ENDINGS = frozenset({".py", ".lua", ".md", ".toml", ".tcss", ".in"})

# These files list the words.
ABOUT_WORDS = frozenset({"tests/package/words.py", "tests/package/test_words.py"})


class Word(NamedTuple):
    """A word that is not used: its pattern, and what to write instead."""

    pattern: str
    use: str
    under: str = ""
    """A regular expression for the paths to which it applies; empty: all."""


WORDS = (
    # Jobs.
    Word(r"dead letters?", "dead job"),
    Word(r"letters?", "dead job; envelope"),
    Word(r"glimpses?", "partial payload"),
    Word(r"wires?", "envelope"),
    Word(r"places?", "location; process of a worker"),
    Word(r"standing", "state"),
    Word(r"trips?", "attempt; round trip"),
    Word(r"goes again", "is retried"),
    Word(r"suspects?", "dubious job"),
    # Workers.
    Word(
        r"boards?",
        "shared memory of a process, by its purpose",
        under=r"worker|ARCHITECTURE|README",
    ),
    Word(r"child(ren)?", "process", under=r"worker"),
    Word(r"beats?|beaten", "heartbeat"),
    Word(r"signs? of life|gives? (a|its) (sign|word)", "sends a heartbeat"),
    Word(r"silent", "stalled; offline"),
    Word(r"loud|unquiet", "resume"),
    Word(r"ends what runs", "waits for running jobs"),
    Word(r"admits?|admitted|admission", "claim; accept"),
    Word(r"hears?|heard", "receive; be notified"),
    Word(r"tells?|told", "report; say"),
    # Redis.
    Word(r"links?", "connection", under=r"^(?!tests/readme/).*\.(py|lua)$"),
    # Operations.
    Word(r"deeds?", "operation"),
    Word(r"surveys?", "preview"),
    Word(r"frozen", "resolved; fixed"),
    Word(r"fences?", "bound"),
    Word(r"birds?", "canary"),
    Word(r"twins?", "equivalent command; counterpart"),
    Word(r"went well", "succeeded"),
    Word(r"typed words?", "typed confirmation"),
    # What is seen.
    Word(r"Causes?", "error group", under=r"\.py$"),
    Word(r"readings|a reading|last reading|next reading", "snapshot"),
    Word(r"stretch(es)?", "interval; range; window"),
    Word(r"outlooks?", "trend"),
    Word(r"way so far", "history"),
    # Private vocabulary.
    Word(r"tethers?|tethered", "lifetime of the demo's processes"),
    Word(r"Ground", "base screen", under=r"\.(py|tcss)$"),
    Word(r"reflexes", "responsiveness"),
    # English.
    Word(r"anew", "again"),
    Word(r"is said|are said|was said", "is reported"),
    Word(r"go(es)? on|went on", "continue"),
    Word(r"makes? no sense", "is invalid"),
    Word(
        r"(that|which|it|this) is no(?= [a-z])(?! (longer|more|less|other|need|doubt)\b)",
        "is not a",
    ),
    Word(r"any more(?! than\b)", "no longer"),
    Word(r"of (its|their) own making", "(state what made it)"),
    Word(r"what comes of it", "the result"),
    Word(r"whom", "(another sentence)"),
    Word(r"thereby", "so"),
    Word(r"meanwhile(?= ?[:=(])", "(a name that says what is called)"),
    Word(r"wants?|wanted", "require; must be; requested"),
    Word(r"forgets?", "drop; discard"),
    Word(r"for ever", "forever"),
    Word(r"by purpose", "on purpose"),
    Word(r"(should|must|can) bear", "be idempotent; tolerate"),
    # Idioms, and persons for programs.
    Word(r"whoever|somebody|anybody|everybody|nobody(?! else)", "(name it)"),
    Word(r"stands?(?! for\b)", "is; is in"),
    Word(r"all the same", "still"),
    Word(r"so many(?! that\b)", "(name the number)"),
    Word(r"what becomes? of", "the state of; the result of"),
    Word(r"once more", "again"),
    Word(r"without a word", "without a message"),
    Word(r"another's", "of another"),
    Word(r"mend(s|ed|ing)?", "repair; correct"),
    Word(r"travels?|travelled", "is sent; is part of"),
    Word(r"hands? over|handed over", "pass; transfer; submit"),
    Word(r"puts? back", "return; restore; requeue"),
    # ``hand`` is also the console as tests drive it: "line in hand.lines()".
    Word(r"in (his|her|its|their) hands?|in hand(?!\.\w)", "claimed; running; held"),
)

# Ordinary uses of these words, and documented names of keys and fields, which are allowed.
ALLOWED = (
    r"(capital|lower-case|upper-case|ascii|first|single) letters?",
    r"letters? (and|or) digits|letters, digits",
    r"dead[ _-]letter([ _-]queues?|s? \(DLQ\))",
    r"in (its|their|this|the) place(?! of a)|in place( of)?|(in the )?first place|decimal places?",
    r"tak(e|es|en|ing) place|took place|(take|takes|taken|took) (its|the|their|his) place",
    r"round[ _]?trips?",
    r"symbolic links?|hard links?|symlinks?|os\.(link|readlink)|[rs]?unlink|\.link_to|hardlink",
    r"child[ _]process(es)?|forked child(ren)?|Pdeathsig",
    r"PR_SET_CHILD_SUBREAPER|ChildProcessError|after_in_child",
    r"\.children|/children|\.query_children|child_widgets?",
    r"frozen ?= ?True|frozen dataclass(es)?|frozen_?set|frozen_?list",
    r"(you|who|user|users|operator|operators|people|they|we|person|reader) wants?",
    r"too early to tell|__cause__",
    r"'wanted'|wanted=text|:(place|suspects)\b|RoundTrips",
    r"beat_at|[{}]:?suspects|asok:suspects|asok:place|asok:notices",
    r"\"(wanted|wanted_by|place|forget|link)\"|keys\.place|master_link(_status)?",
    r"exchanging|Wants=|celery beat|place_?order|in_place_of",
    r'"(letters?|letter64|dead_letters|place)"|dead_letters\[\]|Wants=network|WantedBy=multi',
    r"jobs_stand_still|put_back_after_at|jobs_that_a_restore_puts_back",
    r'\["place"\]|"place": |machine="\{place\}"|"place",|"suspects"|== "fence"',
)

_ALLOWED = re.compile(
    "|".join(rf"(?<![a-zA-Z])(?:{each})(?![a-zA-Z])" for each in ALLOWED), re.IGNORECASE
)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_JOINT = re.compile(r"[_-]")


def _compiled(word: Word) -> re.Pattern[str]:
    # A capitalised pattern is the name of a class; the same word in prose is allowed.
    flags = re.NOFLAG if word.pattern[0].isupper() else re.IGNORECASE
    return re.compile(rf"\b(?:{word.pattern})\b", flags)


_PATTERNS = tuple((word, _compiled(word), re.compile(word.under)) for word in WORDS)

# Most lines have none of the words: one pattern for all of them is tried first.
_ANY = re.compile(rf"\b(?:{'|'.join(word.pattern for word in WORDS)})\b", re.IGNORECASE)


class Finding(NamedTuple):
    """A line with a word that is not used."""

    path: str
    line: int
    found: str
    use: str
    text: str

    def __str__(self) -> str:
        """The format of compilers, so that editors can open the line."""
        return (
            f"{self.path}:{self.line}: {self.found!r} (use: {self.use}): {self.text.strip()[:120]}"
        )


def find_in(text: str, path: str) -> Iterator[Finding]:
    """The lines of a text with words that are not used."""
    for number, line in enumerate(text.splitlines(), 1):
        plain = _JOINT.sub(" ", _HUMP.sub(" ", line))
        if not _ANY.search(plain):
            continue
        plain = _JOINT.sub(" ", _HUMP.sub(" ", _ALLOWED.sub("", line)))
        for word, pattern, under in _PATTERNS:
            if (match := pattern.search(plain)) and under.search(path):
                yield Finding(path, number, match.group(), word.use, line)
                plain = pattern.sub("", plain)


def files(below: Iterable[Path]) -> Iterator[Path]:
    """The files of the project in these files and folders."""
    for each in below:
        if each.is_dir():
            yield from sorted(
                path
                for path in each.rglob("*")
                if path.is_file() and (path.suffix in ENDINGS or path.name in FILES)
            )
        else:
            yield each


def project() -> Iterator[Path]:
    """All files of the project that are checked."""
    trees = (ROOT / tree for tree in TREES)
    return files([*trees, *sorted(ROOT.glob("*.md")), ROOT / "Makefile", ROOT / "pyproject.toml"])


def find(paths: Iterable[Path]) -> Iterator[Finding]:
    """The lines of these files with words that are not used."""
    for path in paths:
        name = path.resolve().relative_to(ROOT).as_posix()
        if name not in ABOUT_WORDS:
            yield from find_in(path.read_text(errors="replace"), name)


def main() -> int:
    """Print all findings. The exit code is 1 if there are any."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.package.words",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="PATH", help="files or folders [all]"
    )
    parser.add_argument("--count", action="store_true", help="print numbers by folder")
    args = parser.parse_args()
    found = list(find(files(args.paths) if args.paths else project()))
    if args.count:
        folders = Counter(str(Path(each.path).parent) for each in found)
        lines = [f"{count:6}  {folder}" for folder, count in sorted(folders.items())]
    else:
        lines = [str(each) for each in found]
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stderr.write(f"{len(found)} lines to rewrite\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
